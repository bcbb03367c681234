"""An answer while it grows: fields that may get several values because levels were flattened.

https://hl7.org/fhir/R4/graphql.html#list: what comes out of a flattened list is a list itself,
unless it is said to be a @singleton.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class SeveralValues(Exception):
    """A field that is no list got more than one value: its name."""


@dataclass(slots=True)
class Slot:
    listed: bool
    values: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Fields:
    """One object of the answer, names in the order in which they were asked for."""

    slots: dict[str, Slot] = field(default_factory=dict)

    def slot(self, name: str, listed: bool) -> Slot:
        found = self.slots.get(name)
        if found is None:
            found = self.slots[name] = Slot(listed)
        return found

    def tree(self) -> dict[str, Any]:
        """SeveralValues: see there."""
        return {name: _written(name, slot) for name, slot in self.slots.items()}


def _written(name: str, slot: Slot) -> Any:
    values = [one.tree() if isinstance(one, Fields) else one for one in slot.values]
    if slot.listed:
        return values
    if len(values) > 1:
        raise SeveralValues(name)
    return values[0] if values else None

"""Members of a resource, read without trust: what is of another type is not there.

A terminology resource stored on a server may be anything that its validation let through
(https://hl7.org/fhir/R4/json.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from fhir_profiles.json_text import Tree

Reason = Literal["unknown", "not-here", "too-costly", "invalid", "no-subsumption"]


class TermError(ValueError):
    """A question about codes that has no answer here, and why.

    `unknown`: there is no such resource; `not-here`: its codes are not; `too-costly`: there are too
    many; `invalid`: it does not say what it should; `no-subsumption`: its codes have no hierarchy.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def trees(value: Any) -> Iterator[Tree]:
    """The objects of a list."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            yield one


def texts(value: Any) -> Iterator[str]:
    """The texts of a list."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, str) and one:
            yield one


def typed(tree: Tree, stem: str) -> Any:
    """The value of a choice: `value` finds valueCode, valueString ..."""
    return next((one for name, one in tree.items() if name.startswith(stem)), None)


def split(canonical: str) -> tuple[str, str | None]:
    """A canonical reference as URL and version."""
    url, _, version = canonical.partition("|")
    return url, version or None

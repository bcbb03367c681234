"""Conditions evaluated in plain Python on the index rows of one resource.

The in-memory store searches with it; the SQL stores ask it about versions that have left the index
(old ones, deleted ones), and where the last resource of a page stood in the sort order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any, Final

from fhir_server.search.request import (
    COLUMNS,
    Alternative,
    AnyOf,
    Cell,
    Chain,
    Check,
    Condition,
    IndexRow,
    Match,
    Reverse,
    Sort,
)

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda cell, wanted: cell in wanted,
    "starts": lambda cell, wanted: cell.startswith(wanted),
    "contains": lambda cell, wanted: wanted in cell,
}


@dataclass(frozen=True)
class Entry:
    """A resource as a search sees it: `updated` in microseconds, rows as named cells."""

    id: str
    updated: int
    rows: dict[tuple[str, str], list[dict[str, Cell]]] = field(default_factory=dict)
    type: str = ""  # needed where conditions are `Reverse`

    def refers(self, parameter: str, type_: str, id_: str) -> bool:
        """Whether it refers to a resource under a parameter."""
        rows = self.rows.get(("reference", parameter), ())
        return any(row["target"] == id_ and row["type"] == type_ for row in rows)

    @classmethod
    def of(cls, id_: str, updated: int, rows: Sequence[IndexRow], type_: str = "") -> Entry:
        named: dict[tuple[str, str], list[dict[str, Cell]]] = {
            ("resource", ""): [{"id": id_, "updated": updated}]
        }
        for table, parameter, cells in rows:
            row = dict(zip(COLUMNS[table], cells, strict=True))
            named.setdefault((table, parameter), []).append(row)
        return cls(id_, updated, named, type_)


Find = Callable[[str, str], Entry | None]
"""The resource of a type with an id, if it exists for whoever searches."""
Referring = Callable[[str, str, str, str], Iterable[Entry]]
"""Resources of the type `source` that refer to (type, id) under a parameter, as far as they exist
for whoever searches: ``referring(source, parameter, type, id)``."""


def _nobody(source: str, parameter: str, type_: str, id_: str) -> Iterable[Entry]:
    return ()


def meets(condition: Condition, entry: Entry, find: Find, referring: Referring = _nobody) -> bool:
    """`referring` is needed where conditions are `Reverse`."""
    if isinstance(condition, AnyOf):
        return any(
            all(meets(one, entry, find, referring) for one in alternative)
            for alternative in condition.alternatives
        )
    if isinstance(condition, Chain):
        return _chain(condition, entry, find, referring)
    if isinstance(condition, Reverse):
        found = referring(condition.source, condition.parameter, entry.type, entry.id)
        return any(meets(condition.condition, one, find, referring) for one in found)
    return _match(condition, entry)


def _match(match: Match, entry: Entry) -> bool:
    rows = entry.rows.get((match.table, match.parameter), [])
    found = any(_holds(alternative, row) for row in rows for alternative in match.any_of)
    return found is not match.negated


def _holds(alternative: Alternative, row: dict[str, Cell]) -> bool:
    return all(_compared(check, row) for check in alternative)


def _compared(check: Check, row: dict[str, Cell]) -> bool:
    if check.op == "within":
        return _within(row, check.value)
    return _COMPARE[check.op](row[check.column], check.value)


def _within(row: dict[str, Any], value: Any) -> bool:
    a, b, c, square = value
    x, y, z = row["x"], row["y"], row["z"]
    found: float = (x - a) * (x - a) + (y - b) * (y - b) + (z - c) * (z - c)
    return found <= square


def _chain(chain: Chain, entry: Entry, find: Find, referring: Referring) -> bool:
    if chain.logical and all(_match(one, entry) for one in chain.logical):
        return True
    for row in entry.rows.get(("reference", chain.parameter), []):
        for type_, condition in chain.targets:
            if row["type"] == type_:
                target = find(type_, str(row["target"]))
                if target is not None and meets(condition, target, find, referring):
                    return True
    return False


# ---- order --------------------------------------------------------------------------------------

Position = tuple[Cell | None, ...]  # sort values and, behind them, the key of the resource


def position(sorts: Sequence[Sort], entry: Entry, key: int) -> Position:
    return (*(_sort_value(sort, entry) for sort in sorts), key)


def _sort_value(sort: Sort, entry: Entry) -> Cell | None:
    cells = [row[sort.column] for row in entry.rows.get((sort.table, sort.parameter), [])]
    if not cells:
        return None
    return max(cells) if sort.descending else min(cells)


def ordering(sorts: Sequence[Sort]) -> Callable[[Position], Any]:
    """A key function for positions: those without a value last, equal ones by resource key."""
    directions = [sort.descending for sort in sorts] + [False]

    def compare(one: Position, other: Position) -> int:
        for a, b, descending in zip(one, other, directions, strict=True):
            if a != b:
                if a is None or b is None:
                    return 1 if a is None else -1
                smaller = a < b  # type: ignore[operator]  # one column has one type
                return -1 if smaller is not descending else 1
        return 0

    return cmp_to_key(compare)

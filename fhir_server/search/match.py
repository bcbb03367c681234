"""Conditions evaluated in plain Python on the index rows of one resource.

The in-memory store searches with it; the SQL stores ask it about versions that have left the index
(old ones, deleted ones), and where the last resource of a page stood in the sort order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any, Final

from fhir_server.search.request import (
    COLUMNS,
    Alternative,
    AnyOf,
    Cell,
    Chain,
    Condition,
    IndexRow,
    Match,
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

    @classmethod
    def of(cls, id_: str, updated: int, rows: Sequence[IndexRow]) -> Entry:
        named: dict[tuple[str, str], list[dict[str, Cell]]] = {
            ("resource", ""): [{"id": id_, "updated": updated}]
        }
        for table, parameter, cells in rows:
            row = dict(zip(COLUMNS[table], cells, strict=True))
            named.setdefault((table, parameter), []).append(row)
        return cls(id_, updated, named)


Find = Callable[[str, str], Entry | None]
"""The resource of a type with an id, if it exists for whoever searches."""


def meets(condition: Condition, entry: Entry, find: Find) -> bool:
    if isinstance(condition, AnyOf):
        return any(
            all(meets(one, entry, find) for one in alternative)
            for alternative in condition.alternatives
        )
    if isinstance(condition, Chain):
        return _chain(condition, entry, find)
    return _match(condition, entry)


def _match(match: Match, entry: Entry) -> bool:
    rows = entry.rows.get((match.table, match.parameter), [])
    found = any(_holds(alternative, row) for row in rows for alternative in match.any_of)
    return found is not match.negated


def _holds(alternative: Alternative, row: dict[str, Cell]) -> bool:
    return all(_COMPARE[check.op](row[check.column], check.value) for check in alternative)


def _chain(chain: Chain, entry: Entry, find: Find) -> bool:
    if chain.logical and all(_match(one, entry) for one in chain.logical):
        return True
    for row in entry.rows.get(("reference", chain.parameter), []):
        for type_, condition in chain.targets:
            if row["type"] == type_:
                target = find(type_, str(row["target"]))
                if target is not None and meets(condition, target, find):
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

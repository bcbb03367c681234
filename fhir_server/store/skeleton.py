"""A search without its values: what has the same skeleton has the same SQL.

`strip` takes the values out of conditions and leaves numbered slots, so that statements are built
and compiled once for each form of search and not once for each search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from fhir_server.search.request import (
    Alternative,
    AnyOf,
    Cell,
    Chain,
    Check,
    Condition,
    Match,
    Reverse,
    Sort,
)

EVERYTHING: Final = AnyOf(((),))
# Columns that hold the number of a name.
NAMED: Final = frozenset({"system", "system2", "type", "canonical"})


class StrippedMatch(msgspec.Struct, frozen=True):
    table: str
    parameter: int  # slots from here on
    any_of: tuple[tuple[StrippedCheck, ...], ...]
    negated: bool
    type: int  # of the resource that has the rows


class StrippedCheck(msgspec.Struct, frozen=True):
    column: str
    op: str
    slots: tuple[int, ...]


class StrippedChain(msgspec.Struct, frozen=True):
    parameter: int
    targets: tuple[tuple[int, Stripped], ...]
    logical: tuple[StrippedMatch, ...]


class StrippedReverse(msgspec.Struct, frozen=True):
    parameter: int
    type: int  # of the resource that is referred to
    condition: Stripped


class StrippedAnyOf(msgspec.Struct, frozen=True):
    alternatives: tuple[tuple[Stripped, ...], ...]


Stripped: TypeAlias = StrippedMatch | StrippedChain | StrippedReverse | StrippedAnyOf


@dataclass(slots=True)
class Slots:
    """Takes values out; `values[n]` belongs into slot n.

    `number` turns a name into the number by which the tables know it; `visible` is the condition
    that a resource of a type at the end of a chain has to meet besides.
    """

    number: Callable[[str], int]
    visible: Callable[[str], Condition]
    values: list[Cell] = field(default_factory=list)

    def put(self, value: Cell) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def name(self, text: str) -> int:
        return self.put(self.number(text))

    def strip(self, type_: str, condition: Condition, *, guarded: bool = True) -> Stripped:
        """Conditions of a visibility are not `guarded`: they look at everything."""
        if isinstance(condition, Match):
            return self._match(type_, condition)
        if isinstance(condition, Chain):
            return self._chain(type_, condition, guarded)
        if isinstance(condition, Reverse):
            return self._reverse(type_, condition, guarded)
        return StrippedAnyOf(
            tuple(
                tuple(self.strip(type_, one, guarded=guarded) for one in alternative)
                for alternative in condition.alternatives
            )
        )

    def _match(self, type_: str, match: Match) -> StrippedMatch:
        any_of = [
            tuple([StrippedCheck(one.column, one.op, self._cells(one)) for one in alternative])
            for alternative in joined(match.any_of)
        ]
        parameter = self.name(match.parameter) if match.parameter else -1
        of_type = self.name(type_) if match.table == "resource" else -1
        return StrippedMatch(match.table, parameter, tuple(any_of), match.negated, of_type)

    def _cells(self, check: Check) -> tuple[int, ...]:
        column, _, value = check
        given = value if isinstance(value, tuple) else (value,)
        first = len(self.values)
        if column in NAMED:
            self.values += [self.number(str(one)) for one in given]
        else:
            self.values += given
        return tuple(range(first, len(self.values)))

    def _chain(self, type_: str, chain: Chain, guarded: bool) -> StrippedChain:
        targets = []
        for target, condition in chain.targets:
            inner = self._elsewhere(target, condition, guarded)
            targets.append((self.name(target), inner))
        logical = tuple(self._match(type_, one) for one in chain.logical)
        return StrippedChain(self.name(chain.parameter), tuple(targets), logical)

    def _reverse(self, type_: str, reverse: Reverse, guarded: bool) -> StrippedReverse:
        inner = self._elsewhere(reverse.source, reverse.condition, guarded)
        return StrippedReverse(self.name(reverse.parameter), self.name(type_), inner)

    def _elsewhere(self, type_: str, condition: Condition, guarded: bool) -> Stripped:
        """A condition on another resource, which has to exist for whoever searches."""
        inner = self.strip(type_, condition, guarded=guarded)
        seen = self.visible(type_)
        if guarded and seen != EVERYTHING:
            hidden = self.strip(type_, seen, guarded=False)
            inner = StrippedAnyOf(((inner, hidden),))
        return inner

    def sort_parameters(self, sorts: Iterable[Sort]) -> tuple[int, ...]:
        return tuple(self.name(sort.parameter) if sort.parameter else -1 for sort in sorts)


def joined(any_of: Sequence[Alternative]) -> Sequence[Alternative]:
    """Alternatives that differ in one value only become one with a list of values.

    Lists are filled up to lengths of powers of two, so that there are few forms.
    """
    if len(any_of) < 2:
        return any_of
    groups: dict[tuple, list[Cell]] = {}
    for alternative in any_of:
        if alternative and alternative[0].op == "=":
            first, rest = alternative[0], alternative[1:]
            groups.setdefault((first.column, rest), []).append(first.value)  # type: ignore[arg-type]  # "=" has one value
        else:
            groups.setdefault((None, alternative), [])
    found: list[Alternative] = []
    for (column, rest), values in groups.items():
        if column is None:
            found.append(rest)
        elif len(values) == 1:
            found.append((Check(column, "=", values[0]), *rest))
        else:
            found.append((Check(column, "in", padded(values)), *rest))
    return found


def padded(values: Sequence[Cell]) -> tuple[Cell, ...]:
    """The same set of values, as many as the next power of two."""
    distinct = list(dict.fromkeys(values))
    size = 1 << (len(distinct) - 1).bit_length()
    return (*distinct, *[distinct[-1]] * (size - len(distinct)))

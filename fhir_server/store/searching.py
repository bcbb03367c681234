"""One search in SQL: which index to start from, the page, the total, what is included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ClauseElement, Select

from fhir_profiles.json_text import parse
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, Position, position
from fhir_server.search.paging import CHEAP_TOTAL, Cursor, no_such_page
from fhir_server.search.request import Cell, Include, SearchRequest, Sort
from fhir_server.store import selects, statements
from fhir_server.store.database import Connection, Database
from fhir_server.store.port import EVERYTHING, NOTHING, Found, Version, Visibility
from fhir_server.store.refusals import MAX_INCLUDED, too_many_included
from fhir_server.store.skeleton import (
    Slots,
    Stripped,
    StrippedMatch,
    padded,
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How far rows of a condition are counted before another condition is tried, then in earnest.
PROBES: Final = (100, 1_000, 10_000)
# What usually selects most, tried first: few resources share an identifier or a subject.
LIKELY: Final = ("reference", "string", "uri", "token", "quantity", "number", "date", "resource")

Found_row = tuple[int, int, str, int, int, str, bytes]  # as in `selects.SERVED`


class Searching:
    """A search under way, on one connection within one read transaction."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        visibility: Visibility,
        request: SearchRequest,
    ) -> None:
        self._database, self._connection = database, connection
        self._visibility, self._request = visibility, request
        self._slots = Slots(self._number, visibility.of)
        conditions = [self._slots.strip(request.type, one) for one in request.conditions]
        if visibility.of(request.type) is not EVERYTHING:
            seen = self._slots.strip(request.type, visibility.of(request.type), guarded=False)
            conditions += selects.conjunction(seen)
        self._conditions = tuple(conditions)
        self._type = self._slots.name(request.type)
        self._parameters = self._slots.sort_parameters(request.sort)

    def found(self) -> Found:
        request = self._request
        cursor = None if request.cursor is None else Cursor.read(request.cursor)
        mark = self._mark() if cursor is None else cursor.mark
        driver = self._driver()
        rows = self._page(driver, cursor, mark) if request.count else []
        more, rows = len(rows) > request.count, rows[: request.count]
        total = cursor.total if cursor is not None else self._total(driver, mark, rows, more)
        following = Cursor(mark, rows[-1][0], rows[-1][3], total).text() if more else None
        matches = [self._version(row) for row in rows]
        return Found(matches, self._included(rows), total, following)

    # ---- small things ----------------------------------------------------------------------------
    def _number(self, text: str) -> int:
        return self._database.names.number(self._connection, text)

    def _rows(
        self, build: Any, *about: Any, values: Sequence[Cell] = (), **named: Cell
    ) -> list[Any]:
        statement = self._database.sql.form(build, *about)
        return self._connection.execute(statement.sql, statement.bind(values, named)).fetchall()

    def _mark(self) -> int:
        return self._rows(statements.mark)[0][0]

    def _version(self, row: Found_row) -> Version:
        _, type_, id_, version, updated, method, body = row
        name = self._database.names.text(self._connection, type_)
        return Version(name, id_, version, EPOCH + timedelta(microseconds=updated), body, method)

    # ---- where to start --------------------------------------------------------------------------
    def _driver(self) -> int | None:
        """The number of the most selective condition; None: go through the type."""
        able = [n for n, one in enumerate(self._conditions) if selects.drives(one)]
        able.sort(key=lambda n: self._rank(self._conditions[n]))
        if len(able) < 2 or not self._database.probes:
            return able[0] if able else None
        for limit in PROBES:
            sizes = []
            for n in able:
                size = self._size(self._conditions[n], limit)
                if size < limit and limit == PROBES[0]:
                    return n
                sizes.append(size)
            if min(sizes) < limit:
                return able[sizes.index(min(sizes))]
        return able[0]

    def _rank(self, condition: Stripped) -> int:
        if isinstance(condition, StrippedMatch):
            ids = condition.any_of and condition.any_of[0] and condition.any_of[0][0].column == "id"
            return -1 if ids else LIKELY.index(condition.table)
        return 0

    def _size(self, condition: Stripped, limit: int) -> int:
        return self._rows(probe, condition, values=self._slots.values, limit=limit)[0][0]

    # ---- the page --------------------------------------------------------------------------------
    def _page(self, driver: int | None, cursor: Cursor | None, mark: int) -> list[Found_row]:
        request = self._request
        named: dict[str, Any] = {"mark": mark, "limit": request.count + 1}
        shape = (self._conditions, driver, self._type)
        if not request.sort:
            named["after"] = 0 if cursor is None else cursor.key
            return self._rows(page, *shape, values=self._slots.values, **named)
        known = None
        if cursor is not None:
            *values, key = self._last_place(cursor)
            known = tuple(value is not None for value in values)
            named |= {f"at{number}": value for number, value in enumerate(values)}
            named["after"] = key
        order = (request.sort, self._parameters, known)
        return self._rows(sorted_page, *shape, *order, values=self._slots.values, **named)

    def _last_place(self, cursor: Cursor) -> Position:
        """Where the last page ended, from the version that stood there."""
        rows = self._rows(statements.by_key, key=cursor.key)
        if not rows:
            raise no_such_page()
        _, _, id_, version, updated, method, body = rows[0]
        if version != cursor.version:
            before = cursor.version + 1
            rows = self._rows(statements.older, key=cursor.key, before=before, limit=1)
            if not rows:
                raise no_such_page()
            version, updated, method, body = rows[0]
        if version != cursor.version or method == "DELETE":
            raise no_such_page()
        entry = Entry.of(id_, updated, index_rows(parse(body), self._database.zone))
        return position(self._request.sort, entry, cursor.key)

    def _total(
        self, driver: int | None, mark: int, rows: Sequence[Found_row], more: bool
    ) -> int | None:
        request = self._request
        if request.total == "none" and request.count:
            return None
        if request.count and not more:
            return len(rows)
        asked = request.total is not None or not request.count
        named: dict[str, Cell] = {"mark": mark, "limit": CHEAP_TOTAL + 1}
        shape = (self._conditions, driver, self._type, not asked)
        count = self._rows(total, *shape, values=self._slots.values, **named)[0][0]
        return count if asked or count <= CHEAP_TOTAL else None

    # ---- includes --------------------------------------------------------------------------------
    def _included(self, rows: Sequence[Found_row]) -> list[Version]:
        request = self._request
        if not rows or not (request.include or request.revinclude):
            return []
        found: dict[int, Found_row] = {}
        for include in request.include:
            found |= {row[0]: row for row in self._forward(include, [row[0] for row in rows])}
        for include in request.revinclude:
            found |= {row[0]: row for row in self._backward(include, [row[2] for row in rows])}
        for row in rows:
            found.pop(row[0], None)
        if len(found) > MAX_INCLUDED:
            raise too_many_included()
        seen = self._seen(found)
        return [self._version(found[key]) for key in sorted(found) if key in seen]

    def _forward(self, include: Include, keys: Sequence[Cell]) -> list[Found_row]:
        values = padded(keys)
        named = {"parameter": self._number(include.parameter), "limit": MAX_INCLUDED + 1}
        if include.target is not None:
            named["type"] = self._number(include.target)
        shape = (tuple(range(len(values))), include.target is not None)
        return self._rows(statements.included, *shape, values=values, **named)

    def _backward(self, include: Include, ids: Sequence[Cell]) -> list[Found_row]:
        values = padded(ids)
        named = {"parameter": self._number(include.parameter), "limit": MAX_INCLUDED + 1}
        named["type"] = self._number(self._request.type)
        shape = tuple(range(len(values)))
        return self._rows(statements.referring, shape, values=values, **named)

    def _seen(self, found: Mapping[int, Found_row]) -> set[int]:
        """Of these resources the keys of those that exist for whoever searches."""
        seen: set[int] = set()
        for number in {row[1] for row in found.values()}:
            type_ = self._database.names.text(self._connection, number)
            condition = self._visibility.of(type_)
            keys = [key for key, row in found.items() if row[1] == number]
            if condition is EVERYTHING:
                seen.update(keys)
            elif condition is not NOTHING:
                slots = Slots(self._number, self._visibility.of)
                stripped = slots.strip(type_, condition, guarded=False)
                seen.update(
                    key
                    for key in keys
                    if self._rows(statements.seen, stripped, values=slots.values, key=key)
                )
        return seen


# ---- forms of statements -------------------------------------------------------------------------

Shape = tuple[Stripped, ...]


def _found(conditions: Shape, driver: int | None, type_: int, *, later: bool) -> Select[Any]:
    start = None if driver is None else conditions[driver]
    return selects.candidates(conditions, start, type_, later=later)


def page(conditions: Shape, driver: int | None, type_: int) -> ClauseElement:
    return selects.page(_found(conditions, driver, type_, later=True))


def sorted_page(
    conditions: Shape,
    driver: int | None,
    type_: int,
    sorts: tuple[Sort, ...],
    parameters: tuple[int, ...],
    known: tuple[bool, ...] | None,
) -> ClauseElement:
    found = _found(conditions, driver, type_, later=False)
    return selects.sorted_page(found, sorts, parameters, known)


def total(conditions: Shape, driver: int | None, type_: int, at_most: bool) -> ClauseElement:
    return selects.counted(_found(conditions, driver, type_, later=False), at_most=at_most)


def probe(condition: Stripped) -> ClauseElement:
    """How many rows a condition has, counted up to `limit`."""
    return selects.counted(selects.keys(condition, distinct=False), at_most=True)

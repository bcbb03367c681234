"""One search in SQL: which index to start from, the page, the total, what is included.

https://hl7.org/fhir/R4/search.html. A search over several types is one search in each of them, the
pages of keys merged here; the resources themselves are read for the page that comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ClauseElement, Select

from fhir_profiles.json_text import parse
from fhir_server.search.following import Node, included
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, Position, ordering, position
from fhir_server.search.paging import CHEAP_TOTAL, Cursor, no_such_page
from fhir_server.search.request import Cell, Part, SearchRequest, Sort
from fhir_server.store import selects, statements
from fhir_server.store.database import UNKNOWN, Connection, Database
from fhir_server.store.port import EVERYTHING, NOTHING, Found, Version, Visibility
from fhir_server.store.skeleton import Slots, Stripped, StrippedMatch
from fhir_server.store.sql_network import SqlNetwork

EVERY_KEY: Final = 2**62
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# How far rows of a condition are counted before another condition is tried, then in earnest.
PROBES: Final = (100, 1_000, 10_000)
# What usually selects most, tried first: few resources share an identifier or a subject.
LIKELY: Final = (
    *("reference", "composite", "position", "string", "uri", "token", "quantity", "number"),
    *("date", "resource"),
)

Found_row = tuple[int, int, str, int, int, str, bytes]  # as in `selects.SERVED`


@dataclass(slots=True)
class _InType:
    """The search within one type, as a form and its values."""

    conditions: tuple[Stripped, ...]
    type: int
    sort: tuple[Sort, ...]
    parameters: tuple[int, ...]
    values: Sequence[Cell]
    driver: int | None = None

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.conditions, self.driver, self.type


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
        self._types = [self._in_type(part) for part in self._there()]

    def found(self) -> Found:
        request = self._request
        cursor = None if request.cursor is None else Cursor.read(request.cursor)
        # At first everything is there that there is; a later page has to know what that was.
        mark = EVERY_KEY if cursor is None else cursor.mark
        for one in self._types:
            one.driver = self._driver(one)
        rows = self._page(cursor, mark) if request.count else []
        more, rows = len(rows) > request.count, rows[: request.count]
        total = cursor.total if cursor is not None else self._total(mark, rows, more)
        following = None
        if more:
            mark = self._mark() if cursor is None else mark
            following = Cursor(mark, rows[-1][0], rows[-1][3], total).text()
        matches = [self._version(row) for row in rows]
        along, cut = self._included(rows)
        return Found(matches, along, total, following, cut)

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

    # ---- the types -------------------------------------------------------------------------------
    def _there(self) -> Sequence[Part]:
        """The parts of the search in which anything can be found."""
        parts = [
            part
            for part in self._request.by_type()
            if self._visibility.of(part.type) is not NOTHING
        ]
        if len(parts) < 2:
            return parts
        present = {row[0] for row in self._rows(statements.types)}
        return [part for part in parts if self._number(part.type) in present - {UNKNOWN}]

    def _in_type(self, part: Part) -> _InType:
        slots = Slots(self._number, self._visibility.of)
        conditions = [slots.strip(part.type, one) for one in part.conditions]
        if (seen := self._visibility.of(part.type)) is not EVERYTHING:
            conditions += selects.conjunction(slots.strip(part.type, seen, guarded=False))
        type_ = slots.name(part.type)
        parameters = slots.sort_parameters(part.sort)
        return _InType(tuple(conditions), type_, part.sort, parameters, slots.values)

    # ---- where to start --------------------------------------------------------------------------
    def _driver(self, one: _InType) -> int | None:
        """The number of the most selective condition; None: go through the type."""
        able = [n for n, condition in enumerate(one.conditions) if selects.drives(condition)]
        able.sort(key=lambda n: _rank(one.conditions[n]))
        if len(able) < 2 or not self._database.probes:
            return able[0] if able else None
        for limit in PROBES:
            sizes = []
            for n in able:
                size = self._size(one.conditions[n], one.values, limit)
                if size < limit and limit == PROBES[0]:
                    return n
                sizes.append(size)
            if min(sizes) < limit:
                return able[sizes.index(min(sizes))]
        return able[0]

    def _size(self, condition: Stripped, values: Sequence[Cell], limit: int) -> int:
        return self._rows(probe, condition, values=values, limit=limit)[0][0]

    # ---- the page --------------------------------------------------------------------------------
    def _page(self, cursor: Cursor | None, mark: int) -> list[Found_row]:
        named: dict[str, Any] = {"mark": mark, "limit": self._request.count + 1}
        if not any(one.sort for one in self._types):
            named["after"] = 0 if cursor is None else cursor.key
            if len(self._types) == 1:
                (one,) = self._types
                return self._rows(page, *one.shape, values=one.values, **named)
            placed = [
                (row[0],)
                for one in self._types
                for row in self._rows(keys_page, *one.shape, values=one.values, **named)
            ]
            return self._by_keys(sorted(placed)[: named["limit"]])
        known = None
        if cursor is not None:
            *values, key = self._last_place(cursor)
            known = tuple(value is not None for value in values)
            named |= {f"at{number}": value for number, value in enumerate(values)}
            named["after"] = key
        return self._sorted(known, named)

    def _sorted(self, known: tuple[bool, ...] | None, named: dict[str, Any]) -> list[Found_row]:
        if len(self._types) == 1:
            (one,) = self._types
            order = (one.sort, one.parameters, known)
            return self._rows(sorted_page, *one.shape, *order, values=one.values, **named)
        placed: list[Position] = []
        for one in self._types:
            order = (one.sort, one.parameters, known)
            rows = self._rows(sorted_keys, *one.shape, *order, values=one.values, **named)
            placed += [(*row[1:], row[0]) for row in rows]
        placed.sort(key=ordering(self._types[0].sort))
        return self._by_keys(placed[: named["limit"]])

    def _by_keys(self, placed: Sequence[Position]) -> list[Found_row]:
        """The resources with these keys, which stand last, in this order."""
        found = [self._rows(statements.by_key, key=place[-1]) for place in placed]  # type: ignore[arg-type]  # keys are there
        return [rows[0] for rows in found]

    def _last_place(self, cursor: Cursor) -> Position:
        """Where the last page ended, from the version that stood there."""
        rows = self._rows(statements.by_key, key=cursor.key)
        if not rows:
            raise no_such_page()
        _, type_, id_, version, updated, method, body = rows[0]
        if version != cursor.version:
            before = cursor.version + 1
            rows = self._rows(statements.older, key=cursor.key, before=before, limit=1)
            if not rows:
                raise no_such_page()
            version, updated, method, body = rows[0]
        if version != cursor.version or method == "DELETE":
            raise no_such_page()
        sort = next((one.sort for one in self._types if one.values[one.type] == type_), None)
        if sort is None:
            raise no_such_page()
        entry = Entry.of(id_, updated, index_rows(parse(body), self._database.zone))
        return position(sort, entry, cursor.key)

    def _total(self, mark: int, rows: Sequence[Found_row], more: bool) -> int | None:
        request = self._request
        if request.total == "none" and request.count:
            return None
        if request.count and not more:
            return len(rows)
        asked = request.total is not None or not request.count
        named: dict[str, Cell] = {"mark": mark, "limit": CHEAP_TOTAL + 1}
        count = sum(
            self._rows(total, *one.shape, not asked, values=one.values, **named)[0][0]
            for one in self._types
        )
        return count if asked or count <= CHEAP_TOTAL else None

    # ---- includes --------------------------------------------------------------------------------
    def _included(self, rows: Sequence[Found_row]) -> tuple[list[Version], bool]:
        request = self._request
        if not rows or not (request.include or request.revinclude):
            return [], False
        network = SqlNetwork(self._database, self._connection, self._visibility)
        text = self._database.names.text
        matches = [Node(row[0], text(self._connection, row[1]), row[2], row) for row in rows]
        along, cut = included(request, matches, network)
        return [self._version(node.held) for node in along], cut


def _rank(condition: Stripped) -> int:
    if isinstance(condition, StrippedMatch):
        ids = condition.any_of and condition.any_of[0] and condition.any_of[0][0].column == "id"
        return -1 if ids else LIKELY.index(condition.table)
    return 0


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


def keys_page(conditions: Shape, driver: int | None, type_: int) -> ClauseElement:
    return selects.keys_page(_found(conditions, driver, type_, later=True))


def sorted_keys(
    conditions: Shape,
    driver: int | None,
    type_: int,
    sorts: tuple[Sort, ...],
    parameters: tuple[int, ...],
    known: tuple[bool, ...] | None,
) -> ClauseElement:
    found = _found(conditions, driver, type_, later=False)
    return selects.sorted_keys(found, sorts, parameters, known)


def total(conditions: Shape, driver: int | None, type_: int, at_most: bool) -> ClauseElement:
    return selects.counted(_found(conditions, driver, type_, later=False), at_most=at_most)


def probe(condition: Stripped) -> ClauseElement:
    """How many rows a condition has, counted up to `limit`."""
    return selects.counted(selects.keys(condition, distinct=False), at_most=True)

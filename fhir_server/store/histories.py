"""The history of many resources in SQL (https://hl7.org/fhir/R4/http.html#history).

The newest version of a resource stands in one table, the older ones in another; both have an index
by type and time. A page takes the latest of each type and table from there and merges them, so it
costs the same in a store of any size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    tuple_,
    union_all,
)

from fhir_server.search.paging import CHEAP_TOTAL
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import Cell
from fhir_server.store.database import UNKNOWN, Connection, Database
from fhir_server.store.port import (
    EVERYTHING,
    NOTHING,
    Past,
    Place,
    Span,
    Types,
    Version,
    Visibility,
)
from fhir_server.store.refusals import out_of_time
from fhir_server.store.selects import slot
from fhir_server.store.statements import replaced
from fhir_server.store.tables import history, resource

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BATCH: Final = 1_000
LOOKED_AT: Final = 20_000  # versions that a page may pass over because they were replaced in time
HIDDEN: Final = 2_000  # or if they have to be parsed to know whether they are seen
TOGETHER: Final = 32  # types of one statement: SQLite takes no more than 500 parts
_NEWEST: Final = 2**31 - 1  # in place of the version of the newest: no other comes before it


def batched(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[n : n + TOGETHER] for n in range(0, len(numbers), TOGETHER)]


def filled(numbers: Sequence[int]) -> list[int]:
    """As many as the next power of two, so that there are few forms of statements."""
    size = 1 << (len(numbers) - 1).bit_length()
    return [*numbers, *[UNKNOWN] * (size - len(numbers))]


def limits(span: Span) -> dict[str, Cell]:
    """The limits that there are, by name."""
    named = zip(Span._fields, span, strict=True)
    return {name: microseconds(at) for name, at in named if at is not None}


Sees = Callable[[int, Version], bool]
"""Whether a version of the resource with this key is seen."""


class Histories:
    """One look back, on one connection within one read transaction."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        visibility: Visibility,
        sees: Sees,
        types: Types,
        span: Span,
    ) -> None:
        self._database, self._connection, self._sees = database, connection, sees
        names = [one for one in self._names(types) if visibility.of(one) is not NOTHING]
        self._partly = {one for one in names if visibility.of(one) is not EVERYTHING}
        numbers = [database.names.number(connection, one) for one in names]
        self._types = [filled(part) for part in batched(numbers)]
        self._span = limits(span)

    def page(self, count: int, before: Place | None) -> Past:
        found: list[Version] = []
        most = HIDDEN if self._partly else LOOKED_AT
        place, last, looked, limit = before, before, 0, count + 1
        while count and self._types:
            rows = self._rows(place, limit)
            for row in rows:
                place = Place(row[1], row[0], row[5])
                version = self._version(row)
                if version is None:
                    continue
                if len(found) == count:
                    return Past(found, last)
                found.append(version)
                last = place
            looked += len(rows)
            if len(rows) < limit:
                break
            if looked >= most:
                return Past(found, place)
            limit = min(limit * 4, BATCH)
        return Past(found)

    def total(self, *, exact: bool) -> int | None:
        if not self._types:
            return 0
        if self._partly:
            return self._walked() if exact else None
        if "current" in self._span:
            few = self._rows(None, CHEAP_TOTAL + 1)
            if len(few) <= CHEAP_TOTAL:
                return sum(row[2] for row in few)
            return self._walked() if exact else None
        limit: dict[str, Cell] = {} if exact else {"limit": CHEAP_TOTAL + 1}
        found: int = sum(row[0] for row in self._ask(counted, None, limit))
        return found if exact or found <= CHEAP_TOTAL else None

    def _walked(self) -> int:
        """All versions gone through, as long as there is time."""
        count, place, until = 0, None, time.monotonic() + self._database.budget
        while rows := self._rows(place, BATCH):
            count += sum(self._version(row) is not None for row in rows)
            place = Place(rows[-1][1], rows[-1][0], rows[-1][5])
            if time.monotonic() > until:
                raise out_of_time(self._database.budget)
        return count

    # ---- small things ----------------------------------------------------------------------------
    def _names(self, types: Types) -> Sequence[str]:
        if isinstance(types, str):
            return (types,)
        statement = self._database.sql.form(present)
        numbers = self._connection.execute(statement.sql, statement.bind((), {})).fetchall()
        names = (self._database.names.text(self._connection, row[0]) for row in numbers)
        return [one for one in names if types is None or one in types]

    def _rows(self, before: Place | None, limit: int) -> list[Any]:
        rows = self._ask(page, before, {"limit": limit})
        if len(self._types) > 1:
            rows.sort(key=lambda row: (row[1], row[0], row[5]), reverse=True)
        return rows[:limit]

    def _ask(self, build: Any, before: Place | None, more: dict[str, Cell]) -> list[Any]:
        named: dict[str, Cell] = {**self._span, **more}
        if before is not None:
            named |= {"at": before.updated, "key": before.key, "version": before.version}
        rows = []
        for types in self._types:
            statement = self._database.sql.form(build, len(types), frozenset(named))
            bound = statement.bind(types, named)
            rows += self._connection.execute(statement.sql, bound).fetchall()
        return rows

    def _version(self, row: Any) -> Version | None:
        """None: it was replaced too early, or is hidden."""
        key, updated, kept, type_, id_, number, method, body = row
        if not kept:
            return None
        name = self._database.names.text(self._connection, type_)
        at = EPOCH + timedelta(microseconds=updated)
        version = Version(name, id_, number, at, body, method)
        return version if name not in self._partly or self._sees(key, version) else None


# ---- statements ---------------------------------------------------------------------------------


def _at(name: str) -> Any:
    return bindparam(name, value=None)


def present() -> ClauseElement:
    """The types of all resources: one look into the index for each."""
    first = select(func.min(resource.c.type).label("type")).cte("present", recursive=True)
    following = (
        select(func.min(resource.c.type)).where(resource.c.type > first.c.type).scalar_subquery()
    )
    every = first.union_all(select(following).where(first.c.type.is_not(None)))
    return select(every.c.type).where(every.c.type.is_not(None))


def page(types: int, about: frozenset[str]) -> Select[Any]:
    """The versions behind a place, the latest first; those that are not `kept` without a body."""
    place = (
        union_all(*(select(one.subquery()) for one in _parts(types, about)))
        .order_by(literal_column("updated DESC"), literal_column("key DESC"))
        .order_by(literal_column("version DESC"))
        .limit(_at("limit"))
        .cte("place")
    )
    newest = history.c.version.is_(None)
    columns = [
        case((newest, resource.c[column]), else_=history.c[column])
        for column in ("version", "method")
    ]
    gone = place.c.kept == literal_column("0")
    body = case((gone, null()), (newest, resource.c.body), else_=history.c.body)
    old = and_(history.c.resource == place.c.key, history.c.version == place.c.version)
    return (
        select(place.c.key, place.c.updated, place.c.kept, resource.c.type, resource.c.id)
        .add_columns(*columns, body)
        .select_from(place.join(resource, resource.c.key == place.c.key).outerjoin(history, old))
        .order_by(place.c.updated.desc(), place.c.key.desc(), place.c.version.desc())
    )


def counted(types: int, about: frozenset[str]) -> Select[Any]:
    """How many versions there are; with a `limit` no further than that."""
    every = union_all(*(select(one.subquery()) for one in _parts(types, about, ordered=False)))
    if "limit" in about:
        every = every.limit(_at("limit"))
    return select(func.count()).select_from(every.subquery())


def _parts(types: int, about: frozenset[str], *, ordered: bool = True) -> list[Select[Any]]:
    """Of each type the newest versions and the older ones, each from its index."""
    own, old, parts = resource.c, history.c, []
    kept: Any = literal_column("1")
    if "current" in about:
        still = replaced() > _at("current")
        kept = case((still, literal_column("1")), else_=literal_column("0"))
    # The newest version of a resource comes before all its others: its key alone is its place.
    newest = select(
        own.key.label("key"),
        literal_column(str(_NEWEST)).label("version"),
        own.updated,
        literal_column("1").label("kept"),
    )
    older = select(old.resource.label("key"), old.version, old.updated, kept.label("kept"))
    if ordered:
        newest = newest.order_by(own.updated.desc(), own.key.desc()).limit(_at("limit"))
        older = older.order_by(old.updated.desc(), old.resource.desc(), old.version.desc())
        older = older.limit(_at("limit"))
    for number in range(types):
        every = _within(newest.where(own.type == slot(number)), own, about)
        # As one comparison of rows SQLite would go through all that was made at that moment.
        same = every.where(own.updated == _at("at"), own.key < _at("key"))
        parts += [every.where(own.updated < _at("at")), same] if "at" in about else [every]
        past = _within(older.where(old.type == slot(number)), old, about)
        behind = tuple_(*(_at(name) for name in ("at", "key", "version")))
        place = tuple_(old.updated, old.resource, old.version)
        parts.append(past.where(place < behind) if "at" in about else past)
    return parts


def _within(found: Select[Any], own: Any, about: frozenset[str]) -> Select[Any]:
    if "since" in about:
        found = found.where(own.updated >= _at("since"))
    if "until" in about:
        found = found.where(own.updated <= _at("until"))
    return found

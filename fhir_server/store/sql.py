"""Reading from SQL tables: the same answers as the store in memory, from indexes.

https://hl7.org/fhir/R4/http.html. Bytes go out as they were stored; nothing is parsed on the way,
except for somebody who sees a part of the store and asks about versions that the index has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fhir_profiles.json_text import parse
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, meets
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import AnyOf, Cell, Condition, SearchRequest
from fhir_server.store import statements
from fhir_server.store.database import Connection, Database
from fhir_server.store.histories import Histories, limits
from fhir_server.store.port import (
    ALL,
    ALWAYS,
    EVERYTHING,
    NOTHING,
    Found,
    Past,
    Place,
    Row,
    Span,
    Types,
    Version,
    Visibility,
)
from fhir_server.store.refusals import check_zone
from fhir_server.store.searching import Searching
from fhir_server.store.skeleton import Slots, Stripped
from fhir_server.store.sql_network import SqlNetwork

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BATCH: Final = 500
MAX_VERSION: Final = 2**31 - 1

Connect = Callable[[bool], AbstractContextManager[Connection]]


def moment(microseconds_: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds_)


class SqlReader:
    """Reads as somebody sees it. `connect(snapshot)` lends a connection."""

    def __init__(self, database: Database, connect: Connect, visibility: Visibility) -> None:
        self._database, self._connect, self._visibility = database, connect, visibility
        self._sql, self._names = database.sql, database.names
        self._newest = database.sql.form(statements.newest).sql

    # ---- single resources ------------------------------------------------------------------------
    def read(self, type_: str, id_: str) -> Version | None:
        with self._connect(False) as connection:
            number = self._names.number(connection, type_)
            found = connection.execute(self._newest, (number, id_)).fetchone()
            if found is None:
                return None
            version = Version(type_, id_, found[1], moment(found[2]), found[4], found[3])
            if self._visibility.of(type_) is EVERYTHING:
                return version
            return version if self._there(connection, version, found[0]) else None

    def vread(self, type_: str, id_: str, version: int) -> Version | None:
        if not 0 < version <= MAX_VERSION:
            return None
        found = self.history(type_, id_, count=1, before=version + 1)
        return found[0] if found and found[0].version == version else None

    def history(
        self,
        type_: str,
        id_: str,
        *,
        count: int,
        before: int | None = None,
        span: Span = ALWAYS,
    ) -> list[Version]:
        before = MAX_VERSION if before is None else min(before, MAX_VERSION)
        with self._connect(True) as connection:
            held = self._held(connection, type_, id_)
            if held is None or not self._there(connection, held[1], held[0]):
                return []
            # Whoever sees all of a resource needs no more of it than the page.
            batch = BATCH if self._partly(type_) else min(count, BATCH)
            found: list[Version] = []
            for version in self._versions(connection, held[0], held[1], before, span, batch):
                if len(found) == count:
                    break
                if self._sees_version(connection, version, held[0]):
                    found.append(version)
            return found

    def history_of(
        self, types: Types, *, count: int, before: Place | None = None, span: Span = ALWAYS
    ) -> Past:
        with self._connect(True) as connection:
            return self._histories(connection, types, span).page(count, before)

    def history_total(
        self, types: Types, id_: str | None = None, *, span: Span = ALWAYS, exact: bool = False
    ) -> int | None:
        if id_ is not None:
            return self._history_total(str(types), id_, span)
        with self._connect(True) as connection:
            return self._histories(connection, types, span).total(exact=exact)

    def _history_total(self, type_: str, id_: str, span: Span) -> int:
        if self._partly(type_):
            return len(self.history(type_, id_, count=MAX_VERSION, span=span))
        with self._connect(True) as connection:
            held = self._held(connection, type_, id_)
            if held is None:
                return 0
            key, newest = held
            if span == ALWAYS:
                return newest.version  # they are numbered without gaps
            named: dict[str, Cell] = {**limits(span), "key": key, "before": newest.version}
            statement = self._sql.form(statements.count_older, frozenset(limits(span)))
            bound = statement.bind((), named)
            older: int = connection.execute(statement.sql, bound).fetchone()[0]
            return older + span.holds(newest.updated, None)

    def _histories(self, connection: Connection, types: Types, span: Span) -> Histories:
        there: dict[int, bool] = {}

        def sees(key: int, version: Version) -> bool:
            if key not in there:
                held = self._held(connection, version.type, version.id)
                there[key] = held is not None and self._there(connection, held[1], key)
            return there[key] and self._sees_version(connection, version, key)

        return Histories(self._database, connection, self._visibility, sees, types, span)

    def _partly(self, type_: str) -> bool:
        return self._visibility.of(type_) is not EVERYTHING

    def _held(self, connection: Connection, type_: str, id_: str) -> tuple[int, Version] | None:
        number = self._names.number(connection, type_)
        found = connection.execute(self._newest, (number, id_)).fetchone()
        if found is None:
            return None
        return found[0], Version(type_, id_, found[1], moment(found[2]), found[4], found[3])

    def _versions(
        self,
        connection: Connection,
        key: int,
        newest: Version,
        before: int,
        span: Span = ALWAYS,
        batch: int = BATCH,
    ) -> Iterator[Version]:
        """All versions below `before`, newest first, whoever may see them."""
        if newest.version < before and span.holds(newest.updated, None):
            yield newest
        within = limits(span)
        statement = self._sql.form(statements.older, frozenset(within))
        while True:
            named: dict[str, Cell] = {**within, "key": key, "before": before, "limit": batch}
            rows = connection.execute(statement.sql, statement.bind((), named)).fetchall()
            for number, updated, method, body in rows:
                yield Version(newest.type, newest.id, number, moment(updated), body, method)
            if len(rows) < batch or not rows:
                return
            before = rows[-1][0]

    # ---- who sees what ---------------------------------------------------------------------------
    def _there(self, connection: Connection, newest: Version, key: int) -> bool:
        """Whether a resource exists for whoever reads: a deleted one by what it last held."""
        condition = self._visibility.of(newest.type)
        if condition is EVERYTHING or condition is NOTHING:
            return condition is EVERYTHING
        if newest.deleted:
            return self._sees_version(connection, newest, key)
        slots = self._slots(connection)
        stripped = slots.strip(newest.type, condition, guarded=False)
        statement = self._sql.form(statements.seen, stripped)
        bound = statement.bind(slots.values, {"key": key})
        return connection.execute(statement.sql, bound).fetchone() is not None

    def _sees_version(self, connection: Connection, version: Version, key: int) -> bool:
        """A version by its own content, a deletion by what it deleted."""
        condition = self._visibility.of(version.type)
        if condition is EVERYTHING:
            return True
        earlier = self._versions(connection, key, version, version.version + 1)
        content = next((one for one in earlier if not one.deleted), None)
        if content is None:
            return False
        return meets(
            condition,
            self._entry(content),
            lambda *at: self._find(connection, *at),
            lambda *about: self._referring(connection, *about),
        )

    def _entry(self, version: Version) -> Entry:
        rows = index_rows(parse(version.body), self._database.zone)
        return Entry.of(version.id, microseconds(version.updated), rows, version.type)

    def _find(self, connection: Connection, type_: str, id_: str) -> Entry | None:
        held = self._held(connection, type_, id_)
        return None if held is None or held[1].deleted else self._entry(held[1])

    def _referring(
        self, connection: Connection, source: str, parameter: str, type_: str, id_: str
    ) -> Iterator[Entry]:
        """Whatever refers to a resource, seen or not."""
        network = SqlNetwork(self._database, connection, ALL)
        keys = network.referring([parameter], [id_], [type_], MAX_VERSION)
        for _, _, at, number, updated, method, body in (
            node.held for node in network.nodes(keys) if node.type == source
        ):
            version = Version(source, at, number, moment(updated), body, method)
            yield self._entry(version)

    def _slots(self, connection: Connection) -> Slots:
        return Slots(
            lambda text: self._names.number(connection, text),
            lambda type_: self._visibility.of(type_),
        )

    # ---- many resources --------------------------------------------------------------------------
    def search(self, request: SearchRequest) -> Found:
        check_zone(request.zone, self._database.zone)
        if all(self._visibility.of(part.type) is NOTHING for part in request.by_type()):
            return Found([], total=None if request.total == "none" and request.count else 0)
        with self._connect(True) as connection:
            return Searching(self._database, connection, self._visibility, request).found()

    def scan(self, type_: str | None = None) -> Iterator[Version]:
        with self._connect(False) as connection:
            statement = self._sql.form(statements.types)
            numbers = [row[0] for row in connection.execute(statement.sql).fetchall()]
            present = sorted(self._names.text(connection, number) for number in numbers)
        for one in present:
            if type_ in (None, one) and self._visibility.of(one) is not NOTHING:
                yield from self._scan_type(one)

    def _scan_type(self, type_: str) -> Iterator[Version]:
        after = ""
        while True:
            with self._connect(False) as connection:
                slots, condition = self._condition(connection, type_)
                statement = self._sql.form(statements.scan, condition)
                number = self._names.number(connection, type_)
                named: dict[str, Cell] = {"type": number, "after": after, "limit": BATCH}
                bound = statement.bind(slots.values, named)
                batch = connection.execute(statement.sql, bound).fetchall()
            for _, _, id_, version, updated, method, body in batch:
                yield Version(type_, id_, version, moment(updated), body, method)
            if len(batch) < BATCH:
                return
            after = batch[-1][2]

    def _condition(self, connection: Connection, type_: str) -> tuple[Slots, Stripped | None]:
        """The condition of a type's visibility; None if everything is seen."""
        slots = self._slots(connection)
        condition: Condition = self._visibility.of(type_)
        if condition is EVERYTHING:
            return slots, None
        return slots, slots.strip(type_, AnyOf(((condition,),)), guarded=False)

    def counts(self) -> dict[str, int]:
        with self._connect(True) as connection:
            statement = self._sql.form(statements.counts)
            every = connection.execute(statement.sql).fetchall()
            found = {self._names.text(connection, row[0]): row[1] for row in every}
            seen = {type_: self._count(connection, type_, found[type_]) for type_ in sorted(found)}
        return {type_: count for type_, count in seen.items() if count}

    def _count(self, connection: Connection, type_: str, every: int) -> int:
        slots, condition = self._condition(connection, type_)
        if condition is None:
            return every
        statement = self._sql.form(statements.count_of, condition)
        named: dict[str, Cell] = {"type": self._names.number(connection, type_)}
        return connection.execute(statement.sql, statement.bind(slots.values, named)).fetchone()[0]

    # ---- application rows ------------------------------------------------------------------------
    def rows(
        self,
        kind: str,
        *,
        after: int = 0,
        limit: int = 1000,
        unsettled: bool = False,
        key: str | None = None,
    ) -> list[Row]:
        statement = self._sql.form(statements.rows, unsettled, key is not None)
        named: dict[str, Any] = {"kind": kind, "after": after, "limit": limit, "key": key}
        return self._rows(statement.sql, statement.bind((), named))

    def last_row(self, kind: str) -> Row | None:
        statement = self._sql.form(statements.last_row)
        found = self._rows(statement.sql, statement.bind((), {"kind": kind, "limit": 1}))
        return found[0] if found else None

    def _rows(self, sql: str, bound: Sequence[Any]) -> list[Row]:
        with self._connect(False) as connection:
            found = connection.execute(sql, bound).fetchall()
        return [
            Row(seq, kind, key, moment(at), data, bool(settled))
            for seq, kind, key, at, data, settled in found
        ]

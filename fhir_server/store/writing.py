"""Writing into SQL tables, inside one write transaction (the writer's side of the store port)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final

from fhir_profiles.json_text import stored_form
from fhir_server.clock import instant
from fhir_server.search.index import index_rows
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import COLUMNS, IndexRow, SearchRequest
from fhir_server.store import statements
from fhir_server.store.database import Connection, Database
from fhir_server.store.port import (
    ALL,
    Document,
    Found,
    NewRow,
    Row,
    Version,
    Visibility,
    whole_milliseconds,
)
from fhir_server.store.refusals import exists_already, hidden_from_writer
from fhir_server.store.skeleton import NAMED
from fhir_server.store.sql import SqlReader
from fhir_server.store.tables import INDEXES

CHUNK: Final = 2_000  # resources whose index rows are sorted and written together
_NAMED_CELLS: Final = {
    table: tuple(n for n, column in enumerate(columns) if column in NAMED)
    for table, columns in COLUMNS.items()
}

Rows = defaultdict[str, list[tuple[Any, ...]]]
"""Index rows that wait to be written, by table."""


class SqlWriter(SqlReader):
    """One piece of work; reads what it has written."""

    def __init__(
        self,
        database: Database,
        connection: Connection,
        tails: dict[str, Row],
        visibility: Visibility = ALL,
    ) -> None:
        """`tails` are the last application rows as this transaction sees them, by kind."""
        super().__init__(database, lambda snapshot: nullcontext(connection), visibility)
        self._connection, self._tails = connection, tails
        self._next_key = 0

    def put(self, document: Document, *, id_: str, method: str, at: datetime) -> Version:
        type_ = str(document.tree["resourceType"])
        held = self._held(self._connection, type_, id_)
        if held is not None and not self._there(self._connection, held[1], held[0]):
            raise hidden_from_writer(type_, id_)
        at = whole_milliseconds(at)
        number = 1 if held is None else held[1].version + 1
        body = stored_form(document.body, type_, id_, number, instant(at))
        version = Version(type_, id_, number, at, body, method)
        if held is None:
            key = self._insert(version)
        else:
            key = held[0]
            self._replace(key, version, indexed=not held[1].deleted)
        tables: Rows = defaultdict(list)
        self._index(tables, key, index_rows(document.tree, self._database.zone))
        self._flush(tables)
        return version

    def search(self, request: SearchRequest) -> Found:
        with self._database.limited(self._connection):
            return super().search(request)

    def delete(self, type_: str, id_: str, *, at: datetime) -> Version | None:
        held = self._held(self._connection, type_, id_)
        if held is None or held[1].deleted or not self._there(self._connection, held[1], held[0]):
            return None
        number, at = held[1].version + 1, whole_milliseconds(at)
        version = Version(type_, id_, number, at, b"", "DELETE")
        self._replace(held[0], version, indexed=True)
        return version

    # ---- rows of a resource ----------------------------------------------------------------------
    def _insert(self, version: Version) -> int:
        if not self._next_key:
            statement = self._sql.form(statements.mark)
            self._next_key = self._connection.execute(statement.sql).fetchone()[0] + 1
        key = self._next_key
        self._next_key += 1
        named = self._cells(version) | {
            "key": key,
            "type": self._names.numbered(self._connection, version.type),
            "id": version.id,
        }
        self._do(statements.insert_resource, **named)
        return key

    def _replace(self, key: int, version: Version, *, indexed: bool) -> None:
        self._do(statements.keep_history, key=key)
        self._do(statements.update_resource, that=key, **self._cells(version))
        if indexed:
            for table in INDEXES:
                self._do(statements.clear_index, about=table, key=key)

    def _cells(self, version: Version) -> dict[str, Any]:
        return {
            "version": version.version,
            "updated": microseconds(version.updated),
            "deleted": int(version.deleted),
            "method": version.method,
            "body": version.body,
        }

    def _index(self, tables: Rows, key: int, rows: Iterable[IndexRow]) -> None:
        """Adds the rows of a resource to those that wait, as their tables hold them."""
        numbered, known, connection = self._names.numbered, self._names.known, self._connection
        for table, parameter, cells in rows:
            number = known.get(parameter) or numbered(connection, parameter)
            if named := _NAMED_CELLS[table]:
                plain: list[Any] = list(cells)
                for n in named:
                    plain[n] = known.get(plain[n]) or numbered(connection, plain[n])
                tables[table].append((number, *plain, key))
            else:
                tables[table].append((number, *cells, key))

    def _flush(self, tables: Rows) -> None:
        """Writes what waits, sorted as the indexes are, so that one page after the other is met."""
        for table, rows in tables.items():
            rows.sort()
            sql = self._sql.form(statements.insert_index, table).sql
            self._database.many(self._connection, sql, rows)
        tables.clear()

    def _do(self, build: Any, about: str = "", **named: Any) -> None:
        statement = self._sql.form(build, about) if about else self._sql.form(build)
        self._connection.execute(statement.sql, statement.bind((), named))

    # ---- application rows ------------------------------------------------------------------------
    def append(self, kind: str, key: str, data: bytes, *, at: datetime) -> int:
        last, at = self.last_row(kind), at.astimezone(UTC)
        row = Row(1 if last is None else last.seq + 1, kind, key, at, data)
        cells: dict[str, Any] = {"kind": kind, "seq": row.seq, "key": key, "data": data}
        self._do(statements.insert_row, at=microseconds(at), settled=0, **cells)
        self._tails[kind] = row
        return row.seq

    def last_row(self, kind: str) -> Row | None:
        known = self._tails.get(kind)
        if known is None and (known := super().last_row(kind)) is not None:
            self._tails[kind] = known
        return known

    def settle(self, kind: str, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self._do(statements.settle, of=kind, number=seq)
        self._tails.pop(kind, None)

    # ---- bulk ------------------------------------------------------------------------------------
    def load(self, documents: Iterable[Document], rows: Iterable[NewRow], at: datetime) -> int:
        """New resources with their own ids. FhirError (409): one is there already."""
        moment, count = whole_milliseconds(at), 0
        tables: Rows = defaultdict(list)
        written = instant(moment)
        for document in documents:
            type_, id_ = str(document.tree["resourceType"]), str(document.tree["id"])
            if self._held(self._connection, type_, id_) is not None:
                raise exists_already(type_, id_)
            body = stored_form(document.body, type_, id_, 1, written)
            key = self._insert(Version(type_, id_, 1, moment, body, "POST"))
            self._index(tables, key, index_rows(document.tree, self._database.zone))
            count += 1
            if count % CHUNK == 0:
                self._flush(tables)
        self._flush(tables)
        for kind, name, data in rows:
            self.append(kind, name, data, at=at)
        self._database.loaded(self._connection)
        return count

"""A store on SQL tables: reading in the caller's thread, writing in the one writer's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime
from typing import TypeVar

from fhir_server.store.commits import Commits
from fhir_server.store.database import Connection, Database
from fhir_server.store.port import ALL, Document, NewRow, Store, Visibility, Writer
from fhir_server.store.restricted import View
from fhir_server.store.sql import SqlReader
from fhir_server.store.writing import SqlWriter

T = TypeVar("T")


class SqlStore(SqlReader):
    """The whole store of a tenant."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, database.lend, ALL)
        self._commits = Commits(database)

    def write(self, work: Callable[[Writer], T]) -> Future[T]:
        return self.write_as(ALL, work)

    def write_as(self, visibility: Visibility, work: Callable[[Writer], T]) -> Future[T]:
        return self._commits.submit(lambda connection: work(self._writer(connection, visibility)))

    def _writer(self, connection: Connection, visibility: Visibility = ALL) -> SqlWriter:
        return SqlWriter(self._database, connection, self._commits.tails, visibility)

    def restricted(self, visibility: Visibility) -> Store:
        return SqlView(self, self._database, visibility)

    def load(
        self, documents: Iterable[Document], *, at: datetime, rows: Iterable[NewRow] = ()
    ) -> int:
        return self._commits.submit(
            lambda connection: self._writer(connection).load(documents, rows, at)
        ).result()

    def snapshot(self) -> None:
        self._commits.submit(self._database.snapshot, alone=True).result()

    def restore(self) -> None:
        self._commits.submit(self._database.restore, alone=True).result()

    def close(self) -> None:
        self._commits.close()
        self._database.close()


class SqlView(View, SqlReader):
    """A part of the store."""

    def __init__(self, whole: SqlStore, database: Database, visibility: Visibility) -> None:
        SqlReader.__init__(self, database, database.lend, visibility)
        self._whole = whole

"""SQLite: one file a tenant (https://sqlite.org/wal.html).

Readers never wait for the writer. Connections for reading are lent and given back; of all stores of
a process together only so many stay open, so that a hundred tenants do not use up the file handles.
"""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from sqlalchemy.dialects import sqlite

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.store.brief import TooLong, is_brief
from fhir_server.store.database import Connection, Names, Sql, insert_name
from fhir_server.store.refusals import closed, out_of_time
from fhir_server.store.sqlite_file import new_file, snapshot_of

READERS: Final = 150  # open at the same time in this process, unless more are at work
STEPS: Final = 20_000  # of SQLite's machine between two looks at the watch (about 1 ms)
BRIEF_STEPS: Final = 1_000  # of it between two looks at how many are left, where all is brief
BRIEF_LOOKS: Final = 20
BUSY: Final = 10.0  # seconds that a statement waits for another process
_SQL: Final = Sql(sqlite.dialect())


class _Reader:
    """A connection for reading and the moment at which it has to be done."""

    __slots__ = ("connection", "looks", "until")

    def __init__(self, path: Path) -> None:
        self.until = 0.0
        self.looks: int | None = None  # that are left, where all is brief
        self.connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        self.connection.execute("PRAGMA query_only = 1")
        self.unhurried()

    def unhurried(self) -> None:
        self.looks = None
        self.connection.set_progress_handler(lambda: time.monotonic() > self.until, STEPS)

    def brief(self) -> None:
        """All statements together have so many steps, whatever the time."""
        self.looks = BRIEF_LOOKS
        self.connection.set_progress_handler(self._look, BRIEF_STEPS)

    def _look(self) -> bool:
        assert self.looks is not None
        self.looks -= 1
        return self.looks <= 0


class _Open:
    """Counts the readers of a process and closes idle ones where others need them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._databases: weakref.WeakSet[SqliteDatabase] = weakref.WeakSet()
        self._count = 0

    def another(self, database: SqliteDatabase) -> _Reader:
        with self._lock:
            self._databases.add(database)
            if self._count >= READERS:
                self._close_idle()
            self._count += 1
        try:
            return _Reader(database.path)
        except BaseException:
            self.fewer(1)
            raise

    def fewer(self, count: int) -> None:
        with self._lock:
            self._count -= count

    def _close_idle(self) -> None:
        """Of the store that was read longest ago."""
        for database in sorted(self._databases, key=lambda one: one.used):
            if (closed_now := database.close_idle()) > 0:
                self._count -= closed_now
                return


_OPEN: Final = _Open()


class SqliteDatabase:
    """The tables of one tenant in one file."""

    begin = "BEGIN IMMEDIATE"
    probes = True

    def __init__(self, path: Path, zone: tzinfo, budget: float) -> None:
        self.path, self.zone, self.budget = path, zone, budget
        self.sql, self.names = _SQL, Names(_SQL)
        self.idle: deque[_Reader] = deque()
        self.used = 0.0
        self.closed = False

    def lend(self, snapshot: bool, /) -> AbstractContextManager[Connection]:
        return _Loan(self, snapshot)

    def take(self) -> _Reader:
        if self.closed:
            raise closed()
        try:
            reader = self.idle.pop()
        except IndexError:
            reader = _OPEN.another(self)
        self.used = time.monotonic()
        reader.until = self.used + self.budget
        if is_brief():
            reader.brief()
        return reader

    def give_back(self, reader: _Reader) -> None:
        if self.closed:
            reader.connection.close()
            _OPEN.fewer(1)
        else:
            if reader.looks is not None:
                reader.unhurried()
            self.idle.append(reader)

    def open_writer(self) -> Connection:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -16000")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: each costs a sync
        connection.execute("PRAGMA journal_size_limit = 32000000")
        return connection

    def stamp(self, connection: Connection) -> int | None:
        stamp: int = connection.execute("PRAGMA data_version").fetchone()[0]
        return stamp

    @contextmanager
    def limited(self, connection: Connection) -> Iterator[None]:
        assert isinstance(connection, sqlite3.Connection)
        until = time.monotonic() + self.budget
        connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def many(self, connection: Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.executemany(sql, rows)

    def loaded(self, connection: Connection) -> None:
        """Nothing: the store itself looks how much there is of what is searched (`probes`)."""

    def failure(self, error: Exception) -> Exception:
        if not isinstance(error, sqlite3.Error):
            return error
        if "interrupted" in str(error):
            return TooLong() if is_brief() else out_of_time(self.budget)
        return FhirError(Kind.UNAVAILABLE, f"the database {self.path} cannot be used: {error}")

    # ---- snapshots -------------------------------------------------------------------------------
    def snapshot(self, writer: Connection) -> None:
        assert isinstance(writer, sqlite3.Connection)
        target = snapshot_of(self.path)
        fresh = target.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with closing(sqlite3.connect(fresh, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            writer.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        fresh.replace(target)

    def restore(self, writer: Connection) -> None:
        """Names keep their numbers for ever: a reader may hold one newer than the snapshot."""
        assert isinstance(writer, sqlite3.Connection)
        names = self.names.everything(writer)
        source = snapshot_of(self.path)
        if not source.exists():
            new_file(source, self.zone)
        with closing(sqlite3.connect(source, isolation_level=None)) as copy:
            copy.backup(writer)
        known = set(self.names.everything(writer))
        lost = [name for name in names if name not in known]
        writer.execute("BEGIN IMMEDIATE")
        writer.executemany(self.sql.form(insert_name).sql, lost)
        writer.execute("COMMIT")

    # ---- the end ---------------------------------------------------------------------------------
    def close_idle(self) -> int:
        count = 0
        while self.idle:
            try:
                self.idle.pop().connection.close()
            except IndexError:  # lent in this moment
                break
            count += 1
        return count

    def close(self) -> None:
        self.closed = True
        _OPEN.fewer(self.close_idle())


class _Loan:
    """`with` a reader: gives it back, ends its transaction, says what went wrong."""

    __slots__ = ("database", "reader", "snapshot")

    def __init__(self, database: SqliteDatabase, snapshot: bool) -> None:
        self.database, self.snapshot = database, snapshot

    def __enter__(self) -> Connection:
        try:
            self.reader = self.database.take()
            if self.snapshot:
                self.reader.connection.execute("BEGIN")
        except sqlite3.Error as err:
            raise self.database.failure(err) from err
        return self.reader.connection

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        try:
            if self.snapshot:
                self.reader.connection.execute("ROLLBACK")
        except sqlite3.Error:  # broken: whatever it was is on its way already
            self.reader.connection.close()
            _OPEN.fewer(1)
        else:
            self.database.give_back(self.reader)
        if isinstance(error, sqlite3.Error):
            raise self.database.failure(error) from error

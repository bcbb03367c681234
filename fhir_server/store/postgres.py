"""PostgreSQL: one schema a tenant (https://www.postgresql.org/docs/15/ddl-schemas.html).

Writers of a tenant take turns by an advisory lock, in every process that serves it, so that
conditional work is serial here too. psycopg is imported only where somebody wants PostgreSQL.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import tzinfo
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.store.brief import need_time
from fhir_server.store.database import Connection, Names, Sql
from fhir_server.store.refusals import closed, out_of_time
from fhir_server.store.tables import metadata

CONNECTIONS: Final = 40  # kept open by a process, twice as many when it is busy
_SQL: Final = Sql(PGDialect_psycopg(paramstyle="format"))
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@lru_cache(maxsize=4)
def engine(url: str) -> Engine:
    """The connections of a process to a server; its tenants share them."""
    made = create_engine(url, pool_size=CONNECTIONS, max_overflow=CONNECTIONS, pool_pre_ping=True)

    @event.listens_for(made, "connect")
    def plain(connection: Any, record: Any) -> None:
        connection.autocommit = True  # transactions begin where the store says so
        # One plan for all parameters and values would be wrong for most of them.
        connection.execute("SET plan_cache_mode TO force_custom_plan")

    return made


def quoted(schema: str) -> str:
    return f'"{schema}"'  # the form of a tenant's name allows no quotes


def snapshot_of(schema: str) -> str:
    return f"{schema}.snapshot"


class PostgresDatabase:
    """The tables of one tenant in one schema."""

    probes = False  # the server knows how much there is of everything

    def __init__(self, url: str, schema: str, zone: tzinfo, budget: float) -> None:
        self.engine, self.schema, self.zone, self.budget = engine(url), schema, zone, budget
        self.sql, self.names = _SQL, Names(_SQL)
        lock = zlib.crc32(schema.encode())
        self.begin = f"BEGIN; SELECT pg_advisory_xact_lock({lock})"
        self.closed = False

    def lend(self, snapshot: bool, /) -> AbstractContextManager[Connection]:
        return _Loan(self, snapshot)

    def take(self, milliseconds: int) -> Any:
        """A connection of the pool, in this schema and with this time for each statement."""
        if self.closed:
            raise closed()
        need_time()
        pooled: Any = self.engine.raw_connection()
        state = (self.schema, milliseconds)
        if pooled.info.get("state") != state:
            path = f"SET search_path TO {quoted(self.schema)}"
            pooled.driver_connection.execute(f"{path}; SET statement_timeout TO {milliseconds}")
            pooled.info["state"] = state
        return pooled

    def open_writer(self) -> Connection:
        return _Writer(self.take(0))

    def stamp(self, connection: Connection) -> int | None:
        """Other processes write into the same schema between two transactions of this one."""
        return None

    @contextmanager
    def limited(self, connection: Connection) -> Iterator[None]:
        connection.execute(f"SET LOCAL statement_timeout TO {self._milliseconds}")
        yield  # after an error the savepoint takes the setting back
        connection.execute("SET LOCAL statement_timeout TO 0")

    @property
    def _milliseconds(self) -> int:
        return max(1, int(self.budget * 1000))

    def many(self, connection: Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        assert isinstance(connection, _Writer)
        with connection.own.cursor() as cursor:
            cursor.executemany(sql, rows)

    def loaded(self, connection: Connection) -> None:
        """The planner would go on thinking that the tables are empty."""
        for table in metadata.sorted_tables:
            connection.execute(f'ANALYZE "{table.name}"')

    def failure(self, error: Exception) -> Exception:
        driver: Any = self.engine.dialect.dbapi  # psycopg, without importing it by name
        if isinstance(error, driver.errors.QueryCanceled):
            return out_of_time(self.budget)
        if isinstance(error, driver.Error):
            said = str(error).strip().partition("\n")[0]
            return FhirError(Kind.UNAVAILABLE, f"the database cannot be used: {said}")
        return error

    # ---- snapshots -------------------------------------------------------------------------------
    def snapshot(self, writer: Connection) -> None:
        kept = quoted(snapshot_of(self.schema))
        writer.execute(self.begin)
        writer.execute(f"DROP SCHEMA IF EXISTS {kept} CASCADE; CREATE SCHEMA {kept}")
        for table in ("alembic_version", *(table.name for table in metadata.sorted_tables)):
            writer.execute(f'CREATE TABLE {kept}."{table}" AS SELECT * FROM "{table}"')
        writer.execute("COMMIT")

    def restore(self, writer: Connection) -> None:
        """Names keep their numbers for ever. DELETE: open readers would see a TRUNCATE."""
        kept = quoted(snapshot_of(self.schema))
        writer.execute(self.begin)
        known = writer.execute(f"SELECT to_regnamespace('{kept}') IS NOT NULL").fetchone()[0]
        for table in metadata.sorted_tables:
            if table.name in ("name", "setting"):
                continue
            writer.execute(f'DELETE FROM "{table.name}"')
            if known:
                columns = ", ".join(f'"{column.name}"' for column in table.columns)
                source = f'SELECT {columns} FROM {kept}."{table.name}"'
                writer.execute(f'INSERT INTO "{table.name}" ({columns}) {source}')
        writer.execute("COMMIT")

    def close(self) -> None:
        """The connections stay in the pool, for other tenants."""
        self.closed = True


class _Writer:
    """A pooled connection as the writer's own, until it lets go."""

    def __init__(self, pooled: Any) -> None:
        self._pooled = pooled
        self.own = pooled.driver_connection
        self.execute: Callable[..., Any] = self.own.execute

    def close(self) -> None:
        self._pooled.close()


class _Loan:
    """`with` a connection: gives it back, ends its transaction, says what went wrong."""

    def __init__(self, database: PostgresDatabase, snapshot: bool) -> None:
        self.database, self.snapshot = database, snapshot

    def __enter__(self) -> Connection:
        try:
            self.pooled = self.database.take(self.database._milliseconds)
            own = self.pooled.driver_connection
            if self.snapshot:
                own.execute(_READ)
        except Exception as err:
            raise self.database.failure(err) from err
        return own

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        try:
            if self.snapshot:
                self.pooled.driver_connection.execute("ROLLBACK")
        except Exception:  # broken: whatever it was is on its way already
            self.pooled.invalidate()
        else:
            self.pooled.close()
        if isinstance(error, Exception) and (other := self.database.failure(error)) is not error:
            raise other from error

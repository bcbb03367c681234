"""What the SQL store needs of a database: connections, compiled statements, numbers of names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import tzinfo
from typing import Any, Final, Protocol

from sqlalchemy import ClauseElement, Dialect, bindparam, func, insert, literal_column, select

from fhir_server.store.selects import Statement, compiled
from fhir_server.store.tables import name

MAX_FORMS: Final = 2_000
UNKNOWN: Final = -1  # number of a name that no row has


class Cursor(Protocol):
    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """What sqlite3 and psycopg connections have in common."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor: ...

    def close(self) -> None: ...


class Sql:
    """Statements of one dialect, each compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._forms: dict[Any, Statement] = {}

    def form(self, build: Callable[..., ClauseElement], *about: Any) -> Statement:
        """`build(*about)` compiled; `about` is hashable."""
        known = self._forms.get((build, about))
        if known is None:
            if len(self._forms) >= MAX_FORMS:
                self._forms.clear()  # forms nobody thought of; the usual ones are back at once
            known = self._forms[build, about] = compiled(build(*about), self._dialect)
        return known


class Database(Protocol):
    """One tenant's tables. Driver errors come out of the contexts as FhirError."""

    sql: Sql
    names: Names
    zone: tzinfo
    budget: float  # seconds that one read may take
    begin: str  # SQL that starts a write transaction, which nobody else has at the same time
    probes: bool  # whether the store should look for the most selective condition

    def lend(self, snapshot: bool, /) -> AbstractContextManager[Connection]:
        """A connection for reading; with `snapshot` all statements see the same state."""
        ...

    def open_writer(self) -> Connection: ...

    def stamp(self, connection: Connection) -> int | None:
        """The same as before, on the same connection: nobody else has written meanwhile. None: that
        cannot be known."""
        ...

    def limited(self, connection: Connection) -> AbstractContextManager[None]:
        """Within a write transaction: a search that may take as long as any other."""
        ...

    def many(self, connection: Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same statement for every row."""
        ...

    def loaded(self, connection: Connection) -> None:
        """After a bulk load, within its transaction: the tables are not what they were."""
        ...

    def failure(self, error: Exception) -> Exception:
        """A driver's error as what the caller gets."""
        ...

    def snapshot(self, writer: Connection) -> None: ...

    def restore(self, writer: Connection) -> None: ...

    def close(self) -> None: ...


class Names:
    """Numbers of texts that many rows share: types, parameters, systems."""

    MOST: Final = 50_000

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self.known: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def number(self, connection: Connection, text: str) -> int:
        """UNKNOWN if no row has it."""
        known = self.known.get(text)
        if known is not None:
            return known
        found = connection.execute(self._sql.form(_number).sql, (text,)).fetchone()
        return UNKNOWN if found is None else self._keep(text, found[0])

    def numbered(self, connection: Connection, text: str) -> int:
        """Within a write transaction: its number, a new one if it has none."""
        number = self.number(connection, text)
        if number == UNKNOWN:
            number = connection.execute(self._sql.form(_last).sql).fetchone()[0] + 1
            connection.execute(self._sql.form(insert_name).sql, (number, text))
            self._keep(text, number)
        return number

    def text(self, connection: Connection, number: int) -> str:
        known = self._texts.get(number)
        if known is None:
            known = connection.execute(self._sql.form(_text).sql, (number,)).fetchone()[0]
            self._keep(known, number)
        return known

    def forget(self) -> None:
        """After something was undone: what was kept may not be there."""
        self.known.clear()
        self._texts.clear()

    def everything(self, connection: Connection) -> list[tuple[int, str]]:
        return connection.execute(self._sql.form(_all).sql).fetchall()

    def _keep(self, text: str, number: int) -> int:
        if len(self.known) >= self.MOST:
            self.forget()
        self.known[text] = number
        self._texts[number] = text
        return number


def _number() -> ClauseElement:
    return select(name.c.id).where(name.c.text == bindparam("text", value=None))


def _text() -> ClauseElement:
    return select(name.c.text).where(name.c.id == bindparam("id", value=None))


def _last() -> ClauseElement:
    return select(func.coalesce(func.max(name.c.id), literal_column("0")))


def _all() -> ClauseElement:
    return select(name.c.id, name.c.text)


def insert_name() -> ClauseElement:
    return insert(name).values(id=bindparam("id"), text=bindparam("text"))

"""Of several processes over one store one leads, as long as it lives; then another one does.

Who leads is whoever holds a lock that ends with its process: of a file where the store is a file,
of PostgreSQL (https://www.postgresql.org/docs/15/explicit-locking.html#ADVISORY-LOCKS) where it is
there, so that processes of several machines agree too.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol

from fhir_profiles.outcomes import FhirError
from vietnam.datafiles import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for below

PAUSE: Final = 0.5  # seconds between two looks at the lock
_KEY: Final = 5198  # of our locks in a database, beside the name of the store


class Claim(Protocol):
    """A lock that only one process has."""

    def held(self) -> bool:
        """Takes it if it is free; whether this process has it now."""
        ...

    def free(self) -> None: ...


class FileClaim:
    """The lock of a file, flock(2). InputError: the system has none."""

    def __init__(self, path: Path) -> None:
        if fcntl is None:
            remedy = "Use one worker, or PostgreSQL"
            raise InputError("--workers", None, "", "this system cannot lock files", remedy)
        self._path = path
        self._file: IO[str] | None = None

    def held(self) -> bool:
        if self._file is None:
            file = self._path.open("a", encoding="ascii")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                return False
            self._file = file
        return True

    def free(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class DatabaseClaim:
    """An advisory lock on a connection of its own; it is lost with the connection."""

    def __init__(self, url: str, schema: str) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        self._engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._take = f"SELECT pg_try_advisory_lock({_KEY}, {_signed(zlib.crc32(schema.encode()))})"
        self._connection: Any = None
        self._mine = False

    def held(self) -> bool:
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            question = "SELECT true" if self._mine else self._take
            self._mine = bool(self._connection.execute(text(question)).scalar())
        except SQLAlchemyError:  # the server is gone, and with it the lock
            self.free()
        return self._mine

    def free(self) -> None:
        connection, self._connection, self._mine = self._connection, None, False
        if connection is not None:
            connection.invalidate()
            connection.close()


def _signed(number: int) -> int:
    """As the four bytes that the lock has for it."""
    return number - 2**32 if number >= 2**31 else number


class Leadership:
    """A thread that tries to lead. `lead` and `follow` are called when that changes, `tend` from
    time to time while this process leads."""

    def __init__(
        self,
        claim: Claim,
        lead: Callable[[], None],
        follow: Callable[[], None],
        tend: Callable[[], None],
    ) -> None:
        self._claim, self._lead, self._follow, self._tend = claim, lead, follow, tend
        self._stop = threading.Event()
        self.leads = False
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The lock is free after this; whoever leads next begins at once."""
        self._stop.set()
        self._thread.join()
        self._claim.free()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(FhirError, OSError):  # the store or the disk cannot be used now
                self._look()
            self._stop.wait(PAUSE)

    def _look(self) -> None:
        held = self._claim.held()
        if held and not self.leads:
            self._lead()
        elif self.leads and not held:
            self._follow()
        elif held:
            self._tend()
        self.leads = held

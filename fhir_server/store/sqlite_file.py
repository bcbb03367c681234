"""Files of SQLite stores: new ones are copies of one migrated template, old ones are migrated.

What is no store of ours, is damaged or newer than this program is refused with one message.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Final

from fhir_server.store.migrations.running import REVISIONS, upgrade
from fhir_server.store.tables import APPLICATION_ID, HEAD
from vietnam.datafiles import InputError

_ZONE: Final = "zone"


def snapshot_of(path: Path) -> Path:
    return path.with_suffix(".snapshot")


def prepared(path: Path, zone: tzinfo) -> Path:
    """The file of a tenant, there and up to date. InputError: it cannot be used."""
    _prepare(path, zone)
    kept = snapshot_of(path)
    if kept.exists():  # a restore puts its tables, too, in the place of today's
        _prepare(kept, zone)
    return path


def _prepare(path: Path, zone: tzinfo) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            new_file(path, zone)
            return
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _check(path, connection, zone)
    except OSError as err:
        why = err.strerror or str(err)
        raise _refused(path, f"the file cannot be used ({why})", "Check folder and rights") from err
    except sqlite3.Error as err:
        remedy = "Restore it from a copy, or move it away to start anew"
        raise _refused(path, f"the file is damaged or no SQLite file ({err})", remedy) from err


def new_file(path: Path, zone: tzinfo) -> None:
    """A copy of the template, there whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(template(str(zone)))
    fresh.replace(path)


@lru_cache(maxsize=8)
def template(zone: str) -> bytes:
    """An empty store, migrated once in this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # nobody misses half a template
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            upgrade(connection)
            connection.execute("INSERT INTO setting (key, value) VALUES (?, ?)", (_ZONE, zone))
            connection.execute("PRAGMA journal_mode = WAL")
        return path.read_bytes()


def _check(path: Path, connection: sqlite3.Connection, zone: tzinfo) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise _refused(
            path, "this is no store of this program", "Move it away or name another folder"
        )
    revision = _revision(connection)
    if revision not in REVISIONS:
        raise _refused(
            path,
            f"a newer program wrote it (tables {revision}, this one knows {HEAD})",
            "Use that program, or another folder",
        )
    if revision != HEAD:
        upgrade(connection)
    query = "SELECT value FROM setting WHERE key = ?"
    known = connection.execute(query, (_ZONE,)).fetchone()
    if known is None:
        connection.execute("INSERT INTO setting (key, value) VALUES (?, ?)", (_ZONE, str(zone)))
    elif known[0] != str(zone):
        raise _refused(
            path,
            f"its dates were read in the time zone {known[0]}, now in {zone}",
            "Start with that zone, or load the data into a new store",
        )


def _revision(connection: sqlite3.Connection) -> str:
    """ "" for a store from before the first migration."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if ("alembic_version",) not in tables:
        return ""
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if found is None else found[0]


def _refused(path: Path, problem: str, remedy: str) -> InputError:
    return InputError(str(path), None, "", problem, remedy)

"""The databases that a run may be over: places for stores, and the floor in front of the same."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path
from typing import Final, Protocol, Self

from benchmarks.live.floors import Cells, Stored, floor, make_file
from benchmarks.live.node import TENANT, Place
from benchmarks.live.processes import Served, size_mb

VARIABLE: Final = "LIENTHONG_TEST_DATABASE"
NAMES: Final = ("sqlite", "postgresql")


class Database(Protocol):
    """`with` one; what it made is gone afterwards."""

    title: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def place(self, name: str) -> Place:
        """Where a store of this name is."""
        ...

    def copied(self, name: str, to: str) -> Place | None:
        """The same store once more. None: it has to be filled anew."""
        ...

    def floor(self, stored: Stored, cells: Cells) -> Served:
        """The floor, holding these bytes; not started yet."""
        ...

    def size_mb(self, name: str) -> float: ...


def chosen(name: str, scratch: Path) -> Database:
    """LookupError: no PostgreSQL is named."""
    if name == "sqlite":
        return Sqlite(scratch)
    if not (url := os.environ.get(VARIABLE, "")):
        raise LookupError(f"{VARIABLE} names no PostgreSQL; .ci/postgres COMMAND starts one")
    return Postgresql(url)


class Sqlite:
    """A folder for each store."""

    title = "SQLite"

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """The folder goes with whoever made it."""

    def place(self, name: str) -> Place:
        return Place(f"sqlite:{self._scratch / name}", TENANT)

    def copied(self, name: str, to: str) -> Place:
        shutil.copytree(self._scratch / name, self._scratch / to)
        return self.place(to)

    def floor(self, stored: Stored, cells: Cells) -> Served:
        path = self._scratch / "floor.db"
        make_file(path, stored)
        return Served(floor, str(path), cells)

    def size_mb(self, name: str) -> float:
        return size_mb(self._scratch / name)


class Postgresql:
    """A schema for each store, dropped at the end."""

    title = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"b{uuid.uuid4().hex[:8]}-"
        self.made: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        from benchmarks.live.floor_postgres import connected

        with connected(self._url, "public") as connection:
            for schema in self.made:
                connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())

    def place(self, name: str) -> Place:
        schema = self._prefix + name
        self.made.add(schema)
        return Place(self._url, schema)

    def copied(self, name: str, to: str) -> None:
        """A schema has no copy."""

    def floor(self, stored: Stored, cells: Cells) -> Served:
        from benchmarks.live import floor_postgres  # psycopg is there only where it is wanted

        schema = self.place("floor").tenant
        floor_postgres.make_schema(self._url, schema, stored)
        return Served(floor_postgres.floor, self._url, schema, cells)

    def size_mb(self, name: str) -> float:
        from benchmarks.live.floor_postgres import connected

        sql = (
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind = 'r'"
        )
        with connected(self._url, "public") as connection:
            row = connection.execute(sql, (self._prefix + name,)).fetchone()
        return float(row[0]) / 1e6 if row else 0.0

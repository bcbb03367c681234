"""The same floors in front of PostgreSQL: psycopg's own connections, prepared statements."""

from __future__ import annotations

from typing import Final

import psycopg
from starlette.applications import Starlette

from benchmarks.live.floors import Cells, Stored, served

TABLES: Final = """
CREATE TABLE resource (key bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text NOT NULL,
    id text NOT NULL, body bytea NOT NULL);
CREATE UNIQUE INDEX resource_by_id ON resource (type, id);
CREATE TABLE found (resource bigint NOT NULL, parameter integer NOT NULL, value text NOT NULL,
    PRIMARY KEY (resource, parameter, value));
CREATE INDEX found_search ON found (parameter, value, resource);
CREATE TABLE log (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, data bytea NOT NULL);
"""
READ: Final = "SELECT body FROM resource WHERE type = %s AND id = %s"
INSERT: Final = "INSERT INTO resource (type, id, body) VALUES (%s, %s, %s) RETURNING key"
INSERT_FOUND: Final = "INSERT INTO found (resource, parameter, value) VALUES (%s, %s, %s)"
INSERT_LOG: Final = "INSERT INTO log (data) VALUES (%s)"


def plain(url: str) -> str:
    """An address of SQLAlchemy as libpq writes it."""
    return url.replace("postgresql+psycopg:", "postgresql:", 1)


def connected(url: str, schema: str) -> psycopg.Connection:
    """In the schema; every statement is prepared, transactions begin where they are begun."""
    made = psycopg.connect(plain(url), autocommit=True, prepare_threshold=0)
    made.execute(f'SET search_path TO "{schema}"'.encode())
    return made


def make_schema(url: str, schema: str, stored: Stored) -> None:
    """The tables of a floor, holding the very bytes that our server holds."""
    with connected(url, schema) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode(), prepare=False)
        connection.execute(TABLES, prepare=False)
        with connection.cursor() as cursor:
            cursor.executemany(INSERT.removesuffix(" RETURNING key"), stored)
        connection.execute("ANALYZE resource", prepare=False)


def floor(url: str, schema: str, cells: Cells) -> Starlette:
    """`cells` are the index rows that go with each insert."""
    return served(BarePostgres(url, schema, cells))


class BarePostgres:
    """Three connections, each for one purpose."""

    def __init__(self, url: str, schema: str, cells: Cells) -> None:
        self._cells = cells
        self._reading, self._writing, self._logging = (connected(url, schema) for _ in range(3))

    def read(self, type_: str, id_: str) -> bytes:
        row = self._reading.execute(READ, (type_, id_), binary=True).fetchone()
        assert row is not None
        body: bytes = row[0]
        return body

    def insert(self, type_: str, id_: str, body: bytes) -> None:
        with self._writing.transaction():
            row = self._writing.execute(INSERT, (type_, id_, body)).fetchone()
            assert row is not None
            with self._writing.cursor() as cursor:
                cursor.executemany(INSERT_FOUND, [(row[0], *cell) for cell in self._cells])

    def append(self, rows: list[bytes]) -> None:
        with self._logging.transaction(), self._logging.cursor() as cursor:
            cursor.executemany(INSERT_LOG, [(row,) for row in rows])

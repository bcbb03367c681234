"""The floors: a bare Starlette route in front of a database, and nothing that makes a FHIR server.

GET  /fhir/{type}/{id}     a prepared SELECT of the stored bytes
GET  /logged/{type}/{id}   the same for a known token, and one row appended, committed with others
POST /fhir/{type}          the body parsed, one row and as many index rows inserted, a commit
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.live.tokens import Tokens

MEDIA = "application/fhir+json"
TOGETHER = 64
TABLES = """
CREATE TABLE resource (key INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE UNIQUE INDEX resource_by_id ON resource (type, id);
CREATE TABLE found (resource INTEGER NOT NULL, parameter INTEGER NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (resource, parameter, value)) WITHOUT ROWID;
CREATE INDEX found_search ON found (parameter, value, resource);
CREATE TABLE log (seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
"""
READ = "SELECT body FROM resource WHERE type = ? AND id = ?"
INSERT = "INSERT INTO resource (type, id, body) VALUES (?, ?, ?)"
INSERT_FOUND = "INSERT INTO found (resource, parameter, value) VALUES (?, ?, ?)"
INSERT_LOG = "INSERT INTO log (data) VALUES (?)"

Stored = list[tuple[str, str, bytes]]  # type, id, bytes as our server serves them
Cells = list[tuple[int, str]]  # index rows: parameter and value


class Bare(Protocol):
    """A database without a server around it."""

    def read(self, type_: str, id_: str) -> bytes: ...

    def insert(self, type_: str, id_: str, body: bytes) -> None:
        """With as many index rows, committed."""
        ...

    def append(self, rows: list[bytes]) -> None:
        """Committed together; called by one thread, which does nothing else."""
        ...


def floor(path: str, cells: Cells) -> Starlette:
    """`cells` are the index rows that go with each insert."""
    return served(BareSqlite(path, cells))


def served(bare: Bare) -> Starlette:
    """The routes, the same whatever the database."""
    log, tokens = _Log(bare), Tokens()

    async def read(request: Request) -> Response:
        names = request.path_params
        return Response(bare.read(names["type"], names["id"]), media_type=MEDIA)

    async def read_logged(request: Request) -> Response:
        if tokens.subject(request.headers.get("authorization")) is None:
            return Response(status_code=401)
        names = request.path_params
        body = bare.read(names["type"], names["id"])
        await asyncio.wrap_future(log.append(b"read " + request.url.path.encode()))
        return Response(body, media_type=MEDIA)

    async def create(request: Request) -> Response:
        body = await request.body()
        tree, id_ = orjson.loads(body), str(uuid4())
        bare.insert(tree["resourceType"], id_, body)
        return Response(body, 201, {"location": f"{request.url.path}/{id_}"}, MEDIA)

    return Starlette(
        routes=[
            Route("/fhir/{type}/{id}", read),
            Route("/logged/{type}/{id}", read_logged),
            Route("/fhir/{type}", create, methods=["POST"]),
        ]
    )


class _Log:
    """One thread that appends rows; what has come together is committed together."""

    def __init__(self, bare: Bare) -> None:
        self._bare = bare
        self._queue: queue.SimpleQueue[tuple[bytes, Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def append(self, data: bytes) -> Future[None]:
        done: Future[None] = Future()
        self._queue.put((data, done))
        return done

    def _run(self) -> None:
        while True:
            rows = [self._queue.get()]
            while len(rows) < TOGETHER and not self._queue.empty():
                rows.append(self._queue.get())
            self._bare.append([data for data, _ in rows])
            for _, done in rows:
                done.set_result(None)


# ---- SQLite --------------------------------------------------------------------------------------


def make_file(path: Path, stored: Stored) -> None:
    """The file of a floor, holding the very bytes that our server holds."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        connection.executemany(INSERT, stored)
    connection.close()


class BareSqlite:
    """WAL, committed without waiting for the disk, as our store is."""

    def __init__(self, path: str, cells: Cells) -> None:
        self._cells = cells
        self._reading, self._writing, self._logging = (_opened(path) for _ in range(3))

    def read(self, type_: str, id_: str) -> bytes:
        body: bytes = self._reading.execute(READ, (type_, id_)).fetchone()[0]
        return body

    def insert(self, type_: str, id_: str, body: bytes) -> None:
        self._writing.execute("BEGIN IMMEDIATE")
        key = self._writing.execute(INSERT, (type_, id_, body)).lastrowid
        self._writing.executemany(INSERT_FOUND, [(key, *cell) for cell in self._cells])
        self._writing.execute("COMMIT")

    def append(self, rows: list[bytes]) -> None:
        self._logging.execute("BEGIN IMMEDIATE")
        self._logging.executemany(INSERT_LOG, [(row,) for row in rows])
        self._logging.execute("COMMIT")


def _opened(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection

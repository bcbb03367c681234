"""The floors: a bare Starlette route in front of SQLite, and nothing that makes a FHIR server.

GET  /fhir/{type}/{id}     a prepared SELECT of the stored bytes
GET  /logged/{type}/{id}   the same, and one row appended, committed together with others
POST /fhir/{type}          the body parsed, one row and as many index rows inserted, a commit
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from uuid import uuid4

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

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

Stored = list[tuple[str, str, bytes]]  # type, id, bytes as our server serves them


def make_file(path: Path, stored: Stored) -> None:
    """The file of a floor, holding the very bytes that our server holds."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
        connection.executemany(INSERT, stored)
    connection.close()


def floor(path: str, cells: list[tuple[int, str]]) -> Starlette:
    """`cells` are the index rows that go with each insert: parameter and value."""
    reading, writing = (_opened(path) for _ in range(2))
    log = _Log(path)

    def stored(request: Request) -> bytes:
        names = request.path_params
        body: bytes = reading.execute(READ, (names["type"], names["id"])).fetchone()[0]
        return body

    async def read(request: Request) -> Response:
        return Response(stored(request), media_type=MEDIA)

    async def read_logged(request: Request) -> Response:
        body = stored(request)
        await asyncio.wrap_future(log.append(b"read " + request.url.path.encode()))
        return Response(body, media_type=MEDIA)

    async def create(request: Request) -> Response:
        body = await request.body()
        tree, id_ = orjson.loads(body), str(uuid4())
        writing.execute("BEGIN IMMEDIATE")
        key = writing.execute(INSERT, (tree["resourceType"], id_, body)).lastrowid
        writing.executemany(INSERT_FOUND, [(key, *cell) for cell in cells])
        writing.execute("COMMIT")
        return Response(body, 201, {"location": f"{request.url.path}/{id_}"}, MEDIA)

    return Starlette(
        routes=[
            Route("/fhir/{type}/{id}", read),
            Route("/logged/{type}/{id}", read_logged),
            Route("/fhir/{type}", create, methods=["POST"]),
        ]
    )


def _opened(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


class _Log:
    """One thread that appends rows; what has come together is committed together."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[tuple[bytes, Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def append(self, data: bytes) -> Future[None]:
        done: Future[None] = Future()
        self._queue.put((data, done))
        return done

    def _run(self) -> None:
        connection = _opened(self._path)
        while True:
            rows = [self._queue.get()]
            while len(rows) < TOGETHER and not self._queue.empty():
                rows.append(self._queue.get())
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO log (data) VALUES (?)", [(data,) for data, _ in rows]
            )
            connection.execute("COMMIT")
            for _, done in rows:
                done.set_result(None)

"""One FHIR R4 server for developers: an empty store, an address, nothing of Viet Nam in it.

One process, or several over one store (node_workers.py): what only one of them may do, telling
subscribers and writing exports, the leading one does (leadership.py).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fhir_server.app import create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock, SteppedClock, WallClock
from fhir_server.export.operations import exports
from fhir_server.guard import Caller, OpenGuard
from fhir_server.options import Options, Validation
from fhir_server.standard.catalogue import standard_operations
from fhir_server.store.open import open_store
from fhir_server.store.port import Store
from fhir_server.subscriptions.following import Following
from fhir_server.subscriptions.operations import operations as subscription_operations
from fhir_server.subscriptions.service import Subscriptions
from fhir_server.subscriptions.websocket import Websocket
from lienthong.leadership import Claim, DatabaseClaim, FileClaim, Leadership
from lienthong.live.plain_errors import in_plain_words

if TYPE_CHECKING:
    import socket

VERSION: Final = version("lienthong")
TENANT: Final = "node"  # the name of its store: a file node.db, or a schema
GRACE_SECONDS: Final = 3  # for an answer that is under way when it is told to stop


@dataclass(frozen=True)
class NodeStart:
    """How a node is started. `as_of` None: its clock is the wall's."""

    folder: Path
    database: str | None = None
    memory: bool = False
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    workers: int = 1
    validation: Validation = "structure"
    audit: bool = True
    as_of: dt.datetime | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def base(self) -> str:
        return f"{self.url}/fhir"

    @property
    def store_url(self) -> str:
        return "memory:" if self.memory else self.database or f"sqlite:{self.folder}"

    @property
    def shared(self) -> bool:
        """Whether other processes may serve the same store; a database is open to all."""
        return self.workers > 1 or (self.database is not None and not self.memory)

    def open_store(self) -> Store:
        """InputError: it cannot be used."""
        return open_store(self.store_url, TENANT)

    def claim(self) -> Claim:
        if self.database is not None:
            return DatabaseClaim(self.database, TENANT)
        return FileClaim(self.folder / "leader.lock")


class Node:
    """The server of one process as an ASGI application; `close` it at the end."""

    def __init__(self, start: NodeStart) -> None:
        self.start, shared = start, start.shared
        self.store = start.open_store()
        self._scratch = tempfile.mkdtemp(prefix="lienthong-node-") if start.memory else ""
        folder = Path(self._scratch or start.folder) / "exports"
        clock: Clock = SteppedClock(start.as_of) if start.as_of else WallClock()
        guard, options = OpenGuard(), Options(validation=start.validation)
        base = start.base
        self._subscriptions = Subscriptions(
            self.store, self._store_for, clock, options.zone, base, autostart=True, shared=shared
        )
        websocket = Websocket(self._subscriptions, guard, base)
        bulk = exports(folder, self._store_for, clock, options.zone, leads=not shared)
        self._jobs = bulk.jobs
        self.fhir = create_fhir_app(
            self._store_for,
            Capabilities("lienthong", VERSION, "An empty FHIR R4 server for developers"),
            guard,
            [
                *standard_operations(),
                *bulk.operations(),
                *subscription_operations(self._subscriptions),
                *websocket.operations(),
            ],
            AuditSink(self.store, observer=base) if start.audit else None,
            clock=clock,
            base_url=base,
            watcher=self._subscriptions,
            websocket=websocket,
            options=options,
        )
        self.app: ASGIApp = in_plain_words(self._front())
        self._following = Following(self.store, self._subscriptions, websocket) if shared else None
        self._leadership = (
            Leadership(start.claim(), self._lead, self._follow, self._jobs.adopt)
            if shared
            else None
        )

    def _store_for(self, caller: Caller) -> Store:
        return self.store

    def _lead(self) -> None:
        self._subscriptions.lead()
        self._jobs.lead()

    def _follow(self) -> None:
        self._jobs.follow()
        self._subscriptions.close()

    @property
    def leads(self) -> bool:
        """Whether this process tells subscribers and writes exports."""
        return self._leadership is None or self._leadership.leads

    def close(self) -> None:
        """Everything accepted is written; nothing is open any more."""
        self._subscriptions.close()
        self._jobs.close()
        if self._following is not None:
            self._following.close()
        if self._leadership is not None:
            self._leadership.close()
        self.store.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _front(self) -> Starlette:
        return Starlette(
            routes=[
                *mounted("/fhir", self.fhir),
                Route("/", self._index),
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
            ]
        )

    async def _index(self, request: Request) -> Response:
        """What there is, for people who open the address."""
        base = self.start.base
        return JSONResponse({"fhir": base, "metadata": f"{base}/metadata", "version": VERSION})

    async def _healthz(self, request: Request) -> Response:
        """Which process answers, and whether it is the one that leads."""
        own = {"process": os.getpid(), "leads": self.leads}
        return JSONResponse({"status": "ok", "version": VERSION, **own})

    async def _readyz(self, request: Request) -> Response:
        counts = await asyncio.to_thread(self.store.counts)
        return JSONResponse({"status": "ready", "resources": sum(counts.values())})


def serve(
    start: NodeStart,
    listening: socket.socket,
    on_ready: Callable[[], None],
    stopped: Callable[[Callable[[], None]], None] = lambda stop: None,
) -> None:
    """One process of a node, until it is told to stop (Ctrl-C, SIGTERM).

    `stopped` is given what stops it, for whoever wants to do that in another way.
    """
    import uvicorn

    from lienthong.server import Server

    class Told(Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    node = Node(start)
    config = uvicorn.Config(
        node.app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Told(config)

    def stop() -> None:
        server.should_exit = True

    stopped(stop)
    try:
        server.run(sockets=[listening])
    finally:
        node.close()

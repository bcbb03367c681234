"""A FHIR server as a value: an app over a store, and a client that asks it without a socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import uvicorn

from fhir_server.app import create_fhir_app
from fhir_server.audit import AuditSink
from fhir_server.capabilities import Capabilities
from fhir_server.clock import SteppedClock
from fhir_server.guard import OpenGuard
from fhir_server.options import Options
from fhir_server.store.open import open_store
from fhir_server.store.port import Store

BASE = "http://test/fhir"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
JSON = "application/fhir+json"
FINE = Capabilities("test server", "1.2.3", "a server for tests")


@dataclass
class Answered:
    """What came back, with the parts that tests look at."""

    status: int
    headers: httpx2.Headers
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def issues(self) -> list[dict[str, Any]]:
        tree = self.json
        assert tree["resourceType"] == "OperationOutcome", tree
        return tree["issue"]

    @property
    def code(self) -> str:
        return self.issues[0]["code"]

    @property
    def said(self) -> str:
        return " ".join(issue["diagnostics"] for issue in self.issues)

    @property
    def expression(self) -> str:
        return self.issues[0].get("expression", [""])[0]


@dataclass
class Server:
    """The app, its store and its clock."""

    app: Any
    store: Store
    clock: SteppedClock
    audit: AuditSink | None = None
    asked: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str = "", body: Any = None, **headers: Any) -> Answered:
        """One request; `body` as text, bytes or something to be written as JSON."""
        return asyncio.run(self.ask_async(method, path, body, **headers))

    async def ask_async(
        self, method: str, path: str = "", body: Any = None, **headers: Any
    ) -> Answered:
        content = body if isinstance(body, bytes) or body is None else as_json(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            named.setdefault("content-type", JSON)
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            got = await client.request(method, "/" + path, content=content, headers=named)
        return Answered(got.status_code, got.headers, got.content)

    def make(self, resource: dict[str, Any], **headers: Any) -> str:
        """Creates a resource and returns its id."""
        made = self.ask("POST", resource["resourceType"], resource, **headers)
        assert made.status == 201, made.body
        return made.json["id"]


def as_json(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


@contextmanager
def serving(
    url: str = "memory:",
    tenant: str = "tests",
    *,
    options: Options | None = None,
    audited: bool = False,
    store_for: Callable[[Store], Callable[[Any], Store]] | None = None,
    **more: Any,
) -> Iterator[Server]:
    """A server over a store of its own."""
    store = open_store(url, tenant)
    clock = SteppedClock(NOON)
    audit = AuditSink(store, observer="test server") if audited else None
    app = create_fhir_app(
        store_for(store) if store_for else lambda caller: store,
        more.pop("capabilities", FINE),
        more.pop("guard", OpenGuard()),
        more.pop("operations", ()),
        audit,
        clock=clock,
        base_url=BASE,
        options=options,
        **more,
    )
    try:
        yield Server(app, store, clock, audit)
    finally:
        store.close()


def transaction(*entries: dict[str, Any], type_: str = "transaction") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def entry(
    method: str, url: str, resource: Any = None, full_url: str = "", **request: str
) -> dict[str, Any]:
    made: dict[str, Any] = {"fullUrl": full_url} if full_url else {}
    if resource is not None:
        made["resource"] = resource
    return {**made, "request": {"method": method, "url": url, **request}}


PATIENT = {"resourceType": "Patient", "name": [{"family": "Nguyễn", "given": ["Văn", "An"]}]}


@contextmanager
def on_a_socket(app: Any) -> Iterator[str]:
    """The app behind a real server on a free port of this machine; its address."""
    config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    ready = threading.Event()

    async def serve() -> None:
        task = asyncio.ensure_future(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.001)
        ready.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)

"""Servers to be treated badly, each with one patient who has to be there afterwards."""

import asyncio
import json
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import httpx2
import pytest

from tests.fhir_server.hostile.known import KNOWN
from tests.fhir_server.serving import JSON, Answered, Server, serving
from tests.fhir_server.store.stores import KINDS, SERVER

SECONDS = 5.0  # for one request, on a busy machine; what hangs, hangs longer


@dataclass
class Victim:
    """A server that is asked without any library in between that would know better."""

    server: Server

    def ask(self, method, target, body=b"", *headers: tuple[str, str | bytes]) -> Answered:
        """`target` as it stands on the wire; `body` as bytes, parts, or something for JSON."""
        parts = [body] if isinstance(body, bytes) else body
        if isinstance(body, dict):
            parts = [json.dumps(body).encode()]
        return asyncio.run(asked(self.server.app, method, target, parts, headers))

    @contextmanager
    def well_kept(self):
        """Whatever happens inside: no long wait, and the server answers as before."""
        start = time.perf_counter()
        yield
        assert time.perf_counter() - start < SECONDS
        got = self.ask("GET", "Patient/known")
        assert (got.status, got.json["meta"]["versionId"]) == (200, "1")

    def patients(self) -> int:
        return self.ask("GET", "Patient?_summary=count").json["total"]


async def asked(app, method: str, target: str, parts: Iterable[bytes], headers) -> Answered:
    given = {"host": "test", "content-type": JSON, **{name.lower(): v for name, v in headers}}
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "server": ("test", 80),
        "client": ("test", 1),
        "root_path": "",
        "path": "/" + unquote(path),
        "raw_path": b"/" + path.encode(),
        "query_string": query.encode("latin-1"),
        "headers": [
            (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in given.items()
        ],
    }
    coming = iter(parts)
    sent: list[dict] = []

    async def receive():
        part = next(coming, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    raw = [(name, value) for name, value in sent[0]["headers"] if name != b"content-encoding"]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answered(sent[0]["status"], httpx2.Headers(raw), body)


def refused(got: Answered) -> Answered:
    """A 4xx that says why; or 501 for what is not built."""
    assert 400 <= got.status < 500 or got.status == 501, (got.status, got.body[:500])
    assert got.json["resourceType"] == "OperationOutcome"
    assert len(got.body) < 100_000  # no echo of what was sent
    return got


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    urls = {"memory": "memory:", "sqlite": f"sqlite:{folder}", "postgresql": SERVER}
    with serving(urls[request.param], audited=True) as running:
        running.store.restore()
        running.ask("PUT", "Patient/known", KNOWN)
        yield Victim(running)

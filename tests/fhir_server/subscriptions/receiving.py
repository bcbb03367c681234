"""A subscriber on a real socket, and a server whose subscriptions are carried out step by step."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fhir_server.clock import SteppedClock
from fhir_server.subscriptions.delivery import Policy
from fhir_server.subscriptions.operations import operations
from fhir_server.subscriptions.service import Subscriptions
from fhir_server.subscriptions.topics import Topic, Trigger
from tests.fhir_server.serving import BASE, NOON, Server, serving

FINAL = "http://test/topics/result-final"
CHANGED = "http://test/topics/patient-changed"
TOPICS = [
    Topic(
        FINAL,
        "A result becomes final",
        (
            Trigger(
                "DiagnosticReport",
                ("create", "update"),
                current="status=final",
                previous="status:not=final",
                both=True,
            ),
        ),
        (("DiagnosticReport", "patient"), ("DiagnosticReport", "code")),
    ),
    Topic(CHANGED, "A patient changes", (Trigger("Patient"),), (("Patient", "gender"),)),
]
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"


@dataclass
class Got:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parameters(self) -> dict[str, Any]:
        """The status of a notification bundle: name -> value, events as a list of dicts."""
        found: dict[str, Any] = {"events": []}
        for part in self.json["entry"][0]["resource"]["parameter"]:
            if part["name"] == "notification-event":
                found["events"].append({p["name"]: _value(p) for p in part["part"]})
            else:
                found[part["name"]] = _value(part)
        return found


def _value(part: dict[str, Any]) -> Any:
    value = next(v for k, v in part.items() if k.startswith("value"))
    return value["reference"] if isinstance(value, dict) and "reference" in value else value


@dataclass
class Receiver:
    address: str
    got: list[Got] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # statuses to give, then 200


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Got(self.command, self.path, headers, body))
            self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        do_POST = do_PUT = take

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Late:
    """Stands for subscriptions that are made after the app they watch."""

    def __init__(self) -> None:
        self.real: Any = None

    def changed(self, *arguments: Any) -> None:
        self.real.changed(*arguments)

    def wake(self) -> None:
        self.real.wake()


@contextmanager
def subscribing(url: str, policy: Policy | None = None, store_for: Any = None) -> Iterator[Server]:
    """`server.subscriptions` does nothing by itself: `settle` carries out what is to be done."""
    late = Late()
    late_operations: list[Any] = []
    with serving(url, watcher=late, operations=late_operations, store_for=store_for) as server:
        started(server, late, policy, store_for)
        server.late = late
        yield server
        late.real.close()


def started(server: Server, late: Late, policy: Policy | None, store_for: Any = None) -> None:
    see = store_for(server.store) if store_for else lambda caller: server.store
    late.real = server.subscriptions = Subscriptions(
        server.store, see, server.clock, UTC, BASE, TOPICS, policy=policy or Policy(3, 0.0)
    )


@contextmanager
def asked(url: str) -> Iterator[Server]:
    """The same with `$status` and `$events`."""
    late = Late()
    clock = SteppedClock(NOON)
    holder: dict[str, Any] = {}
    subscriptions = Subscriptions.__new__(Subscriptions)
    with serving(url, watcher=late, operations=operations(subscriptions)) as server:
        subscriptions.__init__(  # type: ignore[misc]  # the app wants it before its store exists
            server.store, lambda caller: server.store, clock, UTC, BASE, TOPICS
        )
        late.real = server.subscriptions = subscriptions
        holder["server"] = server
        yield server
        subscriptions.close()


def settle(server: Server) -> None:
    """Everything that can be done now is done."""
    for _ in range(20):
        server.subscriptions.step()


def wish(criteria: str, endpoint: str, id_: str = "s", **channel: Any) -> dict[str, Any]:
    return {
        "resourceType": "Subscription",
        "id": id_,
        "status": "requested",
        "reason": "a test",
        "criteria": criteria,
        "channel": {"type": "rest-hook", "endpoint": endpoint, **channel},
    }


def content(word: str) -> dict[str, Any]:
    """What a subscription by topic wants to be shown."""
    extension = {"url": f"{BACKPORT}payload-content", "valueCode": word}
    return {"payload": "application/fhir+json", "_payload": {"extension": [extension]}}


def put(server: Server, tree: dict[str, Any], **headers: Any) -> None:
    said = server.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree, **headers)
    assert said.status in (200, 201), said.body


def status_of(server: Server, id_: str = "s") -> str:
    return server.ask("GET", f"Subscription/{id_}").json["status"]

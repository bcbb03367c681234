"""Subscriptions over a real websocket, with the client of the websockets library."""

import json
from contextlib import contextmanager
from datetime import UTC, timedelta

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from fhir_server.app import create_fhir_app
from fhir_server.clock import SteppedClock
from fhir_server.guard import OpenGuard
from fhir_server.store.open import open_store
from fhir_server.subscriptions.service import Subscriptions
from fhir_server.subscriptions.websocket import Websocket
from tests.fhir_server.serving import BASE, FINE, NOON, on_a_socket
from tests.fhir_server.subscriptions.receiving import CHANGED, TOPICS

pytestmark = pytest.mark.spec("subscription.html")

PATIENT = {"resourceType": "Patient", "id": "p"}


class Running:
    """A server on a socket whose subscriptions run in their thread."""

    def __init__(self, address, clock, subscriptions):
        self.clock, self.subscriptions = clock, subscriptions
        self.http = httpx2.Client(base_url=address + "/", headers={"X-Requester": "me"})
        self.socket = "ws" + address.removeprefix("http") + "/$subscriptions"

    def put(self, tree):
        said = self.http.put(
            f"{tree['resourceType']}/{tree['id']}",
            json=tree,
            headers={"content-type": "application/fhir+json"},
        )
        assert said.status_code in (200, 201), said.text

    def subscribe(self, criteria, id_="s"):
        channel = {"type": "websocket"}
        status = {"status": "requested", "reason": "a test"}
        self.put(
            {
                "resourceType": "Subscription",
                "id": id_,
                "criteria": criteria,
                "channel": channel,
                **status,
            }
        )
        while self.http.get(f"Subscription/{id_}").json()["status"] != "active":
            pass

    def token(self, path="Subscription/s/$get-ws-binding-token"):
        parts = self.http.get(path).json()["parameter"]
        return {part["name"]: next(v for k, v in part.items() if k != "name") for part in parts}

    def listen(self, who="me"):
        return connect(self.socket, additional_headers={"X-Requester": who}, proxy=None)


@contextmanager
def open_at(url):
    store, clock = open_store(url, "tests"), SteppedClock(NOON)
    subscriptions = Subscriptions(
        store, lambda caller: store, clock, UTC, BASE, TOPICS, autostart=True
    )
    websocket = Websocket(subscriptions, OpenGuard(), BASE)
    app = create_fhir_app(
        lambda caller: store,
        FINE,
        OpenGuard(),
        websocket.operations(),
        clock=clock,
        base_url=BASE,
        watcher=subscriptions,
        websocket=websocket,
    )
    with on_a_socket(app) as address:
        running = Running(address, clock, subscriptions)
        yield running
        running.http.close()
        subscriptions.close()
    store.close()


@pytest.fixture
def server(tmp_path):
    with open_at(f"sqlite:{tmp_path}") as running:
        yield running


def test_a_classic_ping(server):
    server.subscribe("Patient?gender:missing=true")
    with server.listen() as socket:
        socket.send("bind s")
        assert socket.recv(10) == "bound s"
        server.put(PATIENT)
        assert socket.recv(10) == "ping s"


def test_a_topic_by_token(server):
    server.subscribe(CHANGED)
    token = server.token()
    assert token["expiration"] == "2026-03-01T12:05:00.000Z"
    assert token["websocket-url"] == "ws://test/fhir/$subscriptions"
    with server.listen() as socket:
        socket.send(f"bind-with-token {token['token']}")
        first = json.loads(socket.recv(10))
        assert first["entry"][0]["resource"]["parameter"][3]["valueCode"] == "handshake"
        server.put(PATIENT)
        told = json.loads(socket.recv(10))
        assert told["entry"][1]["fullUrl"] == "http://test/fhir/Patient/p"


def test_a_token_for_several(server):
    server.subscribe(CHANGED, "a")
    server.subscribe("Patient", "b")
    token = server.token("Subscription/$get-ws-binding-token?id=a&id=b")
    with server.listen() as socket:
        socket.send(f"bind-with-token {token['token']}")
        assert (
            json.loads(socket.recv(10))["type"] == json.loads(socket.recv(10))["type"] == "history"
        )


@pytest.mark.parametrize("said", ["bind nobody", "bind", "hello", "bind-with-token x", "x" * 5000])
def test_what_is_not_understood(server, said):
    with server.listen() as socket:
        socket.send(said)
        assert socket.recv(10).startswith("error: ")


def test_a_token_is_used_once_and_grows_old(server):
    server.subscribe(CHANGED)
    first, second = server.token()["token"], server.token()["token"]
    with server.listen() as socket:
        socket.send(f"bind-with-token {first}")
        assert "handshake" in socket.recv(10)
        socket.send(f"bind-with-token {first}")
        assert socket.recv(10).startswith("error: ")
        server.clock.advance(NOON + timedelta(minutes=6))
        socket.send(f"bind-with-token {second}")
        assert socket.recv(10).startswith("error: ")


def test_somebody_elses_subscription_is_not_there(server):
    server.subscribe("Patient")
    with server.listen("other") as socket:
        socket.send("bind s")
        assert socket.recv(10) == "error: there is no subscription s"


def test_another_path_is_closed(server):
    with pytest.raises(InvalidStatus, match="403"):
        connect(server.socket.replace("$subscriptions", "elsewhere"), proxy=None)


def test_bytes_end_the_conversation_and_nothing_else(server):
    server.subscribe("Patient")
    with server.listen() as socket:
        socket.send(b"\x00")
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
    assert server.http.get("Subscription/s").status_code == 200


@pytest.mark.parametrize(
    "path", ["Subscription/no/$get-ws-binding-token", "Subscription/$get-ws-binding-token?id=no"]
)
def test_no_token_for_what_is_not_there(server, path):
    assert server.http.get(path).status_code == 404

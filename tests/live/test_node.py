"""`lienthong node` with several workers over one store, from the start to Ctrl-C; and its refusals.

What one worker wrote the others know, what only one may do is done by one, and by another one when
that is killed.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner
from websockets.sync.client import connect

from fhir_server.audit import KIND, verify_chain
from fhir_server.store.open import open_store
from lienthong.cli.main import app
from lienthong.node import TENANT
from tests.fhir_server.store.stores import SERVER
from tests.fhir_server.subscriptions.receiving import receiving
from tests.live.nodes import NodeProcess

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("live node")]
WORKERS = 3
KINDS = ["sqlite", *(["postgresql"] if SERVER else [])]
PATIENT = {"resourceType": "Patient", "name": [{"family": "Nguyễn"}]}


@dataclass
class Serving:
    """A node that runs, its folder, and a client for each of its workers."""

    node: NodeProcess
    folder: Path
    kind: str
    clients: list[httpx2.Client]

    @property
    def store_url(self) -> str:
        return SERVER if self.kind == "postgresql" else f"sqlite:{self.folder / 'node'}"


@pytest.fixture(scope="module", params=KINDS)
def serving(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    up_environment: dict[str, str],
) -> Iterator[Serving]:
    folder, kind = tmp_path_factory.mktemp(request.param), request.param
    more = ["--database", SERVER] if kind == "postgresql" else []
    if more:
        forget_schema()
    with NodeProcess(folder, "--workers", WORKERS, *more, environment=up_environment) as node:
        node.ready()
        clients = list(node.workers(WORKERS).values())
        yield Serving(node, folder, kind, clients)
        for client in clients:
            client.close()
    if more:
        forget_schema()


def forget_schema() -> None:
    engine = create_engine(SERVER)
    with engine.begin() as connection:
        connection.execute(text(f'DROP SCHEMA IF EXISTS "{TENANT}" CASCADE'))
    engine.dispose()


def create(client: httpx2.Client, **more: Any) -> str:
    made = client.post("Patient", json={**PATIENT, **more})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def until(ask: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first answer that is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := ask():
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing within {seconds} s")


# ---- what one knows all know ---------------------------------------------------------------------
def test_parallel_conditional_creates_at_all_workers_make_one(serving: Serving) -> None:
    tree = {**PATIENT, "identifier": [{"system": "urn:mrn", "value": "one"}]}
    headers = {"if-none-exist": "identifier=urn:mrn|one"}

    def ask(number: int) -> httpx2.Response:
        client = serving.clients[number % WORKERS]
        return client.post("Patient", json=tree, headers=headers)

    with ThreadPoolExecutor(WORKERS * 2) as pool:
        answers = list(pool.map(ask, range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_each_worker_reads_what_another_has_just_written(serving: Serving) -> None:
    for number in range(12):
        writing, reading = (serving.clients[(number + k) % WORKERS] for k in (0, 1))
        system = f"urn:mrn:{number}"  # a name that no worker has seen
        made = create(writing, identifier=[{"system": system, "value": "1"}])
        assert reading.get(f"Patient/{made}").status_code == 200
        found = reading.get("Patient", params={"identifier": f"{system}|1"}).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == [made]
        assert reading.delete(f"Patient/{made}").status_code == 204
        assert writing.get(f"Patient/{made}").status_code == 410


def test_a_page_goes_on_at_another_worker(serving: Serving) -> None:
    made = {create(serving.clients[n % WORKERS], active=False) for n in range(7)}
    found: list[str] = []
    address, number = "Patient?active=false&_count=2", 0
    while address:
        answer = serving.clients[number % WORKERS].get(address)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [entry["resource"]["id"] for entry in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        number += 1
    assert number == 4
    assert sorted(found) == sorted(made)


# ---- what one does for all -----------------------------------------------------------------------
def test_exactly_one_leads(serving: Serving) -> None:
    assert len(until(lambda: leaders(serving))) == 1


def leaders(serving: Serving) -> list[int]:
    said = [one.get(f"{serving.node.url}/healthz").json() for one in serving.clients]
    return [body["process"] for body in said if body["leads"]]


def test_a_subscriber_is_told_once_whoever_wrote(serving: Serving) -> None:
    with receiving() as receiver:
        subscribe(serving.clients[0], "told", receiver.address)
        until(lambda: is_active(serving.clients[1], "told"))
        made = [create(serving.clients[n % WORKERS], gender="other") for n in range(9)]
        until(lambda: len(receiver.got) >= len(made))
        last = create(serving.clients[0], gender="other")
        until(lambda: any(got.path.endswith(last) for got in receiver.got))
        told = [got.path.rpartition("/")[2] for got in receiver.got]
        assert sorted(told) == sorted([*made, last])
        assert serving.clients[2].delete("Subscription/told").status_code == 204


def subscribe(client: httpx2.Client, id_: str, endpoint: str) -> None:
    hook = {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json"}
    tree = {
        "resourceType": "Subscription",
        "id": id_,
        "status": "requested",
        "reason": "a test",
        "criteria": "Patient?gender=other",
        "channel": hook if endpoint else {"type": "websocket"},
    }
    assert client.put(f"Subscription/{id_}", json=tree).status_code == 201


def is_active(client: httpx2.Client, id_: str) -> bool:
    return bool(client.get(f"Subscription/{id_}").json()["status"] == "active")


def test_a_listener_by_websocket_is_told_wherever_it_is_connected(serving: Serving) -> None:
    subscribe(serving.clients[0], "heard", endpoint="")
    until(lambda: is_active(serving.clients[2], "heard"))
    address = f"ws{serving.node.base.removeprefix('http')}/$subscriptions"
    with ExitStack() as stack:
        sockets = [stack.enter_context(connect(address, proxy=None)) for _ in range(WORKERS)]
        for one in sockets:
            path = "Subscription/heard/$get-ws-binding-token"
            parts = serving.clients[1].get(path).json()["parameter"]
            one.send(f"bind-with-token {parts[0]['valueString']}")
            assert json.loads(one.recv(20))["type"] == "history"
        create(serving.clients[0], gender="other")
        assert [one.recv(20) for one in sockets] == ["ping heard"] * WORKERS


def test_an_export_begun_at_one_worker_is_fetched_from_another(serving: Serving) -> None:
    for number in range(WORKERS):
        headers = {"prefer": "respond-async"}
        kick = serving.clients[number].get("$export?_type=Patient", headers=headers)
        assert kick.status_code == 202, kick.text
        status, other = kick.headers["content-location"], serving.clients[number - 1]
        manifest = until(partial(finished, other, status))
        (file,) = manifest["output"]
        lines = other.get(file["url"]).text.splitlines()
        assert len(lines) == file["count"] > 0
        assert serving.clients[number].delete(status).status_code == 202
        assert other.get(status).status_code == 404


def finished(client: httpx2.Client, status: str) -> Any:
    answer = client.get(status)
    assert answer.status_code in (200, 202), answer.text
    return answer.json() if answer.status_code == 200 else None


# ---- the end of one, and of all ------------------------------------------------------------------
def test_another_one_leads_when_the_leader_is_killed(serving: Serving) -> None:
    (leader,) = until(lambda: leaders(serving))
    for client in serving.clients:
        client.close()
    with receiving() as receiver:
        os.kill(leader, signal.SIGKILL)
        with serving.node.client() as client:
            subscribe(client, "after", receiver.address)
            until(lambda: is_active(client, "after"))
            made = create(client, gender="other")
            until(lambda: [got for got in receiver.got if got.path.endswith(made)])
    clients = serving.node.workers(WORKERS)  # and a new one stands in for the dead one
    serving.clients[:] = clients.values()
    assert leader not in clients
    assert "a worker ended (-9), another one starts" in serving.node.said()


def test_ctrl_c_ends_all_and_the_audit_trail_is_whole(serving: Serving) -> None:
    processes = [
        one.get(f"{serving.node.url}/healthz").json()["process"] for one in serving.clients
    ]
    for client in serving.clients:
        client.close()
    assert serving.node.end(signal.SIGINT) == 0
    assert "Traceback" not in serving.node.said()
    assert [process for process in processes if alive(process)] == []
    store = open_store(serving.store_url, TENANT)
    rows = store.rows(KIND, limit=100_000)
    assert len(rows) > 30
    assert verify_chain(rows) is None
    store.close()


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# ---- one process ---------------------------------------------------------------------------------
def test_one_process_loads_serves_and_remembers(
    tmp_path: Path, up_environment: dict[str, str]
) -> None:
    (tmp_path / "p.json").write_text(json.dumps({**PATIENT, "id": "p"}), encoding="utf-8")
    more = ["--load", tmp_path / "p.json", "--audit", "off", "--as-of", "2026-02-03"]
    with NodeProcess(tmp_path / "n", *more, environment=up_environment) as node:
        base = node.ready()
        assert "1 resources loaded" in node.line
        found = httpx2.get(f"{base}/Patient/p").json()
        assert found["meta"]["lastUpdated"] == "2026-02-03T00:00:00.000Z"
        assert httpx2.get(f"{base}/AuditEvent").json()["total"] == 0
        second = NodeProcess(tmp_path / "n", environment=up_environment)
        with second, pytest.raises(AssertionError, match="serves this folder already"):
            second.ready()
        assert node.end(signal.SIGTERM) == 0
        assert "Traceback" not in node.said()


# ---- refusals ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--memory", "--workers", "2"], "cannot share what is only in memory"),
        (["--memory", "--database", "postgresql://x/y"], "--memory: keeps nothing"),
        (["--database", "mysql://me:secret@host/x"], "'mysql://***@host/x' is no address of"),
        (
            ["--database", "postgresql+psycopg://me:secret@127.0.0.1:1/x"],
            "the database cannot be used",
        ),
        (["--as-of", "yesterday"], "'yesterday' is no date. Write e.g. 2025-11-15"),
        (["--public-url", "fhir.example"], "'fhir.example' is no address"),
        (["--load", "missing.json"], "missing.json"),
        (["--data", "file"], "the folder cannot be used"),
        (["--workers", "0"], "--workers"),
        (["--validation", "some"], "--validation"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["node", "--port", "0", *words])
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["node", "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} of 127.0.0.1 is in use" in result.stderr

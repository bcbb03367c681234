"""`lienthong reset`: back to what was loaded within five seconds, as if nothing was written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from fhir_profiles import systems
from lienthong.cli.main import app
from lienthong.server import Running
from tests.live.running import in_thread, plan, port_in_reserve

pytestmark = pytest.mark.xdist_group("live network")
FIRST, SECOND = (facility.code for facility in plan().groups[:2])
KNOWN = "p-900000010000000"
LATER = "2025-12-01T01:00:00+00:00"
LIMIT = 5.0  # seconds


def reset(*args: object) -> Result:
    return CliRunner().invoke(app, ["reset", *map(str, args)])


@pytest.fixture
def fresh(copy_of: Callable[[str], Path]) -> Iterator[tuple[Running, httpx2.Client]]:
    """A network of one's own."""
    with (
        in_thread(copy_of("net")) as network,
        httpx2.Client(base_url=network.start.url, timeout=30) as http,
    ):
        yield network, http


def counts(http: httpx2.Client) -> dict[str, int]:
    """What a client sees of every node, by searches."""
    bases = {code: f"/hospitals/{code}/fhir" for code in (FIRST, SECOND)} | {"coordinator": "/fhir"}
    types = ("Patient", "DocumentReference")
    return {
        f"{code} {type_}": http.get(f"{base}/{type_}?_summary=count").json()["total"]
        for code, base in bases.items()
        for type_ in types
    }


def report(number: int) -> dict[str, Any]:
    """A result of the first hospital, which it tells the coordinator by itself."""
    return {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": systems.result(FIRST), "value": f"reset-{number}"}],
        "status": "final",
        "code": {"coding": [{"system": systems.TEST_GROUP, "code": "hba1c"}]},
        "subject": {"reference": f"Patient/{KNOWN}"},
        "effectiveDateTime": "2025-11-29T08:00:00+07:00",
        "performer": [{"identifier": {"system": systems.MA_CSKCB, "value": FIRST}}],
    }


def until(holds: Callable[[], bool]) -> None:
    """Waits for what another thread does; fails after ten seconds."""
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def told(http: httpx2.Client, number: int) -> bool:
    query = f"identifier={systems.result(FIRST)}|reset-{number}&_summary=count"
    return bool(http.get(f"/fhir/DocumentReference?{query}").json()["total"])


def test_the_network_forgets_everything_but_the_clock_and_goes_on(
    fresh: tuple[Running, httpx2.Client],
) -> None:
    network, http = fresh
    before = counts(http)
    for code in (FIRST, SECOND):
        made = http.post(f"/hospitals/{code}/fhir/Patient", json={"resourceType": "Patient"})
        assert made.status_code == 201
    assert http.delete(f"/hospitals/{SECOND}/fhir/ServiceRequest/nothing").status_code < 500
    http.post("/admin/clock", json={"to": LATER})
    assert http.post(f"/hospitals/{FIRST}/fhir/DiagnosticReport", json=report(1)).is_success
    until(lambda: told(http, 1))
    assert counts(http) != before
    begun = time.monotonic()
    done = reset("--url", network.start.url)
    assert done.exit_code == 0, done.output
    assert time.monotonic() - begun < LIMIT
    assert done.stdout.startswith("network: back to what was loaded, in ")
    assert counts(http) == before
    assert http.get("/admin/decisions").json() == {"rows": []}
    assert http.get("/admin/clock").json()["now"] == LATER
    # A hospital that has forgotten tells again, and the coordinator takes it.
    assert http.post(f"/hospitals/{FIRST}/fhir/DiagnosticReport", json=report(1)).is_success
    until(lambda: told(http, 1))


def test_one_hospital_forgets_and_the_others_do_not(
    fresh: tuple[Running, httpx2.Client],
) -> None:
    network, http = fresh
    before = counts(http)
    changed = {"resourceType": "Patient", "id": KNOWN, "name": [{"text": "Ai Đó"}]}
    for code in (FIRST, SECOND):
        http.post(f"/hospitals/{code}/fhir/Patient", json={"resourceType": "Patient"})
    http.put(f"/hospitals/{FIRST}/fhir/Patient/{KNOWN}", json=changed)
    done = reset("--url", network.start.url, "--hospital", FIRST)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{FIRST}: back to what was loaded, in ")
    after = counts(http)
    assert after[f"{FIRST} Patient"] == before[f"{FIRST} Patient"]
    assert after[f"{SECOND} Patient"] == before[f"{SECOND} Patient"] + 1
    known = http.get(f"/hospitals/{FIRST}/fhir/Patient/{KNOWN}").json()
    assert (known["meta"]["versionId"], known["name"][0]["text"]) == ("1", "Nguyễn Thị Hồng Hạnh")


def test_whoever_writes_meanwhile_is_answered(fresh: tuple[Running, httpx2.Client]) -> None:
    network, http = fresh
    patient = {"resourceType": "Patient"}
    for _ in range(5):
        assert reset("--url", network.start.url).exit_code == 0
        made = http.post(f"/hospitals/{FIRST}/fhir/Patient", json=patient)
        assert made.status_code == 201
        there = http.get(f"/hospitals/{FIRST}/fhir/Patient/{made.json()['id']}")
        assert there.status_code == 200


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--hospital", "00000"], 2, ["--hospital", "'00000'", "lists them"]),
        (["--url", "localhost"], 2, ["--url", "http://127.0.0.1:8000"]),
        (["--url", "http://127.0.0.1:{free}"], 1, ["nobody listens", "lienthong up"]),
        (["--url", "{url}/fhir"], 1, ["lienthong doctor"]),
    ],
)
def test_what_cannot_be_reset(
    network: Running, args: list[str], code: int, words: list[str]
) -> None:
    known = {"url": network.start.url, "free": str(port_in_reserve())}
    args = [arg.format(**known) for arg in args]
    done = reset("--url", network.start.url, *args)
    assert (done.exit_code, done.stdout) == (code, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert [word for word in words if word not in done.stderr] == []


def test_what_is_being_loaded_is_left_alone(network: Running) -> None:
    network.network.problem = "the network is being loaded"
    try:
        done = reset("--url", network.start.url)
        clock = httpx2.post(f"{network.start.url}/admin/clock", json={"to": LATER})
    finally:
        network.network.problem = ""
    assert done.exit_code == 1
    assert "503: the network is being loaded" in done.stderr
    assert clock.status_code == 503

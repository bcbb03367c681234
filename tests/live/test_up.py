"""`lienthong up` from the first start to the last: loading, restart, Ctrl-C, kill, refusals."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fhir_profiles import systems
from lienthong.server import GRACE_SECONDS
from tests.live.running import PERSONS, Up, in_thread, plan, port_in_reserve, until_ready

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("live network")]
FIRST, SECOND = (facility.code for facility in plan().groups[:2])
LATER = "2025-12-01T08:00:00+07:00"
CREATES = 60


def patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": systems.mrn(FIRST), "value": f"up-{number}"}],
        "name": [{"text": f"Người thử {number}"}],
    }


def persons_by_hospitals(http: httpx2.Client) -> Counter[str]:
    """How many hospitals know each citizen number."""
    found: Counter[str] = Counter()
    for facility in plan().groups:
        bundle = http.get(f"/hospitals/{facility.code}/fhir/Patient?_count=1000").json()
        numbers = {
            number["value"]
            for entry in bundle.get("entry", ())
            for number in entry["resource"].get("identifier", ())
            if number["system"] == systems.CCCD
        }
        found.update(numbers)
    return found


# ---- a life --------------------------------------------------------------------------------------
def test_from_an_empty_folder_to_a_restart_that_has_forgotten_nothing(
    tmp_path: Path, up_environment: dict[str, str]
) -> None:
    folder, port = tmp_path / "net", port_in_reserve()
    url = f"http://127.0.0.1:{port}"
    with (
        Up(folder, "--port", port, environment=up_environment) as up,
        httpx2.Client(base_url=url, timeout=30) as http,
    ):
        answers = list(until_ready(url))
        check_loading(answers)
        assert up.ready() == url
        at_two = [
            number for number, hospitals in persons_by_hospitals(http).items() if hospitals > 1
        ]
        assert len(at_two) >= PERSONS
        made = http.post(f"/hospitals/{FIRST}/fhir/Patient", json=patient(0)).json()
        assert http.post("/admin/clock", json={"to": LATER}).status_code == 200
        code, seconds = end_while_a_silent_hospital_holds_a_request(up, http)
        assert (code, up.said().count("Traceback"), up.said().count("ERROR")) == (0, 0, 0)
        assert seconds <= 5
    with Up(folder, environment=up_environment) as up:
        with httpx2.Client(base_url=up.ready(), timeout=30) as http:
            kept = http.get(f"/hospitals/{FIRST}/fhir/Patient/{made['id']}").json()
            assert kept == made
            now = http.get("/admin/clock").json()
            assert now == {"now": "2025-12-01T01:00:00+00:00", "stepped": True}
        assert up.seconds <= 20
        assert "drive-coverage: persons" not in up.said()
        assert up.end(signal.SIGTERM)[0] == 0


def check_loading(answers: list[httpx2.Response]) -> None:
    """503 and how far it is, until it is ready."""
    loading, ready = answers[:-1], answers[-1].json()
    assert {answer.status_code for answer in loading} == {503}
    assert {answer.headers["retry-after"] for answer in loading} == {"1"}
    told = [answer.json() for answer in loading]
    assert {body["status"] for body in told} == {"loading"}
    assert {body["stage"] for body in told if "stage" in body} & {"persons", "hospitals"}
    assert (ready["status"], ready["scenario"], ready["seed"]) == ("ready", plan().scenario.name, 1)


def end_while_a_silent_hospital_holds_a_request(up: Up, http: httpx2.Client) -> tuple[int, float]:
    http.post("/admin/faults", json={"node": SECOND, "state": "silent"})
    held: list[object] = []

    def wait() -> None:
        try:
            held.append(http.get(f"/hospitals/{SECOND}/fhir/Patient", timeout=60).status_code)
        except Exception as error:
            held.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not held and not http.get("/admin/faults").json()["held"]:
        pass
    ended = up.end(signal.SIGINT)
    waiting.join(10)
    assert held == [503]
    return ended


# ---- nothing that was accepted is lost -----------------------------------------------------------
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_what_was_acknowledged_is_there_after_a_restart(
    number: signal.Signals,
    copy_of: Callable[[str], Path],
    up_environment: dict[str, str],
) -> None:
    folder = copy_of("net")
    accepted: list[str] = []
    with Up(folder, environment=up_environment) as up:
        url = f"{up.ready()}/hospitals/{FIRST}/fhir/Patient"
        writers = [threading.Thread(target=create, args=(url, k, accepted)) for k in range(4)]
        for writer in writers:
            writer.start()
        while len(accepted) < CREATES:
            assert any(writer.is_alive() for writer in writers)
        code, seconds = up.end(number)
        for writer in writers:
            writer.join(10)
        assert code == (0 if number is signal.SIGINT else -signal.SIGKILL)
        assert seconds <= 5
        assert "Traceback" not in up.said()
    with in_thread(folder) as network, httpx2.Client(base_url=network.start.url) as http:
        found = {id_: http.get(f"/hospitals/{FIRST}/fhir/Patient/{id_}") for id_ in accepted}
        assert [id_ for id_, answer in found.items() if answer.status_code != 200] == []
        # And what was not acknowledged is there whole or not at all.
        bundle = http.get(f"/hospitals/{FIRST}/fhir/Patient?name=nguoi thu&_count=1000").json()
        there = {entry["resource"]["id"] for entry in bundle["entry"]}
        assert set(accepted) <= there
        assert all(entry["resource"]["name"] for entry in bundle["entry"])


def create(url: str, first: int, accepted: list[str]) -> None:
    """Creates one after the other, until nobody answers."""
    with httpx2.Client(timeout=10) as http:
        for number in range(first, 100_000, 4):
            try:
                answer = http.post(url, json=patient(number))
            except httpx2.TransportError:
                return
            if answer.status_code != 201:
                return
            accepted.append(answer.json()["id"])


def test_loading_that_was_interrupted_begins_anew(
    tmp_path: Path, up_environment: dict[str, str]
) -> None:
    folder, port = tmp_path / "net", port_in_reserve()
    url = f"http://127.0.0.1:{port}"
    with Up(folder, "--port", port, environment=up_environment) as up:
        first = next(until_ready(url, up.alive))
        assert first.status_code == 503
        code, seconds = up.end(signal.SIGINT)
        assert code == 0
        assert seconds <= 5
        assert "Traceback" not in up.said()
    assert not (folder / "network.json").exists()
    # What a process that was killed would have left as well.
    (folder / ".seeding-left").mkdir()
    (folder / "stores" / f"{FIRST}.db").write_bytes(b"half of a st")
    with in_thread(folder) as network, httpx2.Client(base_url=network.start.url) as http:
        assert len(persons_by_hospitals(http)) > PERSONS
    assert sorted(path.name for path in folder.iterdir()) == [
        "bulk",
        "network.json",
        "network.lock",
        "stores",
    ]


def test_grace_leaves_room_below_five_seconds() -> None:
    assert GRACE_SECONDS <= 4

"""A system of one's own in the place of a hospital: it is asked where the directory says it is.

The part of that system is played by a hospital of a second network on another port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fhir_profiles.json_text import dump
from lienthong.server import Running
from scenarios.charts.known_people import draft_call, known_person, scene_of
from tests.live.running import in_thread, plan

pytestmark = pytest.mark.xdist_group("live network")
SERVICE = "/cds-services/vn-result-reuse"
PERSON = known_person("kp-01")
HOLDER = scene_of(PERSON, plan().plan, plan().last_morning).cast["holds"].code


@pytest.fixture
def own(copy_of: Callable[[str], Path]) -> Iterator[Running]:
    """What stands in for a hospital: the same reports, another value."""
    with in_thread(copy_of("own")) as found:
        base = f"{found.start.url}/hospitals/{HOLDER}/fhir"
        for entry in httpx2.get(f"{base}/Observation?_count=1000").json()["entry"]:
            changed: dict[str, Any] = entry["resource"]
            if changed.get("valueQuantity", {}).get("value") == 6.8:
                changed["valueQuantity"]["value"] = 7.9
                put = httpx2.put(f"{base}/Observation/{changed['id']}", json=changed)
                assert put.status_code == 200
        yield found


def detail(network: Running) -> str:
    """The text of the card for the order of the person."""
    call = draft_call(PERSON, plan().plan, plan().last_morning, network.start.url)
    answer = httpx2.post(f"{network.start.url}{SERVICE}", content=dump(call), timeout=30)
    assert answer.status_code == 200, answer.text
    return "".join(card["detail"] for card in answer.json()["cards"])


def test_the_coordinator_asks_where_the_directory_says(
    own: Running, copy_of: Callable[[str], Path]
) -> None:
    with (
        in_thread(copy_of("net")) as network,
        httpx2.Client(base_url=network.start.url, timeout=30) as http,
    ):
        assert "6.8 %" in detail(network)
        endpoint = http.get(f"/fhir/Endpoint/{HOLDER}-fhir").json()
        endpoint["address"] = f"{own.start.url}/hospitals/{HOLDER}/fhir"
        assert http.put(f"/fhir/Endpoint/{HOLDER}-fhir", json=endpoint).status_code == 200
        assert "7.9 %" in detail(network)
        own.network.faults.set(HOLDER, "unavailable")
        assert detail(network) == ""

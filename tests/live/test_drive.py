"""One rulebook, two clocks: persons replayed over real HTTP get the simulation's own verdicts.

And the proof can fail: five ways of breaking one side are each noticed.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from dataclasses import replace

import httpx2
import pytest

from fhir_profiles import systems
from lienthong.drive.choose import Wanted
from lienthong.drive.run import check, drive
from lienthong.live.plan import LivePlan, Place
from lienthong.server import Running, Start
from scenarios.scenario import load_scenario
from vietnam.datafiles import InputError

FEW = Wanted(visits=40, elsewhere=60, each=0, look_at=40)


def live_plan(seed: int = 1) -> LivePlan:
    return LivePlan(load_scenario("drive-coverage"), seed)


@contextlib.contextmanager
def network(folder, live: LivePlan):
    """An empty network at the beginning of the study, on a real socket."""
    start = Start(
        live=live,
        place=Place(folder),
        port=0,
        as_of=live.moment(str(live.plan.start)),
        persons=0,
        known=False,
        publish=False,
        deadline=0.7,
    )
    running = Running(start)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.ready and thread.is_alive():
            time.sleep(0.02)
        assert running.failure is None
        with httpx2.Client(base_url=running.start.url, timeout=30) as http:
            yield http
    finally:
        running.stop()
        thread.join()


@pytest.fixture(scope="module")
def mine():
    """The driver's side; compiled once."""
    return live_plan()


@pytest.mark.slow
def test_two_hundred_visits_get_the_same_verdicts(tmp_path, mine):
    with network(tmp_path, live_plan()) as http:
        done = drive(mine, http, Wanted(visits=200, elsewhere=100, each=2, look_at=300))
    assert done.verdicts.differences == []
    assert done.chosen.visits >= 200
    assert done.chosen.elsewhere >= 100
    assert done.rare == {}, "of everything the model can produce at least two"
    assert done.verdicts.lines == done.verdicts.decided + done.verdicts.enacted


def other_window(live: LivePlan) -> None:
    """The service judges by the shortest windows, the scenario by the longest."""
    live.__dict__["policies"] = replace(live.policies, validity_position=-1.0)


def without_observation(resource):
    """An Observation is gone when somebody asks for it."""
    last = resource["resourceType"] == "Observation" and resource["id"].endswith("-0")
    return None if last else resource


def other_unit(resource):
    """A value keeps its number and gets another unit."""
    quantity = resource.get("valueQuantity")
    if quantity is None:
        return resource
    return {**resource, "valueQuantity": {**quantity, "unit": "mg/mL", "code": "mg/mL"}}


def issued_for_effective(resource):
    """The time of the report stands where the time of the specimen should."""
    if "issued" not in resource:
        return resource
    return {**resource, "effectiveDateTime": resource["issued"]}


class WrongLink:
    """A steward links registrations of two persons as soon as both are known."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http, self.seen, self.links = http, {}, 0

    def __call__(self, resource):
        if resource["resourceType"] == "DocumentReference":
            self._link()
        if resource["resourceType"] == "Patient":
            name = resource["name"][0]["text"]
            self.seen.setdefault(name, []).append(resource["id"])
        return resource

    def _link(self) -> None:
        known = [ids[0] for ids in self.seen.values()]
        if len(known) < self.links + 2:
            return
        a, b = known[self.links], known[self.links + 1]
        self.links += 1
        linkage = {
            "resourceType": "Linkage",
            "id": f"wrong-{self.links}",
            "active": True,
            "extension": [{"url": systems.LINK_DECISION, "valueCode": "same"}],
            "item": [
                {"type": "source", "resource": {"reference": f"Patient/{a}"}},
                {"type": "alternate", "resource": {"reference": f"Patient/{b}"}},
            ],
        }
        answer = self.http.put(f"/fhir/Linkage/wrong-{self.links}", json=linkage)
        assert answer.status_code in (200, 201), answer.text


SABOTAGE = [
    ("a changed window", other_window, lambda http: None, "policies"),
    ("a deleted Observation", None, lambda http: without_observation, "code"),
    ("a unit changed", None, lambda http: other_unit, "reasons of"),
    ("issued for effective", None, lambda http: issued_for_effective, "age of"),
    ("a wrong link", None, WrongLink, "result "),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "server", "tamper", "noticed"), SABOTAGE, ids=[row[0] for row in SABOTAGE]
)
def test_sabotage_is_noticed(tmp_path, mine, what, server, tamper, noticed):
    theirs = live_plan()
    if server is not None:
        server(theirs)
    with network(tmp_path, theirs) as http:
        done = drive(mine, http, FEW, tamper=tamper(http))
    kinds = Counter(difference.what for difference in done.verdicts.differences)
    assert not done.equal, what
    assert any(kind.startswith(noticed) for kind in kinds), kinds


def test_the_same_few_visits_are_equal_without_sabotage(tmp_path, mine):
    with network(tmp_path, live_plan()) as http:
        done = drive(mine, http, FEW)
    assert done.verdicts.differences == []


WRONG = [
    ({"hash": "0"}, "hash"),
    ({"seed": 2}, "seed"),
    ({"stepped": False}, "clock follows the wall"),
    ({"publish": True}, "publish by themselves"),
    ({"now": "2025-06-01T00:00:00+07:00"}, "after the first visits"),
]


@pytest.mark.parametrize(("change", "words"), WRONG, ids=[row[1] for row in WRONG])
def test_another_network_is_refused_before_anything_is_sent(mine, change, words):
    found = {
        "hash": mine.hash,
        "seed": 1,
        "stepped": True,
        "publish": False,
        "now": f"{mine.plan.start}T09:00:00+07:00",
    }
    check(mine, found)
    with pytest.raises(InputError, match=words):
        check(mine, found | change)

"""Everything that is generated is valid FHIR and fits each profile that it names."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from fhir_profiles import systems
from fhir_profiles.terminology.catalogue import Terminology, shipped
from fhir_profiles.validation.full import validate
from lienthong.live.plan import LivePlan
from scenarios.charts.code_maps import code_maps
from scenarios.charts.directory import directory, own_directory
from scenarios.charts.known_people import KnownChart, charts, draft_call
from scenarios.charts.known_stories import known_people
from scenarios.charts.life_chart import chart, wanderers
from scenarios.charts.times import ZONE, Timeline
from scenarios.scenario import load_scenario

pytestmark = pytest.mark.spec("validation.html")

Tree = dict[str, Any]
AS_OF = dt.datetime(2025, 11, 15, 9, tzinfo=ZONE)
PERSONS = 12
KEEPERS = 8
PUBLISHED = {"CodeSystem", "ConceptMap"}


@pytest.fixture(scope="module")
def live() -> LivePlan:
    return LivePlan(load_scenario("pilots"), 1)


@pytest.fixture(scope="module")
def minute(live: LivePlan) -> int:
    return Timeline(live.plan.start).minute(AS_OF)


@pytest.fixture(scope="module")
def known(live: LivePlan) -> KnownChart:
    return charts(live.plan, AS_OF)


def errors(tree: Tree) -> list[str]:
    found = validate(tree, level="profile")
    return [f"{tree['id']}: {one}" for one in found if one.severity in ("error", "fatal")]


def written(made: KnownChart) -> Iterator[Tree]:
    yield from made.coordinator
    for held in made.hospitals.values():
        yield from held


def test_known_people(known: KnownChart) -> None:
    counted: Counter[str] = Counter()
    for tree in written(known):
        assert errors(tree) == []
        counted[tree["resourceType"]] += 1
    assert min(counted[name] for name in ("Patient", "Encounter", "DiagnosticReport", "Task")) >= 3


def test_what_a_loaded_network_holds(live: LivePlan, minute: int) -> None:
    counted: Counter[str] = Counter()
    for person in wanderers(live.plan, PERSONS, 0, minute):
        made = chart(live.book, person, 0, minute)
        for tree in [*made.coordinator, *(t for held in made.hospitals.values() for t in held)]:
            assert errors(tree) == []
            counted[tree["resourceType"]] += 1
    assert counted["Observation"] > counted["Patient"] >= PERSONS


def test_the_directories(live: LivePlan) -> None:
    trees = list(directory(live.plan))[:400]
    for keeper in list(live.plan.network.record_groups)[:KEEPERS]:
        trees += own_directory(live.plan, keeper)
    assert [problem for tree in trees for problem in errors(tree)] == []
    assert {"Organization", "Endpoint", "HealthcareService", "Location"} == {
        tree["resourceType"] for tree in trees
    }


def test_draft_orders(live: LivePlan) -> None:
    calls = [
        draft_call(person, live.plan, AS_OF, "http://127.0.0.1:8000") for person in known_people()
    ]
    drafts = [call["context"]["draftOrders"] for call in calls if call is not None]
    assert len(drafts) >= 10
    for bundle in drafts:
        assert errors(bundle | {"id": "draft"}) == []


# ---- codes of the record systems -----------------------------------------------------------------


def codings(tree: Any) -> Iterator[list[Tree]]:
    """Every list of codings below."""
    if isinstance(tree, dict):
        if isinstance(tree.get("coding"), list):
            yield tree["coding"]
        tree = list(tree.values())
    for one in tree if isinstance(tree, list) else ():
        yield from codings(one)


def test_what_record_systems_publish_is_valid(live: LivePlan, minute: int) -> None:
    for keeper in list(live.plan.network.record_groups)[:KEEPERS]:
        made = code_maps(live.plan, keeper, minute)
        assert {tree["resourceType"] for tree in made} <= PUBLISHED
        assert [problem for tree in made for problem in errors(tree)] == []


def test_a_code_that_a_hospital_does_not_map_is_in_no_map(live: LivePlan, minute: int) -> None:
    """A local code beside a shared one is mapped to it; every local code is in its system."""
    seen = {True: 0, False: 0}
    known: dict[str, Terminology] = {}
    for person in wanderers(live.plan, PERSONS, 0, minute):
        for group, held in chart(live.book, person, 0, minute).hospitals.items():
            keeper = live.plan.network.facilities[group].code
            system = systems.local_code(keeper)
            if keeper not in known:
                known[keeper] = shipped().extended(code_maps(live.plan, keeper, minute))
            terms = known[keeper]
            for coding in (found for tree in held for found in codings(tree)):
                local = [one["code"] for one in coding if one["system"] == system]
                shared = {one["code"] for one in coding if one["system"] == systems.TEST_GROUP}
                for code in local:
                    assert terms.display(system, code) is not None
                    found = {one.code for one in terms.translate(system, code)}
                    assert found >= shared
                    seen[bool(found)] += 1
    assert min(seen.values()) > 10

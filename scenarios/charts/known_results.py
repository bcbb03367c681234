"""Earlier results of known people, written by the same functions as those of every other life.

Chance and calendars do not touch them. Numbers have 15 digits and begin with 9: they meet no
generated one, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from coordinator.rules.facts import OneTimeCode
from fhir_profiles import systems
from scenarios import draws
from scenarios.charts.known_casting import specimen
from scenarios.charts.known_stories import Earlier, KnownPerson
from scenarios.charts.results import pointer, report
from scenarios.charts.times import KNOWN_KEY, Timeline
from scenarios.charts.visits import encounter, order_number, service_request
from scenarios.gates import GateBook, Order, Result, Visit
from scenarios.plan import Plan
from scenarios.rollout import NEVER
from scenarios.world.life import OUTPATIENT
from vietnam.catalogue import load_catalogue
from vietnam.places import Facility

Tree = dict[str, Any]
TURNAROUND: Final = 180  # minutes from specimen to report
CORRECTED_AFTER: Final = 1440


@dataclass
class KnownChart:
    """What is written down: by the code of the record system, and at the coordinator."""

    hospitals: dict[str, list[Tree]] = field(default_factory=dict)
    coordinator: list[Tree] = field(default_factory=list)


class KnownBook(GateBook):
    """The facts that chart writers ask for, of people to whom nothing happens by chance."""

    def __init__(self, plan: Plan) -> None:
        calendars = plan.calendars._replace(
            map_from=np.full_like(plan.calendars.map_from, -NEVER),
            method=np.zeros_like(plan.calendars.method),
            images=np.ones_like(plan.calendars.images),
        )
        super().__init__(replace(plan, key=KNOWN_KEY, calendars=calendars))

    def u(self, purpose: int, entity: int, occurrence: int) -> float:
        """The same under every seed."""
        return float(draws.uniform(0, 0, purpose, entity, occurrence))

    def one_time_code(self, visit: Visit) -> OneTimeCode:
        return OneTimeCode.NOT_DEMANDED

    def intervening(self, order: Order) -> bool:
        return False

    def critical(self, prior: Result) -> bool:
        return False


@dataclass
class Scene:
    """One story on its stage: facilities, the moment, and the chart that is being written."""

    person: KnownPerson
    book: KnownBook
    cast: Mapping[str, Facility]
    at: int
    chart: KnownChart = field(default_factory=KnownChart)
    visits: dict[tuple[int, str, int], int] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        return self.book.plan

    def held(self, part: str) -> list[Tree]:
        """What this part has written down so far."""
        return self.chart.hospitals.setdefault(self.cast[part].code, [])

    def visit(
        self,
        part: str,
        key: int,
        minute: int,
        number: int,
        setting: int = OUTPATIENT,
        stay: int = 0,
    ) -> Visit:
        facility = self.cast[part].index
        return Visit(number, key, minute, facility, 0, setting, 0, 0, -1, stay)

    def order(self, visit: Visit, key: int, test: str, region: str | None) -> Order:
        """An order of that visit, written at its minute."""
        group = self.plan.catalogue.by_key[test]
        where = group.regions.index(region) if region else 0
        return Order(visit, key, visit.minute, group.index, where, 0)


def results_of(person: KnownPerson) -> list[Earlier]:
    """All earlier results of a story; of a series every laboratory test, set after set."""
    return [*person.results, *_series(person)]


def _series(person: KnownPerson) -> Iterator[Earlier]:
    if person.series is not None:
        series = person.series
        tests = [g.key for g in load_catalogue().groups if g.modality == "laboratory"]
        for i in range(series.sets):
            part, days = series.at[i % len(series.at)], series.first + i * series.every
            for test in tests:
                yield Earlier(at=part, test=test, days=days)


def earlier(scene: Scene, key: int, told: Earlier) -> None:
    """Visit, order, report and pointer of an earlier result, the `key`th of its story."""
    book, order = scene.book, _order(scene, key, told)
    slot = order.facility, order.test
    book.cal.method[slot], book.cal.images[slot] = told.other_method, told.images
    result = Result(order, order.minute + TURNAROUND)
    trees = report(book, result)
    _vary(scene, trees, told, result)
    held = scene.held(told.at)
    if order.visit.key == key:  # else a visit that is there already
        held.append(encounter(book, order.visit))
    held.extend([service_request(book, order, "completed"), *trees])
    published = book.published_at(result)
    if published is not None and published <= scene.at:
        found = pointer(book, result, published)
        if told.status == "entered-in-error":
            found["status"] = found["docStatus"] = told.status
        elif told.status == "corrected":
            found["docStatus"] = "amended"
        scene.chart.coordinator.append(found)


def _vary(scene: Scene, trees: list[Tree], told: Earlier, result: Result) -> None:
    """What the story says of this result: members measured, values, units, status."""
    members = scene.plan.catalogue.by_key[told.test].members
    for tree in trees:
        if tree["resourceType"] in ("DiagnosticReport", "Observation"):
            tree["status"] = told.status
            if told.status == "corrected":
                later = result.available + CORRECTED_AFTER
                tree["issued"] = Timeline(scene.plan.start).instant(later)
    for member, tree in zip(members, trees[1:], strict=False):
        if (stated := told.values.get(member.key)) is not None:
            unit = stated.unit or member.unit
            tree["valueQuantity"] |= {"value": Decimal(stated.value), "unit": unit, "code": unit}
    if told.only:
        kept = [t for m, t in zip(members, trees[1:], strict=True) if m.key in told.only]
        trees[1:] = kept
        trees[0]["result"] = [{"reference": f"Observation/{tree['id']}"} for tree in kept]


def _order(scene: Scene, key: int, told: Earlier) -> Order:
    number = told.of or scene.person.number
    minute = specimen(told, scene.at)
    first = scene.visits.setdefault((number, told.at, minute), key)
    visit = scene.visit(told.at, first, minute, number)
    return scene.order(visit, key, told.test, told.region)


def result_in_question(scene: Scene) -> str:
    """ "system|value" of the result that the verdict speaks of: the first one of the test."""
    drafted = scene.person.order
    assert drafted is not None
    key, told = next(
        (key, told)
        for key, told in enumerate(results_of(scene.person), start=1)
        if told.test == drafted.test
    )
    number = order_number(scene.book, _order(scene, key, told))
    return f"{systems.result(scene.cast[told.at].code)}|{number}"

"""A life up to a minute as FHIR: what each record system holds, and what the coordinator was told.

Only what was written electronically is there; what lies in the future of that minute is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scenarios.charts.persons import patient
from scenarios.charts.results import consent_denial, pointer, report
from scenarios.charts.visits import encounter, service_request
from scenarios.engines.reference import ReferenceWorld, person_orders
from scenarios.gates import GateBook, Order, Result
from scenarios.plan import Plan, sampled_persons
from scenarios.world.demand import life
from scenarios.world.life import Life, empty_life

Tree = dict[str, Any]


@dataclass
class Chart:
    """What is written down of one person: by record system, and at the coordinator."""

    person: int
    hospitals: dict[int, list[Tree]] = field(default_factory=dict)
    coordinator: list[Tree] = field(default_factory=list)


def is_elsewhere(book: GateBook, facility: int) -> bool:
    """Care outside the network: it has no node."""
    return book.plan.network.facilities[facility].tier == "elsewhere"


def is_written(book: GateBook, order: Order) -> bool:
    """Whether the facility keeps electronic records on the day of the order."""
    at_home = not is_elsewhere(book, order.facility)
    return at_home and bool(book.cal.emr_from[order.facility] <= order.minute)


def posted_at(book: GateBook, result: Result) -> int | None:
    """When the hospital tells the locator of a result; None: never, or it exists on paper only."""
    return book.published_at(result) if is_written(book, result.order) else None


def chart(book: GateBook, person: int, since: int, until: int) -> Chart:
    """Orders from `since` on, and everything that followed from them before `until`."""
    who, orders = person_orders(book.plan, person)
    world = ReferenceWorld(book, who, sharing=True)
    world.run([order for order in orders if order.minute < until])
    made = Chart(person)
    results = {result.order.key: result for result in world.results}
    visits = set()
    for order in orders:
        if not (since <= order.minute < until and is_written(book, order)):
            continue
        held = made.hospitals.setdefault(book.group(order.facility), [])
        if order.visit.key not in visits:
            visits.add(order.visit.key)
            held.append(encounter(book, order.visit))
        result = results.get(order.key)
        held.append(service_request(book, order, "revoked" if result is None else "completed"))
        if result is not None and result.available < until:
            held.extend(report(book, result))
            at = posted_at(book, result)
            if at is not None and at < until:
                made.coordinator.append(pointer(book, result, at))
    _register(book, made, until)
    return made


def _register(book: GateBook, made: Chart, until: int) -> None:
    """Registrations, fed to the coordinator by connected facilities, and what was denied."""
    known = {
        entry["subject"]["identifier"]["system"].rpartition("/")[2] for entry in made.coordinator
    }
    for group, held in made.hospitals.items():
        registered = patient(book.plan, made.person, group, book.registration(made.person, group))
        held.insert(0, registered)
        if book.plan.network.facilities[group].code in known:
            made.coordinator.insert(0, registered)
            if book.denies(made.person, group):
                made.coordinator.append(consent_denial(book, made.person, group, 0))


def wanderers(
    plan: Plan, wanted: int, since: int, until: int, most: int | None = None
) -> Iterator[int]:
    """Persons, spread over the population, whose orders lie at two record systems or more.

    `most` leaves out who has more orders than that in the period.
    """
    room = empty_life()
    found = 0
    for person in _spread(plan.population):
        orders, systems_ = _orders(plan, int(person), room, since, until)
        if systems_ >= 2 and (most is None or orders <= most):
            yield int(person)
            found += 1
            if found == wanted:
                return


def _spread(population: int) -> Iterator[int]:
    """Every person once: a few evenly spread ones first, then those in between."""
    seen: set[int] = set()
    scale = min(1.0, 4096 / population)
    while True:
        for person in sampled_persons(population, scale):
            if int(person) not in seen:
                seen.add(int(person))
                yield int(person)
        if scale >= 1.0:
            return
        scale = min(1.0, scale * 2)


def _orders(plan: Plan, person: int, room: Life, since: int, until: int) -> tuple[int, int]:
    """(orders in the period, record systems that hold electronic ones of them)."""
    _, count = life(*plan.key, person, plan.demand, room)
    minutes = room.order_minute[:count]
    facilities = room.visit_facility[room.order_visit[:count]]
    inside = (minutes >= since) & (minutes < until)
    electronic = inside & (plan.calendars.emr_from[facilities] <= minutes)
    groups = np.unique(plan.calendars.record_group[facilities[electronic]])
    elsewhere = plan.network.elsewhere.index
    return int(np.count_nonzero(inside)), int(np.count_nonzero(groups != elsewhere))

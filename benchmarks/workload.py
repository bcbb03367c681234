"""The same visits for every row: whole persons of the pilots, sampled evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scenarios import draws
from scenarios.desk_plans import MODALITIES, DeskPlan, load_desk_plans
from scenarios.engines.reference import person_orders
from scenarios.parameters import central
from scenarios.plan import Plan, compile_plan, sampled_persons
from scenarios.scenario import load_scenario
from scenarios.world.demand import life
from scenarios.world.life import SETTINGS, empty_life


class DeskOrder(NamedTuple):
    """One order at a desk: which one, for whom, how long, and the draws behind the minutes."""

    modality: str
    setting: str
    service: int
    service_u: float
    report_u: float


class Visit(NamedTuple):
    minute: int
    facility: int
    orders: tuple[DeskOrder, ...]


@dataclass(frozen=True)
class Workload:
    """``visits`` in order of time; ``plans`` by facility index, None where there are no desks."""

    plan: Plan
    persons: np.ndarray
    visits: tuple[Visit, ...]
    plans: tuple[DeskPlan | None, ...]

    @property
    def orders(self) -> int:
        return sum(len(visit.orders) for visit in self.visits)


def workload(persons: int) -> Workload:
    """All visits of ``persons`` sampled persons over warm-up and count period.

    Volumes and places of the desks shrink with the sample (at least one place each): what is
    measured is speed, and waits of a sample mean nothing.
    """
    scenario = load_scenario("pilots", {})
    plan = compile_plan(scenario, central(scenario.resolved), 1, 0)
    chosen = sampled_persons(plan.population, persons / plan.population)
    desk_plans, share = load_desk_plans(), persons / plan.population
    plans = tuple(
        None if f.tier == "elsewhere" else desk_plans.for_facility(f.tier, f.beds).sized(share)
        for f in plan.network.facilities
    )
    visits = [visit for person in chosen for visit in _visits(plan, plans, int(person))]
    visits.sort(key=lambda visit: visit.minute)
    return Workload(plan, chosen, tuple(visits), plans)


def _visits(plan: Plan, plans: tuple[DeskPlan | None, ...], person: int) -> list[Visit]:
    room = empty_life()
    _, orders = person_orders(plan, person, room)
    count, _ = life(*plan.key, person, plan.demand, room)
    by_visit: dict[int, list[DeskOrder]] = {}
    default = next(p for p in plans if p is not None)
    for order in orders:
        modality = MODALITIES[int(plan.care.modality[order.test])]
        service_u, report_u = (
            float(draws.uniform(*plan.key, purpose, person, order.key))
            for purpose in (draws.SERVICE, draws.REPORTING)
        )
        spread = (plans[order.facility] or default).service[modality]
        by_visit.setdefault(order.visit.key, []).append(
            DeskOrder(
                modality,
                SETTINGS[order.visit.setting],
                spread.minutes(service_u),
                service_u,
                report_u,
            )
        )
    return [
        Visit(
            int(room.visit_minute[v]),
            int(room.visit_facility[v]),
            tuple(by_visit.get(int(room.visit_key[v]), ())),
        )
        for v in range(count)
    ]

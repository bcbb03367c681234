"""The floor: a bare SimPy loop with the same visits and the same queues, and nothing else.

No persons, no gates, no draws, no results: a source, one process a visit, per order one request at
the facility's desk, one timeout and one release, then one timeout until the visit ends. An engine
that keeps a person's record in SimPy cannot be faster than this.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simpy import Environment, Resource

from benchmarks.workload import Visit, Workload
from scenarios.desks import FacilityDesks

CONSULTATION = 10  # minutes


def floor(work: Workload) -> int:
    """Plays the visits of one world; the number of visits ended."""
    env, ended = Environment(), []
    desks = {
        (index, modality): Resource(env, day)
        for index, plan in enumerate(work.plans)
        if plan is not None
        for modality, (day, _) in plan.servers.items()
    }

    def one(visit: Visit) -> Generator[Any, Any, None]:
        for order in visit.orders:
            desk = desks.get((visit.facility, order.modality))
            if desk is None:
                yield env.timeout(order.service)
                continue
            with desk.request() as place:
                yield place
                yield env.timeout(order.service)
        yield env.timeout(CONSULTATION)
        ended.append(visit.minute)

    def source() -> Generator[Any, Any, None]:
        for visit in work.visits:
            if visit.minute > env.now:
                yield env.timeout(visit.minute - env.now)
            env.process(one(visit))

    env.process(source())
    env.run()
    return len(ended)


def desks(work: Workload) -> int:
    """The same visits through `scenarios.desks`: emergencies first, minutes by inversion."""
    env, ended = Environment(), []
    facilities = {
        index: FacilityDesks(env, plan, first_weekday=work.plan.start.weekday())
        for index, plan in enumerate(work.plans)
        if plan is not None
    }

    def one(visit: Visit) -> Generator[Any, Any, None]:
        place = facilities.get(visit.facility)
        results = [
            place.order(order.modality, order.setting, order.service_u, order.report_u)
            if place is not None and order.modality in place.desks
            else env.timeout(order.service)
            for order in visit.orders
        ]
        if results:
            yield env.all_of(results)
        yield env.timeout(CONSULTATION)
        ended.append(visit.minute)

    def source() -> Generator[Any, Any, None]:
        for visit in work.visits:
            if visit.minute > env.now:
                yield env.timeout(visit.minute - env.now)
            env.process(one(visit))

    env.process(source())
    env.run(until=work.visits[-1].minute + 7 * 1440)
    return len(ended)

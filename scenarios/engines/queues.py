"""Desks and coordinator of one world at full scale: who waits for what, besides everybody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

from scenarios import draws
from scenarios.coordinator_desk import CoordinatorDesk, load_query_plan
from scenarios.desk_network import Orders, network_desks
from scenarios.desk_plans import load_desk_plans
from scenarios.engines.reference import Person
from scenarios.gates import KEY_SPAN, GateBook, Order, Visit
from scenarios.plan import Plan
from scenarios.rollout import LINK_CLASSES
from scenarios.world.life import SETTINGS

QUERY_SLOTS = 64  # draws kept apart for one query


class Queues:
    """The desks of every facility and the coordinator, in one world of one run."""

    def __init__(
        self,
        env: simpy.Environment,
        plan: Plan,
        people: Sequence[tuple[Person, list[Order]]],
        *,
        background: bool = True,
    ) -> None:
        self.plan = plan
        self.desks = network_desks(
            env,
            plan.network.facilities,
            demand_by_desk(plan, people),
            load_desk_plans(),
            self._background,
            first_weekday=plan.start.weekday(),
            background=background,
        )
        self.coordinator = CoordinatorDesk(env, load_query_plan())

    def _background(self, entity: int, occurrence: int) -> float:
        return float(draws.uniform(*self.plan.key, draws.BACKGROUND, entity, occurrence))

    def offers(self, order: Order) -> bool:
        """Whether the facility has a desk for this order; others take the turnaround table."""
        desks = self.desks.get(order.facility)
        return desks is not None and desks.offers(self._modality(order))

    def order(self, order: Order) -> simpy.Event:
        """Join the queue; the event's value is the minute at which the result is available."""
        person, key = order.visit.person, self.plan.key
        return self.desks[order.facility].order(
            self._modality(order),
            SETTINGS[order.visit.setting],
            float(draws.uniform(*key, draws.SERVICE, person, order.key)),
            float(draws.uniform(*key, draws.REPORTING, person, order.key)),
        )

    def query(self, visit: Visit, source: int, book: GateBook) -> Generator[simpy.Event, Any, bool]:
        """Ask one source through the coordinator; True if the answer came before the deadline."""
        links = book.cal.link_class

        def draw(slot: int) -> float:
            occurrence = (visit.key * KEY_SPAN + source) * QUERY_SLOTS + slot
            return float(
                draws.uniform(*self.plan.key, draws.QUERY_LATENCY, visit.person, occurrence)
            )

        return self.coordinator.query(
            LINK_CLASSES[links[visit.facility]],
            LINK_CLASSES[links[source]],
            draw,
            up=self._up(visit, source, book),
        )

    def _up(self, visit: Visit, source: int, book: GateBook) -> Callable[[], bool]:
        links = (len(book.cal.record_group), visit.facility, source)

        def up() -> bool:
            minute = int(self.coordinator.env.now)
            return not any(book.down(link, minute) for link in links)

        return up

    def _modality(self, order: Order) -> str:
        return self.plan.catalogue.groups[order.test].modality


def demand_by_desk(plan: Plan, people: Sequence[tuple[Person, list[Order]]]) -> dict[int, Orders]:
    """Orders of the simulated people on an average working day, by facility and desk."""
    modality = [g.modality for g in plan.catalogue.groups]
    count = Counter(
        (o.facility, modality[o.test], SETTINGS[o.visit.setting])
        for _, orders in people
        for o in orders
    )
    working_days = plan.days * 5 / 7
    out: dict[int, dict[tuple[str, str], float]] = {}
    for (facility, kind, setting), n in count.items():
        out.setdefault(facility, {})[kind, setting] = n / working_days
    return dict(out)

"""SimPy engine: every visit a process, both worlds side by side (model sections 9 and 11).

Below full scale, results come from turnaround tables and answers from a table. Then this engine
equals the reference order by order. At full scale the desks of each facility and the coordinator
have queues. Then only the time of a result, `answered` and what follows from them may differ.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import simpy
from simpy.events import URGENT

from coordinator.rules.gates import Gate
from scenarios.engines.queues import Queues
from scenarios.engines.reference import (
    Person,
    ReferenceWorld,
    Told,
    performed,
    person_orders,
)
from scenarios.exchange import Exchange, NoExchange, RulesExchange
from scenarios.gates import Assessment, GateBook, Order, Result
from scenarios.plan import Plan
from scenarios.world.life import empty_life

NEVER = 1 << 60
QueueMaker = Callable[[simpy.Environment, Plan, Sequence[tuple[Person, list[Order]]]], Queues]
KEPT_MINUTES = 92 * 1440  # results older than every measurement window are forgotten


class VisitsWorld(ReferenceWorld):
    """One person in one world of a running network: asks through the port, queues at the desks."""

    def __init__(self, arm: Arm, person: Person) -> None:
        super().__init__(arm.book, person, sharing=arm.sharing, opened=arm.opened)
        self.arm = arm
        self.answered_by: dict[int, bool] = {}

    def judged(self, order: Order, priors: Sequence[Result]) -> Iterator[Assessment]:
        return iter(self.arm.exchange.ask(order, priors, self.answered_by))

    def answered(self, visit: Any, source: int) -> bool:
        played = self.answered_by.get(source)
        if played is None:
            return super().answered(visit, source)
        links = (len(self.book.cal.record_group), visit.facility, source)
        return played and not any(self.book.down(link, visit.minute) for link in links)

    def keep(self, result: Result) -> None:
        """Results stand in the order of the person's orders; what no window reaches is dropped."""
        self.results.append(result)
        self.results.sort(key=lambda r: r.order.number)
        oldest = result.specimen - KEPT_MINUTES
        while self.results[0].specimen < oldest:
            self.results.pop(0)


@dataclass
class Arm:
    """One world of the run: its exchange, its desks, and what it told of every order."""

    book: GateBook
    exchange: Exchange
    sharing: bool
    opened: frozenset[Gate]
    queues: Queues | None
    people: dict[int, VisitsWorld] = field(default_factory=dict)
    told: dict[tuple[int, int], Told] = field(default_factory=dict)
    available: dict[tuple[int, int], int] = field(default_factory=dict)

    def person(self, person: Person) -> VisitsWorld:
        if person.index not in self.people:
            self.people[person.index] = VisitsWorld(self, person)
        return self.people[person.index]


class Network:
    """The running network: one clock, every arm, the people and their agenda."""

    def __init__(
        self, plan: Plan, persons: Sequence[int], masks: Sequence[int], queues: QueueMaker | None
    ) -> None:
        self.plan, self.book = plan, GateBook(plan)
        self.env = simpy.Environment()
        room = empty_life()
        self.people = [person_orders(plan, int(p), room) for p in persons]
        self.agenda = sorted(self._agenda(), key=lambda row: row[0])
        worlds: list[tuple[bool, frozenset[Gate]]] = [(False, frozenset())]
        worlds += [(True, frozenset(g for g in Gate if mask & 1 << (g - 1))) for mask in masks]
        self.arms = [
            Arm(
                self.book,
                RulesExchange(self.book, opened) if sharing else NoExchange(),
                sharing,
                opened,
                queues(self.env, plan, self.people) if queues else None,
            )
            for sharing, opened in worlds
        ]
        self.visits = 0

    def _agenda(self) -> Iterator[tuple[int, Person, list[Order]]]:
        """Orders that are placed together: those of a visit, and each day of a stay by itself."""
        for person, orders in self.people:
            for _, rows in itertools.groupby(
                orders, key=lambda o: (o.minute, o.visit.key, o.serial > 0)
            ):
                together = list(rows)
                yield together[0].minute, person, together

    def run(self) -> None:
        """From the first day to the last; every exchange is closed at the end."""
        for link in sorted(self._links()):
            self._toggle_link(link)
        self.env.process(self._arrivals())
        self.env.run(until=self.plan.days * 1440)
        for arm in self.arms:
            arm.exchange.close()

    def _links(self) -> set[int]:
        """Links that anything can depend on: facilities visited, their records, the coordinator."""
        group = self.plan.calendars.record_group
        visited = {order.facility for _, orders in self.people for order in orders}
        return visited | {int(group[f]) for f in visited} | {len(group)}

    def _toggle_link(self, link: int) -> None:
        """Outages reach the exchanges before anything else that happens in their minute."""
        cal = self.plan.calendars
        for i in range(int(cal.outage_offset[link]), int(cal.outage_offset[link + 1])):
            for minute, up in ((cal.outage_start[i], False), (cal.outage_end[i], True)):
                event = self.env.event()
                event._ok, event._value = True, None
                event.callbacks = [self._switch(link, up)]
                self.env.schedule(event, priority=URGENT, delay=int(minute))

    def _switch(self, link: int, up: bool) -> Callable[[simpy.Event], None]:
        def switch(_: simpy.Event) -> None:
            for arm in self.arms:
                arm.exchange.set_state(link, up)

        return switch

    def _arrivals(self) -> Generator[simpy.Event, Any, None]:
        for minute, person, orders in self.agenda:
            if minute > self.env.now:
                yield self.env.timeout(minute - self.env.now)
            self.visits += orders[0].serial == 0
            for arm in self.arms:
                arm.exchange.advance(minute)
                self.env.process(self._visit(arm, person, orders))

    def _visit(
        self, arm: Arm, person: Person, orders: list[Order]
    ) -> Generator[simpy.Event, Any, None]:
        """One visit in one world: queries, decisions, and orders to the desks."""
        world = arm.person(person)
        if arm.queues is not None and arm.sharing:
            world.answered_by = yield from self._queries(arm, world, orders)
        told = [world.one(order) for order in orders]
        for answer in told:
            order = answer.order
            arm.told[person.index, order.number] = answer
            if performed(answer.code):
                result = Result(order, NEVER)
                world.keep(result)
                self._perform(arm, world, result)

    def _perform(self, arm: Arm, world: VisitsWorld, result: Result) -> None:
        """From the table the time is known at once; a desk tells it when it is done."""
        order = result.order
        if arm.queues is None or not arm.queues.offers(order):
            self._done(arm, result, world.available(order))
            return
        event = arm.queues.order(order)
        event.callbacks.append(lambda done: self._done(arm, result, int(done.value)))

    def _done(self, arm: Arm, result: Result, available: int) -> None:
        result.available = available
        order = result.order
        arm.available[order.visit.person, order.number] = available
        at = self.book.published_at(result)
        if at is not None:
            arm.exchange.publish(result, at)

    def _queries(
        self, arm: Arm, world: VisitsWorld, orders: Sequence[Order]
    ) -> Generator[simpy.Event, Any, dict[int, bool]]:
        """One query a source, sent only if the clinician looks; who is not asked is not in here."""
        visit, queues = orders[0].visit, arm.queues
        assert queues is not None
        group = self.book.group(visit.facility)
        sources = {
            self.book.group(prior.order.facility)
            for order in orders
            if not order.serial
            for prior in world.priors(order)
        } - {group}
        mode = self.book.mode(visit, None)
        if not sources or not self.book.seen(visit, mode, world.person.complexity):
            return {}
        asked = {
            source: self.env.process(queues.query(visit, source, self.book))
            for source in sorted(sources)
        }
        yield simpy.AllOf(self.env, list(asked.values()))
        return {source: bool(process.value) for source, process in asked.items()}


@dataclass(frozen=True)
class Played:
    """Outcome of a run: what every arm told of every order, by (person, number of the order)."""

    network: Network

    def told(self, arm: int) -> Mapping[tuple[int, int], Told]:
        return self.network.arms[arm].told


def play(
    plan: Plan,
    persons: Sequence[int],
    masks: Sequence[int] = (0,),
    *,
    queues: QueueMaker | None = None,
) -> Played:
    """Run world 0 and one world for each mask of open gates over the given persons.

    `queues` builds the desks and the coordinator of one world; without it results and answers come
    from tables.
    """
    network = Network(plan, persons, masks, queues)
    network.run()
    return Played(network)

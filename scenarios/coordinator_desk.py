"""The coordinator as a SimPy queue: queries with deadline, retries, back-off (model.md gate 7).

Simulated time is minutes, latencies are milliseconds in ``coordinator_desk.yaml``. A worker of the
coordinator is held only while the coordinator itself computes, not while a hospital answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpy import Environment, Event, Resource

from scenarios.desk_file import at, check_spread, keys, number, whole
from scenarios.desk_plans import Spread
from vietnam.datafiles import Document, read_yaml

COORDINATOR_FILE = Path(__file__).with_name("coordinator_desk.yaml")
LINK_CLASSES = ("central", "provincial", "district", "commune")
MINUTE_MS = 60_000.0
DRAWS_PER_ATTEMPT = 5  # lost, asker's line, coordinator, source's line, source's record system


@dataclass(frozen=True)
class Link:
    """One link class: milliseconds and the share of attempts lost, before the hour's factor."""

    round_trip: Spread
    record: Spread
    lost: float


@dataclass(frozen=True)
class QueryPlan:
    """Everything in ``coordinator_desk.yaml``; times in milliseconds, ``busy`` by hour of day."""

    workers: int
    service: Spread
    deadline: float
    attempt: float
    pauses: tuple[float, ...]
    links: Mapping[str, Link]
    busy: tuple[float, ...]


class CoordinatorDesk:
    """Queries of the whole network at one coordinator; first come, first served.

    ``asked``, ``answered``, ``attempts`` count; ``dropped`` are jobs that reached a worker after
    their asker had given up (they cost no work).
    """

    def __init__(self, env: Environment, plan: QueryPlan) -> None:
        self.env, self.plan = env, plan
        self.workers = Resource(env, plan.workers)
        self.asked = self.answered = self.attempts = self.dropped = 0

    def query(
        self,
        asker: str,
        source: str,
        draw: Callable[[int], float],
        *,
        up: Callable[[], bool] | None = None,
    ) -> Generator[Event, Any, bool]:
        """``answered = yield from coordinator.query(...)``: True if the answer came in time.

        ``asker`` and ``source`` are link classes, ``draw(slot)`` gives the uniform of a slot
        (`DRAWS_PER_ATTEMPT` slots an attempt), ``up()`` says whether the coordinator and both links
        work now; while they do not, attempts get no answer. False takes the whole deadline.
        """
        env, plan = self.env, self.plan
        limit = env.now + plan.deadline / MINUTE_MS
        self.asked += 1
        for attempt in range(len(plan.pauses) + 1):
            reply = Event(env)
            given_up = min(env.now + plan.attempt / MINUTE_MS, limit)
            self.attempts += 1
            if up is None or up():
                slot = attempt * DRAWS_PER_ATTEMPT
                env.process(self._attempt(asker, source, draw, slot, given_up, reply))
            yield reply | env.timeout(given_up - env.now)
            if reply.triggered:
                self.answered += 1
                return True
            if attempt < len(plan.pauses):
                pause = plan.pauses[attempt] / MINUTE_MS
                if env.now + pause >= limit:
                    break
                yield env.timeout(pause)
        if env.now < limit:
            yield env.timeout(limit - env.now)
        return False

    def occupy(self, service_u: float) -> None:
        """A query of somebody outside the simulation: takes a worker, tells nobody."""
        limit = self.env.now + self.plan.attempt / MINUTE_MS
        self.env.process(self._work(service_u, limit))

    def _work(self, service_u: float, limit: float) -> Generator[Event, Any, bool]:
        with self.workers.request() as place:
            yield place
            if self.env.now > limit:
                self.dropped += 1
                return False
            yield self.env.timeout(self.plan.service.minutes(service_u) / MINUTE_MS)
        return True

    def _attempt(
        self,
        asker: str,
        source: str,
        draw: Callable[[int], float],
        slot: int,
        limit: float,
        reply: Event,
    ) -> Generator[Event, Any, None]:
        near, far = self.plan.links[asker], self.plan.links[source]
        busy = self.plan.busy[int(self.env.now) // 60 % 24]
        if draw(slot) < (near.lost + far.lost) * busy:
            return
        there = near.round_trip.minutes(draw(slot + 1)) * busy
        yield self.env.timeout(there / 2 / MINUTE_MS)
        if not (yield from self._work(draw(slot + 2), limit)):
            return
        onward = far.round_trip.minutes(draw(slot + 3)) + far.record.minutes(draw(slot + 4))
        yield self.env.timeout((onward * busy + there / 2) / MINUTE_MS)
        if self.env.now <= limit:
            reply.succeed()


def load_query_plan(path: str | Path = COORDINATOR_FILE) -> QueryPlan:
    """The shipped plan, or one of the same form. InputError names file, line, key, remedy."""
    document = read_yaml(path)
    _check(document)
    value = document.value
    asking, service = value["asking"], value["coordinator"]["service_ms"]
    return QueryPlan(
        workers=value["coordinator"]["workers"],
        service=Spread.of(service),
        deadline=asking["deadline_s"] * 1000.0,
        attempt=asking["attempt_s"] * 1000.0,
        pauses=tuple(pause * 1000.0 for pause in asking["pauses_s"]),
        links={
            name: Link(Spread.of(row["round_trip_ms"]), Spread.of(row["record_ms"]), row["lost"])
            for name, row in value["links"].items()
        },
        busy=tuple(float(factor) for factor in value["busy"]["hours"]),
    )


def _check(document: Document) -> None:
    keys(document, (), ("coordinator", "asking", "links", "busy"))
    keys(document, ("coordinator",), ("range", "reason", "workers", "service_ms"))
    whole(document, ("coordinator", "workers"), 1, 100_000)
    check_spread(document, ("coordinator", "service_ms"))
    keys(document, ("asking",), ("range", "reason", "deadline_s", "attempt_s", "pauses_s"))
    deadline = number(document, ("asking", "deadline_s"), 0.1, 3600)
    number(document, ("asking", "attempt_s"), 0.1, deadline)
    _numbers(document, ("asking", "pauses_s"), range(10))
    keys(document, ("busy",), ("range", "reason", "hours"))
    _numbers(document, ("busy", "hours"), range(24, 25))
    keys(document, ("links",), LINK_CLASSES)
    for name in LINK_CLASSES:
        path = ("links", name)
        keys(document, path, ("range", "reason", "round_trip_ms", "record_ms", "lost"))
        check_spread(document, (*path, "round_trip_ms"))
        check_spread(document, (*path, "record_ms"))
        number(document, (*path, "lost"), 0, 1)


def _numbers(document: Document, path: tuple[str, str], lengths: range) -> None:
    values = at(document, path)
    if not isinstance(values, list) or len(values) not in lengths:
        raise document.error(
            path, "this is not a list of the right length", f"Write up to {lengths[-1]} numbers"
        )
    for i in range(len(values)):
        number(document, (*path, i), 0, 3600)

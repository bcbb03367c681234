"""Diagnostic desks of a facility as SimPy queues (model.md 9 and 11: the process level).

A desk is one multi-server queue: first come, first served, emergencies before the others, nobody is
interrupted. It is compared customer by customer with the Kiefer-Wolfowitz recursion, see
tests/theory/test_queues.py. Minutes are whole minutes since the start date (midnight).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping
from itertools import accumulate
from typing import Any

from simpy import Environment, Event, PriorityResource

from scenarios.desk_plans import MODALITIES, SETTINGS, WEEK, DeskPlan

URGENT, ROUTINE = 0, 1
PRIORITY = {"outpatient": ROUTINE, "emergency": URGENT, "inpatient": ROUTINE}
UNLIMITED = 2**62  # places
Draw = Callable[[int, int], float]  # (entity, occurrence) -> uniform in the open interval (0, 1)


class Desk:
    """One queue in front of ``servers`` equal places; None = as many places as there are orders.

    ``waits`` holds every wait in order of service start if ``keep_waits``. ValueError: servers < 1.
    """

    def __init__(self, env: Environment, servers: int | None, *, keep_waits: bool = False) -> None:
        if servers is not None and (isinstance(servers, bool) or int(servers) != servers):
            raise ValueError(f"servers must be a whole number, not {servers!r}")
        if servers is not None and servers < 1:
            raise ValueError(f"a desk needs at least one server, not {servers}")
        self.env, self.servers = env, servers
        self.resource: Any = PriorityResource(env, servers or UNLIMITED)
        self.waits: list[float] | None = [] if keep_waits else None
        self.arrived = self.begun = self.served = self.present = 0
        self.total_wait: float = 0
        self.total_sojourn: float = 0
        self.busy: float = 0
        self._area: float = 0
        self._since = self._marked = env.now

    def serve(
        self, minutes: int, priority: int = ROUTINE, after: int = 0, *, tell: bool = True
    ) -> Event | None:
        """Queues now for a place, keeps it for ``minutes``.

        The event happens ``after`` minutes past the end of service (signature, report); its value
        is that minute. With ``tell=False`` nobody is told and there is no event.
        """
        done = Event(self.env) if tell else None
        self._mark(1)
        self.arrived += 1
        _Order(self, minutes, priority, after, done)
        return done

    def close(self, places: int, until: int) -> None:
        """Takes ``places`` out of service until a minute; who waits already is served first."""
        for _ in range(places):
            self.env.process(self._closed(until))

    def _closed(self, until: int) -> Generator[Event, Any, None]:
        with self.resource.request(ROUTINE) as place:
            yield place
            yield self.env.timeout(max(0, until - self.env.now))

    def _mark(self, change: int) -> None:
        now = self.env.now
        self._area += self.present * (now - self._marked)
        self._marked = now
        self.present += change

    @property
    def area(self) -> float:
        """Customer-minutes in the system up to now: the integral in Little's law."""
        return self._area + self.present * (self.env.now - self._marked)

    @property
    def mean_wait(self) -> float:
        """Mean minutes before service, of those whose service has begun."""
        return self.total_wait / self.begun if self.begun else 0.0

    @property
    def utilisation(self) -> float:
        """Share of place-minutes used by finished services since the desk was made."""
        span = self.env.now - self._since
        return self.busy / (span * self.servers) if span and self.servers else 0.0


class _Order:
    """Request, service and release chained by callbacks: three events, no process."""

    __slots__ = ("after", "arrived", "desk", "done", "minutes", "request")

    def __init__(
        self, desk: Desk, minutes: int, priority: int, after: int, done: Event | None
    ) -> None:
        self.desk, self.minutes, self.after, self.done = desk, minutes, after, done
        self.arrived = desk.env.now
        self.request = desk.resource.request(priority)
        self.request.callbacks.append(self._begin)

    def _begin(self, _: Event) -> None:
        desk = self.desk
        wait = desk.env.now - self.arrived
        desk.begun += 1
        desk.total_wait += wait
        if desk.waits is not None:
            desk.waits.append(wait)
        desk.env.timeout(self.minutes).callbacks.append(self._end)

    def _end(self, _: Event) -> None:
        desk = self.desk
        desk._mark(-1)
        desk.served += 1
        desk.busy += self.minutes
        desk.total_sojourn += desk.env.now - self.arrived
        desk.resource.release(self.request)
        if self.done is not None:
            self.done._ok = True
            self.done._value = desk.env.now + self.after
            desk.env.schedule(self.done, delay=self.after)


class FacilityDesks:
    """The desks of one facility; orders for a modality without desk go to ``forward``.

    ``first_weekday``: weekday of minute 0 (Monday = 0). ``unlimited``: no queue anywhere.
    """

    def __init__(
        self,
        env: Environment,
        plan: DeskPlan,
        *,
        forward: FacilityDesks | None = None,
        first_weekday: int = 0,
        unlimited: bool = False,
        keep_waits: bool = False,
    ) -> None:
        self.env, self.plan, self.forward = env, plan, forward
        self.first_weekday = first_weekday
        self.desks = {
            m: Desk(env, None if unlimited else day, keep_waits=keep_waits)
            for m, (day, _) in plan.servers.items()
        }
        if not unlimited and any(day > night for day, night in plan.servers.values()):
            env.process(self._shifts())

    def offers(self, modality: str) -> bool:
        return modality in self.desks or (
            self.forward is not None and self.forward.offers(modality)
        )

    def order(self, modality: str, setting: str, service_u: float, report_u: float) -> Event:
        """An order placed now; the event happens, with that minute as value, when the result is
        available (desk, then validation and signature). ValueError: nobody offers the modality."""
        desk = self.desks.get(modality)
        if desk is None:
            if self.forward is None:
                raise ValueError(
                    f"nobody serves {modality} orders of this {self.plan.tier} facility"
                )
            return self.forward.order(modality, setting, service_u, report_u)
        minutes = self.plan.service[modality].minutes(service_u)
        report = self.plan.report[modality][setting].minutes(report_u)
        event = desk.serve(minutes, PRIORITY[setting], report)
        assert event is not None
        return event

    def occupy(self, modality: str, setting: str, service_u: float) -> None:
        """An order of somebody outside the simulated population: takes a place, tells nobody."""
        desk = self.desks.get(modality)
        if desk is not None:
            minutes = self.plan.service[modality].minutes(service_u)
            desk.serve(minutes, PRIORITY[setting], tell=False)

    def _shifts(self) -> Generator[Event, Any, None]:
        """Evenings and Sundays part of the places is closed."""
        start, end = (hour * 60 for hour in self.plan.shift)
        day = 0
        while True:
            begin, off = day * 1440 + start, day * 1440 + end
            if (self.first_weekday + day) % 7 == 6:  # Sunday keeps the night number all day
                off = begin
            if day == 0:
                self._close_until(begin)
            yield self.env.timeout(max(0, off - self.env.now))
            self._close_until((day + 1) * 1440 + start)
            day += 1

    def _close_until(self, minute: int) -> None:
        for modality, desk in self.desks.items():
            by_day, by_night = self.plan.servers[modality]
            if minute > self.env.now:
                desk.close(by_day - by_night, minute)


class BackgroundLoad:
    """Orders of people outside the simulated population: they occupy desks and own no results.

    A Poisson stream per modality whose rate changes by hour and weekday. ``orders_a_day``:
    (modality, setting) -> orders on an average working day; without it ``share`` of the plan's
    volume. All numbers come from ``draw(entity, occurrence)`` with entity = 8 x facility index +
    modality and occurrence = 4 x ordinal + 0 (arrival), 1 (setting), 2 (service), 3 (report).
    ``watch(modality, setting, ordered, available)`` is told of every result, for measuring.
    Public holidays are not modelled here.
    """

    def __init__(
        self,
        desks: FacilityDesks,
        draw: Draw,
        *,
        facility: int = 0,
        share: float | None = None,
        orders_a_day: Mapping[tuple[str, str], float] | None = None,
        watch: Callable[[str, str, int, int], None] | None = None,
    ) -> None:
        self.desks, self.draw, self.facility, self.watch = desks, draw, facility, watch
        plan = desks.plan
        part = plan.background_share if share is None else share
        self.orders_a_day = orders_a_day or {
            (m, s): part * plan.orders_a_day(m, s) for m in desks.desks for s in SETTINGS
        }
        for index, modality in enumerate(MODALITIES):
            rates = self._hourly(modality)
            if modality in desks.desks and sum(map(sum, rates)) > 0:
                desks.env.process(self._stream(modality, facility * 8 + index, rates))

    def _hourly(self, modality: str) -> list[list[float]]:
        """Expected orders in each hour of the week counted from minute 0, by setting."""
        arrivals = self.desks.plan.arrivals
        return [
            [
                self.orders_a_day.get((modality, s), 0.0)
                * arrivals.weight(s, (self.desks.first_weekday + d) % 7, h)
                for s in SETTINGS
            ]
            for d in range(7)
            for h in range(24)
        ]

    def _stream(
        self, modality: str, entity: int, rates: list[list[float]]
    ) -> Generator[Event, Any, None]:
        env, draw, desks = self.desks.env, self.draw, self.desks
        totals = [sum(row) for row in rates]
        cumulative = [0.0, *accumulate(totals)]
        by_setting = [list(accumulate(row)) for row in rates]
        week = cumulative[-1]
        reached, ordinal = 0.0, 0  # expected number of orders so far: the clock of the stream
        while True:
            reached += -math.log1p(-draw(entity, 4 * ordinal))
            weeks, rest = divmod(reached, week)
            hour = min(bisect_right(cumulative, rest) - 1, 167)
            into = (rest - cumulative[hour]) / totals[hour] if totals[hour] else 0.0
            minute = int(weeks) * WEEK + hour * 60 + int(60 * into)
            yield env.timeout(max(0, minute - env.now))
            u = draw(entity, 4 * ordinal + 1) * totals[hour]
            place = min(bisect_right(by_setting[hour], u), len(SETTINGS) - 1)
            setting, service_u = SETTINGS[place], draw(entity, 4 * ordinal + 2)
            if self.watch is None:
                desks.occupy(modality, setting, service_u)
            else:
                event = desks.order(modality, setting, service_u, draw(entity, 4 * ordinal + 3))
                event.callbacks.append(self._watcher(modality, setting, int(env.now)))
            ordinal += 1

    def _watcher(self, modality: str, setting: str, ordered: int) -> Callable[[Event], None]:
        watch = self.watch
        assert watch is not None
        return lambda event: watch(modality, setting, ordered, int(event.value or 0))

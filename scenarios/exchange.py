"""The exchange port: what a simulated hospital asks of the coordination service (design 5).

`NoExchange` is world 0, `RulesExchange` the rulebook in memory; a third one will speak HTTP.
The servers behind the port draw nothing: chance stays on the scenario's side and is enacted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from coordinator.rules.decision import Decision
from coordinator.rules.facts import Publication, RoutingFacts
from coordinator.rules.gates import Gate
from scenarios.gates import RETRIEVED, Assessment, GateBook, Order, Result


class Exchange(Protocol):
    """Time moves forward only. Facilities and links are named by facility index."""

    def advance(self, minute: int) -> None:
        """The clock of the network moves to `minute`."""

    def publish(self, result: Result, at: int) -> None:
        """A source posts where a result is; it can be found from minute `at` on."""

    def set_state(self, link: int, up: bool) -> None:
        """A link goes down or comes up; the coordinator is the link after the last facility."""

    def ask(
        self, order: Order, priors: Sequence[Result], answered: Mapping[int, bool]
    ) -> list[Assessment]:
        """Gates 1 to 10 of each prior, newest first. `answered`: by source, where queried."""

    def close(self) -> None:
        """Nothing is asked any more."""


class NoExchange:
    """The world without sharing: nobody publishes and nobody is answered."""

    def advance(self, minute: int) -> None:
        """Time passes."""

    def publish(self, result: Result, at: int) -> None:
        """Results stay where they are."""

    def set_state(self, link: int, up: bool) -> None:
        """Links carry nothing."""

    def ask(
        self, order: Order, priors: Sequence[Result], answered: Mapping[int, bool]
    ) -> list[Assessment]:
        """No prior is known elsewhere."""
        return []

    def close(self) -> None:
        """There is nothing to close."""


class RulesExchange:
    """The rulebook in memory: an index of published results, the state of links, and the rules."""

    def __init__(self, book: GateBook, opened: frozenset[Gate] = frozenset()) -> None:
        self.book, self.opened = book, opened
        self.now = -(1 << 60)
        self._published: dict[tuple[int, int], int] = {}
        self._down: set[int] = set()

    def advance(self, minute: int) -> None:
        if minute < self.now:
            raise ValueError(f"time runs backwards: {minute} after {self.now}")
        self.now = minute

    def publish(self, result: Result, at: int) -> None:
        self._published[result.order.visit.person, result.order.key] = at

    def set_state(self, link: int, up: bool) -> None:
        (self._down.discard if up else self._down.add)(link)

    def ask(
        self, order: Order, priors: Sequence[Result], answered: Mapping[int, bool]
    ) -> list[Assessment]:
        found: list[Assessment] = []
        newer_critical = False
        for prior in priors:
            routing = self._routing(order, prior, answered)
            assessment = self.book.judged(order, prior, newer_critical, routing)
            found.append(assessment)
            closed = (assessment.failed - self.opened) & RETRIEVED
            newer_critical |= assessment.critical and not closed
        return found

    def _routing(self, order: Order, prior: Result, answered: Mapping[int, bool]) -> Decision:
        """Routing from what was posted and which links are up, not from the calendar."""
        book = self.book
        source = book.group(prior.order.facility)
        facts = book.routing_facts(order, prior, answered.get(source))
        return book.routing_decision(
            dataclasses.replace(
                facts,
                publication=self._publication(order, prior, facts),
                coordinator_up=len(book.cal.record_group) not in self._down,
                requester_link_up=order.facility not in self._down,
                source_link_up=source not in self._down,
            )
        )

    def _publication(self, order: Order, prior: Result, facts: RoutingFacts) -> Publication:
        """From the index if the source is connected; else as if it had been connected all along."""
        if not facts.source_connected:
            return facts.publication
        at = self._published.get((prior.order.visit.person, prior.order.key))
        if at is None:
            return Publication.BEFORE_BACKLOAD if _is_there(prior, order) else Publication.NOT_YET
        return Publication.PUBLISHED if at <= order.minute else Publication.NOT_YET

    def close(self) -> None:
        self._published.clear()


def _is_there(prior: Result, order: Order) -> bool:
    return prior.available <= order.minute

"""The whole trajectory of one person as the simulation tells it: orders, results, verdicts.

World 1 of the reference engine (model page, section 5) is the story; `expect` says of every order
line what the live service can know of it, and so what its decision log must hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from scenarios import draws
from scenarios.engines.reference import Person, ReferenceWorld, Told, performed, person_orders
from scenarios.gates import GateBook, Order, Result, Visit


@dataclass(frozen=True)
class Trajectory:
    """One person: every order with what world 1 did, and every result that was performed."""

    book: GateBook
    person: Person
    told: Sequence[Told]
    results: Sequence[Result]

    @property
    def index(self) -> int:
        return self.person.index

    @cached_property
    def visits(self) -> list[Visit]:
        """Visits that ordered something, in the order of their first order."""
        return list(dict.fromkeys(told.order.visit for told in self.told))

    @cached_property
    def groups(self) -> frozenset[int]:
        """Record systems that the person visited; `elsewhere` has none."""
        return frozenset(
            self.book.group(visit.facility)
            for visit in self.visits
            if not is_elsewhere(self.book, visit.facility)
        )

    def priors(self, order: Order) -> list[Result]:
        """Earlier results of the same test and region within the window, newest first."""
        window = int(self.book.care.window[order.test])
        found = [
            result
            for result in self.results
            if result.order.slot == order.slot and 0 < order.minute - result.specimen <= window
        ]
        return found[::-1]


def is_elsewhere(book: GateBook, facility: int) -> bool:
    """Care outside the network: it has no node."""
    return book.plan.network.facilities[facility].tier == "elsewhere"


def trajectory(book: GateBook, person: int) -> Trajectory:
    """World 1 of one person, to the end of the study."""
    who, orders = person_orders(book.plan, person)
    world = ReferenceWorld(book, who, sharing=True)
    told = world.run(orders)
    return Trajectory(book, who, told, tuple(world.results))


def falsely_linked(story: Trajectory) -> bool:
    """Whether the model links this person to a stranger somewhere (section 5, step 8)."""
    book = story.book
    return any(
        book.u(draws.FALSE_LINK, story.index, group) < book.care.false_link
        for group in story.groups
    )


def was_performed(told: Told) -> bool:
    return performed(told.code)


def lines(stories: Sequence[Trajectory]) -> Iterator[tuple[Trajectory, Told]]:
    """Every order line at a facility of the network."""
    for story in stories:
        for told in story.told:
            if not is_elsewhere(story.book, told.order.facility):
                yield story, told

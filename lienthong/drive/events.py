"""What hospital software does, minute by minute: the chosen lives as a list of events in time.

In one minute calendars come first, then results, then what is published, then orders (model page,
section 2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from lienthong.drive.choose import Story
from lienthong.drive.expected import Expected
from scenarios.charts.life_chart import is_elsewhere, is_written, posted_at
from scenarios.engines.reference import Told
from scenarios.gates import GateBook, Result


class Step(IntEnum):
    """Order of events within a minute."""

    RESULT = 1
    PUBLISH = 2
    ORDERS = 3


@dataclass(frozen=True, order=True)
class Event:
    """One thing that hospital software does. Sorted by minute, step, person and key."""

    minute: int
    step: Step
    person: int
    key: int
    result: Result | None = field(default=None, compare=False)
    lines: tuple[tuple[Told, Expected], ...] = field(default=(), compare=False)


def events(book: GateBook, stories: Iterable[Story]) -> list[Event]:
    """All events of the stories in time: orders of one visit and minute are signed together."""
    found: list[Event] = []
    for story in stories:
        person = story.trajectory.index
        for result in story.trajectory.results:
            if not is_written(book, result.order):
                continue
            key = result.order.number
            found.append(Event(result.available, Step.RESULT, person, key, result))
            at = posted_at(book, result)
            if at is not None:
                found.append(Event(at, Step.PUBLISH, person, key, result))
        found.extend(_orders(book, story))
    return sorted(found)


def _orders(book: GateBook, story: Story) -> Iterable[Event]:
    inside = [t for t in story.trajectory.told if not is_elsewhere(book, t.order.facility)]
    together: dict[tuple[int, int], list[tuple[Told, Expected]]] = {}
    for told, line in zip(inside, story.lines, strict=True):
        assert told.order is line.order
        together.setdefault((told.order.minute, told.order.visit.key), []).append((told, line))
    for (minute, _), lines in together.items():
        first = lines[0][0].order
        yield Event(minute, Step.ORDERS, story.trajectory.index, first.number, lines=tuple(lines))

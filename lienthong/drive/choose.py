"""Which persons are replayed: who visits two facilities or more, until everything was seen enough.

Persons come in a fixed order spread over the population. Those who show a verdict that is still
rare are taken first; then others with earlier results elsewhere, until the totals are reached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from coordinator.rules.decision import Verdict
from lienthong.drive.expected import Expected, expect
from lienthong.drive.trajectory import Trajectory, falsely_linked, is_elsewhere, trajectory
from scenarios.charts.life_chart import wanderers
from scenarios.gates import GateBook
from scenarios.orders import OrderClass


@dataclass(frozen=True)
class Wanted:
    """How much is enough. `look_at` bounds how many persons are considered."""

    visits: int = 2000
    elsewhere: int = 1000
    each: int = 20
    look_at: int = 3000


@dataclass(frozen=True)
class Story:
    """A chosen person with what the service must decide about every order line.

    `visits`: those to facilities of the network that ordered something. `elsewhere`: order lines
    with an earlier result at another facility of the network.
    """

    trajectory: Trajectory
    lines: tuple[Expected, ...]
    codes: Counter[Verdict]
    visits: int
    elsewhere: int


@dataclass
class Chosen:
    """The persons to replay, and how often each verdict and reason occurs with them."""

    stories: list[Story] = field(default_factory=list)
    codes: Counter[Verdict] = field(default_factory=Counter)
    visits: int = 0
    elsewhere: int = 0
    looked_at: int = 0
    left_out: int = 0  # falsely linked in the model: a steward's error that nobody enacts here

    def add(self, story: Story) -> None:
        self.stories.append(story)
        self.codes.update(story.codes)
        self.visits += story.visits
        self.elsewhere += story.elsewhere

    def rare(self, each: int) -> list[Verdict]:
        """Codes that occur, but less often than asked for."""
        return sorted(code for code, count in self.codes.items() if count < each)


def choose(
    book: GateBook, wanted: Wanted, progress: Callable[[int, int], None] | None = None
) -> Chosen:
    """Persons of the scenario for a replay; the same for the same scenario, seed and wish."""
    found: list[Story] = []
    made, seen = Chosen(), Chosen()  # what is taken in the end, and everything looked at
    for person in wanderers(book.plan, wanted.look_at, 0, book.plan.days * 1440):
        made.looked_at += 1
        told = trajectory(book, person)
        if falsely_linked(told):
            made.left_out += 1
            continue
        one = story(told)
        found.append(one)
        seen.add(one)
        if progress:
            progress(made.looked_at, wanted.look_at)
        if _enough(seen, wanted):
            break
    return _picked(found, wanted, made)


def story(told: Trajectory) -> Story:
    """A trajectory with what is expected of each of its lines at a facility of the network."""
    inside = [t for t in told.told if not is_elsewhere(told.book, t.order.facility)]
    lines = tuple(expect(told, t.order) for t in inside)
    codes: Counter[Verdict] = Counter()
    for line in lines:
        codes.update(line.codes)
    for t in inside:
        if t.code == OrderClass.LOST + 11:
            codes[Verdict.NOT_SEEN] += 1
        if t.code == OrderClass.LOST + 12:
            codes[Verdict.NOT_ACCEPTED] += 1
    visits = sum(not is_elsewhere(told.book, visit.facility) for visit in told.visits)
    elsewhere = sum(bool(line.priors or line.absent) for line in lines)
    return Story(told, lines, codes, visits, elsewhere)


def _enough(seen: Chosen, wanted: Wanted) -> bool:
    """Totals reached, and everything that can occur at all is no longer rare."""
    totals = seen.elsewhere >= wanted.elsewhere and seen.visits >= wanted.visits
    return totals and all(seen.codes[code] >= wanted.each for code in PRODUCIBLE)


def _picked(found: list[Story], wanted: Wanted, made: Chosen) -> Chosen:
    """Rare codes first, the rarest before the others; then the most lines a visit."""
    total: Counter[Verdict] = Counter()
    for one in found:
        total.update(one.codes)
    left = dict(enumerate(found))

    def take(i: int) -> None:
        made.add(left.pop(i))

    for code, _ in sorted(total.items(), key=lambda item: item[1]):
        for i in sorted(left, key=lambda i: (-left[i].codes[code] / left[i].visits, i)):
            if made.codes[code] >= wanted.each or not left[i].codes[code]:
                break
            take(i)
    for i in sorted(left, key=lambda i: (-left[i].elsewhere / left[i].visits, i)):
        if made.elsewhere >= wanted.elsewhere and made.visits >= wanted.visits:
            break
        take(i)
    return made


PRODUCIBLE = frozenset(
    {
        Verdict.MATCH_CCCD,
        Verdict.MATCH_BHXH,
        Verdict.MATCH_SCORE,
        Verdict.PERMIT_POLICY,
        Verdict.PERMIT_BREAK_GLASS,
        Verdict.ASK,
        Verdict.VALID,
        Verdict.RECOGNISED,
        Verdict.REVIEW_NAME_AND_BIRTH_ONLY,
        Verdict.REVIEW_SCORE,
        Verdict.DENY_STATED,
        Verdict.CODE_NOT_OBTAINED,
        Verdict.VALIDITY_EXPIRED,
        Verdict.METHOD_NOT_COMPARABLE,
        Verdict.INTERVENING_EVENT,
        Verdict.PRIOR_CRITICAL,
        Verdict.NEWER_CRITICAL,
        Verdict.KIND_NOT_COVERED,
        Verdict.NOT_ON_LIST,
        Verdict.LAB_NOT_RECOGNISED,
        Verdict.LAB_LEVEL_TOO_LOW,
        Verdict.IMAGES_INCOMPLETE,
        Verdict.NO_RULE_IN_FORCE,
        Verdict.REUSE,
        Verdict.REUSABLE,
        Verdict.CRITICAL_INFO,
        Verdict.DUPLICATE_INFO,
        Verdict.RELATED_PRIOR,
        Verdict.NO_PRIOR,
        Verdict.SERIAL_ORDER,
        Verdict.OWN_RECORD,
        Verdict.REQUESTER_NOT_CONNECTED,
        Verdict.SOURCE_ON_PAPER,
        Verdict.SOURCE_NOT_CONNECTED,
        Verdict.BEFORE_BACKLOAD,
        Verdict.NOT_YET_PUBLISHED,
        Verdict.COORDINATOR_DOWN,
        Verdict.REQUESTER_LINK_DOWN,
        Verdict.SOURCE_LINK_DOWN,
        Verdict.NO_ANSWER_IN_TIME,
        Verdict.REQUESTER_CODE_NOT_MAPPED,
        Verdict.SOURCE_CODE_NOT_MAPPED,
        Verdict.NOT_SEEN,
        Verdict.NOT_ACCEPTED,
    }
)
"""Verdicts and reasons that facts of the model can lead to, in one scenario or another."""

"""The oracle: section 5 of the model page in plain Python, person by person, slow and obvious."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from coordinator.rules.decision import Verdict
from coordinator.rules.gates import Gate
from scenarios import draws
from scenarios.gates import RETRIEVED, Assessment, GateBook, Order, Result, Visit
from scenarios.orders import OrderClass
from scenarios.plan import Plan
from scenarios.world.demand import life, person_traits
from scenarios.world.life import REFERRED, RETURNED, Life, does_not_fit, empty_life


@dataclass(frozen=True, slots=True)
class Person:
    """Who the orders belong to: index, age band and complexity z."""

    index: int
    age: int
    complexity: float
    home: int  # commune index


@dataclass(frozen=True, slots=True)
class Told:
    """What one world did with one order, with everything needed to tell it."""

    order: Order
    code: int
    avoidable: bool = False
    needed: bool = False
    prior: Result | None = None
    failed: frozenset[Gate] = frozenset()
    chance: float = 0.0  # P(looks and accepts), if a prior passed gates 1 to 10
    assessments: tuple[Assessment, ...] = field(default=(), repr=False)


def person_orders(plan: Plan, person: int, room: Life | None = None) -> tuple[Person, list[Order]]:
    """The person and their order intents in the order of the model."""
    out = room or empty_life()
    visits, orders = life(*plan.key, person, plan.demand, out)
    if visits < 0:
        raise does_not_fit(plan.scenario.name, person)
    made = [
        Visit(
            person,
            *(
                int(column[v])
                for column in (
                    out.visit_key,
                    out.visit_minute,
                    out.visit_facility,
                    out.visit_kind,
                    out.visit_setting,
                    out.visit_condition,
                    out.visit_episode,
                    out.visit_sender,
                    out.visit_stay,
                )
            ),
        )
        for v in range(visits)
    ]
    intents = [
        Order(
            made[out.order_visit[o]],
            int(out.order_key[o]),
            int(out.order_minute[o]),
            int(out.order_test[o]),
            int(out.order_region[o]),
            int(out.order_serial[o]),
            o,
        )
        for o in range(orders)
    ]
    commune, age, _, _, _, _, z = person_traits(*plan.key, person, plan.demand)
    return Person(person, int(age), float(z), int(commune)), intents


class ReferenceWorld:
    """One world for one person. `sharing` False is world 0; `opened` are gates held open."""

    def __init__(
        self,
        book: GateBook,
        person: Person,
        *,
        sharing: bool,
        opened: frozenset[Gate] = frozenset(),
    ) -> None:
        self.book, self.plan, self.person = book, book.plan, person
        self.sharing, self.opened = sharing, opened
        self.results: list[Result] = []

    def run(self, orders: Sequence[Order]) -> list[Told]:
        """Every order in turn; results exist for the orders after it."""
        told = []
        for order in orders:
            answer = self.one(order)
            told.append(answer)
            if performed(answer.code):
                self.results.append(Result(order, self.available(order)))
        return told

    def available(self, order: Order) -> int:
        care, tier = self.book.care, int(self.book.cal.tier[order.facility])
        row = care.turnaround[tier, care.modality[order.test], order.visit.setting]
        x = self.book.u(draws.TURNAROUND, order.visit.person, order.key) * (len(row) - 1)
        i = int(x)
        wait = int(row[i] + (row[i + 1] - row[i]) * (x - i) + 0.5)
        return order.minute + max(1, wait)

    # ---- the steps of section 5 ------------------------------------------------------------------
    def one(self, order: Order) -> Told:
        if order.serial:  # step 1
            return Told(order, OrderClass.SERIAL)
        priors = self.priors(order)
        if not priors:  # step 2
            return self.stranger(Told(order, OrderClass.FIRST))
        needed = self.needed(order, priors[0])
        group = self.book.group(order.facility)
        own = [p for p in priors if self.book.group(p.order.facility) == group]
        if own:  # step 3
            usable = [p for p in own if p.available <= order.minute]
            if usable and not needed and self.noticed(order):
                return Told(order, OrderClass.LOCAL_REUSED, prior=usable[0])
            return self.stranger(Told(order, OrderClass.LOCAL_PERFORMED, needed=needed))
        carried = self.carried(order, priors)  # step 5
        accepted = self.book.u_accepted(order) < self.book.care.accept_paper
        if carried and not needed and accepted:
            return Told(order, OrderClass.PAPER_REUSED, prior=carried)
        if not self.sharing:
            code = OrderClass.NEEDED_PERFORMED if needed else OrderClass.PERFORMED_REPEAT
            return Told(order, code, avoidable=not needed, needed=needed, prior=priors[0])
        answer = self.shared(order, priors, needed)  # steps 6 and 7
        answer = replace(answer, chance=self.chance(answer, carried is not None))
        if performed(answer.code):
            return self.stranger(answer)
        return answer

    def priors(self, order: Order) -> list[Result]:
        """Earlier results of the same test and region within the window, newest first."""
        window = int(self.book.care.window[order.test])
        found = [
            result
            for result in self.results
            if result.order.slot == order.slot and 0 < order.minute - result.specimen <= window
        ]
        return found[::-1]

    def needed(self, order: Order, newest: Result) -> bool:
        same = int(newest.order.visit.episode == order.visit.episode)
        chance = self.book.care.need[self.book.care.result_class[order.test], same]
        return bool(self.book.u(draws.NEEDED, order.visit.person, order.key) < chance)

    def noticed(self, order: Order) -> bool:
        emr = int(self.book.cal.emr_from[order.facility] <= order.minute)
        u = self.book.u(draws.NOTICED, order.visit.person, order.key)
        return bool(u < self.book.care.noticed[emr])

    def carried(self, order: Order, priors: Sequence[Result]) -> Result | None:
        """The newest available prior, if its paper or film was brought along."""
        care = self.book.care
        available = [p for p in priors if p.available <= order.minute]
        if not available:
            return None
        newest = available[0]
        referred = int(order.visit.kind in (REFERRED, RETURNED))
        chance = float(care.carried[care.film[order.test], referred])
        if self.book.cal.emr_from[newest.order.facility] <= newest.specimen:
            chance *= care.paper_after_emr
        u = self.book.u(draws.PAPER, order.visit.person, order.visit.key)
        return newest if u < chance else None

    def shared(self, order: Order, priors: Sequence[Result], needed: bool) -> Told:
        """All gates of every prior, newest first; the newest that passes is used."""
        assessments: list[Assessment] = []
        for found in self.judged(order, priors):
            complete = self.behaviour(order, found, needed)
            assessments.append(complete)
        for complete in assessments:
            closed = self.closed(complete, needed)
            if not closed:
                used = OrderClass.UNSAFE_MISSED_CHANGE if needed else OrderClass.SHARED_REUSED
                return Told(
                    order,
                    int(used),
                    not needed,
                    needed,
                    complete.result,
                    closed,
                    assessments=tuple(assessments),
                )
        closest = max(assessments, key=lambda a: (min(self.closed(a, needed)), a.result.specimen))
        closed = self.closed(closest, needed)
        code = OrderClass.NEEDED_PERFORMED if needed else OrderClass.LOST + min(closed)
        return Told(
            order,
            int(code),
            not needed,
            needed,
            closest.result,
            closed,
            assessments=tuple(assessments),
        )

    def chance(self, told: Told, carried: bool) -> float:
        """P(looks and accepts) over the priors that passed gates 1 to 10, whatever was drawn.

        Papers that were carried and not accepted say that the draw of acceptance was high.
        """
        order, book, best = told.order, self.book, 0.0
        for found in told.assessments:
            if found.failed - self.opened - {Gate.SEEN, Gate.ACCEPTED}:
                continue
            mode = book.mode(order.visit, book.group(found.result.order.facility))
            look = book.look_chance(order.visit, mode, self.person.complexity)
            look = 1.0 if Gate.SEEN in self.opened else look
            take = book.care.accept_needed
            if not told.needed:
                take = book.acceptance(order, mode, self.person.age)
                paper = book.care.accept_paper
                if carried and paper < 1.0:
                    take = max(0.0, take - paper) / (1.0 - paper)
                take = 1.0 if Gate.ACCEPTED in self.opened else take
            best = max(best, look * take)
        return best

    def closed(self, found: Assessment, needed: bool) -> frozenset[Gate]:
        """Failed gates that are not held open; gate 12 held open gives up no needed repeat."""
        opened = self.opened - {Gate.ACCEPTED} if needed else self.opened
        return found.failed - opened

    def judged(self, order: Order, priors: Sequence[Result]) -> Iterator[Assessment]:
        """Gates 1 to 10 of each prior, newest first. A critical arrival blocks the rest."""
        newer_critical = False
        for prior in priors:
            found = self.book.judged(order, prior, newer_critical)
            yield found
            newer_critical |= found.critical and not (found.failed - self.opened) & RETRIEVED

    def behaviour(self, order: Order, found: Assessment, needed: bool) -> Assessment:
        """Gates 11 and 12 added to what the exchange decided."""
        book, visit = self.book, order.visit
        mode = book.mode(visit, book.group(found.result.order.facility))
        reasons = list(found.reasons)
        if not book.seen(visit, mode, self.person.complexity):
            reasons.append(Verdict.NOT_SEEN)
        chance = book.care.accept_needed
        if not needed:
            chance = book.acceptance(order, mode, self.person.age)
        if book.u_accepted(order) >= chance:
            reasons.append(Verdict.NOT_ACCEPTED)
        return Assessment(found.result, tuple(reasons), found.critical)

    def stranger(self, told: Told) -> Told:
        """Step 8: a false link shows a stranger's result, and it is used."""
        order, book, care = told.order, self.book, self.book.care
        visit, t = order.visit, order.minute
        if not self.sharing:
            return told
        group = book.group(order.facility)
        needed = told.code == OrderClass.NEEDED_PERFORMED
        mode = book.mode(visit, None)
        chance = care.accept_needed if needed else book.acceptance(order, mode, self.person.age)
        open_ = self.opened
        shown = (
            book.u(draws.FALSE_LINK, visit.person, group) < care.false_link
            and (Gate.REQUESTER_CONNECTED in open_ or book.cal.query_from[order.facility] <= t)
            and (Gate.ANSWERED in open_ or self.answered(visit, group))
            and book.u(draws.STRANGER, visit.person, order.key) < care.stranger_result
            and (Gate.SEEN in open_ or book.seen(visit, mode, self.person.complexity))
        )
        accepted = book.u_accepted(order) < chance or (Gate.ACCEPTED in open_ and not needed)
        if not (shown and accepted):
            return told
        code = int(OrderClass.UNSAFE_WRONG_PERSON)
        return Told(
            order,
            code,
            told.avoidable,
            told.needed,
            told.prior,
            told.failed,
            told.chance,
            told.assessments,
        )

    def answered(self, visit: Visit, source: int) -> bool:
        """Gate 7 as a whole: coordinator and both links up, and the answer in time."""
        book, t = self.book, visit.minute
        up = not any(
            book.down(link, t) for link in (len(book.cal.record_group), visit.facility, source)
        )
        return up and book.answered_in_time(visit, source)


def performed(code: int) -> bool:
    return code not in (
        OrderClass.LOCAL_REUSED,
        OrderClass.PAPER_REUSED,
        OrderClass.SHARED_REUSED,
        OrderClass.UNSAFE_MISSED_CHANGE,
        OrderClass.UNSAFE_WRONG_PERSON,
    )

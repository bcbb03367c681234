"""What the decision log must hold of an order line, from the simulation's own facts.

The service stops where it may not or cannot go on, so of the simulation's reasons it can know:

    requester may not ask, or its code is not mapped     the order's own verdict, no results
    paper, not connected, not published (gates 2-4)      nothing: the result must not appear
    not linked                                           the reasons of identity
    consent denies                                       the reasons of consent
    code of the source not mapped                        that
    source does not answer                               503 or silence
    everything open so far                               all reasons of validity and recognition
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import OrderContext, RoutingFacts
from coordinator.rules.gates import GATE_OF, Gate
from coordinator.rules.reuse import (
    Answer,
    Judged,
    Prior,
    decide,
    judge_recognition,
    judge_validity,
)
from coordinator.rules.reuse import Order as RuleOrder
from coordinator.rules.routing import judge_routing
from lienthong.drive.trajectory import Trajectory
from scenarios.charts.results import result_identifier
from scenarios.charts.visits import order_identifier
from scenarios.gates import GateBook, Order, Result

ENACTED_AT_THE_SOURCE = (Gate.SOURCE_ELECTRONIC, Gate.SOURCE_CONNECTED, Gate.PUBLISHED)
MEMBER = "all"  # in the simulation the members of a test group share their fate


@dataclass(frozen=True)
class ExpectedPrior:
    """One earlier result: reasons in order, facts and verdicts of every rule that was asked."""

    result: Result
    reasons: tuple[Verdict, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """One order line. `enacted`: why no decision can come about; then the rest is empty."""

    order: Order
    identifier: str
    decision: Decision
    enacted: Verdict | None = None
    priors: Mapping[str, ExpectedPrior] = field(default_factory=dict)
    absent: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    chosen: tuple[str, ...] = ()

    @property
    def codes(self) -> set[Verdict]:
        """Every verdict and reason code that this line shows to be the same on both sides."""
        found = {reason for prior in self.priors.values() for reason in prior.reasons}
        found |= {code for prior in self.priors.values() for code in prior.verdicts.values()}
        found |= {reason for reasons in self.absent.values() for reason in reasons}
        if self.enacted is not None:
            return found | {self.enacted}
        found |= {Verdict.OWN_RECORD} if self.own else set()
        return found | set(self.decision.reasons)


def name_of(identifier: Mapping[str, str]) -> str:
    """An identifier as the log writes it."""
    return f"{identifier['system']}|{identifier['value']}"


def expect(story: Trajectory, order: Order) -> Expected:
    """What the live service must decide about this order line."""
    book = story.book
    name = name_of(order_identifier(book, order))
    asks = bool(book.cal.query_from[order.facility] <= order.minute)
    mapped = bool(book.cal.map_from[order.facility, order.test] <= order.minute)
    routing = judge_routing(RoutingFacts(requester_connected=asks, requester_mapped=mapped))
    enacted = enacted_at_the_requester(book, order, asks)
    if enacted is not None or not routing.permits:
        return Expected(order, name, routing, enacted)
    return _answered(story, order, name)


def enacted_at_the_requester(book: GateBook, order: Order, asks: bool) -> Verdict | None:
    """Why the call cannot be made: no software, a line that is cut, a coordinator that is down."""
    at = order.minute
    electronic = bool(book.cal.emr_from[order.facility] <= at)
    if not asks and not electronic:
        return Verdict.REQUESTER_NOT_CONNECTED
    if book.down(len(book.cal.record_group), at):
        return Verdict.COORDINATOR_DOWN
    if book.down(order.facility, at):
        return Verdict.REQUESTER_LINK_DOWN
    return None


def _answered(story: Trajectory, order: Order, name: str) -> Expected:
    book, here = story.book, story.book.group(order.facility)
    found: dict[str, ExpectedPrior] = {}
    absent: dict[str, tuple[Verdict, ...]] = {}
    own, open_ = set(), {}
    for prior in story.priors(order):
        key = name_of(result_identifier(book, prior.order))
        hidden = not_posted(book, order, prior)
        if hidden:
            absent[key] = hidden
        elif book.group(prior.order.facility) == here:
            own.add(key)
        else:
            found[key] = _stage(book, order, prior)
            if not found[key].reasons:
                open_[key] = prior
    answer = decide(_rule_order(book, order), [_prior(book, order, k, p) for k, p in open_.items()])
    for judged in answer.log:
        found[judged.prior.key] = _judged(found[judged.prior.key], judged)
    return Expected(
        order, name, answer.decision, None, found, absent, frozenset(own), chosen_of(answer)
    )


def chosen_of(answer: Answer) -> tuple[str, ...]:
    return tuple(dict.fromkeys(judged.prior.key for judged in answer.covered))


def not_posted(book: GateBook, order: Order, prior: Result) -> tuple[Verdict, ...]:
    """Reasons of gates 2 to 4 on the day: the network has never heard of the result."""
    reasons = judge_routing(book.routing_facts(order, prior, answered=True)).reasons
    return tuple(r for r in reasons if GATE_OF.get(r) in ENACTED_AT_THE_SOURCE)


def _stage(book: GateBook, order: Order, prior: Result) -> ExpectedPrior:
    """The first closed stage of a result that was posted; no reasons: it came."""
    facts: dict[str, Any] = {"identity": book.identity_facts(order, prior)}
    decision = book.identity(order, prior)
    verdicts = {"identity": decision.code}
    if decision.permits:
        facts["consent"] = book.consent_facts(order, prior)
        decision = book.consent(order, prior)
        verdicts["consent"] = decision.code
    if decision.permits:
        facts["routing"] = _asked(book.routing_facts(order, prior))
        decision = judge_routing(facts["routing"])
        verdicts["routing"] = decision.code
    return ExpectedPrior(prior, decision.blockers, facts, verdicts)


def _asked(routing: RoutingFacts) -> RoutingFacts:
    """What the service learns: an unreadable code is never fetched, 503 is no silence."""
    mapped, up = routing.source_mapped, routing.source_link_up
    return RoutingFacts(
        source_mapped=mapped,
        source_link_up=up or not mapped,
        answered_in_time=routing.answered_in_time or not up or not mapped,
    )


def _rule_order(book: GateBook, order: Order) -> RuleOrder:
    retest, validity = book.intervals(order)
    context = OrderContext.SERIAL if order.serial else OrderContext.ORDINARY
    return RuleOrder("order", (MEMBER,), order.minute, retest, validity, context)


def _prior(book: GateBook, order: Order, key: str, prior: Result) -> Prior:
    facts = book.validity_facts(order, prior, newer_critical=False)
    return Prior(
        key=key,
        member=MEMBER,
        specimen=prior.specimen,
        reported=prior.available,
        identity=book.identity(order, prior),
        consent=book.consent(order, prior),
        recognition=book.recognition_facts(order, prior),
        method=facts.method,
        finding=facts.finding,
        intervening_event=facts.intervening_event,
    )


def _judged(seen: ExpectedPrior, judged: Judged) -> ExpectedPrior:
    facts = {
        **seen.facts,
        "validity": judged.validity,
        "recognition": judged.prior.recognition,
    }
    verdicts = {
        **seen.verdicts,
        "validity": judge_validity(judged.validity).code,
        "recognition": judge_recognition(judged.prior.recognition).code,
    }
    return ExpectedPrior(seen.result, judged.decision.reasons, facts, verdicts)


def sources(expected: Sequence[Expected], book: GateBook) -> dict[int, Verdict]:
    """Record systems that must be made silent or unavailable for a call about these lines."""
    found: dict[int, Verdict] = {}
    for line in expected:
        for prior in line.priors.values():
            for reason in prior.reasons:
                if reason in (Verdict.SOURCE_LINK_DOWN, Verdict.NO_ANSWER_IN_TIME):
                    found[book.group(prior.result.order.facility)] = reason
    return found

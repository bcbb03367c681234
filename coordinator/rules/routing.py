"""Routing: whom to ask about an earlier result, and why not (gates 1-4, 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from coordinator.rules.decision import Decision, RuleTable, Verdict, always
from coordinator.rules.facts import Publication, RoutingFacts

ROUTING: Final[RuleTable[RoutingFacts]] = RuleTable(
    name="routing",
    version="1",
    rows=(
        (Verdict.OWN_RECORD, lambda f: f.own_record),
        (Verdict.REQUESTER_NOT_CONNECTED, lambda f: not f.requester_connected),
        (Verdict.SOURCE_ON_PAPER, lambda f: not f.source_electronic),
        (Verdict.SOURCE_NOT_CONNECTED, lambda f: not f.source_connected),
        (Verdict.BEFORE_BACKLOAD, lambda f: f.publication is Publication.BEFORE_BACKLOAD),
        (Verdict.NOT_YET_PUBLISHED, lambda f: f.publication is Publication.NOT_YET),
        (Verdict.COORDINATOR_DOWN, lambda f: not f.coordinator_up),
        (Verdict.REQUESTER_LINK_DOWN, lambda f: not f.requester_link_up),
        (Verdict.SOURCE_LINK_DOWN, lambda f: not f.source_link_up),
        (Verdict.NO_ANSWER_IN_TIME, lambda f: not f.answered_in_time),
        (Verdict.REQUESTER_CODE_NOT_MAPPED, lambda f: not f.requester_mapped),
        (Verdict.SOURCE_CODE_NOT_MAPPED, lambda f: not f.source_mapped),
    ),
    openers=((Verdict.ASK, always),),
)


def judge_routing(facts: RoutingFacts) -> Decision:
    """ASK, or one reason per closed gate."""
    return ROUTING.judge(facts)


@dataclass(frozen=True, slots=True)
class Plan:
    """Facilities to ask, in the order given, and the others with the reasons."""

    ask: tuple[str, ...]
    skipped: tuple[tuple[str, Decision], ...]


def whom_to_ask(candidates: Iterable[tuple[str, RoutingFacts]]) -> Plan:
    """Splits candidate facilities (code, what is known before asking)."""
    judged = [(code, judge_routing(facts)) for code, facts in candidates]
    return Plan(
        ask=tuple(code for code, decision in judged if decision.permits),
        skipped=tuple((code, decision) for code, decision in judged if not decision.permits),
    )

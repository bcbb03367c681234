"""Every combination of facts of every rule: total, in order, reachable, and never closing by
opening."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest

from coordinator.rules.consent import CONSENT
from coordinator.rules.decision import PERMITTING, WORDS, Decision, RuleTable, Verdict
from coordinator.rules.facts import (
    AgeBand,
    Agreement,
    BirthAgreement,
    BreakGlass,
    CccdAgreement,
    ConsentFacts,
    Finding,
    IdentityFacts,
    ImplicitPolicy,
    LabLevel,
    Lapse,
    Manual,
    MethodComparison,
    OneTimeCode,
    Publication,
    RecognitionFacts,
    RecognitionRule,
    ResultStatus,
    RoutingFacts,
    SexAgreement,
    Stated,
    TestKind,
    UnitComparison,
    ValidityFacts,
    every_case,
)
from coordinator.rules.gates import GATE_OF, NO_GATE, Gate, closed_gates
from coordinator.rules.identity import IDENTITY
from coordinator.rules.reuse import ANSWER, RECOGNITION, VALIDITY
from coordinator.rules.routing import ROUTING
from tests.rules.chapters import JUDGES

TABLES: dict[str, RuleTable[Any]] = {
    "identity": IDENTITY,
    "consent": CONSENT,
    "routing": ROUTING,
    "validity": VALIDITY,
    "recognition": RECOGNITION,
    "answer": ANSWER,
}
FROM_THE_CALLER = {Verdict.NOT_SEEN, Verdict.NOT_ACCEPTED}


@pytest.fixture(scope="module")
def judged() -> dict[str, dict[Any, Decision]]:
    """Every rule run over all of its cases."""
    return {
        name: {facts: judge(facts) for facts in every_case(facts_class)}
        for name, (facts_class, judge) in JUDGES.items()
    }


@pytest.mark.parametrize("name", JUDGES)
def test_every_case_has_reasons_in_the_order_of_the_table(
    name: str, judged: dict[str, dict[Any, Decision]]
) -> None:
    table = TABLES[name]
    order = [code for code, _ in (*table.rows, *table.openers)]
    order.append(Verdict.RECOGNISED_OWN)
    seen = {decision.reasons: decision for decision in judged[name].values()}
    for reasons, decision in seen.items():
        assert decision.code is reasons[0]
        positions = [order.index(reason) for reason in reasons]
        assert all(a < b for a, b in pairwise(positions))
        assert (decision.rule, decision.version) == (table.name, table.version)


def test_every_code_is_reached_and_closes_a_gate_or_none(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    reached = {d.code for cases in judged.values() for d in cases.values()}
    given = {r for cases in judged.values() for d in cases.values() for r in d.reasons}
    assert set(Verdict) - given == FROM_THE_CALLER
    assert given - reached == set()  # each code decides at least one case
    assert set(GATE_OF) | NO_GATE == set(Verdict)
    assert set(GATE_OF) & NO_GATE == set()


def test_a_gate_decision_permits_or_names_its_gate(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    own_gate = {
        "identity": {Gate.LINKED},
        "consent": {Gate.CONSENTED},
        "validity": {Gate.VALID},
        "recognition": {Gate.RECOGNISED},
    }
    for name, gates in own_gate.items():
        for decision in judged[name].values():
            assert set(closed_gates(decision.blockers)) == (set() if decision.permits else gates)


def test_every_gate_can_be_closed_and_has_a_key() -> None:
    assert set(GATE_OF.values()) == set(Gate)
    assert [gate.key for gate in Gate][:2] == ["requester_connected", "source_electronic"]
    assert closed_gates((Verdict.NOT_SEEN, Verdict.SOURCE_ON_PAPER, Verdict.REUSE)) == (
        Gate.SOURCE_ELECTRONIC,
        Gate.SEEN,
    )


@pytest.mark.parametrize("code", Verdict, ids=lambda code: code.name)
def test_every_code_has_words_of_its_own_in_both_languages(code: Verdict) -> None:
    words = WORDS[code]
    assert words.vi
    assert words.en
    others = [other for other in Verdict if other is not code]
    assert all(WORDS[other].vi != words.vi and WORDS[other].en != words.en for other in others)
    assert words.en.isascii()


def test_permitting_codes_are_no_blockers() -> None:
    kept = Decision(
        Verdict.PERMIT_BREAK_GLASS, (Verdict.PERMIT_BREAK_GLASS, Verdict.DENY_STATED), "", ""
    )
    assert kept.blockers == ()
    mixed = Decision(Verdict.NO_MATCH_MANUAL, (Verdict.NO_MATCH_MANUAL, Verdict.MATCH_CCCD), "", "")
    assert mixed.blockers == (Verdict.NO_MATCH_MANUAL,)
    assert not PERMITTING & FROM_THE_CALLER


# ---- opening a fact never turns a permit into a denial -----------------------------------------
# Each fact's values from closed to open. A fact that is not named has no open and shut side.
UPWARDS: dict[type, list[list[Any]]] = {
    bool: [[False, True]],
    UnitComparison: [list(UnitComparison)],
    MethodComparison: [list(MethodComparison)],
    ResultStatus: [list(ResultStatus)],
    ImplicitPolicy: [list(ImplicitPolicy)],
    LabLevel: [list(LabLevel)],
    Publication: [list(Publication)],
    Stated: [[Stated.DENY, Stated.NONE, Stated.PERMIT]],
    Lapse: [[Lapse.WITHDRAWN, Lapse.EXPIRED, Lapse.NONE]],
    OneTimeCode: [[OneTimeCode.NOT_OBTAINED, OneTimeCode.OBTAINED]],
    BreakGlass: [[BreakGlass.NOT_ASKED, BreakGlass.WITH_REASON]],
    Finding: [[Finding.CRITICAL, Finding.ABNORMAL, Finding.NORMAL]],
    AgeBand: [
        [AgeBand.EXPIRED_OLD, AgeBand.VALID_OLD],
        [AgeBand.EXPIRED_EARLY, AgeBand.VALID_EARLY],
        [AgeBand.VALID_OLD, AgeBand.VALID_LATE, AgeBand.VALID_EARLY],
    ],
    RecognitionRule: [[RecognitionRule.NONE, RecognitionRule.LEVEL_2017]],
    Manual: [[Manual.NOT_SAME, Manual.NONE, Manual.SAME]],
    Agreement: [[Agreement.DISAGREE, Agreement.CLOSE, Agreement.AGREE]],
    CccdAgreement: [
        [CccdAgreement.DISAGREE, CccdAgreement.CLOSE, CccdAgreement.AGREE],
        [CccdAgreement.DISAGREE, CccdAgreement.ODD, CccdAgreement.AGREE],
    ],
    SexAgreement: [[SexAgreement.DISAGREE, SexAgreement.AGREE]],
    BirthAgreement: [
        [BirthAgreement.DISAGREE, BirthAgreement.YEAR, BirthAgreement.FULL],
        [BirthAgreement.DISAGREE, BirthAgreement.CLOSE, BirthAgreement.FULL],
    ],
}
DOWNWARDS = {"sensitive", "intervening_event", "never_reuse", "newer_critical", "requester_level"}
DOWNWARDS |= {"own_record"}


def steps(facts_class: type) -> Iterator[tuple[str, Any, Any]]:
    """(field, closed value, next more open value) of a facts class."""
    for field in fields(facts_class):
        for ladder in UPWARDS.get(type(getattr(facts_class(), field.name)), []):
            turned = ladder[::-1] if field.name in DOWNWARDS else ladder
            yield from ((field.name, lower, higher) for lower, higher in pairwise(turned))


@pytest.mark.parametrize(
    ("name", "facts_class"),
    [
        ("identity", IdentityFacts),
        ("consent", ConsentFacts),
        ("routing", RoutingFacts),
        ("validity", ValidityFacts),
        ("recognition", RecognitionFacts),
    ],
)
def test_opening_a_fact_never_turns_a_permit_into_a_denial(
    name: str, facts_class: type, judged: dict[str, dict[Any, Decision]]
) -> None:
    cases = judged[name]
    permitted = [facts for facts, decision in cases.items() if decision.permits]
    for field, lower, higher in steps(facts_class):
        for facts in permitted:
            if getattr(facts, field) == lower:
                opened = replace(facts, **{field: higher})
                assert cases[opened].permits, (facts, field, higher)


# ---- sentences of the specification, over all cases --------------------------------------------
def all_cases(judged: dict[str, dict[Any, Decision]], name: str) -> Callable[..., list[Decision]]:
    def where(**fixed: Any) -> list[Decision]:
        return [
            decision
            for facts, decision in judged[name].items()
            if all(getattr(facts, field) in allowed for field, allowed in fixed.items())
        ]

    return where


def test_name_and_birth_alone_never_link(judged: dict[str, dict[Any, Decision]]) -> None:
    no_number = [Agreement.MISSING, Agreement.DISAGREE]
    no_cccd = [CccdAgreement.MISSING, CccdAgreement.DISAGREE, CccdAgreement.ODD]
    decisions = all_cases(judged, "identity")(
        manual=[Manual.NONE], cccd=no_cccd, bhxh=no_number, cmnd=no_number
    )
    assert len(decisions) > 1000
    assert not any(decision.permits for decision in decisions)


def test_a_stewards_word_outranks_everything(judged: dict[str, dict[Any, Decision]]) -> None:
    where = all_cases(judged, "identity")
    assert {d.code for d in where(manual=[Manual.NOT_SAME])} == {Verdict.NO_MATCH_MANUAL}
    assert {d.code for d in where(manual=[Manual.SAME])} == {Verdict.MATCH_MANUAL}


def test_another_cccd_or_another_name_is_never_linked_by_itself(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    where = all_cases(judged, "identity")
    differing = where(manual=[Manual.NONE], cccd=[CccdAgreement.DISAGREE])
    differing += where(manual=[Manual.NONE], name=[Agreement.DISAGREE])
    assert not any(decision.permits for decision in differing)


def test_a_stated_denial_yields_to_explained_emergency_access_only(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    decisions = all_cases(judged, "consent")(stated=[Stated.DENY])
    assert {d.code for d in decisions if d.permits} == {Verdict.PERMIT_BREAK_GLASS}


def test_imaging_is_never_recognised_by_the_rule_of_2017(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    decisions = all_cases(judged, "recognition")(
        rule=[RecognitionRule.LEVEL_2017], kind=[TestKind.IMAGING_FUNCTION], own_result=[False]
    )
    assert len(decisions) > 1000
    assert not any(decision.permits for decision in decisions)


def test_no_rating_and_no_accreditation_is_never_recognised(
    judged: dict[str, dict[Any, Decision]],
) -> None:
    decisions = all_cases(judged, "recognition")(
        kind=[TestKind.LABORATORY],
        source_level=[LabLevel.NOT_RATED],
        accredited=[False],
        own_result=[False],
    )
    assert not any(decision.permits for decision in decisions)


def test_some_facts_may_be_held_while_all_others_are_listed() -> None:
    cases = list(every_case(ConsentFacts, policy=ImplicitPolicy.DENY_ALL, sensitive=False))
    assert len(cases) == 2 * 3 * 3 * 3 * 4
    assert {case.policy for case in cases} == {ImplicitPolicy.DENY_ALL}

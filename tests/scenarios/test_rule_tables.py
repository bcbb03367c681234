"""Every cell of every compiled table is what the rule says when it is called with the facts."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from coordinator.rules.consent import judge_consent
from coordinator.rules.facts import (
    AgeBand,
    BreakGlass,
    ConsentFacts,
    Finding,
    LabLevel,
    MethodComparison,
    OneTimeCode,
    Publication,
    RecognitionFacts,
    RecognitionRule,
    RoutingFacts,
    Stated,
    TestKind,
    ValidityFacts,
    every_case,
)
from coordinator.rules.gates import GATE_OF, Gate
from coordinator.rules.identity import identity_facts, judge_identity
from coordinator.rules.reuse import judge_recognition, judge_validity
from coordinator.rules.routing import judge_routing
from scenarios.care import regulations_of
from scenarios.rule_tables import (
    REGISTRATION_CLASSES,
    REGISTRATIONS,
    consent_table,
    identity_table,
    recognition_table,
    validity_table,
)
from tests.scenarios.worlds import study
from vietnam.catalogue import load_catalogue
from vietnam.regulations import load_regulations

CATALOGUE = load_catalogue()
REGULATIONS = list(load_regulations().values())
BOTH = (False, True)


def test_identity():
    table = identity_table()
    assert table.shape == (len(REGISTRATION_CLASSES),) * 2
    for (i, theirs), (j, ours) in product(enumerate(REGISTRATION_CLASSES), repeat=2):
        facts = identity_facts(REGISTRATIONS[theirs], REGISTRATIONS[ours])
        assert table[i, j] == judge_identity(facts).permits, (theirs, ours)
        assert table[i, j] == table[j, i]
    assert table[0, 0] == 1
    assert table.min() == 0  # the classes are worth having only if one of them is not matched


def test_consent():
    table = consent_table()
    assert table.shape == (2, len(OneTimeCode), 2)
    for denied, code, emergency in product(BOTH, OneTimeCode, BOTH):
        facts = ConsentFacts(
            stated=Stated.DENY if denied else Stated.NONE,
            code=code,
            break_glass=BreakGlass.WITH_REASON if emergency else BreakGlass.NOT_ASKED,
        )
        assert table[int(denied), int(code), int(emergency)] == judge_consent(facts).permits, facts


def test_validity():
    table = validity_table()
    assert table.shape == (2,) * 5
    for expired, method, critical, event, newer in product(BOTH, repeat=5):
        facts = ValidityFacts(
            age=AgeBand.EXPIRED_OLD if expired else AgeBand.VALID_OLD,
            method=MethodComparison.DIFFERENT if method else MethodComparison.SAME,
            finding=Finding.CRITICAL if critical else Finding.NORMAL,
            intervening_event=event,
            newer_critical=newer,
        )
        cell = tuple(map(int, (expired, method, critical, event, newer)))
        assert table[cell] == judge_validity(facts).permits, facts
    assert table.sum() == 1  # only a result with nothing against it is valid


@pytest.mark.parametrize("expired", BOTH, ids=["valid", "expired"])
def test_the_two_age_bands_of_the_table_stand_for_all(expired):
    """The engines know only expired or not; for normal and critical findings that is enough.

    Abnormal findings, for which the rule asks how old they are, do not occur in a simulation.
    """
    known = [b for b in AgeBand if b >= AgeBand.VALID_EARLY and b.expired == expired]
    for method, critical, event, newer in product(BOTH, repeat=4):
        facts = ValidityFacts(
            method=MethodComparison.DIFFERENT if method else MethodComparison.INDEPENDENT,
            finding=Finding.CRITICAL if critical else Finding.NORMAL,
            intervening_event=event,
            newer_critical=newer,
        )
        permits = {judge_validity(replace(facts, age=band)).permits for band in known}
        cell = tuple(map(int, (expired, method, critical, event, newer)))
        assert permits == {bool(validity_table()[cell])}


def test_recognition():
    table = recognition_table(REGULATIONS, CATALOGUE)
    assert table.shape == (len(REGULATIONS), len(CATALOGUE.groups), 6, 6, 2, 2)
    for r, regulation in enumerate(REGULATIONS):
        rule = RecognitionRule[regulation.recognition_rule]
        for group in CATALOGUE.groups:
            imaging = group.result_class == "imaging_function"
            for cell in product(range(6), range(6), BOTH, BOTH):
                source, requester, accredited, images = cell
                facts = RecognitionFacts(
                    rule=rule,
                    kind=TestKind.IMAGING_FUNCTION if imaging else TestKind.LABORATORY,
                    source_level=LabLevel(source),
                    requester_level=LabLevel(requester),
                    accredited=accredited,
                    on_list=regulation.on_list[group.key],
                    images_complete=images,
                )
                got = table[(r, group.index, source, requester, int(accredited), int(images))]
                assert got == judge_recognition(facts).permits, (regulation.key, group.key, cell)
    assert 0 < table.mean() < 1


def test_where_nothing_is_recognised_the_table_is_empty():
    regulations = regulations_of(study("no-recognition").scenario)
    assert recognition_table(regulations, CATALOGUE).max() == 0
    assert study("no-recognition").care.recognition_passes.max() == 0


def test_windows_are_those_of_the_regulation_and_the_setting():
    plan = study("tiny-referral-chain", publish__validity_position="0")
    sets = regulations_of(plan.scenario)
    assert plan.care.validity.shape == (len(sets), len(CATALOGUE.groups), 2)
    for r, regulation in enumerate(sets):
        for group in CATALOGUE.groups:
            for inpatient in BOTH:
                got = int(plan.care.validity[r, group.index, int(inpatient)])
                assert got == regulation.validity_minutes(group.key, inpatient)
                assert got <= plan.care.window[group.index]


# One fact of the routing rule closes one gate; the compiled engine sets one bit for each.
CLOSES = {
    "requester_connected": Gate.REQUESTER_CONNECTED,
    "source_electronic": Gate.SOURCE_ELECTRONIC,
    "source_connected": Gate.SOURCE_CONNECTED,
    "coordinator_up": Gate.ANSWERED,
    "requester_link_up": Gate.ANSWERED,
    "source_link_up": Gate.ANSWERED,
    "answered_in_time": Gate.ANSWERED,
    "requester_mapped": Gate.MAPPED,
    "source_mapped": Gate.MAPPED,
}


def test_routing_closes_exactly_the_gates_whose_facts_fail():
    cases = 0
    for facts in every_case(RoutingFacts, own_record=False):
        wanted = {gate for name, gate in CLOSES.items() if not getattr(facts, name)}
        if facts.publication != Publication.PUBLISHED:
            wanted.add(Gate.PUBLISHED)
        assert {GATE_OF[reason] for reason in judge_routing(facts).blockers} == wanted, facts
        cases += 1
    assert cases == 2**9 * len(Publication)


def test_tables_hold_zeros_and_ones():
    care = study("tiny-two-hospitals").care
    for name in ("identity", "consent", "validity", "recognition"):
        assert set(np.unique(getattr(care, f"{name}_passes"))) <= {0, 1}

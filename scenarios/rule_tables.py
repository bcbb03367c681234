"""Rules as arrays: every combination of discrete facts is run through coordinator.rules once.

No rule is written twice. Compiled engines look cells up; a test compares every cell with the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.rules.consent import judge_consent
from coordinator.rules.facts import (
    AgeBand,
    BreakGlass,
    ConsentFacts,
    Finding,
    LabLevel,
    MethodComparison,
    OneTimeCode,
    RecognitionFacts,
    RecognitionRule,
    Registration,
    Sex,
    Stated,
    TestKind,
    ValidityFacts,
)
from coordinator.rules.identity import identity_facts, judge_identity
from coordinator.rules.reuse import judge_recognition, judge_validity
from vietnam.catalogue import Catalogue
from vietnam.regulations import Regulation

Array = NDArray[Any]

REGISTRATION_CLASSES = ("clean", "typo", "old_card", "no_id")
# One person, registered in four ways. The identifiers lie in the generated range (900-999).
REGISTRATIONS = {
    "clean": Registration(
        key="clean",
        name="Nguyễn Thị Ánh",
        birth_year=1964,
        birth_month=8,
        birth_day=20,
        sex=Sex.FEMALE,
        cccd="900164123456",
        bhxh="9912345678",
    ),
    "typo": Registration(
        key="typo",
        name="Nguyễn Thị Ánh",
        birth_year=1964,
        birth_month=8,
        birth_day=20,
        sex=Sex.FEMALE,
        cccd="900164123465",
    ),
    "old_card": Registration(
        key="old_card",
        name="Nguyễn Thị Ánh",
        birth_year=1964,
        birth_month=8,
        birth_day=20,
        sex=Sex.FEMALE,
        bhyt_cards=("HT4999912345678",),
    ),
    "no_id": Registration(key="no_id", name="Nguyen Thi Anh", birth_year=1964, sex=Sex.FEMALE),
}


def validity_facts(
    age: AgeBand, method: MethodComparison, critical: bool, intervening: bool, newer_critical: bool
) -> ValidityFacts:
    """The facts of gate 9 that vary in a simulation; all others stand at their harmless value."""
    return ValidityFacts(
        age=age,
        method=method,
        finding=Finding.CRITICAL if critical else Finding.NORMAL,
        intervening_event=intervening,
        newer_critical=newer_critical,
    )


def consent_facts(denied: bool, code: OneTimeCode, emergency: bool) -> ConsentFacts:
    """The facts of gate 6: what the person stated, the one-time code, and a recorded override."""
    return ConsentFacts(
        stated=Stated.DENY if denied else Stated.NONE,
        code=code,
        break_glass=BreakGlass.WITH_REASON if emergency else BreakGlass.NOT_ASKED,
    )


def recognition_facts(
    rule: RecognitionRule,
    kind: TestKind,
    source: int,
    requester: int,
    accredited: bool,
    on_list: bool,
    images: bool,
) -> RecognitionFacts:
    """The facts of gate 10. An incomplete result lacks its images, if it is one that has images;
    its report is signed."""
    return RecognitionFacts(
        rule=rule,
        kind=kind,
        source_level=LabLevel(source),
        requester_level=LabLevel(requester),
        accredited=accredited,
        on_list=on_list,
        images_complete=images or kind is TestKind.LABORATORY,
    )


def identity_table() -> Array:
    """int8 [4 source, 4 requester]: 1 where two registrations of one person are matched."""
    n = len(REGISTRATION_CLASSES)
    out = np.zeros((n, n), np.int8)
    for (i, a), (j, b) in product(enumerate(REGISTRATION_CLASSES), repeat=2):
        facts = identity_facts(REGISTRATIONS[a], REGISTRATIONS[b])
        out[i, j] = judge_identity(facts).permits
    return out


def consent_table() -> Array:
    """int8 [denied 2, OneTimeCode 3, emergency 2]."""
    out = np.zeros((2, len(OneTimeCode), 2), np.int8)
    for denied, code, emergency in product((False, True), OneTimeCode, (False, True)):
        permits = judge_consent(consent_facts(denied, code, emergency)).permits
        out[int(denied), int(code), int(emergency)] = permits
    return out


def validity_table() -> Array:
    """int8 [expired 2, method differs 2, critical 2, intervening 2, newer critical 2].

    Of the bands of age only "expired" can close the gate in a simulation, where nothing is
    abnormal without being critical: one band stands for all on its side.
    """
    out = np.zeros((2,) * 5, np.int8)
    ages = (AgeBand.VALID_OLD, AgeBand.EXPIRED_OLD)
    methods = (MethodComparison.SAME, MethodComparison.DIFFERENT)
    for expired, differs, *others in product((0, 1), repeat=5):
        facts = validity_facts(ages[expired], methods[differs], *map(bool, others))
        out[(expired, differs, *others)] = judge_validity(facts).permits
    return out


def recognition_table(regulations: Sequence[Regulation], catalogue: Catalogue) -> Array:
    """int8 [regulation, test 16, source level 6, requester level 6, accredited 2, images 2]."""
    groups = catalogue.groups
    out = np.zeros((len(regulations), len(groups), 6, 6, 2, 2), np.int8)
    for r, regulation in enumerate(regulations):
        for g in groups:
            for source, requester, accredited, images in product(
                range(6), range(6), (False, True), (False, True)
            ):
                facts = recognition_facts(
                    RecognitionRule[regulation.recognition_rule],
                    kind_of(g.result_class),
                    source,
                    requester,
                    accredited,
                    regulation.on_list[g.key],
                    images,
                )
                cell = (r, g.index, source, requester, int(accredited), int(images))
                out[cell] = judge_recognition(facts).permits
    return out


def kind_of(result_class: str) -> TestKind:
    return TestKind.IMAGING_FUNCTION if result_class == "imaging_function" else TestKind.LABORATORY

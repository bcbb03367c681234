"""Reuse of earlier results: is the order a duplicate, and may an earlier result stand in?

Two questions, kept apart: the minimum retest interval says whether the order comes too early;
the validity window of the regulation in force says whether the earlier result may be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from coordinator.rules.decision import Decision, RuleTable, Verdict, always
from coordinator.rules.facts import (
    AgeBand,
    AnswerFacts,
    Coverage,
    Finding,
    LabLevel,
    MethodComparison,
    OrderContext,
    RecognitionFacts,
    RecognitionRule,
    ResultStatus,
    TestKind,
    UnitComparison,
    ValidityFacts,
)


# ---- validity (gate 9) -------------------------------------------------------------------------
def age_band(age_minutes: int | None, retest_minutes: int, validity_minutes: int) -> AgeBand:
    """The one banding of age = order time minus specimen time, in minutes.

    Duplicate: age < retest. Valid: age <= validity. None is an unknown specimen time.
    """
    if age_minutes is None:
        return AgeBand.UNKNOWN
    if age_minutes < 0:
        return AgeBand.FUTURE
    expired = age_minutes > validity_minutes
    if age_minutes >= retest_minutes:
        return AgeBand.EXPIRED_OLD if expired else AgeBand.VALID_OLD
    if 2 * age_minutes > retest_minutes:
        return AgeBand.EXPIRED_LATE if expired else AgeBand.VALID_LATE
    return AgeBand.EXPIRED_EARLY if expired else AgeBand.VALID_EARLY


VALIDITY: Final[RuleTable[ValidityFacts]] = RuleTable(
    name="validity",
    version="1",
    rows=(
        (Verdict.RESULT_CANCELLED, lambda f: f.status is ResultStatus.CANCELLED),
        (Verdict.RESULT_NOT_FINAL, lambda f: f.status is ResultStatus.PRELIMINARY),
        (Verdict.SPECIMEN_TIME_UNKNOWN, lambda f: f.age is AgeBand.UNKNOWN),
        (Verdict.SPECIMEN_AFTER_ORDER, lambda f: f.age is AgeBand.FUTURE),
        (Verdict.VALIDITY_EXPIRED, lambda f: f.age.expired),
        (Verdict.NEVER_REUSE, lambda f: f.never_reuse),
        (Verdict.VALUE_ABSENT, lambda f: f.finding is Finding.ABSENT),
        (Verdict.UNIT_NOT_COMPARABLE, lambda f: f.unit is UnitComparison.NOT_COMPARABLE),
        (Verdict.METHOD_NOT_COMPARABLE, lambda f: f.method is MethodComparison.DIFFERENT),
        (Verdict.INTERVENING_EVENT, lambda f: f.intervening_event),
        (Verdict.PRIOR_CRITICAL, lambda f: f.finding is Finding.CRITICAL),
        (Verdict.NEWER_CRITICAL, lambda f: f.newer_critical),
        (
            Verdict.PRIOR_ABNORMAL,
            lambda f: f.finding is Finding.ABNORMAL and f.age.past_half,
        ),
    ),
    openers=((Verdict.VALID, always),),
)


def judge_validity(facts: ValidityFacts) -> Decision:
    """VALID, or everything that stands against using the result for this order."""
    return VALIDITY.judge(facts)


# ---- recognition (gate 10) ---------------------------------------------------------------------
def _laboratory(facts: RecognitionFacts) -> bool:
    return facts.kind is TestKind.LABORATORY


def _judged_by_level(facts: RecognitionFacts) -> bool:
    """A laboratory result under a rule, whose laboratory is not accredited to ISO 15189."""
    return _laboratory(facts) and facts.rule is not RecognitionRule.NONE and not facts.accredited


def _imaging_under_a_draft(facts: RecognitionFacts) -> bool:
    return not _laboratory(facts) and facts.rule >= RecognitionRule.DRAFT_2025


def _kind_not_covered(facts: RecognitionFacts) -> bool:
    return facts.rule is RecognitionRule.LEVEL_2017 and not _laboratory(facts)


def _not_on_list(facts: RecognitionFacts) -> bool:
    return facts.rule is not RecognitionRule.NONE and not facts.on_list


def _not_rated(facts: RecognitionFacts) -> bool:
    return _judged_by_level(facts) and facts.source_level is LabLevel.NOT_RATED


def _grade_not_in_force(facts: RecognitionFacts) -> bool:
    return (
        _judged_by_level(facts)
        and facts.source_level is not LabLevel.NOT_RATED
        and not facts.grade_in_force
    )


def _level_too_low(facts: RecognitionFacts) -> bool:
    return (
        _judged_by_level(facts)
        and facts.rule is RecognitionRule.LEVEL_2017
        and LabLevel.NOT_RATED < facts.source_level < facts.requester_level
    )


def _qc_failed(facts: RecognitionFacts) -> bool:
    return _laboratory(facts) and facts.rule is not RecognitionRule.NONE and not facts.qc_ok


_RECOGNITION_ROWS: Final = (
    (Verdict.NO_RULE_IN_FORCE, lambda f: f.rule is RecognitionRule.NONE),
    (Verdict.KIND_NOT_COVERED, _kind_not_covered),
    (Verdict.NOT_ON_LIST, _not_on_list),
    (Verdict.LAB_NOT_RECOGNISED, _not_rated),
    (Verdict.GRADE_NOT_IN_FORCE, _grade_not_in_force),
    (Verdict.LAB_LEVEL_TOO_LOW, _level_too_low),
    (Verdict.QC_FAILED, _qc_failed),
    (
        Verdict.REPORT_NOT_SIGNED,
        lambda f: _imaging_under_a_draft(f) and not f.report_signed,
    ),
    (
        Verdict.IMAGES_INCOMPLETE,
        lambda f: _imaging_under_a_draft(f) and not f.images_complete,
    ),
    (
        Verdict.NOT_TRACEABLE,
        lambda f: f.rule is RecognitionRule.DRAFT_2026 and not f.traceable,
    ),
)

RECOGNITION: Final[RuleTable[RecognitionFacts]] = RuleTable(
    name="recognition", version="1", rows=_RECOGNITION_ROWS, openers=((Verdict.RECOGNISED, always),)
)
OWN_RESULT: Final = Decision(
    Verdict.RECOGNISED_OWN, (Verdict.RECOGNISED_OWN,), RECOGNITION.name, RECOGNITION.version
)


def judge_recognition(facts: RecognitionFacts) -> Decision:
    """RECOGNISED, or what the rule in force misses; an own result needs no recognition."""
    return OWN_RESULT if facts.own_result else RECOGNITION.judge(facts)


# ---- one earlier result ------------------------------------------------------------------------
def judge_prior(
    identity: Decision,
    consent: Decision,
    validity: Decision,
    recognition: Decision,
    duplicate: bool,
) -> Decision:
    """One earlier result: REUSE or REUSABLE, else everything that blocks it, in gate order."""
    blockers = (
        *identity.blockers,
        *consent.blockers,
        *validity.blockers,
        *recognition.blockers,
    )
    reasons = blockers or (Verdict.REUSE if duplicate else Verdict.REUSABLE,)
    return Decision(reasons[0], reasons, "prior", "1")


# ---- an order as a whole -----------------------------------------------------------------------
ANSWER: Final[RuleTable[AnswerFacts]] = RuleTable(
    name="answer",
    version="1",
    rows=(
        (Verdict.EMERGENCY_OVERRIDE, lambda f: f.context is OrderContext.EMERGENCY),
        (Verdict.SERIAL_ORDER, lambda f: f.context is OrderContext.SERIAL),
        (Verdict.CONFIRMATORY_ORDER, lambda f: f.context is OrderContext.CONFIRMATORY),
        (Verdict.REUSE, lambda f: f.coverage is Coverage.FULL and f.duplicate),
        (Verdict.REUSABLE, lambda f: f.coverage is Coverage.FULL and not f.duplicate),
        (Verdict.PARTLY_COVERED, lambda f: f.coverage is Coverage.PARTLY),
        (Verdict.CRITICAL_INFO, lambda f: f.coverage is not Coverage.FULL and f.critical),
        (Verdict.DUPLICATE_INFO, lambda f: f.coverage is Coverage.NONE and f.duplicate),
    ),
    openers=(
        (Verdict.RELATED_PRIOR, lambda f: f.any_prior),
        (Verdict.NO_PRIOR, lambda f: not f.any_prior),
    ),
)


def judge_answer(facts: AnswerFacts) -> Decision:
    """The verdict on the whole order."""
    return ANSWER.judge(facts)


@dataclass(frozen=True, slots=True)
class Order:
    """A new order; times in minutes. `members` are what must be known for it to be covered.

    An imaging order has one member, its study and region. `retest` and `validity` come from the
    regulation in force for this test, setting and age group; a retest of 0 means that the order
    is never called a duplicate. Raises ValueError when members are missing or named twice.
    """

    key: str
    members: tuple[str, ...]
    authored: int
    retest: int
    validity: int
    context: OrderContext = OrderContext.ORDINARY

    def __post_init__(self) -> None:
        if not self.members or len(set(self.members)) != len(self.members):
            raise ValueError(f"order {self.key!r} needs members, each named once")


@dataclass(frozen=True, slots=True)
class Prior:
    """An earlier result for one member, with what was already judged about it.

    `specimen` is sampling or acquisition (None: unknown); `reported` orders results without one.
    """

    key: str
    member: str
    specimen: int | None
    reported: int
    identity: Decision
    consent: Decision
    recognition: RecognitionFacts
    status: ResultStatus = ResultStatus.FINAL
    unit: UnitComparison = UnitComparison.SAME
    method: MethodComparison = MethodComparison.INDEPENDENT
    finding: Finding = Finding.NORMAL
    intervening_event: bool = False
    never_reuse: bool = False

    @property
    def visible(self) -> bool:
        """The caller may know of it: the same person, and consent permits."""
        return self.identity.permits and self.consent.permits


@dataclass(frozen=True, slots=True)
class Judged:
    """One prior and what was decided about it for this order."""

    prior: Prior
    validity: ValidityFacts
    decision: Decision

    @property
    def age(self) -> AgeBand:
        return self.validity.age


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be told to the caller, and `log`, which only the decision log may hold.

    `covered` holds the results that may stand in, one a member; `missing` the members to order.
    `shown` holds, for each member that is not covered, the result worth mentioning, if any.
    """

    decision: Decision
    covered: tuple[Judged, ...]
    missing: tuple[str, ...]
    shown: tuple[Judged, ...]
    log: tuple[Judged, ...]

    @property
    def code(self) -> Verdict:
        return self.decision.code


@dataclass(frozen=True, slots=True)
class _Member:
    """One required member: its visible results newest first, and all of them for the log."""

    key: str
    visible: tuple[Judged, ...]
    hidden: tuple[Judged, ...]

    @property
    def usable(self) -> Judged | None:
        return next((entry for entry in self.visible if entry.decision.permits), None)

    @property
    def critical(self) -> Judged | None:
        found = (entry for entry in self.visible if entry.prior.finding is Finding.CRITICAL)
        return next(found, None)

    @property
    def worth_showing(self) -> Judged | None:
        return self.critical or next(iter(self.visible), None)

    @property
    def duplicate(self) -> bool:
        if self.usable:
            return self.usable.age.duplicate
        return any(entry.age.duplicate for entry in self.visible)


def decide(order: Order, priors: Iterable[Prior]) -> Answer:
    """Judges every prior of every required member: consent first, then newest first.

    Results the caller may not see do not exist for the answer; the log holds them. Cancelled
    results are dropped. A preliminary result is kept: it may not stand in, but a critical one
    must not be hidden by an older good one.
    """
    kept = tuple(priors)
    members = [
        _judge_member(order, key, [prior for prior in kept if prior.member == key])
        for key in order.members
    ]
    usable = [member for member in members if member.usable]
    uncovered = [member for member in members if not member.usable]
    decision = judge_answer(
        AnswerFacts(
            context=order.context,
            coverage=_coverage(len(usable), len(members)),
            duplicate=all(member.duplicate for member in members),
            critical=any(member.critical for member in uncovered),
            any_prior=any(member.visible for member in members),
        )
    )
    offered = usable if order.context is OrderContext.ORDINARY else []
    return Answer(
        decision=decision,
        covered=tuple(member.usable for member in offered if member.usable),
        missing=tuple(member.key for member in members if member not in offered),
        shown=tuple(entry for member in uncovered if (entry := member.worth_showing)),
        log=tuple(entry for member in members for entry in (*member.visible, *member.hidden)),
    )


def _coverage(usable: int, members: int) -> Coverage:
    if usable == members:
        return Coverage.FULL
    return Coverage.PARTLY if usable else Coverage.NONE


def _newest_first(prior: Prior) -> tuple[int, bool, str]:
    """Sort key. Of two results of the same minute the critical one comes first."""
    time = prior.reported if prior.specimen is None else prior.specimen
    return (-time, prior.finding is not Finding.CRITICAL, prior.key)


def _judge_member(order: Order, key: str, priors: list[Prior]) -> _Member:
    visible: list[Judged] = []
    hidden: list[Judged] = []
    newer_critical = False
    for prior in sorted(priors, key=_newest_first):
        entry = _judge(order, prior, newer_critical)
        if prior.visible and prior.status is not ResultStatus.CANCELLED:
            visible.append(entry)
            newer_critical = newer_critical or prior.finding is Finding.CRITICAL
        else:
            hidden.append(entry)
    return _Member(key, tuple(visible), tuple(hidden))


def _judge(order: Order, prior: Prior, newer_critical: bool) -> Judged:
    age = age_band(
        None if prior.specimen is None else order.authored - prior.specimen,
        order.retest,
        order.validity,
    )
    validity = ValidityFacts(
        age=age,
        status=prior.status,
        unit=prior.unit,
        method=prior.method,
        finding=prior.finding,
        intervening_event=prior.intervening_event,
        never_reuse=prior.never_reuse,
        newer_critical=newer_critical,
    )
    decision = judge_prior(
        prior.identity,
        prior.consent,
        judge_validity(validity),
        judge_recognition(prior.recognition),
        age.duplicate,
    )
    return Judged(prior, validity, decision)

"""The facts the rules decide on: small discrete values only, so that every case can be listed.

A continuous quantity (age, score, period) becomes one of these values in exactly one banding
function, which stands beside the rule that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import product
from typing import TypeVar, get_type_hints

F = TypeVar("F")


# ---- identity ----------------------------------------------------------------------------------
class Sex(IntEnum):
    MALE = 0
    FEMALE = 1


class Manual(IntEnum):
    """What a steward said about two registrations."""

    NONE = 0
    SAME = 1
    NOT_SAME = 2


class Assurance(IntEnum):
    """How well the person behind a registration was proofed (chip, one-time code, face)."""

    NONE = 0
    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3


class Agreement(IntEnum):
    """How far one field of two registrations agrees."""

    MISSING = 0
    DISAGREE = 1
    CLOSE = 2  # number: one digit or one swap of neighbours; name: accents, order, middle name
    AGREE = 3


class CccdAgreement(IntEnum):
    MISSING = 0
    DISAGREE = 1
    CLOSE = 2  # one digit, or one swap of neighbours
    ODD = 3  # the same number, and it looks odd or contradicts one of the registrations
    AGREE = 4  # the same plausible number


class SexAgreement(IntEnum):
    MISSING = 0
    DISAGREE = 1
    AGREE = 2


class BirthAgreement(IntEnum):
    """Birth dates may be a year only; 1 January often means just that."""

    MISSING = 0
    DISAGREE = 1
    CLOSE = 2  # day and month swapped, or one of the three parts off
    YEAR = 3  # same year, and at least one side knows no more
    FULL = 4


class ScoreBand(IntEnum):
    NO = 0
    REVIEW = 1
    MATCH = 2


@dataclass(frozen=True, slots=True)
class Registration:
    """One facility's record of who a person is, as typed there. Times and clocks play no part.

    `key` names the registration; `same_as` and `not_same_as` hold keys of others that a steward
    linked to it or told apart from it.
    """

    key: str = ""
    name: str | None = None
    birth_year: int | None = None
    birth_month: int | None = None
    birth_day: int | None = None
    sex: Sex | None = None
    cccd: str | None = None
    cmnd: str | None = None
    bhyt_cards: tuple[str, ...] = ()
    bhxh: str | None = None
    assurance: Assurance = Assurance.NONE
    same_as: frozenset[str] = frozenset()
    not_same_as: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IdentityFacts:
    """Two registrations, field by field."""

    manual: Manual = Manual.NONE
    cccd: CccdAgreement = CccdAgreement.MISSING
    bhxh: Agreement = Agreement.MISSING
    cmnd: Agreement = Agreement.MISSING
    name: Agreement = Agreement.MISSING
    birth: BirthAgreement = BirthAgreement.MISSING
    sex: SexAgreement = SexAgreement.MISSING
    proofed: bool = False


# ---- consent -----------------------------------------------------------------------------------
class ImplicitPolicy(IntEnum):
    """What holds where the person stated nothing (IHE PCF: one per deployment)."""

    DENY_ALL = 0
    BREAK_GLASS_ONLY = 1
    PERMIT_BASIC_PURPOSES = 2  # treatment, payment, operations; data that are not sensitive
    PERMIT_ALL_PURPOSES = 3  # any purpose; data that are not sensitive


class Purpose(IntEnum):
    TREATMENT = 0
    PAYMENT = 1
    OPERATIONS = 2
    PUBLIC_HEALTH = 3
    RESEARCH = 4
    BREAK_GLASS = 5


class Stated(IntEnum):
    """What the person's own provisions say about a request."""

    NONE = 0
    DENY = 1
    PERMIT = 2


class Lapse(IntEnum):
    """A permit that would have covered the request but holds no longer."""

    NONE = 0
    EXPIRED = 1
    WITHDRAWN = 2


class OneTimeCode(IntEnum):
    NOT_DEMANDED = 0
    NOT_OBTAINED = 1
    OBTAINED = 2


class BreakGlass(IntEnum):
    NOT_ASKED = 0
    WITHOUT_REASON = 1
    EXCLUDED = 2  # the person excluded emergency access in so many words
    WITH_REASON = 3


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    policy: ImplicitPolicy = ImplicitPolicy.PERMIT_BASIC_PURPOSES
    basic_purpose: bool = True
    sensitive: bool = False
    stated: Stated = Stated.NONE
    lapse: Lapse = Lapse.NONE
    code: OneTimeCode = OneTimeCode.NOT_DEMANDED
    break_glass: BreakGlass = BreakGlass.NOT_ASKED


# ---- reuse -------------------------------------------------------------------------------------
class AgeBand(IntEnum):
    """Where the age of a result lies between the retest interval and the validity window."""

    UNKNOWN = 0
    FUTURE = 1
    VALID_EARLY = 2  # up to half of the retest interval
    VALID_LATE = 3  # past half of it
    VALID_OLD = 4  # at or past the retest interval, still within validity
    EXPIRED_EARLY = 5
    EXPIRED_LATE = 6
    EXPIRED_OLD = 7

    @property
    def duplicate(self) -> bool:
        """Younger than the retest interval: the order repeats it too early."""
        return self in _YOUNGER_THAN_RETEST

    @property
    def past_half(self) -> bool:
        """Older than half of the retest interval."""
        return self in _PAST_HALF

    @property
    def expired(self) -> bool:
        return self >= AgeBand.EXPIRED_EARLY


_YOUNGER_THAN_RETEST = frozenset(
    {AgeBand.VALID_EARLY, AgeBand.VALID_LATE, AgeBand.EXPIRED_EARLY, AgeBand.EXPIRED_LATE}
)
_PAST_HALF = frozenset(
    {AgeBand.VALID_LATE, AgeBand.VALID_OLD, AgeBand.EXPIRED_LATE, AgeBand.EXPIRED_OLD}
)


class ResultStatus(IntEnum):
    CANCELLED = 0  # cancelled or entered in error
    PRELIMINARY = 1  # registered, partial, preliminary
    FINAL = 2  # final, amended, corrected


class UnitComparison(IntEnum):
    NOT_COMPARABLE = 0
    CONVERTIBLE = 1
    SAME = 2  # the same unit, or a test without units


class MethodComparison(IntEnum):
    DIFFERENT = 0  # method-dependent test; the other method, or none stated
    SAME = 1
    INDEPENDENT = 2  # the test does not depend on the method


class Finding(IntEnum):
    ABSENT = 0  # a reason stands where the value should be
    CRITICAL = 1
    ABNORMAL = 2
    NORMAL = 3


@dataclass(frozen=True, slots=True)
class ValidityFacts:
    age: AgeBand = AgeBand.VALID_EARLY
    status: ResultStatus = ResultStatus.FINAL
    unit: UnitComparison = UnitComparison.SAME
    method: MethodComparison = MethodComparison.INDEPENDENT
    finding: Finding = Finding.NORMAL
    intervening_event: bool = False
    never_reuse: bool = False
    newer_critical: bool = False


class RecognitionRule(IntEnum):
    NONE = 0
    LEVEL_2017 = 1
    DRAFT_2025 = 2
    DRAFT_2026 = 3


class TestKind(IntEnum):
    __test__ = False  # a word of medicine, not of pytest

    LABORATORY = 0
    IMAGING_FUNCTION = 1


class LabLevel(IntEnum):
    """Levels of Decision 2429/QD-BYT; 0 means not rated."""

    NOT_RATED = 0
    LEVEL_1 = 1
    LEVEL_2 = 2
    LEVEL_3 = 3
    LEVEL_4 = 4
    LEVEL_5 = 5


@dataclass(frozen=True, slots=True)
class RecognitionFacts:
    rule: RecognitionRule = RecognitionRule.LEVEL_2017
    kind: TestKind = TestKind.LABORATORY
    source_level: LabLevel = LabLevel.NOT_RATED
    requester_level: LabLevel = LabLevel.NOT_RATED
    accredited: bool = False  # ISO 15189 on the sampling day
    on_list: bool = True
    qc_ok: bool = True  # no quality control reported as failed
    grade_in_force: bool = True  # the level's period covers the sampling day
    report_signed: bool = True
    images_complete: bool = True
    traceable: bool = True  # identification, sampling time and performer are stated
    own_result: bool = False  # made by the requester's own record group


# ---- the answer to an order --------------------------------------------------------------------
class OrderContext(IntEnum):
    ORDINARY = 0
    EMERGENCY = 1
    SERIAL = 2
    CONFIRMATORY = 3


class Coverage(IntEnum):
    NONE = 0
    PARTLY = 1
    FULL = 2


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """An order as a whole, after its priors were judged one by one."""

    context: OrderContext = OrderContext.ORDINARY
    coverage: Coverage = Coverage.NONE
    duplicate: bool = False  # every required member was measured within the retest interval
    critical: bool = False  # a required member's newest results hold a critical one
    any_prior: bool = False  # the caller may see at least one earlier result


# ---- routing -----------------------------------------------------------------------------------
class Publication(IntEnum):
    BEFORE_BACKLOAD = 0
    NOT_YET = 1
    PUBLISHED = 2


@dataclass(frozen=True, slots=True)
class RoutingFacts:
    requester_connected: bool = True
    source_electronic: bool = True
    source_connected: bool = True
    publication: Publication = Publication.PUBLISHED
    coordinator_up: bool = True
    requester_link_up: bool = True
    source_link_up: bool = True
    answered_in_time: bool = True
    requester_mapped: bool = True
    source_mapped: bool = True
    own_record: bool = False


def every_case(facts: type[F], **fixed: object) -> Iterator[F]:
    """All combinations of a facts class, field by field, last field fastest; `fixed` holds some.

    Each field must be an IntEnum or a bool. This is how rule tables are compiled.
    """
    hints = get_type_hints(facts)
    names = [field.name for field in fields(facts)]  # type: ignore[arg-type]
    values = [[fixed[name]] if name in fixed else _values_of(hints[name]) for name in names]
    for combination in product(*values):
        yield facts(**dict(zip(names, combination, strict=True)))


def _values_of(kind: type) -> list[object]:
    return [False, True] if kind is bool else list(kind)  # type: ignore[call-overload]

"""Verdict codes, their words, and the decision every rule returns (design: one code per table row).

A rule is a table: rows of (code, when it applies). All rows that apply are kept as reasons, in
the order of the table; the first one is the code. Nothing ever decides on the words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from coordinator.rules.words import WORDS_BY_NAME, Words

Facts = TypeVar("Facts")


class Verdict(IntEnum):
    """One code per row of a rule's table; the hundreds tell the rule."""

    # 1xx identity: are two registrations the same person?
    MATCH_MANUAL = 100
    MATCH_CCCD = 101
    MATCH_BHXH = 102
    MATCH_SCORE = 103
    REVIEW_CCCD_CONTRADICTED = 120
    REVIEW_BHXH_CONTRADICTED = 121
    REVIEW_NUMBERS_CONFLICT = 122
    REVIEW_CCCD_ODD = 123
    REVIEW_CCCD_ALONE = 124
    REVIEW_CCCD_DIFFERS = 125
    REVIEW_NAME_AND_BIRTH_ONLY = 126
    REVIEW_SCORE = 127
    NO_MATCH_MANUAL = 140
    NO_MATCH_SCORE = 141
    NO_MATCH_NOTHING_TO_COMPARE = 142

    # 2xx consent: may this caller see it?
    PERMIT_STATED = 200
    PERMIT_POLICY = 201
    PERMIT_BREAK_GLASS = 202
    BREAK_GLASS_FORBIDDEN = 210
    BREAK_GLASS_NEEDS_REASON = 211
    DENY_STATED = 220
    CONSENT_WITHDRAWN = 221
    CODE_NOT_OBTAINED = 222
    CONSENT_EXPIRED = 223
    SENSITIVE_NEEDS_PERMIT = 224
    PURPOSE_NOT_COVERED = 225
    DENY_POLICY = 226

    # 3xx validity: is the earlier result still good for this order?
    VALID = 300
    RESULT_CANCELLED = 310
    RESULT_NOT_FINAL = 311
    SPECIMEN_TIME_UNKNOWN = 312
    SPECIMEN_AFTER_ORDER = 313
    VALIDITY_EXPIRED = 314
    NEVER_REUSE = 315
    VALUE_ABSENT = 316
    UNIT_NOT_COMPARABLE = 317
    METHOD_NOT_COMPARABLE = 318
    INTERVENING_EVENT = 319
    PRIOR_CRITICAL = 320
    NEWER_CRITICAL = 321
    PRIOR_ABNORMAL = 322

    # 4xx recognition: does the regulation in force recognise who made it?
    RECOGNISED = 400
    RECOGNISED_OWN = 401
    NO_RULE_IN_FORCE = 410
    KIND_NOT_COVERED = 411
    NOT_ON_LIST = 412
    LAB_NOT_RECOGNISED = 413
    GRADE_NOT_IN_FORCE = 414
    LAB_LEVEL_TOO_LOW = 415
    QC_FAILED = 416
    REPORT_NOT_SIGNED = 417
    IMAGES_INCOMPLETE = 418
    NOT_TRACEABLE = 419

    # 5xx the answer to an order
    REUSE = 500
    REUSABLE = 501
    PARTLY_COVERED = 502
    CRITICAL_INFO = 503
    DUPLICATE_INFO = 504
    RELATED_PRIOR = 505
    NO_PRIOR = 506
    EMERGENCY_OVERRIDE = 510
    SERIAL_ORDER = 511
    CONFIRMATORY_ORDER = 512

    # 6xx routing: whom to ask, and why not
    ASK = 600
    OWN_RECORD = 601
    REQUESTER_NOT_CONNECTED = 610
    SOURCE_ON_PAPER = 611
    SOURCE_NOT_CONNECTED = 612
    BEFORE_BACKLOAD = 613
    NOT_YET_PUBLISHED = 614
    COORDINATOR_DOWN = 615
    REQUESTER_LINK_DOWN = 616
    SOURCE_LINK_DOWN = 617
    NO_ANSWER_IN_TIME = 618
    REQUESTER_CODE_NOT_MAPPED = 619
    SOURCE_CODE_NOT_MAPPED = 620

    # 7xx produced by whoever watches the clinician, never by a rule
    NOT_SEEN = 700
    NOT_ACCEPTED = 701


PERMITTING: frozenset[Verdict] = frozenset(
    {
        Verdict.MATCH_MANUAL,
        Verdict.MATCH_CCCD,
        Verdict.MATCH_BHXH,
        Verdict.MATCH_SCORE,
        Verdict.PERMIT_STATED,
        Verdict.PERMIT_POLICY,
        Verdict.PERMIT_BREAK_GLASS,
        Verdict.VALID,
        Verdict.RECOGNISED,
        Verdict.RECOGNISED_OWN,
        Verdict.REUSE,
        Verdict.REUSABLE,
        Verdict.ASK,
    }
)
"""Codes that let the exchange go on; every other code stops it or only informs."""

WORDS: dict[Verdict, Words] = {code: WORDS_BY_NAME[code.name] for code in Verdict}
"""Vietnamese and English words of each code."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule said: the deciding code, every row that applied, and which rule it was."""

    code: Verdict
    reasons: tuple[Verdict, ...]
    rule: str
    version: str

    @property
    def permits(self) -> bool:
        return self.code in PERMITTING

    @property
    def blockers(self) -> tuple[Verdict, ...]:
        """The reasons that stand against it; empty when the decision permits."""
        if self.permits:
            return ()
        return tuple(reason for reason in self.reasons if reason not in PERMITTING)


@dataclass(frozen=True, slots=True)
class RuleTable(Generic[Facts]):
    """A rule as rows of (code, condition).

    `rows` are all evaluated, without short cut. `openers` are looked at only when no row
    applies: they say why nothing stands against it. Together they must cover every case.
    """

    name: str
    version: str
    rows: tuple[tuple[Verdict, Callable[[Facts], bool]], ...]
    openers: tuple[tuple[Verdict, Callable[[Facts], bool]], ...] = ()

    def judge(self, facts: Facts) -> Decision:
        reasons = tuple(code for code, applies in self.rows if applies(facts))
        if not reasons:
            reasons = tuple(code for code, applies in self.openers if applies(facts))
        return Decision(reasons[0], reasons, self.name, self.version)


def always(facts: object) -> bool:
    """The condition of a row that closes a table."""
    return True

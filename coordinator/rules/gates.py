"""The one table reason code -> gate, after the twelve gates between a result and its reuse."""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Final

from coordinator.rules.decision import PERMITTING, Verdict


class Gate(IntEnum):
    """The gates in reporting order; `key` is the name in ledgers and reports."""

    REQUESTER_CONNECTED = 1
    SOURCE_ELECTRONIC = 2
    SOURCE_CONNECTED = 3
    PUBLISHED = 4
    LINKED = 5
    CONSENTED = 6
    ANSWERED = 7
    MAPPED = 8
    VALID = 9
    RECOGNISED = 10
    SEEN = 11
    ACCEPTED = 12

    @property
    def key(self) -> str:
        return self.name.lower()


_CODES: Final[dict[Gate, tuple[Verdict, ...]]] = {
    Gate.REQUESTER_CONNECTED: (Verdict.REQUESTER_NOT_CONNECTED,),
    Gate.SOURCE_ELECTRONIC: (Verdict.SOURCE_ON_PAPER,),
    Gate.SOURCE_CONNECTED: (Verdict.SOURCE_NOT_CONNECTED,),
    Gate.PUBLISHED: (Verdict.BEFORE_BACKLOAD, Verdict.NOT_YET_PUBLISHED),
    Gate.LINKED: (
        Verdict.REVIEW_CCCD_CONTRADICTED,
        Verdict.REVIEW_BHXH_CONTRADICTED,
        Verdict.REVIEW_NUMBERS_CONFLICT,
        Verdict.REVIEW_CCCD_ODD,
        Verdict.REVIEW_CCCD_ALONE,
        Verdict.REVIEW_CCCD_DIFFERS,
        Verdict.REVIEW_NAME_AND_BIRTH_ONLY,
        Verdict.REVIEW_SCORE,
        Verdict.NO_MATCH_MANUAL,
        Verdict.NO_MATCH_SCORE,
        Verdict.NO_MATCH_NOTHING_TO_COMPARE,
    ),
    Gate.CONSENTED: (
        Verdict.BREAK_GLASS_FORBIDDEN,
        Verdict.BREAK_GLASS_NEEDS_REASON,
        Verdict.DENY_STATED,
        Verdict.CONSENT_WITHDRAWN,
        Verdict.CODE_NOT_OBTAINED,
        Verdict.CONSENT_EXPIRED,
        Verdict.SENSITIVE_NEEDS_PERMIT,
        Verdict.PURPOSE_NOT_COVERED,
        Verdict.DENY_POLICY,
    ),
    Gate.ANSWERED: (
        Verdict.COORDINATOR_DOWN,
        Verdict.REQUESTER_LINK_DOWN,
        Verdict.SOURCE_LINK_DOWN,
        Verdict.NO_ANSWER_IN_TIME,
    ),
    Gate.MAPPED: (Verdict.REQUESTER_CODE_NOT_MAPPED, Verdict.SOURCE_CODE_NOT_MAPPED),
    Gate.VALID: (
        Verdict.RESULT_CANCELLED,
        Verdict.RESULT_NOT_FINAL,
        Verdict.SPECIMEN_TIME_UNKNOWN,
        Verdict.SPECIMEN_AFTER_ORDER,
        Verdict.VALIDITY_EXPIRED,
        Verdict.NEVER_REUSE,
        Verdict.VALUE_ABSENT,
        Verdict.UNIT_NOT_COMPARABLE,
        Verdict.METHOD_NOT_COMPARABLE,
        Verdict.INTERVENING_EVENT,
        Verdict.PRIOR_CRITICAL,
        Verdict.NEWER_CRITICAL,
        Verdict.PRIOR_ABNORMAL,
    ),
    Gate.RECOGNISED: (
        Verdict.NO_RULE_IN_FORCE,
        Verdict.KIND_NOT_COVERED,
        Verdict.NOT_ON_LIST,
        Verdict.LAB_NOT_RECOGNISED,
        Verdict.GRADE_NOT_IN_FORCE,
        Verdict.LAB_LEVEL_TOO_LOW,
        Verdict.QC_FAILED,
        Verdict.REPORT_NOT_SIGNED,
        Verdict.IMAGES_INCOMPLETE,
        Verdict.NOT_TRACEABLE,
    ),
    Gate.SEEN: (Verdict.NOT_SEEN,),
    Gate.ACCEPTED: (Verdict.NOT_ACCEPTED,),
}

GATE_OF: Final = MappingProxyType({code: gate for gate, codes in _CODES.items() for code in codes})
"""Reason code -> the gate that it closes."""

NO_GATE: Final[frozenset[Verdict]] = PERMITTING | {
    Verdict.PARTLY_COVERED,
    Verdict.CRITICAL_INFO,
    Verdict.DUPLICATE_INFO,
    Verdict.RELATED_PRIOR,
    Verdict.NO_PRIOR,
    Verdict.EMERGENCY_OVERRIDE,
    Verdict.SERIAL_ORDER,
    Verdict.CONFIRMATORY_ORDER,
    Verdict.OWN_RECORD,
}
"""Codes that close no gate: they permit, they answer an order as a whole, or no query is due."""


def closed_gates(reasons: tuple[Verdict, ...]) -> tuple[Gate, ...]:
    """The gates that the reasons of one or several decisions close, in gate order."""
    return tuple(sorted({GATE_OF[reason] for reason in reasons if reason in GATE_OF}))

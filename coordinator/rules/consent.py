"""Consent: default deny, implicit policy, stated provisions, break-glass (IHE PCF, ITI-108).

Deny overrides. The one exception is a permit that is truly narrower than the deny in every
respect ("nobody may see it, except Bach Mai for treatment"); a permit that is narrower in one
respect and wider in another lifts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from coordinator.rules.decision import Decision, RuleTable, Verdict
from coordinator.rules.facts import (
    BreakGlass,
    ConsentFacts,
    ImplicitPolicy,
    Lapse,
    OneTimeCode,
    Purpose,
    Stated,
)

T = TypeVar("T")

BASIC_PURPOSES: Final = frozenset({Purpose.TREATMENT, Purpose.PAYMENT, Purpose.OPERATIONS})


@dataclass(frozen=True, slots=True)
class Provision:
    """One permit or deny of a person. Empty sets and None mean "any"; times are minutes.

    `starts <= at < ends` is when it holds; `data_from <= specimen <= data_to` is what it covers.
    """

    permit: bool
    purposes: frozenset[Purpose] = frozenset()
    recipients: frozenset[str] = frozenset()
    authors: frozenset[str] = frozenset()
    data_classes: frozenset[str] = frozenset()
    data_from: int | None = None
    data_to: int | None = None
    starts: int | None = None
    ends: int | None = None
    withdrawn_at: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """Who wants to see what, why. Facilities are codes; `specimen` is in minutes."""

    recipient: str
    author: str
    data_class: str
    purpose: Purpose = Purpose.TREATMENT
    specimen: int | None = None
    sensitive: bool = False
    code: OneTimeCode = OneTimeCode.NOT_DEMANDED
    reason: str = ""


def consent_facts(
    provisions: Iterable[Provision],
    request: ConsentRequest,
    at: int,
    policy: ImplicitPolicy = ImplicitPolicy.PERMIT_BASIC_PURPOSES,
) -> ConsentFacts:
    """Bands raw provisions at minute `at`; the only place that reads their sets and periods."""
    emergency = request.purpose is Purpose.BREAK_GLASS
    purpose = Purpose.TREATMENT if emergency else request.purpose
    relevant = [p for p in provisions if _covers(p, request) and not _begins_later(p, at)]
    for_purpose = [p for p in relevant if not p.purposes or purpose in p.purposes]
    in_force = [p for p in for_purpose if _lapse(p, at) is Lapse.NONE]
    return ConsentFacts(
        policy=policy,
        basic_purpose=purpose in BASIC_PURPOSES,
        sensitive=request.sensitive,
        stated=_stated(in_force),
        lapse=max((_lapse(p, at) for p in for_purpose if p.permit), default=Lapse.NONE),
        code=request.code,
        break_glass=_break_glass(relevant, request, at) if emergency else BreakGlass.NOT_ASKED,
    )


def _covers(provision: Provision, request: ConsentRequest) -> bool:
    """Whether facility, data class and data period fit; an undated specimen fits any period."""
    return (
        (not provision.recipients or request.recipient in provision.recipients)
        and (not provision.authors or request.author in provision.authors)
        and (not provision.data_classes or request.data_class in provision.data_classes)
        and (
            request.specimen is None
            or _within_period(
                (request.specimen, request.specimen), (provision.data_from, provision.data_to)
            )
        )
    )


def _begins_later(provision: Provision, at: int) -> bool:
    return provision.starts is not None and at < provision.starts


def _lapse(provision: Provision, at: int) -> Lapse:
    if provision.withdrawn_at is not None and at >= provision.withdrawn_at:
        return Lapse.WITHDRAWN
    if provision.ends is not None and at >= provision.ends:
        return Lapse.EXPIRED
    return Lapse.NONE


def _stated(in_force: list[Provision]) -> Stated:
    permits = [p for p in in_force if p.permit]
    denies = [p for p in in_force if not p.permit]
    if any(not any(_is_exception(permit, deny) for permit in permits) for deny in denies):
        return Stated.DENY
    return Stated.PERMIT if permits else Stated.NONE


def _break_glass(relevant: list[Provision], request: ConsentRequest, at: int) -> BreakGlass:
    """A deny reaches emergency access only where it names it; silence does not."""
    naming = [
        p for p in relevant if Purpose.BREAK_GLASS in p.purposes and _lapse(p, at) is Lapse.NONE
    ]
    if _stated(naming) is Stated.DENY:
        return BreakGlass.EXCLUDED
    return BreakGlass.WITH_REASON if request.reason.strip() else BreakGlass.WITHOUT_REASON


def _is_exception(permit: Provision, deny: Provision) -> bool:
    """The permit lies inside the deny, and not the other way round."""
    return _inside(permit, deny) and not _inside(deny, permit)


def _inside(narrow: Provision, wide: Provision) -> bool:
    return (
        _within_set(narrow.purposes, wide.purposes)
        and _within_set(narrow.recipients, wide.recipients)
        and _within_set(narrow.authors, wide.authors)
        and _within_set(narrow.data_classes, wide.data_classes)
        and _within_period((narrow.data_from, narrow.data_to), (wide.data_from, wide.data_to))
    )


def _within_set(narrow: frozenset[T], wide: frozenset[T]) -> bool:
    return not wide or (bool(narrow) and narrow <= wide)


def _within_period(
    narrow: tuple[int | None, int | None], wide: tuple[int | None, int | None]
) -> bool:
    after_start = wide[0] is None or (narrow[0] is not None and narrow[0] >= wide[0])
    before_end = wide[1] is None or (narrow[1] is not None and narrow[1] <= wide[1])
    return after_start and before_end


# ---- the rule ----------------------------------------------------------------------------------
def _silent(facts: ConsentFacts) -> bool:
    """The person stated nothing that holds: the policy decides."""
    return facts.stated is Stated.NONE


def _withdrawn(facts: ConsentFacts) -> bool:
    return _silent(facts) and facts.lapse is Lapse.WITHDRAWN


def _no_code(facts: ConsentFacts) -> bool:
    return facts.code is OneTimeCode.NOT_OBTAINED


def _policy_denies(facts: ConsentFacts) -> bool:
    return _silent(facts) and facts.policy <= ImplicitPolicy.BREAK_GLASS_ONLY


def _expired(facts: ConsentFacts) -> bool:
    return _policy_denies(facts) and facts.lapse is Lapse.EXPIRED


def _sensitive(facts: ConsentFacts) -> bool:
    return _silent(facts) and facts.sensitive


def _purpose_not_covered(facts: ConsentFacts) -> bool:
    return (
        _silent(facts)
        and facts.policy is ImplicitPolicy.PERMIT_BASIC_PURPOSES
        and not facts.basic_purpose
    )


_ORDINARY: Final = (
    (Verdict.DENY_STATED, lambda facts: facts.stated is Stated.DENY),
    (Verdict.CONSENT_WITHDRAWN, _withdrawn),
    (Verdict.CODE_NOT_OBTAINED, _no_code),
    (Verdict.CONSENT_EXPIRED, _expired),
    (Verdict.SENSITIVE_NEEDS_PERMIT, _sensitive),
    (Verdict.PURPOSE_NOT_COVERED, _purpose_not_covered),
    (Verdict.DENY_POLICY, _policy_denies),
)


def _ordinarily_denied(facts: ConsentFacts) -> bool:
    return any(applies(facts) for _, applies in _ORDINARY)


def _break_glass_opens(facts: ConsentFacts) -> bool:
    return (
        facts.break_glass is BreakGlass.WITH_REASON
        and facts.policy is not ImplicitPolicy.DENY_ALL
        and _ordinarily_denied(facts)
    )


def _break_glass_forbidden(facts: ConsentFacts) -> bool:
    excluded = facts.break_glass is BreakGlass.EXCLUDED
    denied_by_policy = (
        facts.break_glass is BreakGlass.WITH_REASON and facts.policy is ImplicitPolicy.DENY_ALL
    )
    return (excluded or denied_by_policy) and _ordinarily_denied(facts)


def _break_glass_unexplained(facts: ConsentFacts) -> bool:
    return facts.break_glass is BreakGlass.WITHOUT_REASON and _ordinarily_denied(facts)


CONSENT: Final[RuleTable[ConsentFacts]] = RuleTable(
    name="consent",
    version="1",
    rows=(
        (Verdict.PERMIT_BREAK_GLASS, _break_glass_opens),
        (Verdict.BREAK_GLASS_FORBIDDEN, _break_glass_forbidden),
        (Verdict.BREAK_GLASS_NEEDS_REASON, _break_glass_unexplained),
        *_ORDINARY,
    ),
    openers=(
        (Verdict.PERMIT_STATED, lambda facts: facts.stated is Stated.PERMIT),
        (Verdict.PERMIT_POLICY, _silent),
    ),
)


def judge_consent(facts: ConsentFacts) -> Decision:
    """Permit or deny, with every row that applies; break-glass keeps what it overrode."""
    return CONSENT.judge(facts)

"""From a person's provisions to facts: scopes, periods, exceptions, emergency access."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.rules.consent import ConsentRequest, Provision, consent_facts, judge_consent
from coordinator.rules.decision import Verdict
from coordinator.rules.facts import (
    BreakGlass,
    ImplicitPolicy,
    Lapse,
    OneTimeCode,
    Purpose,
    Stated,
)

BACH_MAI, BAC_NINH = "99001", "99002"
NOW = 1000
ASKS = ConsentRequest(recipient=BACH_MAI, author=BAC_NINH, data_class="laboratory", specimen=500)


def permit(**scope: Any) -> Provision:
    return Provision(permit=True, **scope)


def deny(**scope: Any) -> Provision:
    return Provision(permit=False, **scope)


def only(*values: Any) -> frozenset[Any]:
    return frozenset(values)


@pytest.mark.parametrize(
    ("provisions", "stated"),
    [
        ([], Stated.NONE),
        ([permit()], Stated.PERMIT),
        ([deny()], Stated.DENY),
        ([permit(), deny()], Stated.DENY),  # equally wide: deny overrides
        # scopes
        ([deny(recipients=only(BACH_MAI))], Stated.DENY),
        ([deny(recipients=only("99009"))], Stated.NONE),
        ([deny(authors=only(BAC_NINH))], Stated.DENY),
        ([deny(authors=only("99009"))], Stated.NONE),
        ([deny(data_classes=only("laboratory"))], Stated.DENY),
        ([deny(data_classes=only("imaging"))], Stated.NONE),
        ([deny(purposes=only(Purpose.TREATMENT))], Stated.DENY),
        ([deny(purposes=only(Purpose.RESEARCH))], Stated.NONE),
        ([deny(data_from=500, data_to=500)], Stated.DENY),
        ([deny(data_from=501)], Stated.NONE),
        ([deny(data_to=499)], Stated.NONE),
        # the exception to a deny: a permit truly inside it
        ([deny(), permit(recipients=only(BACH_MAI))], Stated.PERMIT),
        ([deny(), permit(data_from=400)], Stated.PERMIT),
        ([deny(data_from=100), permit(data_from=400, data_to=600)], Stated.PERMIT),
        ([deny(data_to=900), permit(data_from=400, data_to=600)], Stated.PERMIT),
        (
            [deny(recipients=only(BACH_MAI, "99009")), permit(recipients=only(BACH_MAI))],
            Stated.PERMIT,
        ),
        # narrower in one respect and wider in another lifts nothing
        (
            [deny(data_classes=only("laboratory")), permit(recipients=only(BACH_MAI))],
            Stated.DENY,
        ),
        ([deny(data_from=400), permit(recipients=only(BACH_MAI), data_to=600)], Stated.DENY),
        ([deny(data_to=600), permit(recipients=only(BACH_MAI), data_from=400)], Stated.DENY),
        # a deny inside the exception stands
        (
            [
                deny(),
                permit(recipients=only(BACH_MAI)),
                deny(recipients=only(BACH_MAI), data_classes=only("laboratory")),
            ],
            Stated.DENY,
        ),
    ],
)
def test_provisions_combine(provisions: list[Provision], stated: Stated) -> None:
    assert consent_facts(provisions, ASKS, NOW).stated is stated


@pytest.mark.parametrize(
    ("provision", "stated", "lapse"),
    [
        (permit(starts=NOW), Stated.PERMIT, Lapse.NONE),
        (permit(starts=NOW + 1), Stated.NONE, Lapse.NONE),
        (permit(ends=NOW + 1), Stated.PERMIT, Lapse.NONE),
        (permit(ends=NOW), Stated.NONE, Lapse.EXPIRED),
        (permit(withdrawn_at=NOW + 1), Stated.PERMIT, Lapse.NONE),
        (permit(withdrawn_at=NOW), Stated.NONE, Lapse.WITHDRAWN),
        (permit(withdrawn_at=1, ends=2), Stated.NONE, Lapse.WITHDRAWN),
        (permit(ends=NOW, recipients=only("99009")), Stated.NONE, Lapse.NONE),
        (permit(ends=NOW, purposes=only(Purpose.RESEARCH)), Stated.NONE, Lapse.NONE),
        (deny(ends=NOW), Stated.NONE, Lapse.NONE),  # a lapsed deny is no lapsed permit
        (deny(withdrawn_at=NOW), Stated.NONE, Lapse.NONE),
    ],
)
def test_periods(provision: Provision, stated: Stated, lapse: Lapse) -> None:
    facts = consent_facts([provision], ASKS, NOW)
    assert (facts.stated, facts.lapse) == (stated, lapse)


def test_an_undated_specimen_falls_into_any_data_period() -> None:
    undated = replace(ASKS, specimen=None)
    assert consent_facts([deny(data_from=900)], undated, NOW).stated is Stated.DENY


@pytest.mark.parametrize(
    ("provisions", "reason", "expected"),
    [
        ([], "unconscious", BreakGlass.WITH_REASON),
        ([], "  ", BreakGlass.WITHOUT_REASON),
        ([deny()], "unconscious", BreakGlass.WITH_REASON),  # silence does not reach emergencies
        ([deny(purposes=only(Purpose.BREAK_GLASS))], "unconscious", BreakGlass.EXCLUDED),
        ([deny(purposes=only(Purpose.BREAK_GLASS), ends=NOW)], "x", BreakGlass.WITH_REASON),
        ([deny(purposes=only(Purpose.BREAK_GLASS), starts=NOW + 1)], "x", BreakGlass.WITH_REASON),
        (
            [
                deny(purposes=only(Purpose.BREAK_GLASS)),
                permit(purposes=only(Purpose.BREAK_GLASS), recipients=only(BACH_MAI)),
            ],
            "x",
            BreakGlass.WITH_REASON,
        ),
    ],
)
def test_emergency_access(provisions: list[Provision], reason: str, expected: BreakGlass) -> None:
    asks = replace(ASKS, purpose=Purpose.BREAK_GLASS, reason=reason)
    facts = consent_facts(provisions, asks, NOW)
    assert facts.break_glass is expected
    assert facts.basic_purpose  # an emergency is treatment


def test_an_ordinary_request_is_no_emergency() -> None:
    facts = consent_facts([deny(purposes=only(Purpose.BREAK_GLASS))], ASKS, NOW)
    assert facts.break_glass is BreakGlass.NOT_ASKED
    assert facts.stated is Stated.NONE


@pytest.mark.parametrize(
    ("purpose", "basic"),
    [
        (Purpose.TREATMENT, True),
        (Purpose.PAYMENT, True),
        (Purpose.OPERATIONS, True),
        (Purpose.PUBLIC_HEALTH, False),
        (Purpose.RESEARCH, False),
    ],
)
def test_purposes(purpose: Purpose, basic: bool) -> None:
    assert consent_facts([], replace(ASKS, purpose=purpose), NOW).basic_purpose is basic


def test_the_rest_of_the_request_is_passed_on() -> None:
    asks = replace(ASKS, sensitive=True, code=OneTimeCode.OBTAINED)
    facts = consent_facts([], asks, NOW, ImplicitPolicy.DENY_ALL)
    assert (facts.policy, facts.sensitive, facts.code) == (
        ImplicitPolicy.DENY_ALL,
        True,
        OneTimeCode.OBTAINED,
    )


def test_break_glass_keeps_what_it_overrode() -> None:
    asks = replace(ASKS, purpose=Purpose.BREAK_GLASS, reason="unconscious")
    decision = judge_consent(consent_facts([deny()], asks, NOW))
    assert decision.reasons == (Verdict.PERMIT_BREAK_GLASS, Verdict.DENY_STATED)


# ---- properties ---------------------------------------------------------------------------------
def some(*values: Any) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(values), max_size=2)


MINUTE = st.none() | st.integers(0, 2000)
PROVISIONS = st.builds(
    Provision,
    permit=st.booleans(),
    purposes=some(Purpose.TREATMENT, Purpose.RESEARCH, Purpose.BREAK_GLASS),
    recipients=some(BACH_MAI, "99009"),
    authors=some(BAC_NINH, "99009"),
    data_classes=some("laboratory", "imaging"),
    data_from=MINUTE,
    data_to=MINUTE,
    starts=MINUTE,
    ends=MINUTE,
    withdrawn_at=MINUTE,
)
REQUESTS = st.builds(
    ConsentRequest,
    recipient=st.just(BACH_MAI),
    author=st.just(BAC_NINH),
    data_class=st.just("laboratory"),
    purpose=st.sampled_from(Purpose),
    specimen=MINUTE,
    sensitive=st.booleans(),
    code=st.sampled_from(OneTimeCode),
    reason=st.sampled_from(["", "unconscious"]),
)
POLICIES = st.sampled_from(ImplicitPolicy)


@given(st.lists(PROVISIONS, max_size=4), PROVISIONS, REQUESTS, POLICIES)
def test_one_more_denial_never_opens_anything(
    provisions: list[Provision], more: Provision, asks: ConsentRequest, policy: ImplicitPolicy
) -> None:
    denial = replace(more, permit=False)
    before = judge_consent(consent_facts(provisions, asks, NOW, policy))
    after = judge_consent(consent_facts([*provisions, denial], asks, NOW, policy))
    assert before.permits or not after.permits


@given(st.lists(PROVISIONS, max_size=4), REQUESTS, POLICIES, st.randoms(use_true_random=False))
def test_the_order_of_provisions_does_not_matter(
    provisions: list[Provision], asks: ConsentRequest, policy: ImplicitPolicy, random: Any
) -> None:
    shuffled = list(provisions)
    random.shuffle(shuffled)
    assert consent_facts(shuffled, asks, NOW, policy) == consent_facts(
        provisions, asks, NOW, policy
    )


@given(st.lists(PROVISIONS, max_size=4), REQUESTS)
def test_where_the_policy_denies_all_only_a_stated_permit_opens(
    provisions: list[Provision], asks: ConsentRequest
) -> None:
    facts = consent_facts(provisions, asks, NOW, ImplicitPolicy.DENY_ALL)
    if judge_consent(facts).permits:
        assert facts.stated is Stated.PERMIT

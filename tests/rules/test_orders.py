"""Whole orders: the stories of tables/orders.txt, and what holds for every history."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.rules.decision import PERMITTING, Verdict
from coordinator.rules.facts import AgeBand, Finding, OrderContext, RecognitionFacts, ResultStatus
from coordinator.rules.reuse import Order, Prior, age_band, decide, judge_prior
from tests.rules.stories import AUTHORED, RATED, STORIES, Story, said

DAY = 1440
OFFERS = {Verdict.REUSE, Verdict.REUSABLE, Verdict.PARTLY_COVERED}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.title)
def test_an_order_gets_the_answer_of_its_story(story: Story) -> None:
    answer = decide(story.order(), story.priors())
    assert [code.name for code in answer.decision.reasons] == story.codes()
    assert [entry.prior.key for entry in answer.covered] == story.keys("covered")
    assert list(answer.missing) == story.keys("missing")
    assert [entry.prior.key for entry in answer.shown] == story.keys("shown")
    told = [(e.prior.key, [code.name for code in e.decision.reasons]) for e in answer.log]
    assert told == story.log()


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, AgeBand.UNKNOWN),
        (-1, AgeBand.FUTURE),
        (0, AgeBand.VALID_EARLY),
        (50, AgeBand.VALID_EARLY),
        (51, AgeBand.VALID_LATE),
        (80, AgeBand.VALID_LATE),
        (81, AgeBand.EXPIRED_LATE),
        (99, AgeBand.EXPIRED_LATE),
        (100, AgeBand.EXPIRED_OLD),
    ],
)
def test_age_bands_where_validity_ends_before_the_retest_interval(
    age: int | None, band: AgeBand
) -> None:
    assert age_band(age, retest_minutes=100, validity_minutes=80) is band


@pytest.mark.parametrize(
    ("age", "band"),
    [(99, AgeBand.VALID_LATE), (100, AgeBand.VALID_OLD), (120, AgeBand.VALID_OLD)],
)
def test_age_bands_where_validity_outlasts_the_retest_interval(age: int, band: AgeBand) -> None:
    assert age_band(age, retest_minutes=100, validity_minutes=120) is band


def test_a_short_validity_expires_early() -> None:
    assert age_band(30, retest_minutes=100, validity_minutes=20) is AgeBand.EXPIRED_EARLY


@pytest.mark.parametrize("members", [(), ("sodium", "sodium")])
def test_an_order_names_its_members_once(members: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="needs members"):
        Order("o", members, AUTHORED, DAY, DAY)


def test_a_prior_keeps_the_reasons_of_every_gate_whatever_the_combination() -> None:
    choices = (
        (Verdict.MATCH_CCCD, Verdict.NO_MATCH_SCORE),
        (Verdict.PERMIT_POLICY, Verdict.DENY_STATED),
        (Verdict.VALID, Verdict.VALIDITY_EXPIRED),
        (Verdict.RECOGNISED, Verdict.LAB_NOT_RECOGNISED),
    )
    for codes in product(*choices):
        for duplicate, good in ((True, Verdict.REUSE), (False, Verdict.REUSABLE)):
            blockers = tuple(code for code in codes if code not in PERMITTING)
            decision = judge_prior(*map(said, codes), duplicate)
            assert decision.reasons == (blockers or (good,))


# ---- what holds for every history ---------------------------------------------------------------
IDENTITIES = [said(Verdict.MATCH_CCCD), said(Verdict.MATCH_CCCD), said(Verdict.REVIEW_SCORE)]
CONSENTS = [said(Verdict.PERMIT_POLICY), said(Verdict.PERMIT_POLICY), said(Verdict.DENY_STATED)]
PRIORS = st.builds(
    Prior,
    key=st.uuids().map(str),
    member=st.sampled_from(["sodium", "potassium"]),
    specimen=st.none() | st.integers(AUTHORED - 20 * DAY, AUTHORED + DAY),
    reported=st.integers(AUTHORED - 20 * DAY, AUTHORED),
    identity=st.sampled_from(IDENTITIES),
    consent=st.sampled_from(CONSENTS),
    recognition=st.sampled_from([RATED, RATED, RecognitionFacts()]),
    status=st.sampled_from(ResultStatus),
    finding=st.sampled_from(Finding),
    intervening_event=st.booleans(),
)
HISTORIES = st.lists(PRIORS, max_size=8)
ORDERS = st.builds(
    Order,
    key=st.just("o"),
    members=st.sampled_from([("sodium",), ("potassium", "sodium")]),
    authored=st.just(AUTHORED),
    retest=st.integers(0, 10 * DAY),
    validity=st.integers(1, 10 * DAY),
    context=st.sampled_from(OrderContext),
)


def moment(prior: Prior) -> int:
    return prior.reported if prior.specimen is None else prior.specimen


@given(ORDERS, HISTORIES)
def test_nothing_stands_in_past_a_newer_critical_result(order: Order, priors: list[Prior]) -> None:
    for entry in decide(order, priors).covered:
        newer = [
            prior
            for prior in priors
            if prior.member == entry.prior.member
            and prior.visible
            and prior.status is not ResultStatus.CANCELLED
            and moment(prior) >= moment(entry.prior)
        ]
        assert all(prior.finding is not Finding.CRITICAL for prior in newer)


@given(ORDERS, HISTORIES)
def test_what_stands_in_is_the_newest_that_may(order: Order, priors: list[Prior]) -> None:
    answer = decide(order, priors)
    usable = [entry for entry in answer.log if entry.decision.permits]
    for entry in answer.covered:
        assert entry.decision.permits
        rivals = [moment(e.prior) for e in usable if e.prior.member == entry.prior.member]
        assert moment(entry.prior) == max(rivals)


@given(ORDERS, HISTORIES)
def test_results_the_caller_may_not_see_change_nothing(order: Order, priors: list[Prior]) -> None:
    answer = decide(order, priors)
    seen = decide(order, [prior for prior in priors if prior.visible])
    assert (seen.decision, seen.covered, seen.missing, seen.shown) == (
        answer.decision,
        answer.covered,
        answer.missing,
        answer.shown,
    )


@given(ORDERS, HISTORIES, st.randoms(use_true_random=False))
def test_the_order_in_which_results_arrive_does_not_matter(
    order: Order, priors: list[Prior], random: object
) -> None:
    shuffled = list(priors)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(order, shuffled) == decide(order, priors)


@given(ORDERS, HISTORIES)
def test_every_member_is_covered_or_missing(order: Order, priors: list[Prior]) -> None:
    answer = decide(order, priors)
    covered = [entry.prior.member for entry in answer.covered]
    assert sorted([*covered, *answer.missing]) == sorted(order.members)
    assert bool(covered) == (answer.code in OFFERS)
    assert (answer.code in PERMITTING) == (not answer.missing)


@given(ORDERS, HISTORIES, st.integers(1, 10 * DAY))
def test_a_longer_validity_never_takes_a_covered_member_away(
    order: Order, priors: list[Prior], more: int
) -> None:
    before = decide(order, priors)
    after = decide(replace(order, validity=order.validity + more), priors)
    assert set(after.missing) <= set(before.missing)


@given(ORDERS, HISTORIES)
def test_each_prior_of_the_order_is_logged_once(order: Order, priors: list[Prior]) -> None:
    logged = sorted(entry.prior.key for entry in decide(order, priors).log)
    assert logged == sorted(prior.key for prior in priors if prior.member in order.members)

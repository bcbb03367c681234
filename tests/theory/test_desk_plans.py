"""Plans of desks: the shipped numbers keep their promises, bad ones are refused with a remedy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from simpy import Environment

from scenarios.desk_file import DESKS_FILE, MODALITIES, SETTINGS
from scenarios.desk_network import TARGET, network_desks, staffing
from scenarios.desk_plans import DeskPlan, Spread, load_desk_plans
from scenarios.desks import BackgroundLoad, Desk, FacilityDesks
from vietnam.datafiles import InputError

PLANS = load_desk_plans()
DAY, WEEK = 1440, 7 * 1440


def dice(entity: int, occurrence: int) -> float:
    return random.Random(entity * 1_000_003 + occurrence).random()


# --- the shipped plans --------------------------------------------------------------------------


@pytest.mark.parametrize("plan", PLANS.plans, ids=lambda p: f"{p.tier}-{p.facility_class}")
def test_large_desks_are_busy_and_none_is_overloaded(plan: DeskPlan) -> None:
    for modality, (day, night) in plan.servers.items():
        assert plan.utilisation(modality) <= 0.85
        assert plan.utilisation_off_shift(modality) <= 0.85
        if day > 3:
            assert plan.utilisation(modality) >= 0.55, modality
        assert night <= day


def test_every_tier_but_elsewhere_has_a_plan() -> None:
    for tier in ("central", "provincial", "district", "commune", "private"):
        assert PLANS.for_kind(tier, "no such class") is PLANS.for_kind(tier)
    with pytest.raises(KeyError, match="elsewhere"):
        PLANS.for_kind("elsewhere")


def test_a_plan_is_sized_by_its_beds() -> None:
    plan = PLANS.for_kind("district")
    half = PLANS.for_facility("district", plan.beds // 2)
    for modality in plan.servers:
        assert half.orders_a_day(modality, "outpatient") == pytest.approx(
            plan.orders_a_day(modality, "outpatient") / 2
        )
        assert half.utilisation(modality) <= plan.utilisation(modality) + 1e-9


def test_desks_are_staffed_for_the_demand_that_is_simulated() -> None:
    plan = PLANS.for_kind("district")
    orders = {(m, s): 3 * plan.orders_a_day(m, s) for m in plan.servers for s in SETTINGS}
    staffed = plan.staffed(orders, target=0.8)
    for modality, (day, night) in staffed.servers.items():
        assert staffed.orders_a_day(modality, "emergency") == pytest.approx(
            orders[modality, "emergency"]
        )
        assert staffed.utilisation(modality) <= 0.8
        assert staffed.utilisation_off_shift(modality) <= 0.8
        assert (day, night) >= (1, 1)


@pytest.mark.parametrize("modality", MODALITIES)
def test_minutes_never_fall_when_u_grows(modality: str) -> None:
    plan = PLANS.plans[0]
    for spread in (plan.service[modality], *plan.report[modality].values()):
        minutes = [spread.minutes(i / 1000 + 0.0005) for i in range(1000)]
        assert minutes == sorted(minutes)
        assert minutes[0] >= 1
        assert minutes[-1] <= spread.points[-1][1]


def test_a_spread_is_its_quantiles() -> None:
    spread = Spread.of({"0": 2, "50": 4, "100": 10})
    assert [spread.minutes(u) for u in (1e-9, 0.25, 0.5, 0.75, 1 - 1e-9)] == [2, 3, 4, 7, 10]
    assert spread.mean() == pytest.approx((2 + 4) / 4 + (4 + 10) / 4, abs=0.01)


# --- a facility ---------------------------------------------------------------------------------


def test_background_load_comes_as_planned() -> None:
    """Orders by modality within 4.5 standard errors of a Poisson count; nobody is lost."""
    plan, env = PLANS.for_kind("district"), Environment()
    desks = FacilityDesks(env, plan)
    BackgroundLoad(desks, dice, share=1.0)
    env.run(until=8 * WEEK)
    for modality, desk in desks.desks.items():
        expected = 8 * sum(plan.orders_an_hour(modality, d, h) for d in range(7) for h in range(24))
        assert abs(desk.arrived - expected) < 4.5 * expected**0.5, modality
        assert desk.arrived == desk.served + desk.present


def test_background_follows_the_hours_of_the_day() -> None:
    plan, env = PLANS.for_kind("district"), Environment()
    seen: list[int] = []
    desks = FacilityDesks(env, plan, first_weekday=2)
    BackgroundLoad(
        desks,
        dice,
        orders_a_day={("laboratory", s): plan.orders_a_day("laboratory", s) for s in SETTINGS},
        watch=lambda _modality, _setting, ordered, _available: seen.append(ordered),
    )
    env.run(until=6 * WEEK)
    for weekday, hour in ((0, 8), (2, 9), (4, 14), (6, 9), (1, 3)):
        found = sum((m // DAY + 2) % 7 == weekday and m % DAY // 60 == hour for m in seen)
        expected = 6 * plan.orders_an_hour("laboratory", weekday, hour)
        assert abs(found - expected) < 4.5 * expected**0.5 + 2, (weekday, hour)


def test_share_zero_is_no_background() -> None:
    desks = FacilityDesks(Environment(), PLANS.for_kind("district"))
    BackgroundLoad(desks, dice, share=0.0)
    desks.env.run(until=WEEK)
    assert all(desk.arrived == 0 for desk in desks.desks.values())


@pytest.mark.parametrize(
    ("minute", "places"), [(2 * DAY + 9 * 60, 6), (2 * DAY + 22 * 60, 1), (6 * DAY + 9 * 60, 1)]
)
def test_evenings_and_sundays_have_fewer_places(minute: int, places: int) -> None:
    """Ten orders at once, Wednesday morning, Wednesday night, Sunday: the wait tells the places."""
    env = Environment()
    desks = FacilityDesks(env, PLANS.for_kind("district"), keep_waits=True)
    assert (
        PLANS.for_kind("district").places("laboratory", minute // DAY, minute % DAY // 60) == places
    )

    def ten():
        yield env.timeout(minute)
        for _ in range(10):
            desks.occupy("laboratory", "outpatient", 0.5)

    env.process(ten())
    env.run(until=minute + 300)
    assert desks.desks["laboratory"].waits == [4 * (i // places) for i in range(10)]


def test_the_result_is_there_after_desk_and_report() -> None:
    env, plan = Environment(), PLANS.for_kind("commune")
    desks = FacilityDesks(env, plan, unlimited=True)
    event = desks.order("laboratory", "outpatient", 0.5, 0.5)
    env.run(until=event)
    assert event.value == env.now == 4 + 50


def test_orders_for_a_missing_desk_go_one_tier_up() -> None:
    env = Environment()
    province = FacilityDesks(env, PLANS.for_kind("provincial"))
    district = FacilityDesks(env, PLANS.for_kind("district"), forward=province)
    station = FacilityDesks(env, PLANS.for_kind("commune"), forward=district)
    assert station.offers("mri")
    station.order("mri", "outpatient", 0.5, 0.5)
    assert province.desks["mri"].arrived == 1
    with pytest.raises(ValueError, match="nobody serves mri"):
        FacilityDesks(env, PLANS.for_kind("commune")).order("mri", "outpatient", 0.5, 0.5)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("servers", [0, -1, 1.5, True])
def test_a_desk_without_whole_servers_is_refused(servers: int) -> None:
    with pytest.raises(ValueError, match="server"):
        Desk(Environment(), servers)


LABORATORY_LINE = "    servers: {laboratory: ["


def first(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


REFUSED = [
    # what is wrong, change of the shipped file, key in the message, words in the message
    (first("laboratory: [121, 13]", "laboratory: [-2, 1]"), "plans.0.servers.laboratory.0", "-2"),
    (first("laboratory: [121, 13]", "laboratory: [0, 0]"), "plans.0.servers.laboratory.0", "whole"),
    (first("laboratory: [121, 13]", "laboratory: 5"), "plans.0.servers.laboratory", "two numbers"),
    (
        first("laboratory: [121, 13]", "laboratory: [90, 13]"),
        "plans.0.servers.laboratory.0",
        "at least 95 places",
    ),
    (
        first("laboratory: [121, 13]", "laboratory: [121, 2]"),
        "plans.0.servers.laboratory.1",
        "without end",
    ),
    (first("{laboratory: [121, 13]", "{labratory: [121, 13]"), "servers.labratory", "laboratory"),
    (first("beds: 2800", "beds: many"), "plans.0.beds", "whole number"),
    (first("tier: central", "tier: centre"), "plans.0.tier", "central"),
    (first("background_share: 0.9", "background_share: 1.9"), "background_share", "0 to 1"),
    (first("forward: district", "forward: commune"), "servers", "no desk for xray"),
    (first("minutes: {0: 2, 50: 4", "minutes: {0: 2, 50: 1"), "minutes.50", "must grow"),
    (first("minutes: {0: 2, 50: 4", "minutes: {10: 2, 50: 4"), "minutes", "0 to 100"),
    (first("minutes: {0: 2, 50: 4", "minutes: {zero: 2, 50: 4"), "minutes.zero", "percentage"),
    (first("[1.15, 1.05, 1.0", "[1.15, 1.0"), "weekdays.outpatient", "7"),
    (first("[1.15, 1.05, 1.0", "[-1, 1.05, 1.0"), "weekdays.outpatient.0", "-1"),
    (first("from: 7, to: 17", "from: 17, to: 7"), "day_shift.to", "18 to 24"),
    (first("range: [0.8, 1.2]", "range: [1.2, 0.8]"), "arrivals.range.0", "0 to 1"),
    (first("range: [0.8, 1.2]", "range: wide"), "arrivals.range", "two factors"),
    (first("visits_per_year:", "visits_per_year_:"), "visits_per_year_", "visits_per_year"),
    (lambda text: text[: text.index("\nplans:")] + "\nplans: []\n", "plans", "no plan"),
]


@pytest.mark.parametrize(("change", "key", "words"), REFUSED, ids=[row[1] for row in REFUSED])
def test_a_bad_plan_is_refused_with_line_key_and_remedy(
    tmp_path: Path, change: Callable[[str], str], key: str, words: str
) -> None:
    shipped = DESKS_FILE.read_text(encoding="utf-8")
    path = tmp_path / "desks.yaml"
    path.write_text(change(shipped), encoding="utf-8")
    assert path.read_text(encoding="utf-8") != shipped
    with pytest.raises(InputError) as caught:
        load_desk_plans(path)
    error = caught.value
    assert error.file == str(path)
    assert error.line
    assert key in error.key
    assert words in str(error)
    assert error.remedy


# --- a network ----------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [0.0, 0.3, 1.0, 5.0])
def test_background_fills_the_plan_and_places_follow_the_demand(times: float) -> None:
    plan = PLANS.for_kind("district")
    simulated = {(m, s): times * plan.orders_a_day(m, s) for m in plan.servers for s in SETTINGS}
    found = staffing(plan, simulated)
    for modality in plan.servers:
        for setting in SETTINGS:
            key = modality, setting
            total = found.background[key] + simulated[key]
            assert total == pytest.approx(max(1.0, times) * plan.orders_a_day(*key))
            assert found.plan.orders_a_day(*key) == pytest.approx(total)
        assert found.plan.servers[modality] >= plan.servers[modality]
        assert found.plan.utilisation(modality) <= TARGET
        assert found.plan.utilisation_off_shift(modality) <= TARGET


def test_a_modality_that_is_ordered_gets_a_desk() -> None:
    found = staffing(PLANS.for_kind("commune"), {("mri", "outpatient"): 2.0})
    assert found.plan.servers["mri"] == (1, 1)


def test_every_facility_of_a_network_has_desks_but_elsewhere() -> None:
    @dataclass(frozen=True)
    class Place:
        tier: str
        beds: int

    env = Environment()
    places = [Place("central", 1000), Place("commune", 5), Place("elsewhere", 0)]
    built = network_desks(env, places, {}, PLANS, dice, first_weekday=0)
    assert sorted(built) == [0, 1]
    env.run(until=WEEK)
    assert built[0].desks["laboratory"].arrived > 100 * built[1].desks["laboratory"].arrived > 0

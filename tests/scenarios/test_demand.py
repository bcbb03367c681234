"""Demand: a pure function of seed and person, the same in all worlds (model section 3)."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from scenarios import draws
from scenarios.experiments.simulate import simulate
from scenarios.plan import sampled_persons
from scenarios.world.demand import CHRONIC_EPISODE, life, person_traits
from scenarios.world.life import (
    BYPASS,
    FOLLOW_UP,
    INPATIENT,
    MAX_CHAIN,
    MAX_SERIAL,
    MONITORING,
    OUTPATIENT,
    REFERRED,
    RETURNED,
    empty_life,
)
from scenarios.world.tables import illness
from tests.scenarios.lives import digest, live, lives
from tests.scenarios.worlds import TINY, study
from tests.walls.tree import ROOT
from vietnam.calendar import is_working_day
from vietnam.datafiles import InputError

DAY = 1440
FALSE_ALARM = 3.89  # two-sided 1e-4 of the standard normal distribution
MISS = 3.09  # an error of the stated size is missed once in 1,000 seeds
CHAIN = "tiny-referral-chain"  # every tier, push, dates inside the count


@pytest.fixture(scope="module")
def plan():
    return study(CHAIN)


@pytest.fixture(scope="module")
def people(plan):
    """4,000 lives: enough for a few hundred transfers, returns, stays and programmes."""
    return lives(plan, 4000)


# --- pure ----------------------------------------------------------------------------------------


def test_a_life_does_not_depend_on_what_was_computed_before(plan):
    persons = sampled_persons(plan.population, 200 / plan.population)
    room = empty_life()
    forwards = [live(plan, p, room) for p in persons]
    backwards = [live(plan, p, room) for p in persons[::-1]]
    alone = [live(plan, p) for p in persons]
    assert forwards == backwards[::-1] == alone
    assert any(orders for _, orders in alone)


def test_a_life_does_not_depend_on_who_else_is_sampled(plan):
    everybody = set(sampled_persons(plan.population, 1.0).tolist())
    few = sampled_persons(plan.population, 0.02)
    assert set(few.tolist()) <= everybody
    assert len(few) == round(0.02 * plan.population)
    for scale in (0.02, 0.5):  # simulate() at another scale meets the same lives
        persons = sampled_persons(plan.population, scale)
        counted = simulate(plan, scale).tally
        assert int(counted.persons[0]) == len(persons)
        begin, end = plan.period.begin, plan.period.end
        inside = sum(begin <= order.minute < end for p in persons for order in live(plan, p)[1])
        assert int(counted.classes[0].sum()) == inside


@pytest.mark.parametrize("name", TINY[:2])
def test_compiled_and_plain_python_live_the_same_lives(name):
    """With NUMBA_DISABLE_JIT=1 the same source runs as it stands: no compiler option matters."""
    count = 40
    plain = subprocess.run(
        [sys.executable, "-m", "tests.scenarios.lives", name, str(count)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert plain.returncode == 0, plain.stderr
    plan = study(name)
    persons = sampled_persons(plan.population, count / plan.population)
    assert sum(len(live(plan, p)[1]) for p in persons) > 50
    assert plain.stdout.strip() == digest(plan, persons)


# --- the same in all worlds ----------------------------------------------------------------------

WORLD_1_ONLY = {
    "never connected": {"connect": "never"},
    "all connected": {"connect": "2024-01-01"},
    "mandate": {"mode": "mandate"},
    "another law": {"regulation": "level-rule-2017"},
    "nothing recognised": {"recognition": "nothing"},
    "backload": {"backload_days": "3650"},
    "nobody looks": {"look__push": "0", "look__pull": "0"},
    "all accept": {"accept__labile": "1", "accept__stable": "1", "accept__imaging": "1"},
    "no consent": {"consent__denied": "1"},
    "wrong registrations": {"identity__typo": "0.3", "identity__false_link": "1"},
    "weak links": {"link__availability_district": "0.5", "link__load": "1"},
    "slow to publish": {"publish__delay_hours": "48", "publish__mapped": "0.1"},
    # of world 0, but not of demand: they change what is performed, never what is ordered
    "own record": {"local__noticed_emr": "1", "emr": "2024-01-01"},
    "paper": {"paper__carried_film": "1", "paper__accept": "1"},
    "need": {"need__labile_same": "1"},
    "prices": {"price__factor": "2"},
}


@pytest.mark.parametrize("changes", WORLD_1_ONLY.values(), ids=WORLD_1_ONLY)
def test_nothing_but_demand_changes_an_order(plan, changes):
    persons = sampled_persons(plan.population, 200 / plan.population)
    assert digest(study(CHAIN, **changes), persons) == digest(plan, persons)


@pytest.mark.parametrize(
    "changes",
    [{"seed": 8}, {"replication": 1}, {"demand__bypass": "0.3"}, {"demand__acute_rate": "1.2"}],
    ids=str,
)
def test_what_belongs_to_demand_changes_orders(plan, changes):
    persons = sampled_persons(plan.population, 200 / plan.population)
    assert digest(study(CHAIN, **changes), persons) != digest(plan, persons)


def test_free_movement_changes_only_visits_after_its_date():
    scenario = study(CHAIN).scenario
    never = scenario.model_copy(update={"free_movement_from": scenario.count_to.replace(year=2039)})
    with_law, without = study(CHAIN), _compiled(never)
    begins = with_law.demand.free_movement_from
    changed = 0
    for person, (visits, orders) in lives(with_law, 1500).items():
        other, other_orders = live(without, person)
        assert _before(visits, begins) == _before(other, begins)
        keys = {(o.key, o.minute) for o in orders if o.minute < begins}
        assert keys == {(o.key, o.minute) for o in other_orders if o.minute < begins}
        changed += visits != other
    assert changed > 50  # otherwise nothing was compared


def _compiled(scenario):
    from scenarios.parameters import central
    from scenarios.plan import compile_plan

    return compile_plan(scenario, central(scenario.resolved), 7, 0)


def _before(visits, minute):
    """Visits of the time before: each with its key, so that later ones do not shift them."""
    return {v.key: v for v in visits if v.minute < minute}


# --- the shape of a life -------------------------------------------------------------------------


def test_orders_stand_by_minute_then_visit_then_test(people):
    for visits, orders in people.values():
        assert [o.minute for o in orders] == sorted(o.minute for o in orders)
        for a, b in pairwise(orders):
            if a.minute == b.minute:
                assert (a.visit, a.test) < (b.visit, b.test)
        for order in orders:
            assert 0 <= order.visit < len(visits)
            visit = visits[order.visit]
            assert order.key == (visit.key * 16 + order.test) * MAX_SERIAL + order.serial


def test_keys_are_unique(people):
    for visits, orders in people.values():
        assert len({v.key for v in visits}) == len(visits)
        assert len({o.key for o in orders}) == len(orders)


def test_first_orders_are_made_at_the_visit_and_serial_ones_within_the_stay(plan, people):
    serial = 0
    for visits, orders in people.values():
        for order in orders:
            visit = visits[order.visit]
            if order.serial == 0:
                assert order.minute == visit.minute
                continue
            serial += 1
            assert visit.setting == INPATIENT
            every = int(plan.demand.serial_days[order.test]) * DAY
            assert every > 0
            assert order.minute == visit.minute + order.serial * every < visit.minute + visit.stay
        stays = {(o.visit, o.test): [] for o in orders}
        for order in orders:
            stays[order.visit, order.test].append(order.serial)
        for ordinals in stays.values():
            assert ordinals == list(range(len(ordinals)))
    assert serial > 500


def test_only_stays_have_a_length(people):
    for visits, _ in people.values():
        for visit in visits:
            assert (visit.stay > 0) == (visit.setting == INPATIENT)


def test_chains_go_forward_and_keep_their_condition(people):
    longest = 0
    for visits, _ in people.values():
        for a, b in pairwise(visits):
            if a.key // MAX_CHAIN != b.key // MAX_CHAIN:
                assert b.key % MAX_CHAIN == 0
                assert b.sender == -1
                continue
            assert b.key == a.key + 1
            assert b.minute > a.minute + a.stay
            assert (b.sender, b.condition) == (a.facility, a.condition)
            longest = max(longest, b.key % MAX_CHAIN)
    assert longest >= 3


@pytest.mark.parametrize("name", TINY[:2])
def test_where_the_next_visit_of_a_chain_is(name):
    """Transfers go up, returns to the sender, bypass elsewhere, follow-ups to the same place."""
    plan = study(name)
    seen = dict.fromkeys((REFERRED, RETURNED, BYPASS, FOLLOW_UP), 0)
    up = {
        (f.index, plan.network.index(to))
        for f in plan.network.facilities
        for _, to, kind in plan.network.graph.out_edges(f.code, keys=True)
        if kind == "referral"
    }
    for visits, _ in lives(plan, 4000).values():
        for a, b in pairwise(visits):
            if b.key % MAX_CHAIN == 0:
                continue
            seen[b.kind] += 1
            if b.kind == REFERRED:
                assert (a.facility, b.facility) in up
            elif b.kind == RETURNED:
                assert a.kind == REFERRED
                assert b.facility == a.sender
            elif b.kind == BYPASS:
                assert b.facility != a.facility
            else:
                assert b.facility == a.facility
    assert min(seen.values()) > 50, seen


def test_outpatients_come_on_working_days_in_opening_hours(plan, people):
    first, last = min(illness()["opening_minutes"]), max(illness()["opening_minutes"])
    for visits, _ in people.values():
        for visit in visits:
            if visit.setting == OUTPATIENT and visit.key % MAX_CHAIN == 0:
                assert is_working_day(plan.day(visit.minute))
                assert first <= visit.minute % DAY <= last


def test_nobody_comes_after_the_end(plan, people):
    for visits, _ in people.values():
        assert all(0 <= v.minute < plan.demand.horizon for v in visits)


def test_first_doors_that_a_network_lacks_are_not_used():
    """`tiny` has no station, clinic, central or special hospital: people go where there is one."""
    plan = study("tiny-two-hospitals")
    tiers = {
        plan.network.facilities[v.facility].tier for vs, _ in lives(plan, 500).values() for v in vs
    }
    assert tiers == {"district", "provincial", "elsewhere"}


# --- monthly programmes --------------------------------------------------------------------------


def test_monthly_visits_and_monitoring_intervals_are_kept(plan, people):
    every = plan.demand.every
    programmes = monitored = 0
    for visits, orders in people.values():
        monthly = {v.key // MAX_CHAIN - CHRONIC_EPISODE: v for v in visits if v.kind == MONITORING}
        if not monthly:
            continue
        programmes += 1
        assert len({v.facility for v in monthly.values()}) == 1  # a programme has one place
        for (m, a), (n, b) in pairwise(sorted(monthly.items())):
            assert n > m
            apart = (b.minute - a.minute) / DAY - 29 * (n - m)
            assert abs(apart) < 12  # Tet closes for up to nine days, then comes a week-end
        ordered: dict[int, list[int]] = {}
        for order in orders:
            visit = visits[order.visit]
            if visit.kind == MONITORING and visit.setting != INPATIENT:
                month = visit.key // MAX_CHAIN - CHRONIC_EPISODE
                ordered.setdefault(order.test, []).append(month)
        for test, months in ordered.items():
            condition = next(iter(monthly.values())).condition
            step = int(every[condition, test])
            assert step > 0
            assert {month % step for month in months} == {months[0] % step}
            monitored += len(months)
    assert programmes > 200
    assert monitored > 500


def test_monthly_visits_are_missed_as_often_as_assumed(plan, people):
    """z-test, false alarm 1e-4; an attendance that is off by 0.04 would be found."""
    attended = due = 0
    for visits, _ in people.values():
        months = [v.key // MAX_CHAIN - CHRONIC_EPISODE for v in visits if v.kind == MONITORING]
        if len(months) > 2:
            attended += len(months) - 2  # both ends are there by choice of the window
            due += months[-1] - months[0] - 1
    p = plan.values["demand.attendance"]
    deviation = math.sqrt(p * (1 - p) / due)
    assert (FALSE_ALARM + MISS) * deviation < 0.04
    assert abs(attended / due - p) < FALSE_ALARM * deviation


# --- persons -------------------------------------------------------------------------------------
# z-tests: each raises a false alarm once in 10,000 seeds.
PERSONS = 40_000


@pytest.fixture(scope="module")
def traits(plan):
    rows = [person_traits(*plan.key, person, plan.demand) for person in range(PERSONS)]
    return np.array(
        [
            [age, sex, insured, chronic, frailty, z]
            for _, age, sex, insured, chronic, frailty, z in rows
        ]
    )


def test_frailty_has_mean_one(traits):
    """An error of 4 % of the mean visit rate would be found."""
    frailty = traits[:, 4]
    deviation = float(frailty.std()) / math.sqrt(PERSONS)
    assert (FALSE_ALARM + MISS) * deviation < 0.04
    assert abs(float(frailty.mean()) - 1.0) < FALSE_ALARM * deviation


@pytest.mark.parametrize("shape", ["0.6", "0.9", "1.5"])
def test_frailty_table_has_mean_one_and_the_variance_of_its_shape(shape):
    q = study(CHAIN, demand__frailty_shape=shape).demand.frailty_quantiles
    u = (np.arange(400_000) + 0.5) / 400_000 * (len(q) - 1)
    values = np.interp(u, np.arange(len(q)), q)
    assert float(values.mean()) == pytest.approx(1.0, abs=1e-6)
    # straight lines end at the last of 1,001 quantiles, which costs about 2 % of the variance
    assert float(values.var()) == pytest.approx(1.0 / float(shape), rel=0.03)


def test_complexity_is_normal_and_correlated_with_frailty(plan, traits):
    z, rho = traits[:, 5], plan.values["demand.frailty_complexity"]
    assert abs(float(z.mean())) < FALSE_ALARM / math.sqrt(PERSONS)
    assert abs(float(z.var()) - 1.0) < FALSE_ALARM * math.sqrt(2.0 / PERSONS)
    score = np.argsort(np.argsort(traits[:, 4])) + 0.5
    normal = np.array([draws.normal_quantile(u) for u in score / PERSONS])
    r = float(np.corrcoef(z, normal)[0, 1])
    # Fisher's z; an error of 0.03 in the correlation would be found
    apart = abs(math.atanh(r) - math.atanh(rho)) * math.sqrt(PERSONS - 3)
    assert apart < FALSE_ALARM
    assert (math.atanh(rho + 0.03) - math.atanh(rho)) * math.sqrt(PERSONS) > FALSE_ALARM + MISS


def test_shares_of_persons(plan, traits):
    shares = {
        "female": (float((traits[:, 1] == 1).mean()), 0.5),
        "insured": (float(traits[:, 2].mean()), plan.values["demand.insured"]),
    }
    for band, wanted in enumerate(illness()["ages"]["share"]):
        shares[f"age band {band}"] = (float((traits[:, 0] == band).mean()), wanted)
    for name, (got, wanted) in shares.items():
        deviation = math.sqrt(wanted * (1 - wanted) / PERSONS)
        assert abs(got - wanted) < FALSE_ALARM * deviation, name


def test_communes_are_filled_in_order(plan):
    communes = plan.network.communes
    ends = np.cumsum([c.population for c in communes])
    for person in (0, int(ends[0]) - 1, int(ends[0]), int(ends[-1]) - 1):
        commune = person_traits(*plan.key, person, plan.demand)[0]
        assert commune == int(np.searchsorted(ends, person, side="right"))


# --- limits --------------------------------------------------------------------------------------


def test_a_life_that_does_not_fit_is_refused_with_a_remedy():
    plan = study("tiny-two-hospitals", demand__acute_rate="100000")
    assert life(*plan.key, 0, plan.demand, empty_life()) == (-1, -1)
    with pytest.raises(
        InputError, match=r"more visits or orders than fit.*lower demand.acute_rate"
    ):
        simulate(plan, 0.001)


@pytest.mark.parametrize(("visits", "orders"), [(3, 8192), (1024, 3)], ids=["visits", "orders"])
def test_both_arrays_are_guarded(visits, orders):
    plan = study("tiny-two-hospitals", demand__acute_rate="30")
    room = empty_life(visits, orders)
    assert any(life(*plan.key, p, plan.demand, room) == (-1, -1) for p in range(50))

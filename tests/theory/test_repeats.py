"""The oracles of the model page, section 12: repeats and avoidance where they can be known.

Streams of orders are made by hand and run through the compiled engine. Each z-test raises a false
alarm once in 10,000 seeds and would find an error of 1 % of the share (missed once in 1,000 seeds);
that it has this power is asserted too. Naive formulas must fail the same test.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest

from coordinator.rules.gates import Gate
from scenarios.experiments.simulate import simulate
from scenarios.orders import NOT_PERFORMED, OrderClass
from tests.scenarios.worlds import study
from tests.theory.streams import (
    MEAN_GAP,
    SHUT,
    WORLD_0,
    WORLD_1,
    World,
    open_world,
    play,
    poisson,
)

FALSE_ALARM = 4.03  # two-sided 1e-4 of a t distribution with 127 degrees of freedom
MISS = 3.09  # an error of the stated size is missed once in 1,000 seeds
LIVES, ORDERS, WARM_UP = 128, 20_000, 200
LONG = 40_000  # orders of a life where only those at one facility count
FIRST, LOCAL, REPEAT, SHARED = (
    OrderClass.FIRST,
    OrderClass.LOCAL_PERFORMED,
    OrderClass.PERFORMED_REPEAT,
    OrderClass.SHARED_REUSED,
)
LOST = OrderClass.LOST


def z(shares: Sequence[float], wanted: float) -> float:
    """How many standard errors the mean of independent lives lies from `wanted`."""
    values = np.asarray(shares)
    return (float(values.mean()) - wanted) / _error(values)


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def agrees(shares: Sequence[float], wanted: float, detects: float = 0.01) -> None:
    """The share is `wanted`, and an error of `detects` of it would have been found."""
    power = detects * wanted / _error(np.asarray(shares))
    assert power > FALSE_ALARM + MISS, f"an error of {detects:.0%} would hide: {power:.1f}"
    assert abs(z(shares, wanted)) < FALSE_ALARM


# --- P(cross-facility repeat | order at f) -------------------------------------------------------
# phi: share of orders at f; lw: orders within the window, mean
CASES = [
    pytest.param(0.5, 1.0, id="half here, one order in the window"),
    pytest.param(0.2, 1.0, id="a fifth here, one order in the window"),
    pytest.param(0.3, 3.0, id="a third here, three orders in the window"),
    pytest.param(0.6, 1.5, id="most here, one and a half in the window"),
]


def classes_at_f(phi: float, lw: float, elsewhere: int = 3) -> dict[int, list[float]]:
    """Share of each class among the orders at f (facility 0) in world 0, one value a life."""
    world = open_world(1 + elsewhere, round(lw * MEAN_GAP))
    shares: dict[int, list[float]] = {c: [] for c in (FIRST, LOCAL, REPEAT)}
    for person in range(LIVES):
        dice = np.random.default_rng([1, person, round(1000 * phi), round(1000 * lw)])
        minutes = poisson(dice, LONG)
        places = np.where(dice.random(LONG) < phi, 0, dice.integers(1, 1 + elsewhere, LONG))
        codes = play(world, minutes, places, WORLD_0, person=person)[WARM_UP:]
        here = codes[places[WARM_UP:] == 0]
        for code, values in shares.items():
            values.append(float((here == code).mean()))
    return shares


@pytest.mark.parametrize(("phi", "lw"), CASES)
def test_share_of_cross_facility_repeats(phi, lw):
    shares = classes_at_f(phi, lw)
    none_here, none_elsewhere = math.exp(-phi * lw), math.exp(-(1 - phi) * lw)
    agrees(shares[REPEAT], none_here * (1 - none_elsewhere))
    agrees(shares[FIRST], none_here * none_elsewhere, detects=0.03)
    agrees(shares[LOCAL], 1 - none_here, detects=0.03)
    # whoever forgets that an own prior comes first is found out
    assert abs(z(shares[REPEAT], 1 - none_elsewhere)) > FALSE_ALARM
    by_share = (1 - phi) * (1 - none_here * none_elsewhere)
    assert abs(z(shares[REPEAT], by_share)) > FALSE_ALARM


def test_facilities_that_share_a_record_are_one():
    """Orders at two of four facilities with one record group count as orders at one."""
    lw, phi = 1.0, 0.5
    world = open_world(4, round(lw * MEAN_GAP), groups=np.array([0, 0, 2, 3], np.int32))
    shares = []
    for person in range(LIVES):
        dice = np.random.default_rng([2, person])
        places = dice.integers(0, 4, LONG)
        codes = play(world, poisson(dice, LONG), places, WORLD_0, person=person)[WARM_UP:]
        shares.append(float((codes[places[WARM_UP:] < 2] == REPEAT).mean()))
    agrees(shares, math.exp(-phi * lw) * (1 - math.exp(-(1 - phi) * lw)))
    assert abs(z(shares, math.exp(-0.25 * lw) * (1 - math.exp(-0.75 * lw)))) > FALSE_ALARM


# --- avoidance: an avoided test does not renew ---------------------------------------------------


def avoided_share(lw: float, accept: float) -> float:
    """Renewal: a cycle lasts from one performed test to the next, in units of the mean gap."""
    b = 1.0 - accept
    inside = lw if b == 0.0 else -math.expm1(-b * lw) / b
    return 1.0 - 1.0 / (inside + math.exp(-b * lw))


def many_facilities(world: World, seed: int) -> tuple[list[float], list[float], list[float]]:
    """Per life: share of orders avoided; repeats of world 0 and of world 1 as shares of orders."""
    avoided, without, shared = [], [], []
    facilities = len(world.calendars.tier)
    places = np.arange(ORDERS) % facilities  # nobody comes back within the window
    for person in range(LIVES):
        minutes = poisson(np.random.default_rng([3, seed, person]), ORDERS)
        before = play(world, minutes, places, WORLD_0, person=person)[WARM_UP:]
        after = play(world, minutes, places, WORLD_1, person=person)[WARM_UP:]
        assert set(np.unique(before)) <= {FIRST, REPEAT}
        assert set(np.unique(after)) <= {FIRST, SHARED, *range(LOST + 1, LOST + 13)}
        avoided.append(float((after == SHARED).mean()))
        without.append(float((before == REPEAT).mean()))
        shared.append(float(((after > LOST) & (after <= LOST + 12)).mean()))
    return avoided, without, shared


RENEWALS = [
    pytest.param(1.0, 0.3, id="one order in the window, three of ten accepted"),
    pytest.param(2.0, 0.6, id="two orders in the window, six of ten accepted"),
    pytest.param(1.0, 1.0, id="one order in the window, all accepted"),
]


@pytest.mark.parametrize(("lw", "accept"), RENEWALS)
def test_avoided_share(lw, accept):
    world = open_world(64, round(lw * MEAN_GAP), accept=accept)
    avoided, without, shared = many_facilities(world, seed=1)
    repeats = -math.expm1(-lw)
    agrees(without, repeats)
    agrees(avoided, avoided_share(lw, accept))
    # the formula that lets an avoided test renew, and the difference of repeats, are found out
    assert abs(z(avoided, accept * repeats)) > FALSE_ALARM
    differences = [a - b for a, b in zip(without, shared, strict=True)]
    assert abs(z(differences, avoided_share(lw, accept))) > FALSE_ALARM


def test_independent_gates_multiply():
    """Looks and one-time codes go by visit, acceptance by order: together one chance a repeat."""
    lw, look, code, accept = 1.5, 0.8, 0.7, 0.6
    world = open_world(64, round(lw * MEAN_GAP), accept=accept)
    care = world.care._replace(look=np.full(4, look), code_required=1.0, code_obtained=code)
    avoided, _, _ = many_facilities(dataclasses.replace(world, care=care), seed=2)
    agrees(avoided, avoided_share(lw, look * code * accept))
    assert abs(z(avoided, avoided_share(lw, min(look, code, accept)))) > FALSE_ALARM


def test_the_test_of_avoidance_can_fail():
    """Shares from another acceptance (0.303 for 0.3) do not pass for it."""
    world = open_world(64, MEAN_GAP, accept=0.305)
    avoided, _, _ = many_facilities(world, seed=3)
    assert abs(z(avoided, avoided_share(1.0, 0.3))) > FALSE_ALARM


# --- gates shut, by hand and in a real study -----------------------------------------------------


def stream(seed: int, orders: int = 4000, facilities: int = 5):
    dice = np.random.default_rng([4, seed])
    return poisson(dice, orders), dice.integers(0, facilities, orders)


@pytest.mark.parametrize("gate", Gate, ids=lambda g: g.key)
def test_one_gate_shut_takes_every_repeat(gate):
    """All other gates open: nothing is reused, and the shut gate has lost all that there was."""
    minutes, places = stream(gate)
    world = open_world(5, 2 * MEAN_GAP)
    calendars, care = SHUT[gate](world.calendars, world.care)
    closed = World(world.demand, calendars, care)
    before = play(closed, minutes, places, WORLD_0)
    after = play(closed, minutes, places, WORLD_1)
    assert (after == SHARED).sum() == 0
    assert (before == REPEAT).sum() > 500
    assert (after == np.where(before == REPEAT, LOST + gate, before)).all()
    # the same world with that gate held open again loses nothing
    opened = play(closed, minutes, places, 1 << (gate - 1))
    assert (opened == play(world, minutes, places, WORLD_1)).all()
    assert (opened == SHARED).sum() > 500


def test_nobody_connected_performs_the_same_tests():
    minutes, places = stream(99)
    world = open_world(5, 2 * MEAN_GAP)
    calendars, care = world.calendars, world.care
    for gate in (Gate.REQUESTER_CONNECTED, Gate.SOURCE_CONNECTED):
        calendars, care = SHUT[gate](calendars, care)
    alone = World(world.demand, calendars, care)
    before = play(alone, minutes, places, WORLD_0)
    after = play(alone, minutes, places, WORLD_1)
    assert (NOT_PERFORMED[before] == NOT_PERFORMED[after]).all()
    assert (after == np.where(before == REPEAT, LOST + 1, before)).all()


@pytest.mark.parametrize("name", ["tiny-two-hospitals", "tiny-referral-chain"])
def test_nobody_connected_in_a_real_study(name):
    plan = study(name, connect="never", identity__false_link="1")
    classes = simulate(plan, 1.0).tally.classes.sum(axis=2)
    assert (classes[0][NOT_PERFORMED] == classes[1][NOT_PERFORMED]).all()
    assert classes[0][REPEAT] == classes[1][LOST + 1] > 500


@pytest.mark.parametrize("name", ["tiny-two-hospitals", "tiny-referral-chain"])
def test_one_gate_shut_in_a_real_study(name):
    """With any gate shut nothing is reused, so all twelve runs share one history. What a run lost
    at gates before its own is the same in all, and its own gate holds all that got that far.
    """
    # without electronic records paper and own records must work as with them, to keep that history
    same_paper = {
        "paper__after_emr": "1",
        "local__noticed_emr": "0.3",
        "local__noticed_paper": "0.3",
    }
    plan = study(name, identity__false_link="0", **same_paper)
    lost = {}
    for gate in Gate:
        calendars, care = SHUT[gate](plan.calendars, plan.care)
        tally = simulate(dataclasses.replace(plan, calendars=calendars, care=care), 1.0).tally
        classes = tally.classes.sum(axis=2)
        assert classes[1][NOT_PERFORMED].tolist() == classes[0][NOT_PERFORMED].tolist()
        lost[gate] = classes[1][LOST + 1 : LOST + 13]
        assert lost[gate][gate:].sum() == 0
        assert lost[gate].sum() == tally.avoidable[1] == tally.avoidable[0] > 500
    for gate in list(Gate)[1:]:
        earlier = Gate(gate - 1)
        # (gate numbers count from 1, columns from 0)
        assert (lost[gate][: earlier - 1] == lost[earlier][: earlier - 1]).all()
        assert lost[gate][earlier - 1 :].sum() == lost[earlier][earlier - 1]
    assert lost[Gate.ACCEPTED][Gate.ACCEPTED - 1] > 0  # some got as far as the last gate

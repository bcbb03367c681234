"""The expected number of avoided repeats has the same expectation as the counted one."""

from __future__ import annotations

import math

import pytest

from scenarios.experiments.simulate import simulate
from scenarios.orders import OrderClass
from tests.scenarios.worlds import plan_of

PERSONS = 150_000
Z = 3.9  # two-sided false alarm 1e-4


@pytest.mark.parametrize("mode", ["pull", "push", "mandate"])
def test_expected_and_counted_agree(mode):
    plan = plan_of(
        connect="2024-10-01",
        emr="2024-06-01",
        regulation="draft-2025",
        mode=mode,
        accept__needed="0.5",
        publish__mapped="0.9",
        identity__false_link="0",
    )
    tally = simulate(plan, PERSONS / plan.population).tally
    counted = float(tally.classes[1, OrderClass.SHARED_REUSED].sum())
    expected = float(tally.expected[0])
    missed = float(tally.classes[1, OrderClass.UNSAFE_MISSED_CHANGE].sum())
    # reuses of one visit share a look: a Poisson count understates the spread, 3 covers the clumps
    spread = math.sqrt(3.0 * counted)
    assert counted > 1000
    assert abs(missed - tally.expected[1]) < Z * math.sqrt(3.0 * missed)
    assert abs(counted - expected) < Z * spread
    assert abs(counted - 1.15 * expected) > Z * spread  # an error of 15 % would be seen

"""The SimPy engine equals the reference with tables, and differs with queues only where it may."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from coordinator.rules.gates import Gate
from scenarios.engines.queues import Queues
from scenarios.engines.reference import ReferenceWorld, person_orders
from scenarios.engines.visits import play
from scenarios.experiments.simulate import WITH_PERFECT_GATES, simulate
from scenarios.experiments.simulate_visits import simulate_visits
from scenarios.gates import GateBook
from scenarios.orders import NOT_PERFORMED
from scenarios.plan import sampled_persons
from tests.scenarios.test_engines_agree import STUDIES
from tests.scenarios.worlds import plan_of, study

MASKS = (0, 1 << (Gate.VALID - 1))


def reference(plan, persons, arm):
    """By (person, order number): class, failed gates and prior of the oracle."""
    book = GateBook(plan)
    opened = {0: None, 1: frozenset(), 2: frozenset({Gate.VALID})}[arm]
    out = {}
    for person in map(int, persons):
        who, orders = person_orders(plan, person)
        world = ReferenceWorld(book, who, sharing=opened is not None, opened=opened or frozenset())
        for told in world.run(orders):
            out[person, told.order.number] = seen(told)
    return out


def seen(told):
    prior = told.prior.order.key if told.prior else None
    return told.order.key, told.code, told.failed, prior, told.avoidable


@pytest.mark.parametrize("changes", STUDIES)
def test_visits_equals_reference_without_queues(changes):
    plan = plan_of(**changes)
    persons = sampled_persons(plan.population, 60 / plan.population)
    played = play(plan, persons, MASKS)
    for arm in range(3):
        got = {key: seen(told) for key, told in played.told(arm).items()}
        assert len(got) > 1000
        assert got == reference(plan, persons, arm)


def test_queues_change_only_result_times_and_answers():
    plan = study("tiny-two-hospitals")
    persons = sampled_persons(plan.population, 0.1)
    calm, busy = play(plan, persons), play(plan, persons, queues=partial(Queues, background=False))
    for arm in (0, 1):
        a, b = calm.told(arm), busy.told(arm)
        assert a.keys() == b.keys()
        assert all(a[key].order == b[key].order for key in a)
    assert busy.network.arms[1].available != calm.network.arms[1].available


def test_what_differs_with_queues_follows_from_times_and_answers():
    """The first order of a person that gets another class saw another result time or answer."""
    plan = study("tiny-two-hospitals")
    persons = sampled_persons(plan.population, 0.1)
    calm = play(plan, persons)
    busy = play(plan, persons, queues=partial(Queues, background=False))
    allowed = {Gate.PUBLISHED, Gate.ANSWERED}
    a, b = calm.told(1), busy.told(1)
    first = {}
    for key in sorted(a):
        if a[key].code != b[key].code:
            first.setdefault(key[0], key)
    for key in first.values():
        before = {x.result.order.key: x.failed for x in a[key].assessments}
        after = {x.result.order.key: x.failed for x in b[key].assessments}
        for prior in before.keys() & after.keys():
            assert before[prior] ^ after[prior] <= allowed


def test_both_engines_count_the_same():
    plan = plan_of(connect="2024-10-01", emr="2024-06-01", regulation="draft-2025")
    scale = 80 / plan.population
    compiled = simulate(plan, scale, WITH_PERFECT_GATES).tally
    played = simulate_visits(plan, scale, WITH_PERFECT_GATES).tally
    for name, a, b in zip(compiled._fields, compiled, played, strict=True):
        if name == "classes":  # of the arms with an open gate only what is performed is counted
            assert (a[:2] == b[:2]).all()
            a, b = a[:, ~NOT_PERFORMED].sum(axis=1), b[:, ~NOT_PERFORMED].sum(axis=1)
        assert np.allclose(a, b), name

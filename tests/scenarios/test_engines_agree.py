"""The compiled engine equals the reference order by order, in every world and arm."""

from __future__ import annotations

import numpy as np
import pytest

from coordinator.rules.gates import Gate
from scenarios.engines.population import WORLD_0, empty_work, one_world
from scenarios.engines.reference import ReferenceWorld, person_orders
from scenarios.gates import GateBook
from scenarios.orders import CLASS_NAMES, empty_outcome
from scenarios.plan import sampled_persons
from scenarios.world.life import empty_life
from tests.scenarios.worlds import plan_of

STUDIES = [
    pytest.param({}, id="pull, level rule 2017, network dates"),
    pytest.param(
        {"connect": "2024-10-01", "emr": "2024-06-01", "regulation": "draft-2025"},
        id="all connected, draft 2025",
    ),
    pytest.param(
        {
            "connect": "2024-10-01",
            "emr": "2024-06-01",
            "mode": "push",
            "regulation": "draft-2026-08",
            "backload_days": "60",
        },
        id="push, draft 2026, backload",
    ),
    pytest.param({"connect": "2024-10-01", "emr": "2024-06-01", "mode": "mandate"}, id="mandate"),
]


def both(plan, persons, opened):
    """(reference rows, compiled rows): class, failed gates and prior of every order."""
    book, life, work, out = GateBook(plan), empty_life(), empty_work(), empty_outcome()
    mask = WORLD_0 if opened is None else sum(1 << (gate - 1) for gate in opened)
    slow, fast = [], []
    for person in map(int, persons):
        who, orders = person_orders(plan, person)
        world = ReferenceWorld(
            book, who, sharing=opened is not None, opened=frozenset(opened or ())
        )
        for told in world.run(orders):
            gates = sum(1 << (gate - 1) for gate in told.failed)
            row = (person, told.order.key, CLASS_NAMES[told.code], gates, told.avoidable)
            slow.append((*row, round(told.chance, 9)))
        n = one_world(
            plan.key, person, mask, plan.demand, plan.calendars, plan.care, life, work, out
        )
        fast.extend(
            (
                person,
                int(life.order_key[o]),
                CLASS_NAMES[out.order_class[o]],
                int(out.failed[o]),
                bool(out.avoidable[o]),
                round(float(out.chance[o]), 9),
            )
            for o in range(n)
        )
    return slow, fast


@pytest.mark.parametrize("changes", STUDIES)
@pytest.mark.parametrize(
    "opened",
    [
        None,
        (),
        (Gate.REQUESTER_CONNECTED,),
        (Gate.VALID,),
        (Gate.ANSWERED, Gate.SEEN),
        (Gate.ACCEPTED,),
    ],
    ids=["world 0", "world 1", "gate 1 open", "gate 9 open", "gates 7 and 11 open", "gate 12 open"],
)
def test_compiled_equals_reference(changes, opened):
    plan = plan_of(**changes)
    persons = sampled_persons(plan.population, 60 / plan.population)
    slow, fast = both(plan, persons, opened)
    assert len(slow) > 1000
    assert slow == fast


def test_the_studies_meet_every_class():
    """The equality above is worth something only if every class and gate occurs somewhere."""
    seen = set()
    for study in STUDIES:
        plan = plan_of(**study.values[0])
        persons = sampled_persons(plan.population, 400 / plan.population)
        life, work, out = empty_life(), empty_work(), empty_outcome()
        for mask in (WORLD_0, 0):
            for person in map(int, persons):
                n = one_world(
                    plan.key, person, mask, plan.demand, plan.calendars, plan.care, life, work, out
                )
                seen |= set(np.unique(out.order_class[:n]).tolist())
    missing = {name for code, name in enumerate(CLASS_NAMES) if code not in seen}
    assert missing == set()

"""The engines as benchmark rows: each plays the persons of a workload and counts world-visits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.workload import Workload
from scenarios.engines.queues import Queues
from scenarios.engines.reference import ReferenceWorld, person_orders
from scenarios.engines.tally import LEDGER, empty_room, empty_tally, run_block
from scenarios.engines.visits import play
from scenarios.gates import GateBook
from scenarios.orders import GATES

Play = Callable[[Workload], int]


def reference(work: Workload) -> int:
    """Plain Python, both worlds."""
    book = GateBook(work.plan)
    for index in work.persons:
        person, orders = person_orders(work.plan, int(index))
        for sharing in (False, True):
            ReferenceWorld(book, person, sharing=sharing).run(orders)
    return 2 * len(work.visits)


def visits(work: Workload) -> int:
    """SimPy, both worlds, results and answers from tables."""
    play(work.plan, work.persons.tolist())
    return 2 * len(work.visits)


def visits_with_queues(work: Workload) -> int:
    """SimPy, both worlds, every order through a desk and every query through the coordinator."""
    play(work.plan, work.persons.tolist(), queues=partial(Queues, background=False))
    return 2 * len(work.visits)


def population(work: Workload) -> int:
    """Compiled, one core, both worlds; demand and counting included."""
    return _population(work, np.zeros(1, np.int64))


def population_all_arms(work: Workload) -> int:
    """The same with one arm more for each gate held open."""
    return _population(work, np.array([0, *(1 << g for g in range(GATES))], np.int64))


def _population(work: Workload, masks: np.ndarray) -> int:
    plan, arms = work.plan, len(masks) + 1
    following, _ = run_block(
        plan.key,
        work.persons,
        0,
        masks,
        plan.demand,
        plan.calendars,
        plan.care,
        plan.period,
        empty_room(),
        empty_tally(arms),
        np.zeros((0, len(LEDGER)), np.int64),
    )
    assert following == len(work.persons)
    return arms * len(work.visits)


def engine_rows() -> list[tuple[str, Play]]:
    """Name and function of every engine."""
    return [
        ("reference (both worlds)", reference),
        ("visits, tables (both worlds)", visits),
        ("visits, queues (both worlds)", visits_with_queues),
        ("population (both worlds)", population),
        ("population (14 arms)", population_all_arms),
    ]

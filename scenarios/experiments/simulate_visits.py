"""One task played by the SimPy engine; the same sums and ledger as the compiled one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.engines.queues import Queues
from scenarios.engines.tally import LEDGER, Room, count_played, empty_room, empty_tally
from scenarios.engines.visits import Arm, Network, play
from scenarios.experiments.simulate import BOTH_WORLDS, Counted
from scenarios.gates import Order
from scenarios.orders import Outcome
from scenarios.plan import Plan, sampled_persons
from scenarios.world.demand import life
from scenarios.world.life import MAX_ORDERS

Array = NDArray[Any]


def simulate_visits(
    plan: Plan,
    scale: float,
    masks: tuple[int, ...] = BOTH_WORLDS,
    on_block: Callable[[Array], Any] | None = None,
) -> Counted:
    """Play every sampled person. At scale 1 desks and coordinator have queues, below it tables.

    Perfect-gate arms are played without queues of their own: their gains are read off tables.
    """
    persons = sampled_persons(plan.population, scale)
    queues = Queues if len(persons) == plan.population else None
    played = play(plan, persons.tolist(), masks[:1], queues=queues).network
    tally = empty_tally(1 + len(masks))
    ledger = np.zeros((MAX_ORDERS if on_block else 0, len(LEDGER)), np.int64)
    room, blocks = empty_room(), []
    for person, orders in played.people:
        visits, count = life(*plan.key, person.index, plan.demand, room.life)
        _load(played, person.index, orders, room)
        rows = count_played(
            person.index,
            visits,
            count,
            plan.key,
            plan.demand,
            plan.calendars,
            plan.care,
            plan.period,
            room,
            tally,
            ledger,
        )
        if rows:
            blocks.append(ledger[:rows].copy())
    if len(masks) > 1:
        _perfect_arms(plan, persons, masks, tally.classes)
    whole = [on_block(np.concatenate(blocks))] if on_block and blocks else []
    return Counted(tally, whole)


def _load(played: Network, person: int, orders: list[Order], room: Room) -> None:
    """What both worlds told of one person, into the arrays that are counted."""
    for arm, outcome in zip(played.arms, (room.without, room.shared), strict=True):
        for order in orders:
            _load_one(arm, person, order, outcome)


def _load_one(arm: Arm, person: int, order: Order, outcome: Outcome) -> None:
    o = order.number
    told = arm.told[person, o]
    outcome.order_class[o] = told.code
    outcome.failed[o] = sum(1 << (gate - 1) for gate in told.failed)
    outcome.prior[o] = told.prior.order.number if told.prior else -1
    outcome.avoidable[o] = told.avoidable
    outcome.chance[o] = told.chance
    outcome.available[o] = arm.available.get((person, o), order.minute)
    newest = told.assessments[0].failed if told.assessments else ()
    outcome.newest_failed[o] = sum(1 << (gate - 1) for gate in newest)


def _perfect_arms(plan: Plan, persons: Array, masks: tuple[int, ...], classes: Array) -> None:
    """Arms with a gate held open. Their own world 1 comes along: a gain compares like with like."""
    played = play(plan, persons.tolist(), masks).network
    counts = np.zeros((len(masks), *classes.shape[1:]), np.int64)
    for arm, row in zip(played.arms[1:], counts, strict=True):
        for told in arm.told.values():
            if plan.period.begin <= told.order.minute < plan.period.end:
                row[told.code, told.order.test] += 1
    for i in range(1, len(masks)):
        classes[1 + i] = classes[1] + counts[i] - counts[0]

"""One task: all sampled persons of one plan through the compiled engine; sums and a ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.rules.gates import Gate
from scenarios.engines.tally import LEDGER, Room, Tally, empty_room, empty_tally, run_block
from scenarios.plan import Plan, sampled_persons
from scenarios.world.life import does_not_fit

Array = NDArray[Any]
LEDGER_ROWS = 1 << 18
BOTH_WORLDS = (0,)
WITH_PERFECT_GATES = (0, *(1 << (gate - 1) for gate in Gate))


@dataclass(frozen=True)
class Counted:
    """Sums of one task and, if asked for, what was made of its ledger blocks."""

    tally: Tally
    blocks: list[Any]


@lru_cache(maxsize=1)
def _room() -> Room:
    return empty_room()


def simulate(
    plan: Plan,
    scale: float,
    masks: tuple[int, ...] = BOTH_WORLDS,
    on_block: Callable[[Array], Any] | None = None,
) -> Counted:
    """Run every sampled person of a plan. `on_block` gets ledger rows, columns as in LEDGER."""
    persons = sampled_persons(plan.population, scale)
    tally = empty_tally(1 + len(masks))
    ledger = np.zeros((LEDGER_ROWS if on_block else 0, len(LEDGER)), np.int64)
    blocks, first = [], 0
    while first < len(persons):
        first, rows = run_block(
            plan.key,
            persons,
            first,
            np.array(masks, np.int64),
            plan.demand,
            plan.calendars,
            plan.care,
            plan.period,
            _room(),
            tally,
            ledger,
        )
        if first < 0:
            raise does_not_fit(plan.scenario.name, int(persons[rows]))
        if on_block and rows:
            blocks.append(on_block(ledger[:rows].copy()))
    return Counted(tally, blocks)

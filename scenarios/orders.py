"""Order classes and the arrays that describe the orders of one person (model sections 5 and 8)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coordinator.rules.gates import Gate
from scenarios.world.life import MAX_ORDERS

Array = NDArray[Any]
GATES = len(Gate)


class OrderClass(IntEnum):
    """Exactly one of these holds for every order of a world. LOST + g: lost at gate g."""

    SERIAL = 0
    FIRST = 1
    LOCAL_REUSED = 2
    LOCAL_PERFORMED = 3
    PAPER_REUSED = 4
    NEEDED_PERFORMED = 5
    PERFORMED_REPEAT = 6
    SHARED_REUSED = 7
    LOST = 7  # LOST + gate number; 8..19
    UNSAFE_MISSED_CHANGE = 20
    UNSAFE_WRONG_PERSON = 21


CLASSES = 22
CLASS_NAMES = (
    "serial",
    "first",
    "local_reused",
    "local_performed",
    "paper_reused",
    "needed_performed",
    "performed_repeat",
    "shared_reused",
    *(f"lost.{gate}" for gate in range(1, GATES + 1)),
    "unsafe_missed_change",
    "unsafe_wrong_person",
)
NOT_PERFORMED = np.zeros(CLASSES, np.bool_)
NOT_PERFORMED[[2, 4, 7, 20, 21]] = True
# performed cross-facility repeats: needed, repeated (world 0) and lost at a gate (world 1)
CROSS_REPEAT = np.zeros(CLASSES, np.bool_)
CROSS_REPEAT[[5, 6, *range(8, 20)]] = True


class Outcome(NamedTuple):
    """What one world did with each order.

    `order_class` as OrderClass; `failed` the bits of the gates (bit g - 1) that the prior closest
    to use did not pass; `prior` the order whose result was used or came closest, -1 none.
    """

    order_class: Array
    failed: Array
    prior: Array
    avoidable: Array
    newest_failed: Array  # bits of the gates that the newest prior of an avoidable order failed
    available: Array  # minute at which the result of the order is there in this world
    chance: Array  # P(looks and accepts) of an order whose prior passed gates 1 to 10
    alone: Array  # [1] bits of gates that, held open, could have changed this person's path


def empty_outcome(orders: int = MAX_ORDERS) -> Outcome:
    return Outcome(
        np.zeros(orders, np.int8),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int8),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int64),
        np.zeros(orders),
        np.zeros(1, np.int32),
    )

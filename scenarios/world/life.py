"""Shape of a life: the flat arrays that demand fills, and the codes they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vietnam.datafiles import InputError

# kinds of visit
FIRST, FOLLOW_UP, REFERRED, RETURNED, BYPASS, MONITORING = range(6)
KINDS = ("first", "follow_up", "referred", "returned", "bypass", "monitoring")
# settings
OUTPATIENT, EMERGENCY, INPATIENT = range(3)
SETTINGS = ("outpatient", "emergency", "inpatient")

MAX_CHAIN = 8  # visits of one episode; part of the key of a visit, so changing it changes all draws
MAX_SERIAL = 16  # orders of one group in one stay; part of the key of an order
MAX_VISITS = 1024
MAX_ORDERS = 8192


class Life(NamedTuple):
    """One person's visits and orders. Times are minutes since the start date.

    `visit_episode` is equal for visits of one illness episode; `visit_sender` is the facility of
    the visit before in the same episode or -1; `visit_stay` the length of stay in minutes;
    `order_serial` counts the repeats within one stay, 0 for the first.
    """

    visit_minute: NDArray[np.int64]
    visit_facility: NDArray[np.int32]
    visit_kind: NDArray[np.int32]
    visit_setting: NDArray[np.int32]
    visit_condition: NDArray[np.int32]
    visit_key: NDArray[np.int64]
    visit_episode: NDArray[np.int64]
    visit_sender: NDArray[np.int32]
    visit_stay: NDArray[np.int64]
    order_minute: NDArray[np.int64]
    order_visit: NDArray[np.int32]
    order_test: NDArray[np.int32]
    order_region: NDArray[np.int32]
    order_serial: NDArray[np.int32]
    order_key: NDArray[np.int64]
    rank: NDArray[np.int64]  # scratch of the sort
    moved: NDArray[np.int64]


def does_not_fit(scenario: str, person: int) -> InputError:
    """The refusal of a life that has more visits or orders than its arrays."""
    return InputError(
        scenario,
        None,
        "demand.acute_rate",
        f"person {person} has more visits or orders than fit into a life "
        f"({MAX_VISITS} and {MAX_ORDERS})",
        "lower demand.acute_rate or raise demand.frailty_shape",
    )


def empty_life(visits: int = MAX_VISITS, orders: int = MAX_ORDERS) -> Life:
    v64, v32 = (
        (np.zeros(visits, np.int64) for _ in range(2)),
        (np.zeros(visits, np.int32) for _ in range(5)),
    )
    minute, key = v64
    facility, kind, setting, condition, sender = v32
    return Life(
        minute,
        facility,
        kind,
        setting,
        condition,
        key,
        np.zeros(visits, np.int64),
        sender,
        np.zeros(visits, np.int64),
        np.zeros(orders, np.int64),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int32),
        np.zeros(orders, np.int64),
        np.zeros(orders, np.int64),
        np.zeros(orders, np.int64),
    )

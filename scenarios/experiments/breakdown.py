"""Breakdowns of a ledger block: rows of the report by test, tier, province, facility and month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.engines.tally import DAY, LEDGER
from scenarios.orders import CROSS_REPEAT, NOT_PERFORMED, OrderClass
from scenarios.plan import Plan
from scenarios.world.tables import TIERS
from vietnam.units import MERGER, provinces_at

Array = NDArray[Any]
COLUMN = {name: i for i, name in enumerate(LEDGER)}
MEASURES = (
    "orders",
    "avoidable",
    "cross_facility_repeats",
    "repeats_avoided",
    "unsafe_reuses",
    "cost_avoided_vnd",
)
DIMENSIONS = ("by_test", "by_tier", "by_province", "by_facility", "by_month")
Breakdown = dict[str, Array]


class Cuts:
    """How a plan's orders are cut: labels of each dimension and the code of each ledger row."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.months = _months(plan.scenario.count_from, plan.scenario.count_to)
        self.homes = sorted({c.province_before for c in plan.network.communes})
        self.home = np.array(
            [self.homes.index(c.province_before) for c in plan.network.communes], np.int64
        )
        days = range(plan.days + 1)
        first = self.months[0]
        self.month = np.array(
            [_months_between(first, plan.start + dt.timedelta(days=d)) for d in days], np.int64
        )

    def keys(self) -> dict[str, list[tuple[str, str]]]:
        """(key, label) of each row of each dimension, in code order."""
        plan = self.plan
        day = plan.scenario.count_to
        names = provinces_at(MERGER - dt.timedelta(days=1))
        return {
            "by_test": [(g.key, g.name_en) for g in plan.catalogue.groups],
            "by_tier": [(tier, tier) for tier in TIERS],
            "by_province": [(code, names[code].name) for code in self.homes],
            "by_facility": [(f.code, f.names.at(day)) for f in plan.network.facilities],
            "by_month": [(f"{m:%Y-%m}", f"{m:%Y-%m}") for m in self.months],
        }

    def codes(self, rows: Array) -> dict[str, Array]:
        facility = rows[:, COLUMN["facility"]]
        return {
            "by_test": rows[:, COLUMN["test"]],
            "by_tier": self.plan.calendars.tier[facility],
            "by_province": self.home[rows[:, COLUMN["home_commune"]]],
            "by_facility": facility,
            "by_month": self.month[rows[:, COLUMN["minute"]] // DAY],
        }

    def breakdown(self, rows: Array) -> Breakdown:
        """Per dimension an array [rows of the dimension, MEASURES] of sums over the ledger rows."""
        weights = self.weights(rows)
        sizes = {dimension: len(keys) for dimension, keys in self.keys().items()}
        return {
            dimension: np.stack(
                [np.bincount(code, w, minlength=sizes[dimension]) for w in weights], axis=1
            )
            for dimension, code in self.codes(rows).items()
        }

    def weights(self, rows: Array) -> list[Array]:
        without, shared = (rows[:, COLUMN[c]] for c in ("class_without", "class_with"))
        unsafe = shared >= OrderClass.UNSAFE_MISSED_CHANGE
        gain = NOT_PERFORMED[shared].astype(float) - NOT_PERFORMED[without] - unsafe
        price = self.plan.period.price[rows[:, COLUMN["test"]], rows[:, COLUMN["facility"]]]
        return [
            np.ones(len(rows)),
            rows[:, COLUMN["avoidable"]].astype(float),
            CROSS_REPEAT[without].astype(float),
            gain,
            unsafe.astype(float),
            gain * price,
        ]


def pair_flows(plan: Plan, rows: Array) -> Array:
    """Avoidable and avoided orders by (record group of the prior, record group of the order).

    float [n, 4]: from, to, avoidable, avoided.
    """
    group = plan.calendars.record_group
    chosen = rows[(rows[:, COLUMN["avoidable"]] == 1) & (rows[:, COLUMN["prior_facility"]] >= 0)]
    pair = (
        group[chosen[:, COLUMN["prior_facility"]]].astype(np.int64) * 65536
        + group[chosen[:, COLUMN["facility"]]]
    )
    key, where = np.unique(pair, return_inverse=True)
    used = chosen[:, COLUMN["class_with"]] == OrderClass.SHARED_REUSED
    return np.column_stack(
        [
            key // 65536,
            key % 65536,
            np.bincount(where, minlength=len(key)),
            np.bincount(where, used.astype(float), minlength=len(key)),
        ]
    ).astype(float)


def add_breakdowns(parts: Iterable[Breakdown]) -> Breakdown:
    total: Breakdown = {}
    for part in parts:
        for dimension, array in part.items():
            total[dimension] = array + total[dimension] if dimension in total else array.copy()
    return total


def add_flows(parts: Iterable[Array]) -> Array:
    """One row a pair, sums of the last two columns."""
    stacked = np.concatenate([part for part in parts if len(part)] or [np.zeros((0, 4))])
    if not len(stacked):
        return stacked
    pairs, where = np.unique(stacked[:, :2], axis=0, return_inverse=True)
    sums = [np.bincount(where.ravel(), stacked[:, c], minlength=len(pairs)) for c in (2, 3)]
    return np.column_stack([pairs, *sums])


def _months(first: dt.date, last: dt.date) -> list[dt.date]:
    return [
        dt.date(first.year + (first.month - 1 + i) // 12, (first.month - 1 + i) % 12 + 1, 1)
        for i in range(_months_between(first, last) + 1)
    ]


def _months_between(first: dt.date, day: dt.date) -> int:
    return max(0, (day.year - first.year) * 12 + day.month - first.month)

"""summary.json: measures with both intervals, leaks, breakdowns, where the numbers come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from scenarios.engines.tally import add
from scenarios.experiments.breakdown import (
    DIMENSIONS,
    MEASURES,
    Breakdown,
    Cuts,
    add_breakdowns,
    add_flows,
)
from scenarios.experiments.intervals import Interval, draw_interval, ratio_interval
from scenarios.experiments.tasks import Done
from scenarios.measures import (
    Ratio,
    classes,
    elsewhere_within,
    gap_quantiles,
    hand_check,
    leaks,
    measures,
    scaled,
    volumes,
)
from scenarios.plan import Plan

PAIRS_SHOWN = 20


def summarise(
    plan: Plan, replications: Sequence[Done], drawn: Sequence[Done], scale: float
) -> dict[str, Any]:
    """Everything of summary.json that comes from the sums; counts are scaled to the population."""
    scenario, days = plan.scenario, plan.scenario.days
    total = reduce(add, (done.tally for done in replications))
    persons = int(replications[0].tally.persons[0])
    up = plan.population / persons
    mean_up = up / len(replications)
    society = plan.values["price.society_share"]
    central = [measures(done.tally, days, society) for done in replications]
    draws = [measures(done.tally, days, society) for done in drawn]
    hand = hand_check(total)
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "persons": persons,
        "population": plan.population,
        "count_period": {
            "from": scenario.count_from.isoformat(),
            "to": scenario.count_to.isoformat(),
            "days": days,
        },
        "measures": {
            name: _measure([m[name] for m in central], [m[name] for m in draws], up)
            for name in central[0]
        },
        **_breakdowns(plan, add_breakdowns(d.breakdown for d in replications), mean_up),
        "leaks": {gate: scaled(row, mean_up) for gate, row in leaks(total).items()},
        "classes": {world: scaled(row, mean_up) for world, row in classes(total).items()},
        "volumes": volumes(total, days, plan.catalogue),
        "elsewhere_within_days": elsewhere_within(total),
        "gap_days": gap_quantiles(total),
        "hand_check": {
            key: value if key.startswith("pass_") else value * mean_up
            for key, value in hand.items()
        },
        "pairs": _pairs(plan, [d.flows for d in replications], mean_up),
        "provenance": {
            "parameters": [
                {
                    "name": p.name,
                    "value": p.value,
                    "low": p.low,
                    "high": p.high,
                    "distribution": p.distribution,
                    "unit": p.unit,
                    "source": p.source,
                    "assumption": p.assumption,
                }
                for p in scenario.resolved.values()
            ]
        },
    }


def _measure(central: Sequence[Ratio], drawn: Sequence[Ratio], up: float) -> dict[str, Any]:
    factor = up if central[0].scales else 1.0
    mean, ci = ratio_interval([r.numerator for r in central], [r.denominator for r in central])
    return {
        "mean": mean * factor,
        "ui95": _interval(draw_interval([r.value for r in drawn]), factor),
        "ci95": _interval(ci, factor),
        "unit": central[0].unit,
    }


def _interval(interval: Interval, factor: float) -> list[float] | None:
    if any(math.isnan(end) for end in interval):
        return None
    return [end * factor for end in interval]


def _breakdowns(plan: Plan, sums: Breakdown, up: float) -> dict[str, dict[str, Any]]:
    keys = Cuts(plan).keys()
    out: dict[str, dict[str, Any]] = {}
    for dimension in DIMENSIONS:
        rows = {}
        for (key, label), row in zip(keys[dimension], sums[dimension], strict=True):
            if dimension == "by_facility" and row[0] == 0:
                continue
            rows[key] = {
                "label": label,
                **{m: float(v) * up for m, v in zip(MEASURES, row, strict=True)},
            }
        out[dimension] = rows
    return out


def _pairs(plan: Plan, flows: Sequence[Any], up: float) -> list[dict[str, Any]]:
    """The largest flows of avoidable repeats between record groups."""
    total = add_flows(flows)
    facilities = plan.network.facilities
    largest = total[np.argsort(-total[:, 2], kind="stable")][:PAIRS_SHOWN]
    return [
        {
            "from": facilities[int(a)].code,
            "to": facilities[int(b)].code,
            "avoidable": float(n) * up,
            "avoided": float(used) * up,
        }
        for a, b, n, used in largest
    ]

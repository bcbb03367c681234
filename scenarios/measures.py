"""Measures of a run (model section 8), from the sums that an engine counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coordinator.rules.gates import Gate
from scenarios.engines.tally import Tally
from scenarios.orders import CLASS_NAMES, CROSS_REPEAT, NOT_PERFORMED, OrderClass
from scenarios.world.life import KINDS, SETTINGS
from vietnam.catalogue import Catalogue

Array = NDArray[Any]
UNSAFE = [OrderClass.UNSAFE_MISSED_CHANGE, OrderClass.UNSAFE_WRONG_PERSON]
LOST = slice(OrderClass.LOST + 1, OrderClass.LOST + 1 + len(Gate))
MINUTES_PER_HOUR = 60


@dataclass(frozen=True, slots=True)
class Ratio:
    """A measure as numerator over denominator; a count has denominator 1, scales with persons."""

    unit: str
    numerator: float
    denominator: float = 1.0
    scales: bool = True

    @property
    def value(self) -> float:
        return self.numerator / self.denominator if self.denominator else 0.0


def measures(tally: Tally, days: int, society_share: float) -> dict[str, Ratio]:
    """Every measure of one run, in sampled persons; names and formulas of model section 8."""
    by_class = tally.classes.sum(axis=2)
    orders = float(by_class[0].sum())
    performed = [float(by_class[w][~NOT_PERFORMED].sum()) for w in (0, 1)]
    repeats = [float(by_class[w][CROSS_REPEAT].sum()) for w in (0, 1)]
    unsafe = float(by_class[1][UNSAFE].sum())
    shared = float(by_class[1][OrderClass.SHARED_REUSED])
    avoided = performed[0] - performed[1] - unsafe
    avoidable = float(tally.avoidable[1])
    # what was not drawn for anybody: P(looks and accepts), summed over results that got so far
    expected = avoided - shared + float(tally.expected[0])
    cost = _difference(tally.cost)
    recent = tally.recent
    lately = float(_difference(recent))
    last_days = min(90, days)
    share = {"scales": False}
    return {
        "orders": Ratio("orders", orders),
        "tests_performed_without_sharing": Ratio("tests", performed[0]),
        "tests_performed_with_sharing": Ratio("tests", performed[1]),
        "cross_facility_repeats_without_sharing": Ratio("tests", repeats[0]),
        "cross_facility_repeats_with_sharing": Ratio("tests", repeats[1]),
        "avoidable": Ratio("tests", avoidable),
        "shared_reused": Ratio("tests", shared),
        "repeats_avoided": Ratio("tests", avoided),
        "repeats_avoided_expected": Ratio("tests", expected),
        "repeats_avoided_share_expected": Ratio("share", expected, repeats[0], **share),
        "repeats_avoided_share": Ratio("share", avoided, repeats[0], **share),
        "avoidable_share_avoided": Ratio("share", shared, avoidable, **share),
        "orders_avoided_share": Ratio("share", avoided, orders, **share),
        "unsafe_reuses": Ratio("tests", unsafe),
        "reach": Ratio("share", float(tally.reach[0]), repeats[0], **share),
        "run_rate": Ratio("tests/year", lately * 365.0 / last_days),
        "cost_avoided_vnd": Ratio("VND", cost),
        "cost_avoided_provider_vnd": Ratio("VND", cost),
        "cost_avoided_society_vnd": Ratio("VND", cost * society_share),
        "turnaround_saved_hours": Ratio("hours", float(tally.waiting[0]) / MINUTES_PER_HOUR),
        "radiation_avoided_msv": Ratio("mSv", _difference(tally.dose)),
    }


def _difference(per_class: Array) -> float:
    """Sum over tests performed without minus with sharing, minus the unsafe reuses."""
    without, shared = (per_class[w][~NOT_PERFORMED].sum() for w in (0, 1))
    return float(without - shared - per_class[1][UNSAFE].sum())


def leaks(tally: Tally) -> dict[str, dict[str, float]]:
    """Per gate: avoidable orders lost first there, only there, and gained if it were perfect."""
    by_class = tally.classes.sum(axis=2)
    performed = [float(row[~NOT_PERFORMED].sum()) for row in by_class]
    out = {}
    for gate in Gate:
        perfect = performed[1] - performed[1 + gate] if len(performed) > 2 else 0.0
        out[gate.key] = {
            "lost": float(by_class[1][OrderClass.LOST + gate]),
            "sole": float(tally.sole[gate - 1]),
            "if_perfect": perfect,
        }
    return out


def classes(tally: Tally) -> dict[str, dict[str, float]]:
    by_class = tally.classes.sum(axis=2)
    return {
        name: {c: float(by_class[w][i]) for i, c in enumerate(CLASS_NAMES)}
        for w, name in enumerate(("without_sharing", "with_sharing"))
    }


def hand_check(tally: Tally) -> dict[str, float]:
    """A times the product of the pass rates of the newest prior, beside what the run reused.

    The two agree only if gates fail independently; connection gates do not.
    """
    avoidable = float(tally.avoidable[1])
    rates = tally.passed / avoidable if avoidable else np.zeros(len(Gate))
    shared = float(tally.classes[1].sum(axis=1)[OrderClass.SHARED_REUSED])
    product = avoidable * float(np.prod(rates))
    return {
        "avoidable": avoidable,
        "product": product,
        "shared_reused": shared,
        **{f"pass_{gate.key}": float(rates[gate - 1]) for gate in Gate},
    }


# name, unit, target, low, high, source
TARGETS: tuple[tuple[str, str, float, float, float, str], ...] = (
    (
        "visits_per_person_year",
        "visits",
        2.1,
        1.8,
        2.6,
        "BHYT 2017: 168 M visits, 2.1 a card (tienphong.vn 1296077); "
        "about 185 M in 2024 unverified",
    ),
    (
        "inpatient_share",
        "share of visits",
        0.091,
        0.08,
        0.11,
        "BHYT 2017: 15.3 of 168 M visits were inpatient (tienphong.vn 1296077)",
    ),
    (
        "laboratory_lines_per_visit",
        "lines",
        3.3,
        2.6,
        4.2,
        "0.8 bn laboratory tests a year = 4.4 (3.5-5.6) a visit (MoH 2017 with growth); "
        "ASSUMPTION: the ten groups hold three quarters of them",
    ),
    (
        "ultrasound_per_100",
        "per 100 outpatient visits",
        12.0,
        6.0,
        20.0,
        "18 (10-30) ASSUMPTION for all ultrasound; two thirds of it abdominal, ASSUMPTION",
    ),
    (
        "chest_xray_per_100",
        "per 100 outpatient visits",
        8.0,
        4.0,
        14.0,
        "15 (8-25) ASSUMPTION for all X-rays; half of them of the chest, ASSUMPTION",
    ),
    ("ecg_per_100", "per 100 outpatient visits", 10.0, 5.0, 18.0, "ASSUMPTION"),
    ("ct_per_100", "per 100 outpatient visits", 1.5, 0.5, 4.0, "ASSUMPTION"),
    ("mri_per_100", "per 100 outpatient visits", 0.5, 0.1, 1.5, "ASSUMPTION"),
    (
        "gastroscopy_per_100",
        "per 100 outpatient visits",
        1.5,
        0.7,
        3.0,
        "2 (1-4) ASSUMPTION for all endoscopy",
    ),
    (
        "transfers_per_100",
        "per 100 visits",
        2.9,
        1.5,
        6.0,
        "ASSUMPTION: transfer rates by level of the level tables in parameters.yaml, "
        "weighted by visits",
    ),
    (
        "bypass_per_100",
        "per 100 visits",
        6.0,
        3.0,
        15.0,
        "ASSUMPTION: 8 % (3-20) per acute visit, a quarter of it per monthly visit",
    ),
    (
        "out_of_province_share",
        "share of visits",
        0.10,
        0.05,
        0.22,
        "ASSUMPTION; HCMC saw 21.9 % out-of-province visits at the end of 2024 "
        "(en.sggp.org.vn post114878)",
    ),
)


def volumes(tally: Tally, days: int, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Simulated volumes beside the sourced ones; `deviation` is relative to the target."""
    visits = float(tally.visits.sum())
    outpatient = float(tally.visits[:, : SETTINGS.index("inpatient")].sum())
    kinds = tally.visits.sum(axis=(0, 1))
    lab = [g.index for g in catalogue.groups if g.modality == "laboratory"]
    line = {g.key: float(tally.lines[g.index, 0]) for g in catalogue.groups}
    value = {
        "visits_per_person_year": visits / float(tally.persons[0]) * 365.0 / days,
        "inpatient_share": float(tally.visits[:, SETTINGS.index("inpatient")].sum()) / visits,
        "laboratory_lines_per_visit": float(tally.lines[lab].sum()) / visits,
        "ultrasound_per_100": 100 * line["abdominal_ultrasound"] / outpatient,
        "chest_xray_per_100": 100 * line["chest_xray"] / outpatient,
        "ecg_per_100": 100 * line["ecg"] / outpatient,
        "ct_per_100": 100 * line["ct"] / outpatient,
        "mri_per_100": 100 * line["mri"] / outpatient,
        "gastroscopy_per_100": 100 * line["gastroscopy"] / outpatient,
        "transfers_per_100": 100 * float(kinds[KINDS.index("referred")]) / visits,
        "bypass_per_100": 100 * float(kinds[KINDS.index("bypass")]) / visits,
        "out_of_province_share": float(tally.away[0]) / visits,
    }
    return [
        {
            "name": name,
            "unit": unit,
            "target": target,
            "low": low,
            "high": high,
            "value": value[name],
            "deviation": value[name] / target - 1.0,
            "source": source,
        }
        for name, unit, target, low, high, source in TARGETS
    ]


def elsewhere_within(tally: Tally) -> dict[str, float]:
    """Share of ordinary orders with a result of another facility at most so many days old."""
    total = float(tally.elsewhere.sum())
    reached = np.cumsum(tally.elsewhere)
    return {str(d): float(reached[d - 1]) / total if total else 0.0 for d in (1, 7, 30, 60, 90)}


def gap_quantiles(tally: Tally) -> dict[str, float]:
    """Quantiles of the days between consecutive visits of a person to different record groups."""
    total = tally.gap.sum()
    if not total:
        return dict.fromkeys(("p10", "p25", "p50", "p75", "p90"), 0.0)
    reached = np.cumsum(tally.gap) / total
    return {f"p{p}": float(np.searchsorted(reached, p / 100)) for p in (10, 25, 50, 75, 90)}


def scaled(values: Mapping[str, float], factor: float) -> dict[str, float]:
    return {key: value * factor for key, value in values.items()}

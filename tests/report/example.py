"""A made-up summary that keeps every identity of model.md section 8; no run made these numbers."""

from __future__ import annotations

from typing import Any

from scenarios.report.words import GATES, MEASURES

UNITS = {
    "repeats_avoided_share": "share",
    "repeats_avoided_share_expected": "share",
    "orders_avoided_share": "share",
    "avoidable_share_avoided": "share",
    "reach": "share",
    "run_rate": "tests/year",
    "orders": "orders",
    "cost_avoided_vnd": "VND",
    "cost_avoided_provider_vnd": "VND",
    "cost_avoided_society_vnd": "VND",
    "turnaround_saved_hours": "hours",
    "radiation_avoided_msv": "mSv",
}
LOST = (
    104_210,
    61_377,
    87_452,
    58_903,
    21_644,
    9_208,
    15_731,
    44_120,
    97_566,
    88_019,
    371_402,
    12_893,
)
TESTS = ("Full blood count", "Glucose", "Creatinine and urea", "HbA1c", "CT", "Chest X-ray")
TIERS = ("central", "provincial", "district", "commune", "private", "elsewhere")
PROVINCES = (("27", "Bắc Ninh"), ("19", "Thái Nguyên"), ("74", "Bình Dương"), ("89", "An Giang"))
FACILITIES = (
    ("99001", "Bệnh viện Bạch Mai"),
    ("99002", "Bệnh viện Chợ Rẫy"),
    ("99003", "Bệnh viện Đa khoa tỉnh Bắc Ninh"),
    ("99004", "Bệnh viện Trung ương Thái Nguyên"),
)


def example_summary(title: str = "The two pilots of 2025, as they ran") -> dict[str, Any]:
    """A fresh copy of the example; `title` stands for text from outside."""
    reused, missed, wrong = 14_275.0, 310.0, 21.0
    avoidable = reused + sum(LOST)
    without = {
        "serial": 3_812_400.0,
        "first": 24_310_200.0,
        "local_reused": 402_310.0,
        "local_performed": 5_203_770.0,
        "paper_reused": 118_340.0,
        "needed_performed": 655_330.0,
        "performed_repeat": avoidable,
    }
    with_sharing = {**without, "performed_repeat": 0.0, "shared_reused": reused}
    with_sharing["needed_performed"] -= missed
    with_sharing["first"] -= wrong
    with_sharing |= {f"lost.{n}": float(count) for n, count in enumerate(LOST, 1)}
    with_sharing |= {"unsafe_missed_change": missed, "unsafe_wrong_person": wrong}
    return {
        "scenario": "pilots",
        "title": title,
        "seed": 1,
        "replications": 8,
        "draws": 32,
        "resolution": "population",
        "scale": 0.02,
        "persons": 151_000,
        "population": 7_550_000,
        "count_period": {"from": "2025-02-06", "to": "2025-11-15", "days": 282},
        "measures": _measures(without, with_sharing, avoidable, reused),
        "by_test": _rows(TESTS, TESTS),
        "by_tier": _rows(TIERS, TIERS),
        "by_province": _rows(*zip(*PROVINCES, strict=True)),
        "by_facility": _rows(*zip(*FACILITIES, strict=True)),
        "by_month": _rows(
            [f"2025-{m:02d}" for m in range(2, 12)], [f"2025-{m:02d}" for m in range(2, 12)]
        ),
        "leaks": {
            gate: {"lost": float(lost), "sole": float(lost // 7), "if_perfect": float(lost // 90)}
            for gate, lost in zip(GATES, LOST, strict=True)
        },
        "classes": {"without_sharing": without, "with_sharing": with_sharing},
        "volumes": _volumes(),
        "elsewhere_within_days": {"1": 0.0093, "7": 0.0312, "30": 0.0671, "60": 0.094, "90": 0.121},
        "gap_days": {"p10": 1.2, "p25": 5.5, "p50": 18.4, "p75": 47.0, "p90": 103.0},
        "hand_check": {
            "avoidable": avoidable,
            "product": 13_717.0,
            "shared_reused": reused,
            **{f"pass_{gate}": 0.7 for gate in GATES},
        },
        "pairs": [
            {"from": "99003", "to": "99001", "avoidable": 88_120.0, "avoided": 1_904.0},
            {"from": "99004", "to": "99001", "avoidable": 41_033.0, "avoided": 702.0},
        ],
        "provenance": _provenance(),
    }


def _measures(without: dict, with_sharing: dict, avoidable: float, reused: float) -> dict[str, Any]:
    orders = sum(without.values())
    repeats = without["needed_performed"] + without["performed_repeat"]
    unsafe = with_sharing["unsafe_missed_change"] + with_sharing["unsafe_wrong_person"]
    not_performed = without["local_reused"] + without["paper_reused"]
    means = {
        "orders": orders,
        "tests_performed_without_sharing": orders - not_performed,
        "tests_performed_with_sharing": orders - not_performed - reused - unsafe,
        "cross_facility_repeats_without_sharing": repeats,
        "cross_facility_repeats_with_sharing": repeats - reused - unsafe + 2_350,
        "repeats_avoided": reused,
        "repeats_avoided_share": reused / repeats,
        "repeats_avoided_expected": reused * 1.01,
        "repeats_avoided_share_expected": reused * 1.01 / repeats,
        "orders_avoided_share": reused / orders,
        "avoidable": avoidable,
        "shared_reused": reused,
        "avoidable_share_avoided": reused / avoidable,
        "reach": 0.381,
        "run_rate": 29_870.0,
        "unsafe_reuses": unsafe,
        "cost_avoided_vnd": 1.384e9,
        "cost_avoided_provider_vnd": 1.384e9,
        "cost_avoided_society_vnd": 0.692e9,
        "turnaround_saved_hours": 9_310.0,
        "radiation_avoided_msv": 912.5,
    }
    assert set(means) == set(MEASURES)
    return {
        name: {
            "mean": mean,
            "ui95": [mean * 0.31, mean * 2.4],
            "ci95": [mean * 0.95, mean * 1.05],
            "unit": UNITS.get(name, "tests"),
        }
        for name, mean in means.items()
    }


def _rows(keys: Any, labels: Any) -> dict[str, Any]:
    return {
        key: {
            "label": label,
            "orders": 900_000.0 - 61_300 * n,
            "avoidable": 41_000.0 - 2_310 * n,
            "cross_facility_repeats": 66_000.0 - 3_420 * n,
            "repeats_avoided": 820.0 - 53.5 * n,
            "unsafe_reuses": 11.0 - n,
            "cost_avoided_vnd": 61e6 - 4.2e6 * n,
        }
        for n, (key, label) in enumerate(zip(keys, labels, strict=True))
    }


def _volumes() -> list[dict[str, Any]]:
    return [
        {
            "name": "visits per insured person and year",
            "unit": "visits",
            "target": 2.1,
            "low": 1.8,
            "high": 2.3,
            "value": 2.04,
            "deviation": -0.0286,
            "source": "BHYT 2017: 168 million visits, 2.1 per card",
        },
        {
            "name": "out-of-province visits",
            "unit": "share",
            "target": 0.219,
            "low": 0.15,
            "high": 0.25,
            "value": 0.262,
            "deviation": 0.196,
            "source": "Ho Chi Minh City, 55 days to 30 Dec 2024",
        },
    ]


def _provenance() -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "input_hash": "9f2c51d0b7aa",
        "world0_hash": "51bb07c3d2e4",
        "world0_inputs": {"network": "pilots", "count_from": "2025-02-06"},
        "seed": 1,
        "command": "lienthong run pilots --replications 8 --draws 32 --seed 1 --scale 0.02",
        "elapsed_s": 96.4,
        "machine": "2 cores, x86_64, Linux",
        "started": "2026-11-22T09:15:00+07:00",
        "parameters": [
            {
                "name": "look.pull",
                "value": 0.07,
                "low": 0.015,
                "high": 0.3,
                "distribution": "triangular",
                "unit": "probability",
                "source": "ASSUMPTION after four access studies",
                "assumption": True,
            },
            {
                "name": "price.cbc",
                "value": 49_700,
                "low": 44_730,
                "high": 54_670,
                "distribution": "uniform",
                "unit": "VND",
                "source": "current tariff, shared code 22.0121.1369",
                "assumption": False,
            },
            {
                "name": "regulation",
                "value": "level-rule-2017",
                "low": None,
                "high": None,
                "distribution": "fixed",
                "unit": None,
                "source": "Decision 2429/QĐ-BYT of 12 Jun 2017",
                "assumption": False,
            },
        ],
    }

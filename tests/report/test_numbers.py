"""How numbers are written."""

from __future__ import annotations

import math

import pytest

from scenarios.report import numbers

N = "\u202f"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (7, "7"),
        (1.26, "1.3"),
        (0.031, "0.031"),
        (5.7e-11, "0"),
        (9.96, "10.0"),
        (10.4, "10"),
        (1234.0, f"1{N}234"),
        (7_550_000, f"7{N}550{N}000"),
        (-52_310, f"−52{N}310"),
        (None, "—"),
        (math.nan, "—"),
        (math.inf, "—"),
    ],
)
def test_count(value: float | None, shown: str) -> None:
    assert numbers.count(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, f"0{N}%"),
        (0.00004, f"0.0040{N}%"),
        (0.0000002, f"0.000020{N}%"),
        (0.0153, f"1.53{N}%"),
        (0.381, f"38.1{N}%"),
        (1.0, f"100{N}%"),
        (-0.02, f"−2.00{N}%"),
        (None, "—"),
    ],
)
def test_percent(share: float | None, shown: str) -> None:
    assert numbers.percent(share) == shown


@pytest.mark.parametrize(
    ("dong", "shown"),
    [
        (0, f"0{N}₫"),
        (49_700, f"49{N}700{N}₫"),
        (61e6, f"61.0{N}m\u00a0₫"),
        (1.384e9, f"1.38{N}bn\u00a0₫"),
        (-3e10, f"−30.0{N}bn\u00a0₫"),
        (2.5e12, f"2.50{N}tn\u00a0₫"),
    ],
)
def test_money(dong: float, shown: str) -> None:
    assert numbers.money(dong) == shown


@pytest.mark.parametrize(
    ("bounds", "unit", "shown"),
    [
        ([1.0, 2000.0], "tests", f"1 – 2{N}000"),
        ([0.01, 0.02], "share", f"1.00{N}% – 2.00{N}%"),
        (None, "tests", "—"),
        ([math.nan, 2.0], "tests", "—"),
    ],
)
def test_interval(bounds: list[float] | None, unit: str, shown: str) -> None:
    assert numbers.interval(bounds, unit) == shown


@pytest.mark.parametrize(
    ("change", "unit", "shown"),
    [
        (12.0, "tests", "+12"),
        (-0.0125, "share", f"−1.25{N}pp"),
        (0.004, "share", f"+0.40{N}pp"),
        (0.0, "tests", "0"),
        (None, "tests", "—"),
    ],
)
def test_signed_difference(change: float | None, unit: str, shown: str) -> None:
    assert numbers.signed(change, unit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (3, "3"),
        (49_700, f"49{N}700"),
        (0.015, "0.015"),
        ("text", "text"),
        (None, "—"),
    ],
)
def test_parameter_values(value: object, shown: str) -> None:
    assert numbers.plain(value) == shown

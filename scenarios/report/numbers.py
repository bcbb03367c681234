"""How numbers are written in reports (model.md section 10: `ui95` stands before `ci95`).

Thousands are separated by a narrow no-break space and decimals by a point: `1.234` and `1,234`
mean different things to Vietnamese and English readers, `1 234` means the same to both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

NARROW: Final = "\u202f"
MINUS: Final = "\u2212"
DASH: Final = "\u2013"
MISSING: Final = "\u2014"

_MONEY: Final = ((1e12, "tn\u00a0₫"), (1e9, "bn\u00a0₫"), (1e6, "m\u00a0₫"))


def _usable(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def count(value: float | None) -> str:
    """A count of things; below 10 one decimal is kept, since scaled counts are not whole."""
    if value is None or not _usable(value):
        return MISSING
    if abs(value) < 1e-6 or abs(value) >= 10 or float(value).is_integer():
        return fixed(value, 0)
    return fixed(value, 1 if abs(value) >= 0.1 else decimals(value))


def fixed(value: float, digits: int) -> str:
    """`value` with that many decimals, grouped, with a true minus sign and never `-0`."""
    text = f"{abs(value):,.{digits}f}".replace(",", NARROW)
    negative = value < 0 and any(c not in f"0.{NARROW}" for c in text)
    return f"{MINUS}{text}" if negative else text


def percent_digits(share: float | None, digits: int | None = None) -> str:
    """A share as a bare number out of 100, with about three telling digits."""
    if share is None or not _usable(share):
        return MISSING
    value = share * 100
    if digits is None:
        digits = decimals(value)
    return fixed(value, digits)


def decimals(value: float) -> int:
    """How many decimals show two to three telling digits of `value` (at most six)."""
    size = abs(value)
    if size == 0 or size >= 100:
        return 0
    if size >= 0.1:
        return 1 if size >= 10 else 2
    return min(1 - math.floor(math.log10(size)), 6)


def percent(share: float | None) -> str:
    """A share with its percent sign."""
    text = percent_digits(share)
    return text if text == MISSING else f"{text}{NARROW}%"


def money(value: float | None) -> str:
    """Vietnamese đồng in millions (triệu), billions (tỷ) or trillions (nghìn tỷ)."""
    if value is None or not _usable(value):
        return MISSING
    for size, unit in _MONEY:
        if abs(value) >= size:
            return f"{fixed(value / size, decimals(value / size))}{NARROW}{unit}"
    return f"{fixed(value, 0)}{NARROW}₫"


def quantity(value: float | None, unit: str) -> str:
    """A measure in its own unit: shares as percent, VND as money, the rest as a count."""
    if unit.startswith("share"):
        return percent(value)
    if unit.startswith("VND"):
        return money(value)
    return count(value)


def known(bounds: Sequence[float | None] | None) -> bool:
    """Whether an interval could be computed: both ends are there and finite."""
    return bounds is not None and all(_usable(bound) for bound in bounds)


def interval(bounds: Sequence[float | None] | None, unit: str) -> str:
    """`low – high`, or a dash where the interval could not be computed."""
    if bounds is None or not known(bounds):
        return MISSING
    low, high = (quantity(bound, unit) for bound in bounds)
    return f"{low} {DASH} {high}"


def plain(value: object) -> str:
    """A parameter value of any type as one short text."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return fixed(value, 0) if abs(value) >= 10_000 else str(value).replace("-", MINUS)
    if isinstance(value, float):
        if not math.isfinite(value):
            return str(value)
        return f"{value:.4g}".replace("-", MINUS) if abs(value) < 1e4 else fixed(value, 0)
    return str(value)


def signed_percent(share: float | None) -> str:
    """A relative deviation with its sign: `+3.2 %`."""
    if share is None or not _usable(share):
        return MISSING
    text = percent(share)
    return f"+{text}" if share > 0 else text


def signed(value: float | None, unit: str) -> str:
    """A difference in its unit, with its sign; a difference of shares is in percentage points."""
    if value is None or not _usable(value):
        return MISSING
    text = (
        f"{percent_digits(value)}{NARROW}pp" if unit.startswith("share") else quantity(value, unit)
    )
    return f"+{text}" if value > 0 else text

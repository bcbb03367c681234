"""Number parameters (https://hl7.org/fhir/R4/search.html#number): a value is as wide as written.

100 stands for [99.5, 100.5), 100.00 for [99.995, 100.005); greater and less compare with exactly
what is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

from fhir_server.search.params.interval import meets, prefixed
from fhir_server.search.params.query_text import BadValue, Reading, unescaped
from fhir_server.search.request import Alternative, Match

MODIFIERS: Final[tuple[str, ...]] = ()
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_EXACT = ("gt", "lt", "ge", "le", "sa", "eb")

# ---- index side ---------------------------------------------------------------------------------


def number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _point(value: Any, zone: tzinfo) -> Sequence[tuple[str, tuple[float, float]]]:
    point = number(value)
    return () if point is None else (("number", (point, point)),)


def _range(value: Any, zone: tzinfo) -> Sequence[tuple[str, tuple[float, float]]]:
    low, high = limits(value)
    return () if low is None and high is None else (("number", _open(low, high)),)


def limits(value: Any) -> tuple[float | None, float | None]:
    """The numbers at the ends of a Range."""
    ends = [value.get(end) if isinstance(value, dict) else None for end in ("low", "high")]
    low, high = (number(end.get("value")) if isinstance(end, dict) else None for end in ends)
    return low, high


def _open(low: float | None, high: float | None) -> tuple[float, float]:
    return (math.inf if high is None else high, -math.inf if low is None else low)


INDEX: Final[Mapping[str, Any]] = {"integer": _point, "decimal": _point, "Range": _range}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in alternatives(value, reading)]
    return Match("number", parameter, tuple(found))


def alternatives(value: str, reading: Reading) -> tuple[Alternative, ...]:
    return Written.of(unescaped(value)).meets()


@dataclass(frozen=True, slots=True)
class Written:
    """A number of a query: its prefix and the interval [low, high) or [low, high] it stands for."""

    prefix: str
    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, text: str) -> Written:
        prefix, written = prefixed(text)
        if not _NUMBER.fullmatch(written):
            raise BadValue(
                f"{written!r} is not a number; write 5.4 or -1.5e3, with one of the prefixes "
                "eq ne gt lt ge le sa eb ap before it or none"
            )
        value = Decimal(written)
        if prefix in _EXACT:
            margin = Decimal(0)
        else:
            margin = abs(value) / 10 if prefix == "ap" else _half_step(value)
        return cls(prefix, value - margin, value + margin)

    def meets(
        self,
        convert: Callable[[Decimal], float] = float,
        high: str = "high",
        low: str = "low",
    ) -> tuple[Alternative, ...]:
        """The rows, in the unit that `convert` leads to, that have this number."""
        a, b = convert(self.low), convert(self.high)
        if self.prefix in ("eq", "ne"):
            # The interval is half-open: its last number is the one before the upper end.
            b = math.nextafter(b, -math.inf)
        return meets(self.prefix, a, b, high, low)


def _half_step(value: Decimal) -> Decimal:
    """Half a unit of the last digit; 1e2 is [95, 105) as in the specification's example."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # finite: the pattern has no NaN
    return Decimal(5).scaleb((exponent - 1 if exponent > 0 else exponent) - 1)

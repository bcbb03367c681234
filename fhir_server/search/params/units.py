"""Units in their canonical form, so that 5.4 g/L is 540 mg/dL (https://hl7.org/fhir/R4/ucum.html).

Two units compare if they measure the same; mass and substance do not: that a milligram of glucose
is so many moles is not in the unit, and a code of LOINC already says which of them it is.
"""

from __future__ import annotations

import re
import threading
import warnings
from decimal import Context, Decimal
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

UCUM: Final = "http://unitsofmeasure.org"
MAX_UNIT: Final = 100  # characters of a code that is looked at
# Units that are fixed by a substance or a test compare with themselves only (UCUM §24).
_ARBITRARY: Final = re.compile(
    r"\[(?:[hk]p_[XCMQ]|[iI]U|arb'U|USP'U|GPL'U|MPL'U|APL'U|beth'U|anti'Xa'U|todd'U|dye'U|smgy'U"
    r"|bdsk'U|ka'U|knk'U|mclg'U|tb'U|CCID_50|TCID_50|EID_50|PFU|FFU|CFU|IR|BAU|AU|Amb'a'1'U"
    r"|PNU|Lf|D'ag'U|FEU|ELU|EU)\]"
)
_ANNOTATION: Final = re.compile(r"\{[^{}]*\}")
_HUGE: Final = re.compile(r"[^\d./(][+-]?\d{3,}")  # an exponent of three digits
_FACTOR: Final = Context(prec=14)  # what a float is sure of
_VALUE: Final = Context(prec=12)
_lock = threading.Lock()


class Scale(NamedTuple):
    """`value * factor + offset` is the value in the unit that stands for all of its kind."""

    unit: str
    factor: Decimal
    offset: Decimal

    def of(self, value: Decimal) -> float:
        try:
            return float(_VALUE.add(_VALUE.multiply(value, self.factor), self.offset))
        except (ArithmeticError, ValueError):
            return float("inf") if value > 0 else float("-inf")


@lru_cache(maxsize=10_000)
def scale(system: str, code: str) -> Scale | None:
    """How a unit becomes canonical; None: it compares with itself only."""
    if system != UCUM or not code or len(code) > MAX_UNIT or not code.isascii():
        return None
    plain = _ANNOTATION.sub("", code)
    if _HUGE.search(plain):
        return None
    if not plain:
        return Scale("1", Decimal(1), Decimal(0))  # {score}: a number of something
    try:
        with _lock:
            return _measured(code, plain)
    except Exception:  # whatever parser and registry say of a unit that they do not know
        return None


def _measured(code: str, plain: str) -> Scale | None:
    registry = _registry()
    one = registry.from_ucum(code)
    size, unit = float(one.magnitude), one.units

    def base(value: float) -> float:
        return float(registry.Quantity(value * size, unit).to_base_units().magnitude)

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numbers that overflow
        zero, far, farther = base(0.0), base(1e3), base(2e3)
    if abs((farther - zero) - 2 * (far - zero)) > abs(far - zero) * 1e-9 or far <= zero:
        return None  # a logarithm: decibel
    kind = sorted(unit.dimensionality.items())
    words = [f"{name.strip('[]')}{power:g}" for name, power in kind if power]
    words += sorted(name.replace("I", "i", 1) for name in _ARBITRARY.findall(plain))
    factor = _FACTOR.create_decimal(repr((far - zero) / 1e3))
    return Scale(" ".join(words) or "1", factor, _FACTOR.create_decimal(repr(zero)))


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]  # a second, with all that it imports

    return PintUcumRegistry()

"""Quantity parameters (https://hl7.org/fhir/R4/search.html#quantity): number, system and unit.

``5.4|http://unitsofmeasure.org|mg``; ``5.4||mg`` means the unit as code or as text in any system.
Units are compared as written, not converted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from fhir_server.search.params.number import alternatives, limits, number
from fhir_server.search.params.query_text import BadValue, Reading, cell, split, unescaped
from fhir_server.search.request import Alternative, Check, Match

MODIFIERS: Final[tuple[str, ...]] = ()
CURRENCY: Final = "urn:iso:std:iso:4217"

# ---- index side ---------------------------------------------------------------------------------

Cells = Iterable[tuple[str, tuple[float, float, str, str]]]


def _quantity(value: Any, zone: tzinfo) -> Cells:
    point = number(value.get("value")) if isinstance(value, dict) else None
    if point is None:
        return ()
    low = high = point
    comparator = value.get("comparator")
    if comparator in ("<", "<="):
        low = -math.inf
    elif comparator in (">", ">="):
        high = math.inf
    return _units(low, high, value)


def _units(low: float, high: float, value: Mapping[str, Any]) -> Cells:
    """One row for the coded unit, another for the text if it says something else."""
    code, system, unit = _text(value, "code"), _text(value, "system"), _text(value, "unit")
    rows = [("quantity", (high, low, code, system))]
    if unit and unit != code:
        rows.append(("quantity", (high, low, unit, "")))
    return rows


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    return cell(text) if isinstance(text, str) else ""


def _range(value: Any, zone: tzinfo) -> Cells:
    low, high = limits(value)
    if low is None and high is None:
        return ()
    unit = value["low"] if low is not None else value["high"]
    return _units(-math.inf if low is None else low, math.inf if high is None else high, unit)


def _money(value: Any, zone: tzinfo) -> Cells:
    point = number(value.get("value")) if isinstance(value, dict) else None
    if point is None:
        return ()
    return (("quantity", (point, point, _text(value, "currency"), CURRENCY)),)


INDEX: Final[Mapping[str, Any]] = {
    "Quantity": _quantity,
    "Age": _quantity,
    "Duration": _quantity,
    "Range": _range,
    "Money": _money,
}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in _alternatives(value)]
    return Match("quantity", parameter, tuple(found))


def _alternatives(value: str) -> Iterable[Alternative]:
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) not in (1, 3):
        raise BadValue(
            f"{value!r} is not number, number|system|code or number||code "
            "(for example 5.4|http://unitsofmeasure.org|mg)"
        )
    units: list[Check] = []
    if len(parts) == 3:
        _, system, code = parts
        units += [Check("code", "=", cell(code))] if code else []
        units += [Check("system", "=", cell(system))] if system else []
    return [(*one, *units) for one in alternatives(parts[0])]

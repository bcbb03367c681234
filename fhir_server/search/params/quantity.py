"""Quantity parameters (https://hl7.org/fhir/R4/search.html#quantity): number, system and unit.

``5.4|http://unitsofmeasure.org|mg`` compares with every unit that measures the same (`units`);
``5.4||mg`` means the unit as it is written, as code or as text; ``5.4`` a number in any unit.
A value with a comparator is an open interval: < 5 has an end and no beginning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

from fhir_server.search.params.number import Written, number
from fhir_server.search.params.query_text import BadValue, Reading, cell, split, unescaped
from fhir_server.search.params.units import scale
from fhir_server.search.request import Alternative, Cell, Check, Match

MODIFIERS: Final[tuple[str, ...]] = ()
CURRENCY: Final = "urn:iso:std:iso:4217"

# ---- index side ---------------------------------------------------------------------------------

Cells = Sequence[tuple[str, tuple[Cell, ...]]]
Ends = tuple[float, float]
_NO_SCALE: Final = ("", 0.0, 0.0)


def _quantity(value: Any, zone: tzinfo) -> Cells:
    point = number(value.get("value")) if isinstance(value, dict) else None
    if point is None:
        return ()
    code, system, unit = _text(value, "code"), _text(value, "system"), _text(value, "unit")
    comparator = value.get("comparator")
    low, high = _interval(point, comparator)
    known = scale(system, code)
    if known is None:
        canonical = _NO_SCALE
    else:
        least, most = _interval(known.of(_exact(value["value"])), comparator)
        canonical = (known.unit, most, least)
    return (("quantity", (high, low, code, system, unit, *canonical)),)


def _exact(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _interval(point: float, comparator: Any) -> Ends:
    """What a value may be; without its end for < and >."""
    match comparator:
        case "<":
            return -math.inf, math.nextafter(point, -math.inf)
        case "<=":
            return -math.inf, point
        case ">":
            return math.nextafter(point, math.inf), math.inf
        case ">=":
            return point, math.inf
        case _:
            return point, point


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    return cell(text) if isinstance(text, str) else ""


def _range(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    rows = [
        cells
        for end in ("low", "high")
        for one in (value.get(end),)
        if isinstance(one, dict)
        for _, cells in _quantity({**one, "comparator": ">=" if end == "low" else "<="}, zone)
    ]
    if len(rows) == 2:
        rows = [_between(*rows)]
    return [("quantity", cells) for cells in rows]


def _between(low: tuple[Cell, ...], high: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Both ends in one row, in the unit of the lower one."""
    canonical: tuple[Cell, ...] = (low[5], high[6], low[7]) if low[5] == high[5] else _NO_SCALE
    return (high[0], *low[1:5], *canonical)


def _money(value: Any, zone: tzinfo) -> Cells:
    point = number(value.get("value")) if isinstance(value, dict) else None
    if point is None:
        return ()
    return (("quantity", (point, point, _text(value, "currency"), CURRENCY, "", *_NO_SCALE)),)


INDEX: Final[Mapping[str, Any]] = {
    "Quantity": _quantity,
    "Age": _quantity,
    "Duration": _quantity,
    "Range": _range,
    "Money": _money,
}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in alternatives(value, reading)]
    return Match("quantity", parameter, tuple(found))


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) not in (1, 3):
        raise BadValue(
            f"{value!r} is not number, number|system|code or number||code "
            "(for example 5.4|http://unitsofmeasure.org|mg)"
        )
    written = Written.of(parts[0])
    _, system, code = parts if len(parts) == 3 else ("", "", "")
    known = scale(system, code)
    if known is not None:
        unit = Check("canonical", "=", known.unit)
        found = written.meets(known.of, "canonical_high", "canonical_low")
        return [(unit, *one) for one in found]
    numbers = written.meets()
    if code and not system:
        names = (Check("code", "=", cell(code)), Check("unit", "=", cell(code)))
        return [(*one, name) for one in numbers for name in names]
    units = [Check("code", "=", cell(code))] if code else []
    units += [Check("system", "=", cell(system))] if system else []
    return [(*one, *units) for one in numbers]

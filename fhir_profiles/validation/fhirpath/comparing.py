"""Equal, less and greater between values (http://hl7.org/fhirpath/N1/#equality, #comparison)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from fhir_profiles.validation.fhirpath.nodes import Item, Node, raw

_TIME: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?"
)
_DAY = 86_400
_TEMPORAL = frozenset({"date", "dateTime", "instant"})
_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration"})


def equal(one: Item, other: Item) -> bool | None:
    """None: cannot be told, as the two have different precision."""
    a, b = raw(one), raw(other)
    if a is None or b is None:
        return None if a is b else False
    if _temporal(one) or _temporal(other):
        order = _times(a, b)
        return order if order is None else order == 0
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def compare(one: Item, other: Item) -> int | None:
    """-1, 0, 1; None: cannot be told (other precision, other unit, other kind of value)."""
    a, b = raw(one), raw(other)
    if _temporal(one) or _temporal(other):
        return _times(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return _quantities(one, a, b)
    if isinstance(a, bool) or isinstance(b, bool):
        return None
    if isinstance(a, (int, Decimal, float)) and isinstance(b, (int, Decimal, float)):
        return (a > b) - (a < b)
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    return None


def _quantities(one: Item, a: dict[str, Any], b: dict[str, Any]) -> int | None:
    if type(one) is Node and one.type not in _QUANTITIES:
        return None
    low, high = a.get("value"), b.get("value")
    if a.get("comparator") or b.get("comparator"):
        return None
    unit = ("system", "code") if "code" in a or "code" in b else ("unit",)
    if any(a.get(name) != b.get(name) for name in unit):
        return None
    return compare(low, high) if low is not None and high is not None else None


def _temporal(item: Item) -> bool:
    return type(item) is Node and item.type in _TEMPORAL


def _times(a: Any, b: Any) -> int | None:
    """Two dates or times, as far as both are known; without a zone, days are enough."""
    if not isinstance(a, str) or not isinstance(b, str):
        return None
    one, other = _TIME.fullmatch(a), _TIME.fullmatch(b)
    if one is None or other is None:
        return None
    if one[4] and other[4] and one[7] and other[7]:
        first, second = _seconds(one), _seconds(other)
        return (first > second) - (first < second)
    if one[4] and other[4] and not (one[7] or other[7]):
        return (a > b) - (a < b)
    parts = [
        (int(x), int(y))
        for x, y in zip(one.groups()[:3], other.groups()[:3], strict=True)
        if x and y
    ]
    for x, y in parts:
        if x != y:
            return (x > y) - (x < y)
    same = one.groups()[:3] == other.groups()[:3] and not one[4] and not other[4]
    return 0 if same else None


def _seconds(found: re.Match[str]) -> Decimal:
    year, month, day, hour, minute, second, zone = found.groups()
    days = _days(int(year), int(month), int(day))
    offset = 0
    if zone not in (None, "Z"):
        offset = (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60) * (-1 if zone[0] == "-" else 1)
    return Decimal(days * _DAY + int(hour) * 3600 + int(minute or 0) * 60 - offset) + Decimal(
        second or 0
    )


def _days(year: int, month: int, day: int) -> int:
    """Days since a fixed one, in the Gregorian calendar."""
    shift = (14 - month) // 12
    year, month = year - shift, month + 12 * shift - 3
    return day + (153 * month + 2) // 5 + 365 * year + year // 4 - year // 100 + year // 400

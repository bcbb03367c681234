"""Location.near (https://hl7.org/fhir/R4/location.html#positional): places within a distance.

``near=21.0285|105.8542|5|km``. A row holds the place in degrees, and as a point of a sphere of
radius 1: there the distance is exact without any function that databases compute differently. The
index finds the belt of latitudes around the place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

from fhir_server.search.params.number import number
from fhir_server.search.params.query_text import BadValue, Reading, split, unescaped
from fhir_server.search.params.units import UCUM, scale
from fhir_server.search.request import Alternative, Check, Match

MODIFIERS: Final[tuple[str, ...]] = ()
RADIUS: Final = 6_371_008.8  # metres, of the earth as a sphere
DISTANCE: Final = 50_000.0  # metres, where a query names none
_NAMES: Final = {"": "km", "mi": "[mi_i]", "miles": "[mi_i]"}
_SLACK: Final = 1e-9  # degrees

Point = tuple[float, float, float]

# ---- index side ---------------------------------------------------------------------------------


def _position(value: Any, zone: tzinfo) -> Sequence[tuple[str, tuple[float, ...]]]:
    if not isinstance(value, dict):
        return ()
    latitude, longitude = number(value.get("latitude")), number(value.get("longitude"))
    if latitude is None or longitude is None or not _on_earth(latitude, longitude):
        return ()
    return (("position", (latitude, longitude, *_point(latitude, longitude))),)


def _on_earth(latitude: float, longitude: float) -> bool:
    return abs(latitude) <= 90 and abs(longitude) <= 180


def _point(latitude: float, longitude: float) -> Point:
    up, round_ = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(round_), math.cos(up) * math.sin(round_), math.sin(up)


INDEX: Final[Mapping[str, Any]] = {"Location.position": _position}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in alternatives(value, reading)]
    return Match("position", parameter, tuple(found))


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    parts = [unescaped(part).strip() for part in split(value, "|")]
    if not 2 <= len(parts) <= 4:
        raise BadValue(f"{value!r} is not latitude|longitude|distance|unit, the last two optional")
    latitude, longitude = _number(parts[0], "latitude"), _number(parts[1], "longitude")
    if not _on_earth(latitude, longitude):
        raise BadValue(f"{value!r}: a latitude is from -90 to 90, a longitude from -180 to 180")
    reach = _metres(parts[2], parts[3] if len(parts) == 4 else "") if parts[2:] else DISTANCE
    angle = min(reach / RADIUS, math.pi)
    chord = 2 * math.sin(angle / 2)
    near = Check("x", "within", (*_point(latitude, longitude), chord * chord))
    return [(*box, near) for box in _boxes(latitude, longitude, math.degrees(angle))]


def _number(text: str, what: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not math.isfinite(found) or "_" in text:
        raise BadValue(f"{text!r} is no {what}; write degrees as in 21.0285|105.8542|5|km")
    return found


def _metres(distance: str, unit: str) -> float:
    if not distance:
        return DISTANCE
    reach = _number(distance, "distance")
    known, metre = scale(UCUM, _NAMES.get(unit, unit)), scale(UCUM, "m")
    if known is None or metre is None or known.unit != metre.unit:
        raise BadValue(f"{unit!r} is no unit of length; write km, m, [mi_i] or another of UCUM")
    if reach < 0:
        raise BadValue(f"{distance!r} is a negative distance")
    return known.of(Decimal(repr(reach)))


def _boxes(latitude: float, longitude: float, angle: float) -> Iterator[tuple[Check, ...]]:
    """Around the circle; two where it crosses the line of the date."""
    low, high = latitude - angle - _SLACK, latitude + angle + _SLACK
    belt = Check("latitude", ">=", low), Check("latitude", "<=", high)
    if low <= -90 or high >= 90:
        yield belt
        return
    half = math.sin(math.radians(angle)) / math.cos(math.radians(latitude))
    width = math.degrees(math.asin(min(half, 1.0))) + _SLACK
    west, east = longitude - width, longitude + width
    if west < -180 or east > 180:
        yield *belt, Check("longitude", ">=", west + 360 if west < -180 else west)
        yield *belt, Check("longitude", "<=", east - 360 if east > 180 else east)
    else:
        yield *belt, Check("longitude", ">=", west), Check("longitude", "<=", east)

"""Primitive values: JSON type, form and range (https://hl7.org/fhir/R4/datatypes.html#primitive).

A test returns None for a good value, else the issue code and a sentence that shows what is
expected and what was found.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles.validation.narrative import xhtml_problem

Problem = tuple[str, str]
Test = Callable[[Any], Problem | None]

MAX_STRING: Final = 1_048_576  # characters; the specification's megabyte

_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_YEAR = r"(?!0000)([0-9]{4})"
_MONTH = r"(0[1-9]|1[0-2])"
_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_DATE = re.compile(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?")
_DATE_TIME = re.compile(rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?")
_INSTANT = re.compile(rf"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}")
_TIME = re.compile(_CLOCK)
_TIMED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2}[0-9.]*)?(.*)")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")

KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        Decimal: "a number",
        list: "an array",
        dict: "an object",
        type(None): "null",
    }
)


def kind(value: object) -> str:
    """What a JSON value is, for messages."""
    return KINDS.get(type(value), type(value).__name__)


def shown(value: object) -> str:
    """A value as a message shows it: quoted if text, cut if long."""
    if isinstance(value, (dict, list)) or value is None:
        return kind(value)
    text = repr(value) if isinstance(value, str) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong_kind(expected: str, value: object) -> Problem:
    return "structure" if isinstance(value, (dict, list)) else "value", (
        f"expected {expected}, found {shown(value)}"
    )


# ---- numbers and booleans ----------------------------------------------------------------------


def _boolean(value: Any) -> Problem | None:
    return None if type(value) is bool else _wrong_kind("true or false without quotes", value)


def _decimal(value: Any) -> Problem | None:
    if type(value) in (Decimal, int, float):
        return None
    return _wrong_kind("a number like 7.50 without quotes", value)


def _whole(least: int, words: str) -> Test:
    expected = f"{words} between {least} and 2147483647"

    def test(value: Any) -> Problem | None:
        if type(value) is int and least <= value <= 2_147_483_647:
            return None
        return _wrong_kind(expected, value)

    return test


# ---- text --------------------------------------------------------------------------------------


def _string(value: Any) -> Problem | None:
    if type(value) is not str:
        return _wrong_kind("a string", value)
    if not value:
        return "value", "a string is never empty; leave the element out"
    if value.isspace():
        return "value", "a string of blanks alone says nothing; leave the element out"
    if len(value) > MAX_STRING:
        return "too-long", f"a string has at most {MAX_STRING} characters, this has {len(value)}"
    if found := _CONTROL.search(value):
        return "value", f"the control character U+{ord(found[0]):04X} is not allowed in a string"
    return None


def _matching(pattern: str, expected: str) -> Test:
    matches = re.compile(pattern).fullmatch

    def test(value: Any) -> Problem | None:
        if type(value) is str and matches(value):
            return None
        return _wrong_kind(expected, value)

    return test


def _base64(value: Any) -> Problem | None:
    if type(value) is not str:
        return _wrong_kind("a string of base64", value)
    packed = value.encode("ascii", "replace").translate(None, b" \t\r\n")
    if packed and len(packed) % 4 == 0 and _BASE64.fullmatch(packed):
        return None
    return "value", (
        "expected base64 (RFC 4648: letters, digits, + and /, padded with = to a multiple of "
        f"four), found {shown(value)}"
    )


# ---- dates and times ---------------------------------------------------------------------------


def _date_like(pattern: re.Pattern[str], expected: str) -> Test:
    matches = pattern.fullmatch

    def test(value: Any) -> Problem | None:
        if type(value) is str and (found := matches(value)):
            year, month, day = found.groups()
            if day is None or int(day) <= 28 or int(day) <= monthrange(int(year), int(month))[1]:
                return None
            return "value", f"there is no {value[:10]} in the calendar"
        return _wrong_date(expected, value)

    return test


def _wrong_date(expected: str, value: object) -> Problem:
    code, said = _wrong_kind(expected, value)
    timed = _TIMED.fullmatch(value) if isinstance(value, str) else None
    if timed is None or "T" not in expected:
        return code, said
    day, minutes, seconds, zone = timed.groups()
    if not re.fullmatch(_ZONE, zone):
        said += "; a time needs its zone, such as +07:00"
    elif not seconds:
        said += f"; a time needs seconds: {day}T{minutes}:00{zone}"
    return code, said


_DATES = "a date like 2025-03-01, 2025-03 or 2025"
_DATE_TIMES = "a date like 2025-03-01, or a time like 2025-03-01T08:30:00+07:00"
_INSTANTS = "an instant like 2025-03-01T08:30:00.000+07:00"
_NO_SPACE = r"[^\s\x00-\x1f]+"

TESTS: Final[Mapping[str, Test]] = MappingProxyType(
    {
        "base64Binary": _base64,
        "boolean": _boolean,
        "canonical": _matching(_NO_SPACE, "a canonical URL without spaces"),
        "code": _matching(r"[^\s\x00-\x1f]+(?: [^\s\x00-\x1f]+)*", "a code without outer spaces"),
        "date": _date_like(_DATE, _DATES),
        "dateTime": _date_like(_DATE_TIME, _DATE_TIMES),
        "decimal": _decimal,
        "id": _matching(r"[A-Za-z0-9\-.]{1,64}", "an id of 1 to 64 letters, digits, '-' and '.'"),
        "instant": _date_like(_INSTANT, _INSTANTS),
        "integer": _whole(-2_147_483_648, "a whole number"),
        "markdown": _string,
        "oid": _matching(
            r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "an OID like urn:oid:1.2.840.10008"
        ),
        "positiveInt": _whole(1, "a whole number"),
        "string": _string,
        "time": _matching(_TIME.pattern, "a time of day like 08:30:00"),
        "unsignedInt": _whole(0, "a whole number"),
        "uri": _matching(_NO_SPACE, "a URI without spaces"),
        "url": _matching(_NO_SPACE, "a URL without spaces"),
        "uuid": _matching(
            r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
            "a UUID like urn:uuid:c757873d-ec9a-4326-a141-556f43239520 in small letters",
        ),
        "xhtml": xhtml_problem,
    }
)

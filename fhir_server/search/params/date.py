"""Date parameters (https://hl7.org/fhir/R4/search.html#date): intervals in microseconds of UTC.

A date is as wide as it is precise: 2024-05 is the month of May in the zone that reads dates
without one. A period without an end has none (`LATEST`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from fhir_server.search.params.interval import meets, prefixed
from fhir_server.search.params.query_text import BadValue, Reading, unescaped
from fhir_server.search.request import Alternative, Match

MODIFIERS: Final[tuple[str, ...]] = ()
EARLIEST: Final = -(2**62)
LATEST: Final = 2**62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FORM: Final = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)


def microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=20_000)
def interval(text: str, zone: tzinfo) -> tuple[int, int]:
    """First and last microsecond of a FHIR date, dateTime or instant. ValueError: it is none."""
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"{text!r} is not a date")
    try:
        return _interval(form, zone)
    except OverflowError:
        raise ValueError(f"{text!r} is outside of the years that can be read") from None


def _interval(form: re.Match[str], zone: tzinfo) -> tuple[int, int]:
    year, month, day = int(form["year"]), int(form["month"] or 1), int(form["day"] or 1)
    if form["hour"] is None:
        first = datetime(year, month, day, tzinfo=zone)
        if form["day"] is not None:
            after = _next_day(first)
        elif form["month"] is not None:
            after = _month_start(year + month // 12, month % 12 + 1, zone)
        else:
            after = _month_start(year + 1, 1, zone)
        return microseconds(first), (LATEST if after is None else microseconds(after) - 1)
    minute, second = int(form["minute"]), int(form["second"] or 0)
    leap = second == 60  # allowed by the specification, unknown to datetime
    fraction = (form["fraction"] or "")[:6]
    hour, offset = int(form["hour"]), _offset(form["zone"], zone)
    moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=offset)
    start = microseconds(moment) + (1_000_000 if leap else 0) + int(fraction.ljust(6, "0"))
    width = 60_000_000 if form["second"] is None else 10 ** (6 - len(fraction))
    return start, start + width - 1


def _next_day(first: datetime) -> datetime | None:
    try:
        return first + timedelta(days=1)  # wall time of the same zone
    except OverflowError:
        return None


def _month_start(year: int, month: int, zone: tzinfo) -> datetime | None:
    return datetime(year, month, 1, tzinfo=zone) if year <= 9999 else None


def _offset(text: str | None, zone: tzinfo) -> tzinfo:
    if text is None:
        return zone
    return UTC if text == "Z" else datetime.strptime(text, "%z").tzinfo or zone


# ---- index side ---------------------------------------------------------------------------------

Cells = Sequence[tuple[str, tuple[int, int]]]


def _date(value: Any, zone: tzinfo) -> Cells:
    try:
        low, high = interval(value, zone)
    except (ValueError, TypeError):
        return ()  # whoever validates says so; a search cannot find it
    return (("date", (high, low)),)


def _period(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    low, high = EARLIEST, LATEST
    try:
        if (start := value.get("start")) is not None:
            low = interval(start, zone)[0]
        if (end := value.get("end")) is not None:
            high = interval(end, zone)[1]
    except (ValueError, TypeError):
        return ()
    return () if start is None and end is None else (("date", (high, low)),)


def _timing(value: Any, zone: tzinfo) -> Cells:
    """Only the outer limits of a schedule matter."""
    if not isinstance(value, dict):
        return ()
    events = value.get("event")
    limits = [
        cells
        for event in (events if isinstance(events, list) else [])
        for _, cells in _date(event, zone)
    ]
    repeat = value.get("repeat")
    if isinstance(repeat, dict):
        limits += [cells for _, cells in _period(repeat.get("boundsPeriod"), zone)]
    if not limits:
        return ()
    return (("date", (max(high for high, _ in limits), min(low for _, low in limits))),)


INDEX: Final[Mapping[str, Any]] = {
    "date": _date,
    "dateTime": _date,
    "instant": _date,
    "Period": _period,
    "Timing": _timing,
}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in alternatives(value, reading)]
    return Match("date", parameter, tuple(found))


def alternatives(value: str, reading: Reading, *, touching: bool = True) -> tuple[Alternative, ...]:
    prefix, a, b = query_interval(value, reading)
    return meets(prefix, a, b, touching=touching)


def query_interval(value: str, reading: Reading) -> tuple[str, int, int]:
    """Prefix and limits of a query value; `ap` widens by a tenth of the distance to now."""
    prefix, text = prefixed(unescaped(value))
    text = re.sub(r" (\d\d:\d\d)$", r"+\1", text)  # a plus sign that was not percent-encoded
    try:
        a, b = interval(text, reading.zone)
    except ValueError as err:
        raise BadValue(
            f"{err}; write 2024, 2024-05, 2024-05-31 or 2024-05-31T08:30:00+07:00, with one of the "
            f"prefixes eq ne gt lt ge le sa eb ap before it or none"
        ) from None
    if prefix == "ap" and reading.now is not None:
        gap = abs(microseconds(reading.now) - a) // 10
        a, b = a - gap, b + gap
    return prefix, a, b


def zoneless(value: str) -> bool:
    """Whether it depends on the zone what this query value means."""
    text = prefixed(value)[1]
    return "T" not in text or not re.search(r"(Z|[+ -]\d\d:\d\d)$", text)

"""Tet, public holidays and working days 2022-2032; how busy a day is; seasons.

Holidays: Labour Code 45/2019/QH14 Art. 112; a holiday on a weekend is made up for on the next
working day (Art. 111). New moons are those of Viet Nam's time zone: Tet 2030 is a day before
the Chinese new year.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Literal

Region = Literal["north", "south"]
Season = Literal["cold", "hot", "dry", "rainy"]

YEARS = range(2022, 2033)
_TET = {
    2022: dt.date(2022, 2, 1),
    2023: dt.date(2023, 1, 22),
    2024: dt.date(2024, 2, 10),
    2025: dt.date(2025, 1, 29),
    2026: dt.date(2026, 2, 17),
    2027: dt.date(2027, 2, 6),
    2028: dt.date(2028, 1, 26),
    2029: dt.date(2029, 2, 13),
    2030: dt.date(2030, 2, 2),
    2031: dt.date(2031, 1, 23),
    2032: dt.date(2032, 2, 11),
}
_HUNG_KINGS = {  # 10th day of the third lunar month
    2022: dt.date(2022, 4, 10),
    2023: dt.date(2023, 4, 29),
    2024: dt.date(2024, 4, 18),
    2025: dt.date(2025, 4, 7),
    2026: dt.date(2026, 4, 26),
    2027: dt.date(2027, 4, 16),
    2028: dt.date(2028, 4, 4),
    2029: dt.date(2029, 4, 23),
    2030: dt.date(2030, 4, 12),
    2031: dt.date(2031, 4, 1),
    2032: dt.date(2032, 4, 19),
}
# How many of the five days of Tet lie before it is decided year by year; ASSUMPTION: one from 2027.
_TET_DAYS_BEFORE = {2022: 1, 2023: 2, 2024: 2, 2025: 2, 2026: 1}
# The day beside 2 September is decided year by year; ASSUMPTION: 1 September from 2027.
_NATIONAL_DAY_FIRST = {2022: 1, 2023: 1, 2024: 2, 2025: 1, 2026: 1}

# Outpatient arrivals by weekday, Monday first, mean 1. ASSUMPTION: Monday 1.2-1.5, Sunday 0.1-0.3.
OUTPATIENT_WEIGHTS = (1.40, 1.20, 1.15, 1.10, 1.10, 0.75, 0.30)
# Emergencies come every day. ASSUMPTION: 0.9-1.1.
EMERGENCY_WEIGHTS = (1.0,) * 7
HOLIDAY_WEIGHT = 0.25  # outpatients on a holiday; ASSUMPTION: 0.1-0.4


def tet(year: int) -> dt.date:
    """First day of the lunar year; KeyError outside ``YEARS``."""
    return _TET[year]


def _statutory(year: int) -> list[dt.date]:
    start = tet(year) - dt.timedelta(days=_TET_DAYS_BEFORE.get(year, 1))
    september = _NATIONAL_DAY_FIRST.get(year, 1)
    return sorted(
        [
            dt.date(year, 1, 1),
            *(start + dt.timedelta(days=i) for i in range(5)),
            _HUNG_KINGS[year],
            dt.date(year, 4, 30),
            dt.date(year, 5, 1),
            dt.date(year, 9, september),
            dt.date(year, 9, september + 1),
        ]
    )


@cache
def holidays(year: int) -> frozenset[dt.date]:
    """Public holidays with the days that make up for weekends; KeyError outside ``YEARS``."""
    days = _statutory(year)
    off = set(days)
    for day in days:
        if day.weekday() >= 5:
            instead = day
            while instead.weekday() >= 5 or instead in off:
                instead += dt.timedelta(days=1)
            off.add(instead)
    return frozenset(off)


def is_holiday(day: dt.date) -> bool:
    """Whether a day is a public holiday (or makes up for one)."""
    return day in holidays(day.year)


def is_working_day(day: dt.date) -> bool:
    """Monday to Friday and no holiday."""
    return day.weekday() < 5 and not is_holiday(day)


def day_weight(day: dt.date, setting: Literal["outpatient", "emergency"] = "outpatient") -> float:
    """How many patients come on a day, relative to the mean of an ordinary week."""
    if setting == "emergency":
        return EMERGENCY_WEIGHTS[day.weekday()]
    weight = OUTPATIENT_WEIGHTS[day.weekday()]
    return min(weight, HOLIDAY_WEIGHT) if is_holiday(day) else weight


def season(day: dt.date, region: Region = "north") -> Season:
    """North: cold November to April, hot otherwise. South: rainy May to November, else dry."""
    if region == "north":
        return "cold" if day.month in (11, 12, 1, 2, 3, 4) else "hot"
    return "rainy" if 5 <= day.month <= 11 else "dry"

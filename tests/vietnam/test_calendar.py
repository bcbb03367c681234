"""Tet and the holidays, with the new moons reckoned independently."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from vietnam.calendar import (
    OUTPATIENT_WEIGHTS,
    YEARS,
    day_weight,
    holidays,
    is_holiday,
    is_working_day,
    season,
    tet,
)


def new_moon_days(year: int) -> set[dt.date]:
    """Days of new moons in Viet Nam (UTC+7): Meeus, Astronomical Algorithms, chapter 49."""
    days = set()
    for k in range(round((year - 2000) * 12.3685) - 1, round((year + 1 - 2000) * 12.3685) + 2):
        t = k / 1236.85
        jde = 2451550.09766 + 29.530588861 * k + 0.00015437 * t**2
        sun = math.radians(2.5534 + 29.10535670 * k)
        moon = math.radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2)
        latitude = math.radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2)
        e = 1 - 0.002516 * t
        jde += (
            -0.40720 * math.sin(moon)
            + 0.17241 * e * math.sin(sun)
            + 0.01608 * math.sin(2 * moon)
            + 0.01039 * math.sin(2 * latitude)
            + 0.00739 * e * math.sin(moon - sun)
            - 0.00514 * e * math.sin(moon + sun)
            + 0.00208 * e**2 * math.sin(2 * sun)
        )
        julian = jde - 70 / 86400 + 7 / 24  # terrestrial to universal time, then Viet Nam
        days.add(dt.date(2000, 1, 1) + dt.timedelta(days=math.floor(julian - 2451544.5)))
    return days


@pytest.mark.parametrize("year", list(YEARS))
def test_tet_begins_the_lunar_month_that_holds_rain_water(year):
    """The sun reaches 330 degrees (Rain Water) on 18 or 19 February."""
    assert tet(year) == max(day for day in new_moon_days(year) if day <= dt.date(year, 2, 18))


@pytest.mark.parametrize("year", list(YEARS))
def test_hung_kings_is_the_tenth_day_of_a_lunar_month(year):
    first = [
        day for day in holidays(year) if day - dt.timedelta(days=9) in new_moon_days(year)
        and dt.date(year, 3, 31) <= day <= dt.date(year, 4, 29)
    ]  # fmt: skip
    assert first


def test_tet_2030_is_a_day_before_the_chinese_new_year():
    assert tet(2030) == dt.date(2030, 2, 2)


DAYS = [
    # day, holiday, working day
    ("2025-01-01", True, False),
    ("2025-01-26", False, False),  # Sunday before Tet
    ("2025-01-27", True, False),
    ("2025-01-29", True, False),
    ("2025-01-31", True, False),
    ("2025-02-03", False, True),
    ("2025-02-06", False, True),  # first day of the pilots
    ("2025-04-07", True, False),  # Hung Kings
    ("2025-04-30", True, False),
    ("2025-05-01", True, False),
    ("2025-09-01", True, False),
    ("2025-09-02", True, False),
    ("2025-09-03", False, True),
    ("2025-11-15", False, False),  # Saturday
    ("2024-02-14", True, False),  # makes up for a Sunday of Tet
    ("2023-01-26", True, False),  # the same
    ("2024-02-15", False, True),
]


@pytest.mark.parametrize(("text", "holiday", "working"), DAYS)
def test_days(text, holiday, working):
    day = dt.date.fromisoformat(text)
    assert (is_holiday(day), is_working_day(day)) == (holiday, working)


@pytest.mark.parametrize("year", list(YEARS))
def test_eleven_days_off_besides_weekends(year):
    assert sum(day.weekday() < 5 for day in holidays(year)) == 11


def test_years_without_a_calendar():
    with pytest.raises(KeyError):
        tet(1999)


def test_weights():
    assert sum(OUTPATIENT_WEIGHTS) == pytest.approx(7.0)
    monday, sunday, new_year = dt.date(2025, 2, 10), dt.date(2025, 2, 9), dt.date(2025, 1, 29)
    assert day_weight(monday) > 1 > day_weight(sunday) > day_weight(new_year)
    assert day_weight(new_year, "emergency") == 1.0


SEASONS = [
    ("2025-01-15", "north", "cold"),
    ("2025-07-15", "north", "hot"),
    ("2025-01-15", "south", "dry"),
    ("2025-07-15", "south", "rainy"),
]


@pytest.mark.parametrize(("text", "region", "expected"), SEASONS)
def test_seasons(text, region, expected):
    assert season(dt.date.fromisoformat(text), region) == expected

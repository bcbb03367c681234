"""https://hl7.org/fhir/R4/search.html#date; dates without a zone are read in Asia/Ho_Chi_Minh."""

import pytest

from fhir_server.search.params.date import LATEST, interval
from tests.fhir_server.store.stores import ZONE, ids

pytestmark = pytest.mark.spec("search.html#date")


def observation(id_, **effective):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": {}, **effective}


def encounter(id_, **period):
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "period": period}


RESOURCES = [
    observation("year", effectiveDateTime="2024"),
    observation("month", effectiveDateTime="2024-05"),
    observation("day", effectiveDateTime="2024-05-31"),
    observation("evening", effectiveDateTime="2024-05-31T20:00:00+07:00"),
    # 1 June in Viet Nam, still 31 May in London
    observation("night", effectiveDateTime="2024-05-31T18:30:00Z"),
    observation("seven", effectiveInstant="2024-06-15T08:00:00.1234567+07:00"),
    observation("none"),
    observation("wrong", effectiveDateTime="soon"),
    encounter("closed", start="2024-05-01", end="2024-05-10"),
    encounter("open", start="2024-05-20"),
    encounter("until", end="2024-05-05"),
    encounter("empty"),
    {
        "resourceType": "ServiceRequest",
        "id": "events",
        "occurrenceTiming": {"event": ["2024-03-01", "2024-01-01T08:00:00+07:00"]},
    },
    {
        "resourceType": "ServiceRequest",
        "id": "bounds",
        "occurrenceTiming": {"repeat": {"boundsPeriod": {"start": "2024-02-01"}}},
    },
    {"resourceType": "Patient", "id": "old", "birthDate": "1950-02-28"},
    {"resourceType": "Patient", "id": "yearonly", "birthDate": "1950"},
    {"resourceType": "Patient", "id": "leap", "birthDate": "2000-02-29"},
]

ROWS = [
    # eq: the range of the value is within the range of the query
    ("Observation?date=2024", "year month day evening night seven"),
    ("Observation?date=2024-05", "month day evening"),
    ("Observation?date=2024-05-31", "day evening"),
    ("Observation?date=2024-06-01", "night"),
    ("Observation?date=eq2024-06", "night seven"),
    ("Observation?date=2024-05-31T20:00:00+07:00", "evening"),
    ("Observation?date=2024-05-31T13:00:00Z", "evening"),
    ("Observation?date=2024-05-31T20:00", "evening"),
    ("Observation?date=2024-05-31T20:00:00 07:00", "evening"),  # a plus sign that was decoded
    ("Observation?date=2024-05-31T13:00", ""),
    ("Observation?date=2024-06-15T08:00:00.123456+07:00", "seven"),
    # ne: it is not within
    ("Observation?date=ne2024-05", "year night seven"),
    # gt, lt: something of it is behind, before
    ("Observation?date=gt2024-05-31", "year night seven"),
    ("Observation?date=gt2024", ""),
    ("Observation?date=lt2024-05-31", "year month"),
    ("Observation?date=lt2024-06-01", "year month day evening"),
    # ge, le: or it is within
    ("Observation?date=ge2024-05-31", "year month day evening night seven"),
    ("Observation?date=ge2024-06-15", "year seven"),
    ("Observation?date=le2024-05", "year month day evening"),
    ("Observation?date=le2024-05-31", "year month day evening"),
    # sa, eb: all of it is behind, before
    ("Observation?date=sa2024-05-31", "night seven"),
    ("Observation?date=eb2024-06-01", "month day evening"),
    ("Observation?date=eb2024", ""),
    # a time of the day between two values
    (
        "Observation?date=ge2024-05-31T12:00:00Z&date=lt2024-05-31T19:00:00Z",
        "year month day evening night",
    ),
    ("Observation?date=2024-05-31,2024-06-15", "day evening seven"),
    ("Observation?date:missing=true", "none wrong"),
    ("Observation?date:missing=false", "year month day evening night seven"),
    # periods, open at an end
    ("Encounter?date=2024-05", "closed"),
    ("Encounter?date=2024", "closed"),
    ("Encounter?date=gt2030", "open"),
    ("Encounter?date=ge2024-05-08", "closed open"),
    ("Encounter?date=lt2024-05-01", "until"),
    ("Encounter?date=lt1900", "until"),
    ("Encounter?date=le2024-05-03", "closed until"),
    ("Encounter?date=sa2024-05-10", "open"),
    ("Encounter?date=eb2024-05-20", "closed until"),
    ("Encounter?date=ap2024-05-04", "closed until"),
    ("Encounter?date:missing=true", "empty"),
    # timings: the outer limits
    ("ServiceRequest?occurrence=2024", "events"),
    ("ServiceRequest?occurrence=gt2025", "bounds"),
    ("ServiceRequest?occurrence=lt2024-01-15", "events"),
    ("ServiceRequest?occurrence=sa2024-01", "bounds"),
    # birth dates
    ("Patient?birthdate=1950", "old yearonly"),
    ("Patient?birthdate=1950-02-28", "old"),
    ("Patient?birthdate=1950-02", "old"),
    ("Patient?birthdate=2000-02-29", "leap"),
    ("Patient?birthdate=lt1951", "old yearonly"),
    ("Patient?birthdate=ge1950-02-01", "old yearonly leap"),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_date(find, query, expected):
    assert find(query) == expected


def test_about_now_grows_with_the_distance(store):
    """ap: a tenth of the time between now and the value."""
    from datetime import UTC, datetime

    query = "Observation?date=ap2024-05-01"
    near, far = datetime(2024, 6, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert ids(store, query, now=near) == "year month"
    assert ids(store, query, now=far) == "year month day evening night seven"


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", (0, 999_999)),
        ("1970-01-01T00:00:00.5Z", (500_000, 599_999)),
        ("1970-01-01T00:00:00.1234567Z", (123_456, 123_456)),
        ("1970-01-01T00:00Z", (0, 59_999_999)),
        ("1970-01-01T07:00:00+07:00", (0, 999_999)),
        ("2016-12-31T23:59:60Z", (1_483_228_800_000_000, 1_483_228_800_999_999)),
        ("9999-12-31T00:00:00Z", (253_402_214_400_000_000, 253_402_214_400_999_999)),
    ],
)
def test_interval(text, microseconds):
    assert interval(text, ZONE) == microseconds


def test_the_last_year_has_no_end():
    assert interval("9999", ZONE)[1] == interval("9999-12-31", ZONE)[1] == LATEST


@pytest.mark.parametrize(
    "text", ["", "24", "2024-13", "2024-02-30", "2024-1-1", "2024-05-31T25:00", "0000", "tomorrow"]
)
def test_no_date(text):
    with pytest.raises(ValueError, match=r"date|month|day|hour|year"):
        interval(text, ZONE)

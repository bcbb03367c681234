"""The directory: what of Organization, Endpoint and HealthcareService decides whom to call."""

import datetime as dt

import pytest

from coordinator.services.directory import Directory
from fhir_server.store.open import open_store
from fhir_server.store.port import Document
from tests.coordinator.world import (
    CLINIC,
    DISTRICT,
    NOW,
    PROVINCE,
    PUBLIC,
    ZONE,
    dump,
    endpoints,
    facility,
    laboratory,
    network,
)

OFF, ON = "99010", "99011"
LOADED = [
    facility(PROVINCE),
    facility(CLINIC, PROVINCE),
    facility(OFF),
    facility(ON),
    *endpoints(PROVINCE),
    *endpoints(CLINIC, PROVINCE, since="2025-07-01"),
    *endpoints(OFF, since=""),
    *endpoints(ON, since="2026-09-01"),
    laboratory(PROVINCE, ("", "2024-12-31", 2), ("2025-01-01", "", 4), iso=True),
]


def _day(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.fixture(scope="module")
def directory():
    store = open_store("memory:", "directory")
    store.load([Document(tree, dump(tree)) for tree in LOADED], at=NOW)
    yield Directory(store, f"{PUBLIC}/")
    store.close()


@pytest.mark.parametrize(
    ("code", "group", "publishes", "asks"),
    [
        (PROVINCE, PROVINCE, "2025-01-01", "2025-01-01"),
        (CLINIC, PROVINCE, "2025-07-01", "2025-07-01"),
        (OFF, OFF, None, None),
        (ON, ON, "2026-09-01", "2026-09-01"),
    ],
)
def test_a_facility_publishes_and_asks_from_its_day(directory, code, group, publishes, asks):
    entry = directory.entry(code)
    assert (entry.code, entry.group, entry.name) == (code, group, f"Cơ sở {code}")
    assert entry.address == f"{PUBLIC}/hospitals/{group}/fhir"
    assert entry.publishes_from == (publishes and _day(publishes))
    assert entry.queries_from == (asks and _day(asks))


def test_levels_of_a_laboratory_keep_their_periods(directory):
    entry = directory.entry(PROVINCE)
    assert entry.laboratory == (
        (None, _day("2024-12-31"), 2),
        (_day("2025-01-01"), None, 4),
    )
    assert entry.accredited
    assert directory.entry(CLINIC).laboratory == ()
    assert not directory.entry(CLINIC).accredited


def test_nobody_knows_an_unknown_code(directory):
    assert directory.entry("99999") is None
    assert [entry.code for entry in directory.entries()] == [PROVINCE, CLINIC, OFF, ON]


@pytest.mark.parametrize(
    ("url", "group"),
    [
        (f"{PUBLIC}/hospitals/{PROVINCE}/fhir", PROVINCE),
        (f"{PUBLIC}/hospitals/{PROVINCE}/fhir/", PROVINCE),
        (f"hospitals/{PROVINCE}/fhir", PROVINCE),
        (f"/hospitals/{PROVINCE}/fhir/", PROVINCE),
        (f"http://elsewhere.test/hospitals/{PROVINCE}/fhir", None),
        (f"{PUBLIC}/hospitals/{CLINIC}/fhir", None),  # its record group answers for it
        (f"{PUBLIC}/hospitals", None),
        ("", None),
    ],
)
def test_a_hospital_is_known_by_its_base(directory, url, group):
    assert directory.by_base(url) == group


def test_what_is_written_over_fhir_is_known_when_the_writer_is_answered():
    with network() as world:
        directory = world.services.directory
        assert directory.entry(DISTRICT).name == f"Cơ sở {DISTRICT}"
        world.post(facility(DISTRICT) | {"name": "Trung tâm Y tế mới"})
        assert directory.entry(DISTRICT).name == "Trung tâm Y tế mới"
        world.post(facility("99004"), *endpoints("99004"))
        assert directory.by_base("hospitals/99004/fhir") == "99004"
        world.ask("DELETE", "/fhir/Endpoint/99004-fhir")
        assert directory.by_base("hospitals/99004/fhir") is None


def test_an_address_that_is_no_web_address_is_refused():
    with network() as world:
        bad = endpoints("99001")[0] | {"address": "file://etc/passwd"}
        answer = world.ask("PUT", "/fhir/Endpoint/99001-fhir", bad)
        assert answer.status_code == 422
        assert answer.json()["issue"][0]["expression"] == ["Endpoint.address"]
        assert world.services.directory.by_base("hospitals/99001/fhir") == PROVINCE

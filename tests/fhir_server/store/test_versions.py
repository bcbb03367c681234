"""Reading and writing single resources: every write is a version."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.fhir_server.store.stores import AT, document, ids, put, search

pytestmark = pytest.mark.spec("http.html#versions")

LATER = AT + timedelta(hours=1)
PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}


def delete(store, type_, id_, at=AT):
    return store.write(lambda writer: writer.delete(type_, id_, at=at)).result(30)


def test_a_new_resource_is_version_one(store):
    (version,) = put(store, PATIENT)
    assert (version.type, version.id, version.version) == ("Patient", "1", 1)
    assert (version.method, version.deleted, version.updated) == ("PUT", False, AT)
    assert json.loads(version.body) == {
        "resourceType": "Patient",
        "id": "1",
        "meta": {"versionId": "1", "lastUpdated": "2025-03-01T08:00:00.000Z"},
        "gender": "male",
    }
    assert store.read("Patient", "1") == store.vread("Patient", "1", 1) == version


def test_text_stays_as_it_came(store):
    tree = {"resourceType": "Observation", "valueQuantity": {"value": 7.5}, "text": "Huyết"}
    body = b'{ "valueQuantity" : {"value":7.50},"resourceType":"Observation","text":"Huy\\u1ebft"}'
    from fhir_server.store.port import Document

    store.write(
        lambda writer: writer.put(Document(tree, body), id_="o", method="POST", at=AT)
    ).result(30)
    found = store.read("Observation", "o")
    assert b'{"value":7.50}' in found.body
    assert b'"Huy\\u1ebft"' in found.body
    assert found.method == "POST"


@pytest.mark.parametrize(
    ("at", "updated", "written"),
    [
        (datetime(2025, 1, 1, 7, 0, 0, 123_999, timezone(timedelta(hours=7))), 123_000, ".123Z"),
        (datetime(2025, 1, 1, tzinfo=UTC), 0, ".000Z"),
    ],
)
def test_moments_are_cut_to_milliseconds_of_utc(store, at, updated, written):
    (version,) = put(store, PATIENT, at=at)
    assert version.updated == datetime(2025, 1, 1, 0, 0, 0, updated, UTC)
    assert version.updated.tzinfo is UTC
    assert written in json.loads(version.body)["meta"]["lastUpdated"]
    assert store.read("Patient", "1") == version


def test_nothing_there(store):
    assert store.read("Patient", "1") is None
    assert store.vread("Patient", "1", 1) is None
    assert store.history("Patient", "1", count=10) == []
    assert delete(store, "Patient", "1") is None
    assert list(store.scan()) == []
    assert store.counts() == {}
    put(store, PATIENT)
    assert store.read("Observation", "1") is None
    assert store.read("Patient", "2") is None


@pytest.mark.parametrize("version", [0, -1, 3, 10**30])
def test_versions_that_are_not_there(store, version):
    put(store, PATIENT)
    put(store, PATIENT)
    assert store.vread("Patient", "1", version) is None


def test_versions_grow_over_updates_and_deletions(store):
    put(store, PATIENT)
    put(store, PATIENT | {"gender": "female"}, at=LATER)
    gone = delete(store, "Patient", "1", at=LATER)
    assert (gone.version, gone.deleted, gone.body, gone.method) == (3, True, b"", "DELETE")
    assert store.read("Patient", "1") == gone
    assert delete(store, "Patient", "1") is None
    (back,) = put(store, PATIENT)
    assert back.version == 4
    newest_first = store.history("Patient", "1", count=10)
    assert [(one.version, one.method) for one in newest_first] == [
        (4, "PUT"),
        (3, "DELETE"),
        (2, "PUT"),
        (1, "PUT"),
    ]
    assert [store.vread("Patient", "1", number) for number in (4, 3, 2, 1)] == newest_first
    assert newest_first[2].updated == LATER


def test_history_in_pages(store):
    for _ in range(5):
        put(store, PATIENT)
    assert [one.version for one in store.history("Patient", "1", count=2)] == [5, 4]
    assert [one.version for one in store.history("Patient", "1", count=2, before=4)] == [3, 2]
    assert [one.version for one in store.history("Patient", "1", count=9, before=2)] == [1]
    assert store.history("Patient", "1", count=9, before=1) == []
    assert store.history("Patient", "1", count=0) == []


def test_a_search_finds_the_newest_version_only(store):
    put(store, PATIENT)
    put(store, PATIENT | {"gender": "female", "birthDate": "1990"})
    assert ids(store, "Patient?gender=male") == ""
    assert ids(store, "Patient?gender=female&birthdate=1990") == "1"
    delete(store, "Patient", "1")
    assert ids(store, "Patient?gender=female") == ids(store, "Patient") == ""
    assert ids(store, "Patient?birthdate:missing=true") == ""
    assert store.counts() == {}
    put(store, PATIENT)
    assert ids(store, "Patient?gender=male") == "1"
    assert ids(store, "Patient?birthdate:missing=true") == "1"


def test_chains_and_includes_do_not_reach_what_is_deleted(store):
    observation = {"resourceType": "Observation", "id": "o", "subject": {"reference": "Patient/1"}}
    put(store, PATIENT, observation)
    chains = ["gender=male", "gender:not=female", "birthdate:missing=true", "_id=1"]
    queries = [f"subject:Patient.{chain}" for chain in chains]
    queries += [f"subject=Patient/1&{query}" for query in queries]
    assert [ids(store, f"Observation?{query}") for query in queries] == ["o"] * 8
    delete(store, "Patient", "1")
    assert [ids(store, f"Observation?{query}") for query in queries] == [""] * 8
    assert ids(store, "Observation?subject=Patient/1") == "o"
    assert search(store, "Observation?_include=Observation:subject").included == []
    delete(store, "Observation", "o")
    put(store, PATIENT)
    assert search(store, "Patient?_revinclude=Observation:subject").included == []


def test_scan_in_order_of_type_and_id(store):
    put(store, *({"resourceType": "Patient", "id": id_} for id_ in ["b", "a", "C", "10", "9"]))
    put(store, {"resourceType": "Encounter", "id": "z"}, {"resourceType": "Basic", "id": "y"})
    delete(store, "Patient", "b")
    places = [(one.type, one.id) for one in store.scan()]
    people = [("Patient", "10"), ("Patient", "9"), ("Patient", "C"), ("Patient", "a")]
    assert places == [("Basic", "y"), ("Encounter", "z"), *people]
    assert [one.id for one in store.scan("Patient")] == ["10", "9", "C", "a"]
    assert store.counts() == {"Basic": 1, "Encounter": 1, "Patient": 4}


def test_scan_goes_on_while_others_write(store):
    store.load([document({"resourceType": "Patient", "id": f"{n:04}"}) for n in range(1200)], at=AT)
    seen = []
    for version in store.scan("Patient"):
        if not seen:
            put(store, {"resourceType": "Patient", "id": "0600x"})
            delete(store, "Patient", "1199")
        seen.append(version.id)
    assert seen[:1199] == sorted(seen[:1199])
    assert {f"{n:04}" for n in range(1199)} <= set(seen)
    assert len(seen) == len(set(seen))

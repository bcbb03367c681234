"""Snapshot and restore: the state of then, whole, while others read."""

import threading

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.request import CURSOR
from tests.fhir_server.store.stores import AT, ids, opened, put, search

PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}


def test_without_a_snapshot_a_store_becomes_empty(store):
    put(store, PATIENT)
    store.write(lambda writer: writer.append("audit", "k", b"", at=AT)).result(30)
    store.restore()
    assert store.counts() == {}
    assert store.read("Patient", "1") is None
    assert store.rows("audit") == []
    put(store, PATIENT)
    assert ids(store, "Patient?gender=male") == "1"
    assert store.read("Patient", "1").version == 1


def test_back_to_the_snapshot(store):
    put(store, PATIENT)
    store.write(lambda writer: writer.append("audit", "k", b"", at=AT)).result(30)
    store.snapshot()
    for again in range(2):
        put(store, PATIENT | {"gender": "female"}, {"resourceType": "Device", "id": f"{again}"})
        store.write(lambda writer: writer.append("audit", "k", b"", at=AT)).result(30)
        store.restore()
        assert store.read("Patient", "1").version == 1
        assert ids(store, "Patient?gender=male") == "1"
        assert ids(store, "Patient?gender=female") == ids(store, "Device") == ""
        assert len(store.rows("audit")) == 1


def test_a_later_snapshot_replaces_the_earlier(store):
    put(store, PATIENT)
    store.snapshot()
    put(store, PATIENT | {"id": "2"})
    store.snapshot()
    put(store, PATIENT | {"id": "3"})
    store.restore()
    assert ids(store, "Patient") == "1 2"


def test_a_page_link_from_before_says_so_or_goes_on(store):
    put(store, *(PATIENT | {"id": str(n)} for n in range(5)))
    found = search(store, "Patient?_sort=birthdate&_count=2")
    store.restore()
    with pytest.raises(FhirError, match="no such page"):
        search(store, f"Patient?_sort=birthdate&_count=2&{CURSOR}={found.next}")


def test_new_names_after_a_restore_are_found(store):
    """Types and systems that only the time after the snapshot knew get their numbers again."""
    store.snapshot()
    put(store, PATIENT, {"resourceType": "Device", "id": "d", "status": "active"})
    store.restore()
    put(store, {"resourceType": "Location", "id": "l", "status": "active", "name": "Huế"})
    put(store, PATIENT | {"identifier": [{"system": "urn:new", "value": "1"}]})
    assert ids(store, "Location?name=hue&status=active") == "l"
    assert ids(store, "Device?status=active") == ""
    assert ids(store, "Patient?identifier=urn:new|1&gender=male") == "1"


def test_readers_see_one_state_or_the_other(store):
    put(store, *(PATIENT | {"id": str(n)} for n in range(50)))
    store.snapshot()
    put(store, *(PATIENT | {"id": str(n), "gender": "female"} for n in range(50)))
    stop, wrong, reads = threading.Event(), [], [0]

    def watch():
        while not stop.is_set():
            found = store.counts().get("Patient"), len(ids(store, "Patient?_count=50").split())
            if found != (50, 50):
                wrong.append(found)
            reads[0] += 1

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    for _ in range(5):
        store.restore()
        put(store, PATIENT | {"id": "0", "gender": "other"})
    stop.set()
    for watcher in watchers:
        watcher.join(30)
    assert reads[0] > 0
    assert wrong == []


def test_an_sqlite_snapshot_outlives_the_process(tmp_path):
    store = opened("sqlite", tmp_path, "kept")
    put(store, PATIENT)
    store.snapshot()
    put(store, PATIENT | {"id": "2"})
    store.close()
    store = opened("sqlite", tmp_path, "kept")
    assert ids(store, "Patient") == "1 2"
    store.restore()
    assert ids(store, "Patient") == "1"
    store.close()

"""Writing: one transaction carries everything, an error undoes one piece of work, nobody races."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.store.port import NewRow, Row
from tests.fhir_server.store.stores import AT, document, ids, put, request

PATIENT = {"resourceType": "Patient", "id": "1", "identifier": [{"system": "s", "value": "v"}]}


class Wanted(Exception):
    """What a test raises on purpose."""


def test_resources_index_history_and_application_rows_are_one_commit(store):
    put(store, PATIENT)

    def work(writer):
        writer.put(document(PATIENT | {"gender": "male"}), id_="1", method="PUT", at=AT)
        writer.append("audit", "who", b"\x00data", at=AT)
        assert ids(writer, "Patient?gender=male") == "1"  # sees its own writes
        assert writer.read("Patient", "1").version == 2
        assert len(writer.history("Patient", "1", count=9)) == 2
        assert [row.data for row in writer.rows("audit")] == [b"\x00data"]
        raise Wanted

    with pytest.raises(Wanted):
        store.write(work).result(30)
    assert store.read("Patient", "1").version == 1
    assert len(store.history("Patient", "1", count=9)) == 1
    assert ids(store, "Patient?gender=male") == ""
    assert store.rows("audit") == []


def test_an_error_undoes_its_own_work_only(store):
    """Even where all of them share one commit."""
    started, go_on = threading.Event(), threading.Event()

    def first(writer):
        started.set()
        go_on.wait(10)
        return writer.append("order", "first", b"", at=AT)

    def failing(writer):
        writer.put(document(PATIENT), id_="1", method="PUT", at=AT)
        writer.append("order", "failing", b"", at=AT)
        raise Wanted

    def last(writer):
        assert writer.read("Patient", "1") is None
        writer.put(document(PATIENT | {"id": "2"}), id_="2", method="PUT", at=AT)
        return writer.append("order", "last", b"", at=AT)

    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(lambda: store.write(first))
        started.wait(10)
        others = [threads.submit(lambda work=work: store.write(work)) for work in (failing, last)]
        time.sleep(0)
        go_on.set()
        assert waiting.result(30).result(30) == 1
        with pytest.raises(Wanted):
            others[0].result(30).result(30)
        assert others[1].result(30).result(30) == 2
    assert [row.key for row in store.rows("order")] == ["first", "last"]
    assert ids(store, "Patient?identifier=v") == "2"


def test_names_that_were_undone_do_not_hide_later_ones(store):
    """The first Observation ever is rolled back; its type and parameters are new again."""
    observation = {"resourceType": "Observation", "id": "o", "status": "final"}

    def work(writer):
        writer.put(document(observation), id_="o", method="PUT", at=AT)
        assert ids(writer, "Observation?status=final") == "o"
        raise Wanted

    with pytest.raises(Wanted):
        store.write(work).result(30)
    put(store, PATIENT)
    assert ids(store, "Observation?status=final") == ""
    put(store, observation)
    assert ids(store, "Observation?status=final") == ids(store, "Observation") == "o"
    assert ids(store, "Patient?identifier=s|v") == ids(store, "Patient") == "1"
    assert store.counts() == {"Observation": 1, "Patient": 1}


def test_sixteen_conditional_creates_make_one_resource(store):
    gate = threading.Barrier(16)

    def create(number):
        def work(writer):
            if writer.search(request("Patient?identifier=s|v&_count=2")).matches:
                return False
            writer.put(document(PATIENT), id_=f"p{number}", method="POST", at=AT)
            return True

        gate.wait(10)
        return store.write(work).result(30)

    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(create, range(16)))
    assert sorted(made) == [False] * 15 + [True]
    assert store.counts() == {"Patient": 1}


def test_what_is_answered_is_there_for_everybody(store):
    """Read your own writes, from other threads too."""
    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            put(store, PATIENT | {"id": f"p{number}", "birthDate": f"{1960 + number}"})
            query = f"Patient?birthdate={1960 + number}"
            found = [threads.submit(ids, store, query) for _ in range(3)]
            assert [one.result(30) for one in found] == [f"p{number}"] * 3


def test_parallel_writers_lose_nothing(store):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: put(store, PATIENT | {"id": f"{n % 10}"}), range(200)))
    assert sum(store.read("Patient", str(n)).version for n in range(10)) == 200
    assert store.counts() == {"Patient": 10}


# ---- application rows ----------------------------------------------------------------------------


def append(store, kind, *keys):
    def work(writer):
        return [writer.append(kind, key, key.encode(), at=AT) for key in keys]

    return store.write(work).result(30)


def test_application_rows_in_their_order(store):
    assert append(store, "audit", "a", "b", "a") == [1, 2, 3]
    assert append(store, "outbox", "x") == [1]
    assert append(store, "audit", "c") == [4]
    assert store.rows("audit")[0] == Row(1, "audit", "a", AT, b"a", settled=False)
    assert [row.key for row in store.rows("audit")] == ["a", "b", "a", "c"]
    assert [row.seq for row in store.rows("audit", after=2)] == [3, 4]
    assert [row.seq for row in store.rows("audit", limit=2)] == [1, 2]
    assert [row.seq for row in store.rows("audit", key="a")] == [1, 3]
    assert [row.seq for row in store.rows("audit", key="a", after=1)] == [3]
    assert store.rows("nothing") == []
    assert store.last_row("audit").seq == 4
    assert store.last_row("nothing") is None


def test_what_is_settled_is_done(store):
    append(store, "outbox", "a", "b", "c")
    append(store, "audit", "a", "b", "c")
    store.write(lambda writer: writer.settle("outbox", [1, 3, 99])).result(30)
    assert [row.seq for row in store.rows("outbox", unsettled=True)] == [2]
    assert [row.settled for row in store.rows("outbox")] == [True, False, True]
    assert len(store.rows("audit", unsettled=True)) == 3


# ---- bulk ----------------------------------------------------------------------------------------


def test_load_brings_resources_and_rows(store):
    trees = [PATIENT, {"resourceType": "Encounter", "id": "e"}]
    rows = [NewRow("audit", "k", b"1"), NewRow("manifest", "file", b"2")]
    assert store.load(map(document, trees), at=AT, rows=rows) == 2
    found = store.read("Patient", "1")
    assert (found.version, found.method, found.updated) == (1, "POST", AT)
    assert b'"versionId":"1"' in found.body
    assert [row.data for row in store.rows("manifest")] == [b"2"]
    assert ids(store, "Patient?identifier=s|v") == "1"


@pytest.mark.parametrize("first", ["1", "2"])
def test_load_of_what_is_there_brings_nothing(store, first):
    put(store, PATIENT)
    trees = [PATIENT | {"id": first}, PATIENT | {"id": "3"}, PATIENT | {"id": first}]
    with pytest.raises(FhirError, match=rf"Patient/{first} exists already.*nothing") as refused:
        store.load(map(document, trees), at=AT, rows=[NewRow("audit", "k", b"")])
    assert refused.value.status == 409
    assert store.counts() == {"Patient": 1}
    assert store.rows("audit") == []


def test_load_of_an_iterator_that_fails_brings_nothing(store):
    def documents():
        yield document(PATIENT)
        raise Wanted

    with pytest.raises(Wanted):
        store.load(documents(), at=AT)
    assert store.counts() == {}
    put(store, PATIENT)
    assert ids(store, "Patient?identifier=s|v") == "1"


# ---- the end -------------------------------------------------------------------------------------


def test_close_finishes_what_was_accepted_and_takes_no_more(store):
    futures = [store.write(lambda w, n=n: w.append("a", str(n), b"", at=AT)) for n in range(50)]
    store.close()
    assert [future.result(0) for future in futures] == list(range(1, 51))
    with pytest.raises(FhirError, match="closed") as refused:
        store.write(lambda writer: None).result(1)
    assert refused.value.status == 503
    store.close()

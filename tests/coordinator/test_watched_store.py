"""A store that tells: what was committed, in order, before the writer is answered."""

import threading

import pytest

from coordinator.services.watched_store import WatchedStore
from fhir_profiles.outcomes import FhirError
from fhir_server.search.request import SearchRequest
from fhir_server.store.open import open_store
from fhir_server.store.port import Document
from tests.coordinator.world import NOW, dump, patient


class Ear:
    def __init__(self):
        self.heard = []

    def committed(self, version, tree):
        self.heard.append((version.id, version.version, version.deleted, tree.get("gender")))

    def reset(self):
        self.heard.append("reset")


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"
    store = open_store(url, "watched")
    yield store
    store.close()


def _put(watched, *trees, then=None):
    def work(writer):
        for tree in trees:
            document = Document(tree, dump(tree))
            version = writer.put(document, id_=tree["id"], method="PUT", at=NOW)
            watched.note(writer, version, tree)
        if then is not None:
            raise then
        return len(trees)

    return watched.write(work)


def test_listeners_hear_commits_before_the_writer_is_answered(store):
    ear = Ear()
    watched = WatchedStore(store, [ear])
    assert _put(watched, patient("1"), patient("2")).result() == 2
    assert ear.heard == [("p-1", 1, False, "female"), ("p-2", 1, False, "female")]

    def remove(writer):
        watched.note(writer, writer.delete("Patient", "p-1", at=NOW), {})

    watched.write(remove).result()
    assert ear.heard[-1] == ("p-1", 2, True, None)


def test_nothing_is_heard_of_a_write_that_failed(store):
    ear = Ear()
    watched = WatchedStore(store, [ear])
    with pytest.raises(KeyError):
        _put(watched, patient("1"), then=KeyError("no")).result()
    assert ear.heard == []
    assert watched.read("Patient", "p-1") is None
    _put(watched, patient("2")).result()
    assert [entry[0] for entry in ear.heard] == ["p-2"]


def test_commits_of_many_threads_are_heard_in_their_order(store):
    ear = Ear()
    watched = WatchedStore(store, [ear])
    threads = [
        threading.Thread(target=lambda: [_put(watched, patient("1")).result() for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [version for _, version, _, _ in ear.heard] == list(range(1, 81))


def test_a_writer_who_gives_up_does_not_undo_the_commit(store):
    ear = Ear()
    watched = WatchedStore(store, [ear])
    reached, go_on = threading.Event(), threading.Event()

    def slow(writer):
        reached.set()
        go_on.wait(5)
        tree = patient("1")
        version = writer.put(Document(tree, dump(tree)), id_="p-1", method="PUT", at=NOW)
        watched.note(writer, version, tree)

    done = threading.Thread(target=lambda: watched.write(slow).cancel())
    done.start()
    assert reached.wait(5)
    go_on.set()
    done.join(5)
    _put(watched, patient("2")).result()
    assert [entry[0] for entry in ear.heard] == ["p-1", "p-2"]


def test_a_load_and_a_restore_are_told_as_a_whole(store):
    ear = Ear()
    watched = WatchedStore(store, [ear])
    tree = patient("1")
    assert watched.load([Document(tree, dump(tree))], at=NOW) == 1
    watched.snapshot()
    watched.restore()
    assert ear.heard == ["reset", "reset"]
    assert watched.counts() == {"Patient": 1}
    assert [version.id for version in watched.scan("Patient")] == ["p-1"]


def test_what_is_kept_elsewhere_is_not_searched_here(store):
    watched = WatchedStore(store, [], kept_elsewhere=["Observation"])
    with pytest.raises(FhirError, match="kept by hospitals") as refused:
        watched.search(SearchRequest("Observation"))
    assert refused.value.status == 501
    assert watched.search(SearchRequest("Patient")).matches == []

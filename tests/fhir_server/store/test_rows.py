"""Application rows are numbered without gaps, although the writer does not ask for the last one."""

import uuid
from contextlib import closing, nullcontext

import pytest

from fhir_server.audit import KIND, AuditSink, Entry, verify_chain
from fhir_server.store import commits
from fhir_server.store.port import Row
from tests.fhir_server.store.stores import AT, KINDS, opened


def append(writer, kind="a", key="k", data=b"x"):
    return writer.append(kind, key, data, at=AT)


def appended(store, kind="a"):
    return store.write(lambda writer: append(writer, kind)).result(30)


def fails(writer):
    append(writer)
    append(writer)
    raise LookupError


def test_numbers_of_a_kind_follow_each_other(store):
    assert store.write(lambda w: [append(w), append(w), append(w, "b"), append(w)]).result(30) == [
        *(1, 2, 1, 3)
    ]
    assert [appended(store), appended(store, "b"), appended(store)] == [4, 2, 5]
    assert [row.seq for row in store.rows("a")] == [1, 2, 3, 4, 5]


def test_what_failed_leaves_no_gap(store):
    appended(store)
    futures = [store.write(work) for work in (append, fails, append, fails, append)]
    assert [type(future.exception(30)) for future in futures] == [
        *(type(None), LookupError, type(None), LookupError, type(None))
    ]
    assert [futures[n].result() for n in (0, 2, 4)] == [2, 3, 4]


def test_after_a_restore_numbers_go_on_from_there(store):
    appended(store)
    store.snapshot()
    assert [appended(store), appended(store)] == [2, 3]
    store.restore()
    assert [appended(store), appended(store)] == [2, 3]


def test_after_a_load_numbers_go_on(store):
    appended(store)
    store.load([], at=AT, rows=[("a", "k", b"1"), ("a", "k", b"2")])
    assert appended(store) == 4


def test_the_last_row_is_what_was_written(store):
    def work(writer):
        append(writer, data=b"1")
        append(writer, data=b"2")
        return writer.last_row("a")

    assert store.write(work).result(30) == Row(2, "a", "k", AT, b"2") == store.last_row("a")

    def settled(writer):
        writer.last_row("a")
        writer.settle("a", [2])
        return writer.last_row("a")

    assert store.write(settled).result(30) == Row(2, "a", "k", AT, b"2", True)
    assert store.write(lambda writer: writer.last_row("a")).result(30).settled
    assert store.write(lambda writer: writer.last_row("none")).result(30) is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_others_write_in_between(kind, tmp_path):
    """Two stores on the same tables stand for two processes."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with closing(opened(kind, tmp_path, name)) as one, closing(opened(kind, tmp_path, name)) as two:
        assert [appended(store) for store in (one, one, two, one, two, two, one)] == [
            *(1, 2, 3, 4, 5, 6, 7)
        ]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_a_writer_that_comes_back_looks_again(kind, tmp_path, monkeypatch):
    """It lets go of its connection when idle, and others write meanwhile."""
    monkeypatch.setattr(commits, "IDLE", 0.01)
    name = f"t{uuid.uuid4().hex[:12]}"
    with closing(opened(kind, tmp_path, name)) as one, closing(opened(kind, tmp_path, name)) as two:
        assert appended(one) == 1
        thread = one._commits._thread
        if thread is not None:
            thread.join(10)
        assert [appended(two), appended(one)] == [2, 3]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_the_last_row_is_asked_for_once(kind, tmp_path):
    """However many rows one transaction appends."""

    class Counting:
        def __init__(self, connection):
            self.connection, self.asked = connection, 0

        def execute(self, sql, parameters=()):
            self.asked += sql.startswith("SELECT")
            return self.connection.execute(sql, parameters)

    with closing(opened(kind, tmp_path)) as store:
        sink = AuditSink(store, observer="test")
        entry = Entry("2026", "read", 200, "Patient", "1", 1, "", "", "c", "n", "", "", "r")

        def work(writer):
            counting = writer._connection = Counting(writer._connection)
            writer._connect = lambda snapshot: nullcontext(counting)
            for _ in range(50):
                sink.append(writer, [entry, entry], at=AT)
            return counting.asked

        store.write(lambda w: sink.append(w, [entry], at=AT)).result(30)
        assert store.write(work).result(30) <= 1
        rows = store.rows(KIND)
        assert len(rows) == 101
        assert verify_chain(rows) is None

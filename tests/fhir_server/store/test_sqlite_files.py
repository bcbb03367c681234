"""Files of SQLite stores: made from one template, migrated, refused; handles, threads, time."""

import sqlite3
import threading
from contextlib import closing
from datetime import UTC

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from fhir_profiles.outcomes import FhirError
from fhir_server.store import commits, sqlite, sqlite_file
from fhir_server.store.migrations import running
from fhir_server.store.open import open_store
from fhir_server.store.tables import APPLICATION_ID, HEAD, metadata
from tests.fhir_server.store.stores import AT, ZONE, document, ids, opened, put, search
from vietnam.datafiles import InputError

PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}


def changed(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


# ---- migrations ----------------------------------------------------------------------------------


def test_the_tables_are_what_the_migrations_make(tmp_path):
    opened("sqlite", tmp_path, "new").close()
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        found = inspect(connection)
        for table in metadata.sorted_tables:
            made = {(one["name"], *one["column_names"]) for one in found.get_indexes(table.name)}
            wanted = {(one.name, *(column.name for column in one.columns)) for one in table.indexes}
            assert made == wanted, table.name
            key = found.get_pk_constraint(table.name)["constrained_columns"]
            assert key == [column.name for column in table.primary_key]
    engine.dispose()


def test_the_newest_migration_is_the_one_we_name():
    script = ScriptDirectory(str(running.FOLDER))
    assert script.get_current_head() == HEAD
    revisions = [one.revision for one in script.walk_revisions()]
    assert list(running.REVISIONS) == ["", *reversed(revisions)]


def test_a_new_store_is_a_copy_of_one_template(tmp_path, monkeypatch):
    opened("sqlite", tmp_path, "first").close()
    monkeypatch.setattr(sqlite_file, "upgrade", lambda connection: pytest.fail("migrated again"))
    opened("sqlite", tmp_path, "second").close()
    assert (tmp_path / "first.db").read_bytes() == (tmp_path / "second.db").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.db", "second.db"]


def test_an_older_file_is_migrated(tmp_path):
    path = tmp_path / "old.db"
    changed(path, f"PRAGMA application_id = {APPLICATION_ID}")  # from before the first migration
    store = opened("sqlite", tmp_path, "old")
    put(store, PATIENT)
    store.close()
    store = opened("sqlite", tmp_path, "old")
    assert ids(store, "Patient?gender=male") == "1"
    store.close()


# ---- what is refused -----------------------------------------------------------------------------


def newer(path):
    changed(path, "UPDATE alembic_version SET version_num = '9999'")


def foreign(path):
    path.unlink()
    changed(path, "CREATE TABLE other (x)")


def broken(path):
    path.write_bytes(b"no database at all" * 100)


def damaged(path):
    path.write_bytes(path.read_bytes()[:5000])


def folder(path):
    path.unlink()
    path.mkdir()


REFUSED = [
    (newer, rf"a newer program wrote it \(tables 9999, this one knows {HEAD}\)\. Use that program"),
    (foreign, r"this is no store of this program\. Move it away or name another folder"),
    (broken, r"damaged or no SQLite file .*\. Restore it from a copy, or move it away"),
    (damaged, r"damaged or no SQLite file"),
    (folder, r"this is a folder|cannot be used|damaged or no SQLite"),
]


@pytest.mark.parametrize(("spoil", "words"), REFUSED, ids=[row[0].__name__ for row in REFUSED])
def test_refused_with_one_message(tmp_path, spoil, words):
    opened("sqlite", tmp_path, "x").close()
    path = tmp_path / "x.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(InputError, match=words) as refused:
        opened("sqlite", tmp_path, "x")
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_zone_is_for_ever(tmp_path):
    opened("sqlite", tmp_path, "x").close()
    with pytest.raises(
        InputError, match=r"were read in the time zone Asia/Ho_Chi_Minh, now in UTC"
    ):
        open_store(f"sqlite:{tmp_path}", "x", zone=UTC)


def test_a_search_in_another_zone_is_a_mistake_of_the_wiring(tmp_path):
    store = open_store(f"sqlite:{tmp_path}", "x", zone=UTC)
    with pytest.raises(ValueError, match="reads dates in Asia/Ho_Chi_Minh, the store in UTC"):
        search(store, "Patient?birthdate=2020")
    assert search(store, "Patient?birthdate=2020-01-01T00:00:00Z").total == 0
    assert search(store, "Patient?gender=male").total == 0
    store.close()


ADDRESSES = [
    ("sqlite:", "x", "names no store. Write memory:, sqlite:FOLDER or postgresql"),
    ("mysql://x", "x", "names no store"),
    ("", "x", "names no store"),
    ("memory:", "../x", "'../x' is no name for a store. Use letters, digits, - and _"),
    ("memory:", "", "no name for a store"),
    ("sqlite:/proc/none", "x", "the file cannot be used"),
]


@pytest.mark.parametrize(("url", "tenant", "words"), ADDRESSES, ids=[row[0] for row in ADDRESSES])
def test_addresses_that_name_no_store(url, tenant, words):
    with pytest.raises(InputError, match=words):
        open_store(url, tenant)


def test_names_keep_their_numbers_over_a_restore(tmp_path):
    """A reader may have asked for a number before the restore and use it afterwards."""
    store = opened("sqlite", tmp_path)
    put(store, PATIENT)
    store.snapshot()
    put(store, {"resourceType": "Device", "id": "1", "status": "active"})
    names = store._database.names
    with store._database.lend(False) as connection:
        before = dict(names.everything(connection))
        store.restore()
        assert dict(names.everything(connection)) == before
        assert "Device.status" in before.values()
    store.close()


# ---- handles, threads, time ----------------------------------------------------------------------


def test_open_files_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "READERS", 8)
    stores = [opened("sqlite", tmp_path, f"s{n}") for n in range(40)]
    for _ in range(2):
        for store in stores:
            assert store.read("Patient", "1") is None
            assert store.counts() == {}
    assert sum(len(store._database.idle) for store in stores) <= 9
    for store in stores:
        store.close()


def test_an_idle_writer_lets_go_of_its_thread(tmp_path, monkeypatch):
    monkeypatch.setattr(commits, "IDLE", 0.01)
    store = opened("sqlite", tmp_path)
    assert store._commits._thread is None  # nothing was written yet
    for number in range(3):
        put(store, PATIENT | {"id": str(number)})
        thread = store._commits._thread
        if thread is not None:
            thread.join(10)
        assert store._commits._thread is None
    assert ids(store, "Patient") == "0 1 2"
    store.close()


def test_a_read_that_takes_too_long_is_given_up(tmp_path):
    store = open_store(f"sqlite:{tmp_path}", "x", zone=ZONE, budget=0.0)
    people = ({"resourceType": "Patient", "id": str(n), "gender": "male"} for n in range(5000))
    store.load(map(document, people), at=AT)
    with pytest.raises(FhirError, match="took longer than 0 s; add a parameter") as refused:
        search(store, "Patient?gender:not=female&_sort=-_lastUpdated")
    assert (refused.value.status, refused.value.issues[0].code) == (503, "timeout")
    assert store.read("Patient", "1") is not None  # too short to be noticed

    def conditional(writer):
        writer.append("audit", "k", b"", at=AT)
        search(writer, "Patient?gender:not=female&_sort=-_lastUpdated")

    with pytest.raises(FhirError, match="took longer"):
        store.write(conditional).result(30)
    assert store.rows("audit") == []
    put(store, PATIENT)  # the writer goes on
    assert store.read("Patient", "1").version == 2
    store.close()


def test_a_file_that_breaks_under_way_is_an_answer_not_a_crash(tmp_path):
    store = opened("sqlite", tmp_path, "x")
    put(store, PATIENT)
    store.close()
    store = opened("sqlite", tmp_path, "x")
    before = (tmp_path / "x.db").read_bytes()
    (tmp_path / "x.db").write_bytes(b"x" * 8192)
    with pytest.raises(FhirError, match="cannot be used") as refused:
        store.read("Patient", "1")
    assert refused.value.status == 503
    with pytest.raises(FhirError, match="cannot be used"):
        put(store, PATIENT)
    (tmp_path / "x.db").write_bytes(before)
    put(store, PATIENT)  # as soon as it can be used again, it is
    assert store.read("Patient", "1").version == 2
    store.close()


def test_two_stores_on_one_file_see_each_other(tmp_path):
    one, other = opened("sqlite", tmp_path, "x"), opened("sqlite", tmp_path, "x")
    put(one, PATIENT)
    put(other, PATIENT | {"id": "2", "identifier": [{"system": "urn:s", "value": "v"}]})
    assert ids(one, "Patient?gender=male") == ids(other, "Patient?gender=male") == "1 2"
    assert ids(one, "Patient?identifier=urn:s|v") == "2"
    gate = threading.Barrier(2)
    seqs: list[int] = []

    def write(store):
        gate.wait(10)
        futures = [store.write(lambda w: w.append("a", "k", b"", at=AT)) for _ in range(20)]
        seqs.extend(future.result(30) for future in futures)

    threads = [threading.Thread(target=write, args=[store]) for store in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(seqs) == list(range(1, 41))
    one.close()
    other.close()

"""Bulk import as a client sees it: files become resources, errors, stopping, restart."""

import gzip
import json
import threading
from datetime import timedelta

import pytest

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.audit import entry_of
from fhir_server.clock import SteppedClock
from fhir_server.imports.fetching import NotFetched, fetch
from fhir_server.options import Options
from tests.fhir_server.imports.importing import (
    below,
    errors,
    finished,
    imported,
    importing,
    lines,
    patient,
    served,
    started,
)
from tests.fhir_server.serving import NOON
from tests.fhir_server.store.stores import opened

pytestmark = pytest.mark.spec("bulkdata/import.html")


def test_files_become_resources(server, files):
    patients = served(files, lines(patient("a", gender="female"), patient("b")))
    observation = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "x"},
    }
    text = json.dumps(observation).replace('"text": "x"', '"text":  "\\u0111"')
    observations = served(files, lines(text))
    said = imported(server, ("Patient", patients), ("Observation", observations))
    assert said == {
        "transactionTime": "2026-03-01T12:00:00.000Z",
        "request": "http://test/fhir/$import",
        "output": [
            {"type": "Patient", "inputUrl": patients, "count": 2},
            {"type": "Observation", "inputUrl": observations, "count": 1},
        ],
        "error": [],
    }
    assert server.ask("GET", "Patient/a").json["gender"] == "female"
    assert b'"text":  "\\u0111"' in server.ask("GET", "Observation/o").body
    assert server.ask("GET", "Patient?gender=female").json["total"] == 1


def test_an_id_is_kept_and_its_resource_updated_one_without_gets_one(server, files):
    server.ask("PUT", "Patient/a", patient("a", gender="male"))
    url = served(files, lines(patient("a", gender="female"), "", patient(), patient()))
    assert imported(server, ("Patient", url))["output"][0]["count"] == 3
    assert server.ask("GET", "Patient/a").headers["etag"] == 'W/"2"'
    assert server.held.counts() == {"Patient": 3}


def test_each_has_its_row_in_the_audit_trail(server, files):
    url = served(files, lines(patient("a"), patient()))
    where = started(server, ("Patient", url), x_requester="loader")
    assert server.ask("GET", where).status == 404, "it is somebody else's"
    for _ in range(5000):
        if server.ask("GET", where, x_requester="loader").status == 200:
            break
    rows = [entry_of(row) for row in server.held.rows("audit")]
    assert [(row.interaction, row.status, row.caller, row.version) for row in rows] == [
        ("update", 201, "loader", 1),
        ("create", 201, "loader", 1),
    ]
    assert rows[0].patient == "Patient/a"


def test_whoever_is_told_of_writes_is_told_of_these(store, tmp_path, files):
    told, woken = [], []

    class Watcher:
        def changed(self, writer, version, tree, caller):
            told.append(f"{version.type}/{version.id} by {caller.id}")

        def wake(self):
            woken.append(1)

    def on_write(writer, version, tree):
        if tree.get("gender") == "unknown":
            raise FhirError(Kind.BUSINESS_RULE, "not here")

    url = served(files, lines(patient("a"), patient("b", gender="unknown"), patient("c")))
    more = {"watcher": Watcher(), "on_write": on_write}
    with importing(store, tmp_path / "imports", files, **more) as server:
        said = imported(server, ("Patient", url))
        assert said["output"][0]["count"] == 2
        assert errors(server, said["error"][0]) == ["line 2: not here"]
    assert set(told) == {"Patient/a by anonymous", "Patient/c by anonymous"}
    assert woken
    assert store.counts() == {"Patient": 2}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2:"),
        ("[]", "not a JSON object"),
        ('{"resourceType":"Observation"}', "the body is an Observation"),
        ('{"id":"x"}', "no resourceType"),
        ('{"resourceType":"Patient","colour":"red"}', "colour"),
        ('{"resourceType":"Patient","id":"a/b"}', "id"),
        ('{"resourceType":"Patient","birthDate":"soon"}', "soon"),
        ('{"resourceType":"Patient","gender":"a","gender":"b"}', "twice"),
        ("\ufeff{}", "byte order mark"),
        ('{"resourceType":"Patient","language":"' + "x" * 3_000_000 + '"}', "3000 bytes"),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_line_is_told_and_the_others_are_stored(tmp_path, files, line, words):
    store = opened("memory", tmp_path)
    url = served(files, lines(patient("a"), line, patient("b")))
    options = Options(max_body=3000)
    with importing(store, tmp_path / "imports", files, options=options) as server:
        said = imported(server, ("Patient", url))
        assert (said["output"][0]["count"], said["error"][0]["inputUrl"]) == (2, url)
        (told,) = errors(server, said["error"][0])
        assert told.startswith("line 2:")
        assert words in told
    assert store.counts() == {"Patient": 2}


def test_a_file_of_nothing_but_errors_is_not_read_to_its_end(tmp_path, files):
    store = opened("memory", tmp_path)
    url = served(files, b"x\n" * 5_000)
    with importing(store, tmp_path / "imports", files) as server:
        said = imported(server, ("Patient", url))
        assert said["error"][0]["count"] == 1000
        got = server.ask("GET", below(said["error"][0]["url"])).body.splitlines()
    assert (len(got), b"the rest of the file is not read" in got[-1]) == (1001, True)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (404, {}, "answers 404"),
        (500, {}, "answers 500"),
        (302, {"Location": "/bulk/other"}, "answers 302"),
        (200, {"Content-Encoding": "gzip"}, "cannot be read (DecodingError)"),
        (200, {"Content-Length": "1000"}, "cannot be read (RemoteProtocolError)"),
    ],
)
def test_a_file_that_is_not_to_be_had(tmp_path, files, status, headers, words):
    store = opened("memory", tmp_path)
    bad = served(files, lines(patient("a")), status, **headers)
    good = served(files, lines(patient("b")))
    with importing(store, tmp_path / "imports", files) as server:
        said = imported(server, ("Patient", bad), ("Patient", good))
        assert [one["count"] for one in said["output"]] == [0, 1]
        assert words in errors(server, said["error"][0])[0]


def test_a_packed_file_is_unpacked_up_to_a_limit(tmp_path, files):
    url = served(files, gzip.compress(b" " * 10_000_000), Content_Encoding="gzip")
    fetch(url, tmp_path / "all.ndjson", lambda: False)
    assert (tmp_path / "all.ndjson").stat().st_size == 10_000_000
    with pytest.raises(NotFetched, match="more than 1000000 bytes"):
        fetch(url, tmp_path / "some.ndjson", lambda: False, limit=1_000_000)
    assert not (tmp_path / "some.ndjson").exists()


# ---- time ----------------------------------------------------------------------------------------


def test_what_came_of_it_can_be_asked_for_a_day(tmp_path, files):
    clock, store = SteppedClock(NOON), opened("memory", tmp_path)
    with importing(store, tmp_path / "imports", files, clock=clock) as server:
        where = started(server, ("Patient", served(files, lines(patient("a")))))
        assert finished(server, where).headers["expires"] == "Mon, 02 Mar 2026 12:00:00 GMT"
        clock.advance(NOON + timedelta(hours=25))
        imported(server, ("Patient", served(files, b"")))
        assert server.ask("GET", where).status == 404


def test_stopping_leaves_what_is_stored_and_no_files(store, tmp_path, files):
    def stop(writer, version, tree):
        if tree["id"] == "p250":
            assert server.ask("DELETE", held["where"]).status == 202

    held = {}
    url = served(files, lines(*[patient(f"p{n}") for n in range(1000)]))
    slow = threading.Event()

    def on_write(writer, version, tree):
        assert slow.wait(10)
        stop(writer, version, tree)

    with importing(store, tmp_path / "imports", files, on_write=on_write) as server:
        held["where"] = started(server, ("Patient", url))
        slow.set()
        while list((tmp_path / "imports").iterdir()):
            server.ask("GET", held["where"])
        assert server.ask("GET", held["where"]).status == 404
    assert store.counts() == {"Patient": 400}, "the second commit was on its way"


def test_an_import_goes_on_after_a_restart_and_stores_nothing_twice(store, tmp_path, files):
    trees = [patient(f"p{n}") if n % 3 else patient() for n in range(1000)]
    trees[100], trees[700] = "x", "y"
    first, second = served(files, lines(patient("q"))), served(files, lines(*trees))
    bulk = {}

    def dies(writer, version, tree):
        if tree["id"] == "p500":
            for one in bulk["jobs"]._running.values():
                one.cancelled.set()

    held = threading.Event()

    def on_write(writer, version, tree):
        assert held.wait(10)
        dies(writer, version, tree)

    folder = tmp_path / "imports"
    with importing(store, folder, files, on_write=on_write) as server:
        bulk["jobs"] = server.bulk.jobs
        where = started(server, ("Patient", first), ("Patient", second))
        held.set()
        server.bulk.jobs._pool.shutdown(wait=True)
        assert server.ask("GET", where).status == 202
    before = store.counts()["Patient"]
    assert 500 < before < 900
    # It died between writing about errors and the commit; the file is gone from its source.
    (errors_file,) = folder.glob("*/errors.1.ndjson")
    with errors_file.open("ab") as out:
        out.write(b'{"resourceType": "Opera')
    files.files[second.removeprefix(files.at)] = 404, b"", {}
    with importing(store, folder, files) as server:
        said = finished(server, where).json
        assert [one["count"] for one in said["output"]] == [1, 998]
        told = errors(server, said["error"][0])
        assert [one.partition(":")[0] for one in told] == ["line 101", "line 701"]
    assert store.counts() == {"Patient": 999}
    assert {version.version for version in store.scan("Patient")} == {1}

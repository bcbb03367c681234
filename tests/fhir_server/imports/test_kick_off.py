"""The kick-off of an import: manifests, and where files may be fetched from."""

import pytest

from fhir_server.capabilities import Capabilities
from fhir_server.imports.request import fetched_from
from tests.fhir_server.imports.importing import (
    ASYNC,
    NDJSON,
    finished,
    importing,
    manifest,
    served,
    started,
)
from tests.fhir_server.store.stores import opened

pytestmark = pytest.mark.spec("bulkdata/import.html")


# ---- kick-off ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("https://a.org/bulk/x.ndjson", True),
        ("https://a.org:443/bulk/y/x.ndjson?token=1", True),
        ("https://A.org/bulk/", True),
        ("http://b.org:8080/anything", True),
        ("http://a.org/bulk/x", False),
        ("https://a.org/bulkier/x", False),
        ("https://a.org/", False),
        ("https://a.org:444/bulk/x", False),
        ("https://a.org/bulk/../secret", False),
        ("https://a.org/bulk/%2e%2e/secret", False),
        ("https://a.org/bulk/..%2fsecret", False),
        ("https://a.org/bulk/..\\secret", False),
        ("https://a.org/bulk/x y", False),
        ("https://user@a.org/bulk/x", False),
        ("https://a.org@b.org/bulk/x", False),
        ("https://a.org.evil.org/bulk/x", False),
        ("https://a.org/bulk/x#y", False),
        ("http://b.org/anything", False),
        ("http://b.org:x/anything", False),
        ("file:///etc/passwd", False),
        ("data:,x", False),
        ("", False),
    ],
)
def test_where_files_are_fetched_from(url, fetched):
    assert fetched_from(url, ["https://a.org/bulk/", "http://b.org:8080"]) is fetched


FILE = ("Patient", "http://elsewhere.org/x")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "send a Parameters resource"),
        ({"resourceType": "Patient"}, "send a Parameters resource"),
        (manifest(), "input is missing"),
        (manifest(FILE, format_=""), "inputFormat is application/fhir+ndjson"),
        (manifest(FILE, format_="text/csv"), "inputFormat is application/fhir+ndjson"),
        (manifest(FILE, mode="fast"), "mode is unknown"),
        (manifest(FILE), "this server fetches from http://127"),
        (manifest(("Patiant", "x")), "is a resource type"),
        (manifest(("AuditEvent", "x")), "AuditEvent cannot be written"),
        (
            {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "inputFormat", "valueCode": NDJSON},
                    {"name": "storageDetail", "part": [{"name": "type", "valueCode": "aws-s3"}]},
                ],
            },
            "over HTTP only",
        ),
        (
            {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "inputFormat", "valueCode": NDJSON},
                    {"name": "input", "valueUrl": "x"},
                ],
            },
            "has two parts",
        ),
        (manifest(*[FILE] * 1001), "this server fetches"),
        ({"resourceType": "Parameters", "parameter": [7]}, "is unknown"),
    ],
)
def test_manifests_that_are_refused(tmp_path, files, body, words):
    store = opened("memory", tmp_path)
    with importing(store, tmp_path / "imports", files) as server:
        said = server.ask("POST", "$import", body, **ASYNC)
        assert (said.status, words in said.said) == (400, True), said.said


def test_without_sources_nothing_is_imported(tmp_path, files):
    store = opened("memory", tmp_path)
    with importing(store, tmp_path / "imports", files, sources=()) as server:
        said = server.ask("POST", "$import", manifest(("Patient", f"{files.at}/bulk/x")), **ASYNC)
        assert (said.status, "from nowhere" in said.said) == (400, True)


def test_types_that_are_read_only(tmp_path, files):
    store = opened("memory", tmp_path)
    reads = Capabilities("a", "1", "b", types=("Patient", "Basic"), read_only=("Patient",))
    with importing(store, tmp_path / "imports", files, capabilities=reads) as server:
        for type_ in ("Patient", "Observation"):
            said = server.ask("POST", "$import", manifest((type_, f"{files.at}/bulk/x")), **ASYNC)
            assert (said.status, f"{type_} cannot be written" in said.said) == (400, True)


def test_an_import_is_asked_for_with_patience_and_by_post(server):
    said = server.ask("POST", "$import", manifest(FILE))
    assert (said.status, "Prefer: respond-async" in said.said) == (400, True)
    assert server.ask("GET", "$import", **ASYNC).status == 405
    assert server.ask("POST", "$import?x=1", manifest(FILE), **ASYNC).status == 400


@pytest.mark.parametrize("end", ["", "?job=", "?job=../../etc", f"?job={'0' * 32}", "?job=1&job=2"])
def test_no_such_job(server, end):
    assert server.ask("GET", f"$import-status{end}").status in (400, 404)
    assert server.ask("GET", f"$import-errors{end}&file=0").status in (400, 404)


@pytest.mark.parametrize("name", ["", "1", "-1", "x", "../job", "9" * 50, "\u0663"])
def test_no_such_file_of_errors(server, files, name):
    where = started(server, ("Patient", served(files, b"x\n")))
    assert finished(server, where).status == 200
    job = where.partition("job=")[2]
    assert server.ask("GET", f"$import-errors?job={job}&file={name}").status == 404

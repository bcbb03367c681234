"""Wrong requests: status, issue code, what the message names, and where the trouble is."""

import pytest

from fhir_server.options import Options
from tests.fhir_server.serving import JSON, entry, serving, transaction

pytestmark = pytest.mark.spec("http.html#Status-Codes")

PATIENT = {"resourceType": "Patient", "id": "a", "gender": "male"}
ENTRY = entry("POST", "Patient", {"resourceType": "Patient"})
TURTLE = "text/turtle"

# request | headers -> status, issue code, words of the message, expression
ROWS = {
    "unknown type": ("GET", "Patiens/a", None, {}, 404, "not-supported", "Patiens", ""),
    "type in small letters": ("GET", "patient/a", None, {}, 404, "not-supported", "Patient?", ""),
    "never there": ("GET", "Patient/zz", None, {}, 404, "not-found", "Patient/zz", ""),
    "no such version": ("GET", "Patient/a/_history/9", None, {}, 404, "not-found", "'9'", ""),
    "a version is a number": ("GET", "Patient/a/_history/x", None, {}, 404, "not-found", "x", ""),
    "a huge version": ("GET", f"Patient/a/_history/{9**30}", None, {}, 404, "not-found", "", ""),
    "not an id": ("GET", "Patient/a_b", None, {}, 400, "value", "1 to 64", ""),
    "nowhere": ("GET", "Patient/a/b/c/d", None, {}, 404, "not-found", "metadata", ""),
    "parameter of a read": ("GET", "Patient/a?name=x", None, {}, 400, "not-supported", "name", ""),
    "element that is none": ("GET", "Patient/a?_elements=nam", None, {}, 400, "value", "nam", ""),
    "summary that is none": ("GET", "Patient/a?_summary=count", None, {}, 400, "value", "data", ""),
    "history parameter": ("GET", "Patient/a/_history?x=1", None, {}, 400, "not-supported", "x", ""),
    "history count": ("GET", "Patient/a/_history?_count=x", None, {}, 400, "value", "_count", ""),
    "history of nobody": ("GET", "Patient/zz/_history", None, {}, 404, "not-found", "zz", ""),
    "search parameter": ("GET", "Patient?nam=x", None, {}, 400, "not-supported", "birthdate", ""),
    "search value": ("GET", "Patient?birthdate=x", None, {}, 400, "value", "birthdate", ""),
    "page that is none": ("GET", "Patient?_page=x", None, {}, 404, "not-found", "repeat", ""),
    "page and more": ("GET", "Patient?_page=x&name=y", None, {}, 400, "value", "_page", ""),
    "query no UTF-8": ("GET", "Patient?name=%ff", None, {}, 400, "value", "UTF-8", ""),
    "too many parameters": ("GET", "Patient?" + "a=1&" * 2000, None, {}, 400, "value", "1000", ""),
    "Turtle": ("GET", "Patient/a", None, {"accept": TURTLE}, 406, "not-supported", "json", ""),
    "_format": ("GET", "Patient/a?_format=ttl", None, {}, 406, "not-supported", "_format", ""),
    "another release": (
        *("GET", "Patient/a", None, {"accept": f"{JSON}; fhirVersion=5.0"}),
        *(406, "not-supported", "4.0", ""),
    ),
    "_pretty": ("GET", "Patient/a?_pretty=yes", None, {}, 400, "value", "true or false", ""),
    "Turtle sent": (
        *("POST", "Patient", b"[] a fhir:Patient .", {"content_type": TURTLE}),
        *(415, "not-supported", JSON, ""),
    ),
    "no media type": (
        *("POST", "Patient", b"{}", {"content_type": ""}),
        *(415, "not-supported", "no Content-Type", ""),
    ),
    "latin-1": (
        *("POST", "Patient", b"{}", {"content_type": f"{JSON}; charset=latin-1"}),
        *(415, "not-supported", "UTF-8", ""),
    ),
    "compressed": (
        *("POST", "Patient", b"{}", {"content_encoding": "br"}),
        *(415, "not-supported", "gzip, deflate", ""),
    ),
    "no JSON": ("POST", "Patient", b'{"a": 1,\n  }', {}, 400, "structure", "comma", ""),
    "nothing sent": ("POST", "Patient", b"", {}, 400, "structure", "empty", ""),
    "member twice": ("POST", "Patient", b'{"a":1,"a":2}', {}, 400, "structure", "twice", "a"),
    "array": ("POST", "Patient", b"[]", {}, 400, "structure", "array", ""),
    "no type": ("POST", "Patient", b"{}", {}, 400, "invalid", "resourceType", "resourceType"),
    "other type": (
        *("POST", "Observation", PATIENT, {}),
        *(400, "invalid", "an Observation, the body is a Patient", "resourceType"),
    ),
    "other id": ("PUT", "Patient/b", PATIENT, {}, 400, "invalid", "'b'", "Patient.id"),
    "no id": (
        *("PUT", "Patient/b", {"resourceType": "Patient"}, {}),
        *(400, "invalid", "the body has no id", "Patient.id"),
    ),
    "unknown element": (
        *("PUT", "Patient/a", {**PATIENT, "nam": 1}, {}),
        *(422, "structure", "nam", "Patient.nam"),
    ),
    "wrong date": (
        *("PUT", "Patient/a", {**PATIENT, "birthDate": "2026-02-30"}, {}),
        *(422, "value", "", "Patient.birthDate"),
    ),
    "wrong code": (
        *("PUT", "Patient/a", {**PATIENT, "gender": "M"}, {}),
        *(422, "code-invalid", "female", "Patient.gender"),
    ),
    "another version": (
        *("PUT", "Patient/a", PATIENT, {"if_match": 'W/"7"'}),
        *(412, "conflict", "at version 1", ""),
    ),
    "version of nothing": (
        *("PUT", "Patient/n", {**PATIENT, "id": "n"}, {"if_match": 'W/"1"'}),
        *(412, "conflict", "not there", ""),
    ),
    "only if it is new": (
        *("PUT", "Patient/a", PATIENT, {"if_none_match": "*"}),
        *(412, "conflict", "If-None-Match", ""),
    ),
    "delete another version": (
        *("DELETE", "Patient/a", None, {"if_match": '"7"'}),
        *(412, "conflict", "at version 1", ""),
    ),
    "condition that is none": (
        *("POST", "Patient", PATIENT, {"if_none_exist": ""}),
        *(400, "required", "identifier=", ""),
    ),
    "condition that is unknown": (
        *("POST", "Patient", PATIENT, {"if_none_exist": "nam=x", "prefer": "handling=lenient"}),
        *(400, "not-supported", "nam", ""),
    ),
    "condition about the result": (
        *("POST", "Patient", PATIENT, {"if_none_exist": "name=x&_count=1"}),
        *(400, "value", "_count", ""),
    ),
    "update of anything": ("PUT", "Patient", PATIENT, {}, 400, "required", "identifier=", ""),
    "method": ("POST", "Patient/a", PATIENT, {}, 405, "not-supported", "GET", ""),
    "method nobody knows": ("BREW", "Patient/a", None, {}, 405, "not-supported", "BREW", ""),
    "search by GET": ("GET", "Patient/_search", None, {}, 405, "not-supported", "POST", ""),
    "search form as JSON": ("POST", "Patient/_search", b"{}", {}, 415, "not-supported", "form", ""),
    "operation": ("POST", "Patient/$nix", PATIENT, {}, 404, "not-supported", "$nix", ""),
    "bundle of another type": (
        *("POST", "", {"resourceType": "Bundle", "type": "searchset"}, {}),
        *(400, "invalid", "transaction", "Bundle.type"),
    ),
    "bundle that is none": ("POST", "", PATIENT, {}, 400, "invalid", "Patient", "resourceType"),
    "entries that are none": (
        *("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [1]}, {}),
        *(400, "invalid", "array of objects", "Bundle.entry"),
    ),
    "metadata of another kind": ("GET", "metadata?mode=x", None, {}, 400, "value", "full", ""),
    "audit is not changed": (
        *("PUT", "AuditEvent/a", {"resourceType": "AuditEvent", "id": "a"}, {}),
        *(405, "not-supported", "AuditEvent", ""),
    ),
    "audit is not deleted": ("DELETE", "AuditEvent/a", None, {}, 405, "not-supported", "read", ""),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_refused(server, row):
    method, path, body, headers, status, code, words, expression = row
    server.ask("PUT", "Patient/a", PATIENT)
    got = server.ask(method, path, body, **headers)
    assert (got.status, got.code, got.expression) == (status, code, expression), got.said
    assert words in got.said
    assert got.headers["content-type"] == f"{JSON}; charset=utf-8"
    # It changed nothing, and the server lives on.
    assert server.ask("GET", "Patient/a").json["meta"]["versionId"] == "1"
    assert server.ask("GET", "Patient").json["total"] == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b'{"resourceType": "Patient",\n  "name": [\n}', "line 3, column 1"),
        (b'{"resourceType": "Patient",\n  "active": NaN}', "line 2, column 13"),
        (b'{"resourceType": "Patient",\n "birthDate":\n   "yesterday"}', "line 3, column 4"),
    ],
    ids=["JSON", "NaN", "date"],
)
def test_place_in_the_body(server, body, place):
    got = server.ask("POST", "Patient", body)
    assert got.issues[0]["location"] == [place], got.said


def test_all_that_is_wrong_comes_at_once(server):
    wrong = {"resourceType": "Patient", "gender": "M", "birthDate": "x", "nam": 1}
    got = server.ask("POST", "Patient", wrong)
    assert {issue["expression"][0] for issue in got.issues} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.nam",
    }


@pytest.mark.parametrize("declared", [True, False], ids=["by its header", "in fact"])
def test_body_too_large(server, declared):
    with serving(options=Options(max_body=1000)) as small:
        headers = {"content_length": "2000"} if declared else {}
        body = b'{"resourceType": "Patient"}' + b" " * (10 if declared else 2000)
        got = small.ask("POST", "Patient", body, **headers)
        assert (got.status, got.code) == (413, "too-long")
        assert got.headers["connection"] == "close"
        assert small.ask("POST", "Patient", b'{"resourceType": "Patient"}').status == 201


def test_validation_can_be_switched_off(url):
    with serving(url, options=Options(validation="off")) as server:
        made = server.ask("POST", "Patient", {"resourceType": "Patient", "nam": "kept"})
        assert (made.status, made.json["nam"]) == (201, "kept")
        assert server.ask("POST", "Patient", b"{").status == 400


def test_allow_names_the_methods(server):
    assert server.ask("BREW", "Patient/a").headers["allow"] == "DELETE, GET, HEAD, PATCH, PUT"
    assert server.ask("BREW", "metadata").headers["allow"] == "GET, HEAD"


def test_too_many_entries():
    with serving(options=Options(max_entries=2)) as server:
        assert server.ask("POST", "", transaction(ENTRY, ENTRY)).status == 200
        got = server.ask("POST", "", transaction(ENTRY, ENTRY, ENTRY))
        assert (got.status, got.expression) == (413, "Bundle.entry")


class BrokenStore(Exception):
    pass


class Broken:
    """A store that writes and cannot read."""

    def __init__(self, store):
        self.write = store.write

    def __getattr__(self, name):
        raise BrokenStore("Nguyễn Văn An 079080001234")


def refuse_all(writer, version, tree):
    raise BrokenStore("Nguyễn Văn An 079080001234")


@pytest.mark.parametrize(
    "request_",
    [("GET", "Patient/a"), ("GET", "Patient"), ("PUT", "Patient/a", PATIENT)],
    ids=["read", "search", "update"],
)
def test_what_nobody_expected(request_, capsys):
    """500 without a word of the trouble, which may hold data; the log names the kind and place."""
    with serving(
        store_for=lambda store: lambda caller: Broken(store), on_write=refuse_all
    ) as server:
        got = server.ask(*request_, x_request_id="req-1")
        assert (got.status, got.code) == (500, "exception")
        assert "req-1" in got.said
        logged = capsys.readouterr().out
        assert "BrokenStore" in logged
        assert "req-1" in logged
        assert "079080001234" not in logged + got.said
        assert server.ask("GET", "metadata").status == 200

"""$meta, $meta-add and $meta-delete."""

import pytest

from fhir_server.standard import meta
from tests.fhir_server.standard.record import XHTML, record
from tests.fhir_server.store.stores import KINDS

READS = pytest.mark.spec("resource-operation-meta.html")
ADDS = pytest.mark.spec("resource-operation-meta-add.html")
DELETES = pytest.mark.spec("resource-operation-meta-delete.html")

ONE = {"system": "urn:tags", "code": "one"}
TWO = {"system": "urn:tags", "code": "two", "display": "Two"}
SECRET = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
PROFILE = "http://example.org/StructureDefinition/a"
TAGGED = {
    "resourceType": "Patient",
    "id": "tagged",
    "meta": {"tag": [ONE], "profile": [PROFILE], "source": "urn:here"},
    "text": {"status": "generated", "div": f'<div xmlns="{XHTML}">a</div>'},
}
PLAIN = {"resourceType": "Observation", "id": "plain", "status": "final", "code": {"text": "x"}}
WEIGHT = (
    '{"resourceType":"Observation","id":"weight", "status":"final","code":{"text":"\\u0110"},'
    '"valueQuantity":{"value":7.50}}'
)


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    with record(request.param, tmp_path, TAGGED, PLAIN) as running:
        yield running


def sent(**lists):
    parameter = {"name": "meta", "valueMeta": lists}
    return {"resourceType": "Parameters", "parameter": [parameter]}


def told(got):
    """The lists of the Meta that came back."""
    assert got.status == 200, got.body
    parameters = got.json.get("parameter", [])
    found = parameters[0]["valueMeta"] if parameters else {}
    return {name: found[name] for name in ("profile", "security", "tag") if name in found}


@READS
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$meta", {"profile": [PROFILE], "tag": [ONE]}),
        ("Patient/$meta", {"profile": [PROFILE], "tag": [ONE]}),
        ("Observation/$meta", {}),
        ("Device/$meta", {}),
        ("Patient/tagged/$meta", {"profile": [PROFILE], "tag": [ONE]}),
        ("Observation/plain/$meta", {}),
    ],
)
def test_what_is_there(server, method, path, expected):
    assert told(server.ask(method, path)) == expected


@READS
def test_an_instance_tells_its_version_too(server):
    got = server.ask("GET", "Patient/tagged/$meta")
    assert got.json["parameter"][0]["name"] == "return"
    assert got.json["parameter"][0]["valueMeta"]["versionId"] == "1"
    assert got.headers["etag"] == 'W/"1"'


@READS
def test_of_all_each_once(server):
    server.ask(
        "PUT", "Patient/b", {"resourceType": "Patient", "id": "b", "meta": {"tag": [ONE, TWO]}}
    )
    assert told(server.ask("GET", "Patient/$meta"))["tag"] == [TWO, ONE] or told(
        server.ask("GET", "Patient/$meta")
    )["tag"] == [ONE, TWO]


@READS
def test_too_many_are_refused(server, monkeypatch):
    monkeypatch.setattr(meta, "MAX_SCANNED", 1)
    got = server.ask("GET", "$meta")
    assert (got.status, got.code) == (400, "too-costly")


ADDED = {
    "a tag": ({"tag": [TWO]}, {"profile": [PROFILE], "tag": [ONE, TWO]}, 2),
    "a label": (
        {"security": [SECRET]},
        {"profile": [PROFILE], "security": [SECRET], "tag": [ONE]},
        2,
    ),
    "a profile": ({"profile": ["urn:b"]}, {"profile": [PROFILE, "urn:b"], "tag": [ONE]}, 2),
    "what is there": (
        {"tag": [ONE], "profile": [PROFILE]},
        {"profile": [PROFILE], "tag": [ONE]},
        1,
    ),
    "one twice": ({"tag": [TWO, TWO]}, {"profile": [PROFILE], "tag": [ONE, TWO]}, 2),
    "its version is not ours to change": (
        {"versionId": "9", "source": "urn:there"},
        {"profile": [PROFILE], "tag": [ONE]},
        1,
    ),
}


@ADDS
@pytest.mark.parametrize("row", ADDED.values(), ids=ADDED)
def test_added(server, row):
    given, expected, version = row
    got = server.ask("POST", "Patient/tagged/$meta-add", sent(**given))
    assert told(got) == expected
    read = server.ask("GET", "Patient/tagged")
    assert read.json["meta"]["versionId"] == str(version)
    assert read.json["meta"]["source"] == "urn:here"
    assert got.headers["etag"] == read.headers["etag"] == f'W/"{version}"'
    found = server.ask("GET", "Patient?_tag=urn:tags|two").json
    assert found["total"] == (1 if TWO in expected["tag"] else 0)


DELETED = {
    "a tag": ({"tag": [ONE]}, {"profile": [PROFILE]}, 2),
    "a tag without its name": ({"tag": [{**ONE, "display": "x"}]}, {"profile": [PROFILE]}, 2),
    "a profile": ({"profile": [PROFILE]}, {"tag": [ONE]}, 2),
    "what is not there": ({"tag": [TWO]}, {"profile": [PROFILE], "tag": [ONE]}, 1),
    "the same code of another system": (
        {"tag": [{"code": "one"}]},
        {"profile": [PROFILE], "tag": [ONE]},
        1,
    ),
}


@DELETES
@pytest.mark.parametrize("row", DELETED.values(), ids=DELETED)
def test_deleted(server, row):
    given, expected, version = row
    assert told(server.ask("POST", "Patient/tagged/$meta-delete", sent(**given))) == expected
    assert server.ask("GET", "Patient/tagged").json["meta"]["versionId"] == str(version)


@ADDS
def test_all_else_stays_byte_for_byte(server):
    server.ask("PUT", "Observation/weight", WEIGHT)
    server.ask("POST", "Observation/weight/$meta-add", sent(tag=[ONE]))
    body = server.ask("GET", "Observation/weight").body
    assert b'"code":{"text":"\\u0110"}' in body
    assert b'"valueQuantity":{"value":7.50}' in body


@ADDS
@DELETES
@pytest.mark.parametrize("name", ["$meta-add", "$meta-delete"])
@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("POST", "Patient/nobody/{}", sent(tag=[ONE]), {}, 404, "not-found"),
        ("POST", "Patient/tagged/{}", None, {}, 400, "invalid"),
        ("POST", "Patient/tagged/{}", TAGGED, {}, 400, "invalid"),
        ("POST", "Patient/tagged/{}", {"resourceType": "Parameters"}, {}, 400, "required"),
        ("POST", "Patient/tagged/{}", sent(tag="one"), {}, 422, "structure"),
        ("POST", "Patient/tagged/{}", sent(tags=[ONE]), {}, 422, "structure"),
        ("POST", "Patient/tagged/{}", sent(tag=[ONE]), {"if_match": 'W/"7"'}, 412, "conflict"),
        ("GET", "Patient/tagged/{}", None, {}, 405, "not-supported"),
        ("POST", "Patient/{}", sent(tag=[ONE]), {}, 405, "not-supported"),
        ("POST", "{}", sent(tag=[ONE]), {}, 405, "not-supported"),
    ],
)
def test_refused(server, name, method, path, body, headers, status, code):
    got = server.ask(method, path.format(name), body, **headers)
    assert (got.status, got.code) == (status, code)
    assert server.ask("GET", "Patient/tagged").json["meta"]["versionId"] == "1"

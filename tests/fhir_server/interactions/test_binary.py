"""Binary: bytes on the wire, base64 in the resource."""

import base64

import pytest

pytestmark = pytest.mark.spec("binary.html#rest")

PDF = b"%PDF-1.7 \x00\xff"
JSON = "application/fhir+json"


@pytest.fixture
def stored(server):
    """A PDF, sent as itself."""
    made = server.ask("POST", "Binary", PDF, content_type="application/pdf", accept=JSON)
    assert made.status == 201
    return server, made


def test_content_becomes_a_resource(stored):
    _, made = stored
    tree = made.json
    assert tree["contentType"] == "application/pdf"
    assert base64.b64decode(tree["data"]) == PDF


@pytest.mark.parametrize(
    ("accept", "query", "media"),
    [
        ("application/pdf", "", "application/pdf"),
        ("*/*", "", "application/pdf"),
        ("application/*;q=0.5", "", "application/pdf"),
        (JSON, "", JSON),
        ("application/json", "", "application/json"),
        ("*/*", "?_format=json", JSON),
    ],
)
def test_who_gets_what(stored, accept, query, media):
    server, made = stored
    got = server.ask("GET", f"Binary/{made.json['id']}{query}", accept=accept)
    assert got.status == 200
    assert got.headers["content-type"].split(";")[0] == media
    if media == "application/pdf":
        assert got.body == PDF
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in got.headers["content-security-policy"]
    else:
        assert got.json["id"] == made.json["id"]


def test_another_form_than_its_own(stored):
    server, made = stored
    got = server.ask("GET", f"Binary/{made.json['id']}", accept="image/png")
    assert (got.status, got.code) == (406, "not-supported")


def test_versions_and_parts_of_the_security_context(server):
    for content in (b"one", b"two"):
        server.ask(
            *("PUT", "Binary/b", content),
            content_type="text/plain; charset=utf-8",
            x_security_context="Patient/p",
        )
    assert server.ask("GET", "Binary/b/_history/1").body == b"one"
    got = server.ask("GET", "Binary/b")
    assert (got.body, got.headers["content-type"]) == (b"two", "text/plain; charset=utf-8")
    tree = server.ask("GET", "Binary/b?_format=json").json
    assert tree["securityContext"] == {"reference": "Patient/p"}


def test_json_content_is_not_a_resource(server):
    """A document of type application/json is a content like any other."""
    wrapped = {"resourceType": "Binary", "contentType": "application/json", "data": "e30="}
    id_ = server.make(wrapped)
    assert server.ask("GET", f"Binary/{id_}", accept=JSON).json["data"] == "e30="


def test_an_empty_content_is_refused(server):
    got = server.ask("POST", "Binary", b"", content_type="image/png")
    assert (got.status, got.code) == (400, "invalid")

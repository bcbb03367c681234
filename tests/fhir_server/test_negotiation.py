"""What a client may say about the form of an answer, and what every answer says of itself."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.negotiation import answer_format
from tests.fhir_server.serving import JSON, PATIENT, entry, serving, transaction

XML = "application/fhir+xml"
pytestmark = [pytest.mark.spec("http.html#mime-type"), pytest.mark.spec("http.html#general")]

# _format (in a query, where + is a blank) -> media type of the answer
SPELLINGS = {
    "json": JSON,
    "JSON": JSON,
    "application/json": "application/json",
    "text/json": "text/json",
    "application/fhir+json": JSON,
    "application/fhir json": JSON,
    "application/json+fhir": JSON,
    "application/fhir+json;fhirVersion=4.0": JSON,
    "xml": XML,
    "Xml": XML,
    "text/xml": "text/xml",
    "application/xml": "application/xml",
    "application/fhir+xml": XML,
    "application/fhir xml": XML,
    "application/xml+fhir": XML,
    'application/fhir+xml; fhirVersion="4.0.1"': XML,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_format_in_a_query(spelling):
    found = answer_format("text/turtle", [("_format", spelling)])
    assert (found.media, found.xml) == (SPELLINGS[spelling], "xml" in SPELLINGS[spelling])


@pytest.mark.parametrize(
    "spelling", ["ttl", "html", "application/fhir+json;fhirVersion=3.0", "fhir+json", "*/*"]
)
def test_a_format_that_there_is_not(spelling):
    with pytest.raises(FhirError, match="_format") as refused:
        answer_format("", [("_format", spelling)])
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", JSON),
        (XML, XML),
        ("application/xml", "application/xml"),
        ("text/xml", "text/xml"),
        (f"{XML};q=0.9, application/json;q=0.5", XML),
        (f"{XML};q=0.5, application/json;q=0.9", "application/json"),
        (f"{XML}, {JSON}", XML),  # the first among equals
        (f"{JSON}, {XML}", JSON),
        (f"*/*, {XML}", XML),  # a name is worth more than a star
        (f"*/*;q=0.9, {XML};q=0.1", JSON),
        (f"{JSON};q=0, */*", XML),
        (f"{JSON};q=0, {XML};q=0, */*", ""),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        (f"{JSON}; fhirVersion=4.0", JSON),
        (f"{JSON}; fhirVersion=5.0, {XML}; fhirVersion=4.0", XML),
        (f"{JSON}; fhirVersion=5.0", ""),
        (f"{JSON};q=x", ""),
        (f"{JSON};q=2", ""),
        (f"{JSON};q=nan", ""),
        ("text/turtle", ""),
        ("json", ""),  # a word for _format only
    ],
)
def test_accept(accept, media):
    assert answer_format(accept, (), native=True).media == media


# ---- parameters of every request ---------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        running.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
        yield running


ANYWHERE = [
    ("GET", "metadata", None),
    ("GET", "Patient", None),
    ("GET", "Patient?name=n", None),
    ("GET", "Patient/a", None),
    ("GET", "Patient/a/_history", None),
    ("GET", "Patient/a/_history/1", None),
    ("POST", "Patient", PATIENT),
    ("PUT", "Patient/b", {**PATIENT, "id": "b"}),
    ("PUT", "Patient?_id=b", PATIENT),
    ("DELETE", "Patient/c", None),
    ("POST", "", transaction(entry("GET", "Patient/a?_ts=1"), type_="batch")),
]


@pytest.mark.parametrize("asked", ANYWHERE, ids=[f"{row[0]} {row[1]}" for row in ANYWHERE])
def test_cache_busting_parameters_change_nothing(server, asked):
    method, path, body = asked
    added = f"{path}{'&' if '?' in path else '?'}_ts=1700000000&_dc=17&_pretty=true&_format=json"
    got = server.ask(method, added, body)
    assert got.status in (200, 201, 204), got.body
    assert b"_ts" not in got.body
    assert b"_dc" not in got.body


def test_a_form_may_say_them_too(server):
    form = {"content_type": "application/x-www-form-urlencoded"}
    got = server.ask("POST", "Patient/_search", b"_id=a&_ts=1&_dc=2&_pretty=true", **form)
    assert got.status == 200
    assert got.json["link"] == [{"relation": "self", "url": "http://test/fhir/Patient?_id=a"}]
    assert got.body.startswith(b"{\n  ")
    assert server.ask("POST", "Patient/_search", b"_format=ttl", **form).status == 406


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (None, {}, 200),
        (None, {"content_length": "0"}, 200),
        (None, {"content_type": "application/x-www-form-urlencoded"}, 200),
        (None, {"transfer_encoding": "chunked"}, 415),
        (None, {"content_type": "application/fhir+json"}, 415),
    ],
)
def test_a_search_by_post_may_have_all_its_parameters_in_the_address(server, body, headers, status):
    got = server.ask("POST", "Patient/_search?_id=a", body, **headers)
    assert got.status == status
    assert status != 200 or got.json["total"] == 1


@pytest.mark.parametrize("path", [row[1] for row in ANYWHERE if row[0] == "GET"])
def test_head_is_get_without_a_body(server, path):
    got, head = server.ask("GET", path), server.ask("HEAD", path)
    assert (head.status, head.body) == (got.status, b"")
    own = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in got.headers.items() if k not in own
    }


def test_head_of_what_is_not_there(server):
    got = server.ask("HEAD", "Patient/nobody")
    assert (got.status, got.body) == (404, b"")


@pytest.mark.spec("http.html#caching")
@pytest.mark.parametrize("path", ["metadata", "Patient", "Patient/a", "Patient/nobody"])
def test_headers_of_every_answer(server, path):
    got = server.ask("GET", path, x_request_id="mine-1")
    assert got.headers["vary"] == "Accept, Accept-Encoding"
    assert got.headers["cache-control"] == "private, no-cache"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["x-request-id"] == "mine-1"

"""conditional read: what the client has is not sent again; HEAD; what a read does not look at."""

from datetime import timedelta

import pytest

from tests.fhir_server.serving import NOON, PATIENT, entry, serving, transaction

pytestmark = pytest.mark.spec("http.html#cread")

MADE = NOON + timedelta(milliseconds=700)  # of a second that the date does not show
SUNDAY = "Sun, 01 Mar 2026"


@pytest.fixture
def patient(server):
    """Patient/a: version 1 at 12:00:00.700, version 2 an hour later."""
    server.clock.advance(MADE)
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    server.clock.advance(MADE + timedelta(hours=1))
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a", "active": True})
    return server


# The newest version is the second, of 13:00:00.
ASKED = [
    # If-None-Match
    ({"if_none_match": 'W/"2"'}, 304),
    ({"if_none_match": '"2"'}, 304),
    ({"if_none_match": "2"}, 304),
    ({"if_none_match": 'W/"1", W/"2"'}, 304),
    ({"if_none_match": "*"}, 304),
    ({"if_none_match": 'W/"1"'}, 200),
    ({"if_none_match": 'W/"22"'}, 200),
    ({"if_none_match": ""}, 200),
    ({"if_none_match": "x" * 500}, 200),
    # If-Modified-Since: whole seconds
    ({"if_modified_since": f"{SUNDAY} 13:00:00 GMT"}, 304),
    ({"if_modified_since": f"{SUNDAY} 13:00:01 GMT"}, 304),
    ({"if_modified_since": f"{SUNDAY} 12:59:59 GMT"}, 200),
    ({"if_modified_since": f"{SUNDAY} 20:00:00 +0700"}, 304),
    ({"if_modified_since": "Mon, 02 Mar 2026 00:00:00 GMT"}, 304),
    ({"if_modified_since": "Sunday, 01-Mar-26 13:00:00 GMT"}, 304),
    ({"if_modified_since": "Sun Mar  1 13:00:00 2026"}, 304),
    ({"if_modified_since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
    # what is no date counts as not sent
    ({"if_modified_since": ""}, 200),
    ({"if_modified_since": "yesterday"}, 200),
    ({"if_modified_since": "2026-03-01T13:00:00Z"}, 200),
    ({"if_modified_since": "Sun, 41 Mar 2026 13:00:00 GMT"}, 200),
    ({"if_modified_since": "Sun, 01 Mar 99999 13:00:00 GMT"}, 200),
    ({"if_modified_since": "1772370000"}, 200),
    # with an ETag the date does not count
    ({"if_none_match": 'W/"1"', "if_modified_since": f"{SUNDAY} 13:00:00 GMT"}, 200),
    ({"if_none_match": 'W/"2"', "if_modified_since": f"{SUNDAY} 01:00:00 GMT"}, 304),
]


@pytest.mark.parametrize(("headers", "status"), ASKED)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["Patient/a", "Patient/a/_history/2", "Patient/a?_summary=true"])
def test_read_and_vread(patient, method, path, headers, status):
    got = patient.ask(method, path, **headers)
    assert got.status == status
    assert bool(got.body) == (status == 200 and method == "GET")
    assert got.headers["etag"] == 'W/"2"'
    assert got.headers["last-modified"] == f"{SUNDAY} 13:00:00 GMT"
    assert got.headers["vary"]
    if status == 304:
        assert "content-length" not in got.headers
        assert "content-type" not in got.headers


OTHERWISE = [
    ("Patient/a/_history/1", {"if_none_match": 'W/"2"'}, 200),
    ("Patient/a/_history/1", {"if_none_match": 'W/"1"'}, 304),
    ("Patient/a/_history/1", {"if_modified_since": f"{SUNDAY} 12:00:00 GMT"}, 304),
    ("Patient/nobody", {"if_none_match": "*"}, 404),
    ("Patient/a/_history/9", {"if_none_match": "*"}, 404),
    ("Patient/a?_count=1", {"if_none_match": "*"}, 400),
    # nothing else is conditional in this way
    ("Patient", {"if_none_match": "*"}, 200),
    ("Patient/a/_history", {"if_modified_since": f"{SUNDAY} 23:00:00 GMT"}, 200),
    ("metadata", {"if_none_match": "*"}, 200),
]


@pytest.mark.parametrize(("path", "headers", "status"), OTHERWISE)
def test_the_condition_is_about_the_version_that_is_asked_for(patient, path, headers, status):
    assert patient.ask("GET", path, **headers).status == status


def test_what_is_deleted_is_gone_whoever_had_it(patient):
    patient.ask("DELETE", "Patient/a")
    for headers in ({"if_none_match": 'W/"2"'}, {"if_modified_since": f"{SUNDAY} 23:00:00 GMT"}):
        assert patient.ask("GET", "Patient/a", **headers).status == 410


def test_it_is_a_read_for_the_trail(audited):
    audited.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    assert audited.ask("GET", "Patient/a", if_none_match='W/"1"').status == 304
    event = audited.ask("GET", "AuditEvent/_history?_count=1").json["entry"][0]
    event = event["resource"]
    assert (event["subtype"][0]["code"], event["outcomeDesc"]) == ("read", "HTTP 304")
    told = [entity["what"].get("reference") for entity in event["entity"]]
    assert told[:2] == ["Patient/a/_history/1", "Patient/a"]


def test_entries_of_a_batch(patient):
    entries = [
        entry("GET", "Patient/a", ifNoneMatch='W/"2"'),
        entry("GET", "Patient/a", ifNoneMatch='W/"1"'),
        entry("GET", "Patient/a", ifModifiedSince="2026-03-01T13:00:00Z"),
        entry("GET", "Patient/a", ifModifiedSince="2026-03-01T12:59:59Z"),
    ]
    got = patient.ask("POST", "", transaction(*entries, type_="batch")).json["entry"]
    assert [one["response"]["status"][:3] for one in got] == ["304", "200", "304", "200"]
    assert ["resource" in one for one in got] == [False, True, False, True]


# ---- HEAD ----------------------------------------------------------------------------------------

PATHS = [
    *("metadata", "metadata?mode=terminology", "Patient", "Patient?name=an", "Patient/a"),
    *("Patient/a?_elements=active", "Patient/a/_history", "Patient/a/_history/1"),
    *("Patient/_history", "_history", "_history?_count=1", "Patient/a?_format=xml"),
    *("Patient/a?_pretty=true", "Patient/nobody", "Patient/a/_history/7", "Patiens", "Patient?x=1"),
    *("Patient/a?x=1", "_history?_list=1", "Patient/_history?_since=x", "Binary/b"),
]


@pytest.mark.spec("http.html#head")
@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(patient, path):
    patient.ask("PUT", "Binary/b", b"\x00\x01", content_type="image/png")
    plain = {"x_request_id": "1", "accept_encoding": "identity"}
    get, head = (patient.ask(method, path, **plain) for method in ("GET", "HEAD"))
    assert head.body == b""
    assert get.body != b""
    assert (head.status, dict(head.headers)) == (get.status, dict(get.headers))
    assert int(head.headers["content-length"]) == len(get.body)


# ---- what a read does not care about -------------------------------------------------------------


@pytest.mark.parametrize(
    "prefer",
    ["return=minimal", "return=OperationOutcome", "return=representation", "respond-async", "x=y"],
)
@pytest.mark.parametrize("path", ["Patient/a", "Patient/a/_history/1", "Patient/a/_history"])
def test_what_is_preferred_of_writes_changes_no_read(patient, path, prefer):
    plain, got = patient.ask("GET", path), patient.ask("GET", path, prefer=prefer)
    assert (got.status, got.body) == (200, plain.body)


# ---- every answer about one version says which ---------------------------------------------------

WRITES = [
    ("POST", "Patient", PATIENT, {}, 201, '"1"'),
    ("PUT", "Patient/a", {**PATIENT, "id": "a"}, {}, 200, '"3"'),
    ("PUT", "Patient/n", {**PATIENT, "id": "n"}, {"prefer": "return=minimal"}, 201, '"1"'),
    ("PUT", "Patient/a", {**PATIENT, "id": "a"}, {"prefer": "return=OperationOutcome"}, 200, '"3"'),
    ("DELETE", "Patient/a", None, {}, 204, '"3"'),
    ("GET", "Patient/a", None, {}, 200, '"2"'),
    ("GET", "Patient/a/_history/1", None, {}, 200, '"1"'),
    ("POST", "Patient", PATIENT, {"if_none_exist": "active=true"}, 200, '"2"'),
]


@pytest.mark.spec("http.html#versions")
@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "etag"), WRITES)
def test_etag_and_last_modified(patient, method, path, body, headers, status, etag):
    patient.clock.advance(MADE + timedelta(hours=2))
    got = patient.ask(method, path, body, **headers)
    assert (got.status, got.headers["etag"]) == (status, f"W/{etag}")
    hour = {'"1"': 12 if "_history" in path else 14, '"2"': 13, '"3"': 14}[etag]
    assert got.headers["last-modified"] == f"{SUNDAY} {hour}:00:00 GMT"


@pytest.mark.parametrize("path", ["Patient", "Patient/a/_history", "Patient/_history", "metadata"])
def test_what_is_no_version_has_no_etag(patient, path):
    got = patient.ask("GET", path)
    assert "etag" not in got.headers


def test_two_servers_on_one_store_say_the_same(tmp_path):
    with serving(f"sqlite:{tmp_path}") as one:
        one.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
        first = one.ask("GET", "Patient/a")
    with serving(f"sqlite:{tmp_path}") as other:
        got = other.ask("GET", "Patient/a", if_none_match=first.headers["etag"])
        assert got.status == 304

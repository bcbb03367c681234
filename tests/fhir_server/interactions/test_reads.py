"""read, vread, HEAD, parts of a resource, history."""

import pytest

from tests.fhir_server.serving import PATIENT

pytestmark = [pytest.mark.spec("http.html#read"), pytest.mark.spec("http.html#vread")]


@pytest.fixture
def patient(server):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a", "active": True})
    return server


def test_headers_say_which_version(patient):
    got = patient.ask("GET", "Patient/a", x_request_id="42")
    assert got.status == 200
    assert got.headers["etag"] == 'W/"1"'
    assert got.headers["last-modified"] == "Sun, 01 Mar 2026 12:00:00 GMT"
    assert got.headers["x-request-id"] == "42"
    assert got.headers["content-type"] == "application/fhir+json; charset=utf-8"


@pytest.mark.parametrize("given", ["", "\x7f" * 3, "ü", "x" * 500])
def test_a_request_id_that_cannot_be_echoed_is_replaced(patient, given):
    got = patient.ask("GET", "Patient/a", x_request_id=given.encode())
    echoed = got.headers["x-request-id"]
    assert 0 < len(echoed) <= 128
    assert echoed.isascii()
    assert echoed.isprintable()


def test_head_is_get_without_the_body(patient):
    full, head = patient.ask("GET", "Patient/a"), patient.ask("HEAD", "Patient/a")
    assert head.body == b""
    assert head.headers["content-length"] == str(len(full.body))
    assert head.headers["etag"] == full.headers["etag"]
    assert patient.ask("HEAD", "Patient/b").status == 404
    assert patient.ask("HEAD", "Patient?name=an").status == 200


@pytest.mark.parametrize(
    ("known", "status"),
    [('W/"1"', 304), ('"1"', 304), ("*", 304), ('W/"7", W/"1"', 304), ('W/"2"', 200)],
)
def test_a_version_that_the_client_has_is_not_sent_again(patient, known, status):
    got = patient.ask("GET", "Patient/a", if_none_match=known)
    assert (got.status, bool(got.body)) == (status, status == 200)
    assert got.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("*/*", "application/fhir+json"),
        ("application/json", "application/json"),
        ("text/json", "text/json"),
        ("text/turtle;q=0.9, application/json;q=0.5", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ("application/json;q=0.1, application/fhir+json", "application/fhir+json"),
    ],
)
def test_the_client_chooses_the_name_of_json(patient, accept, media):
    got = patient.ask("GET", "Patient/a", accept=accept)
    assert got.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize(
    "format_", ["json", "application/json", "application/fhir+json", "text/json"]
)
def test_format_in_the_query_wins(patient, format_):
    assert patient.ask("GET", f"Patient/a?_format={format_}", accept="text/plain").status == 200


def test_pretty_changes_blanks_only(patient):
    plain, pretty = patient.ask("GET", "Patient/a"), patient.ask("GET", "Patient/a?_pretty=true")
    assert plain.json == pretty.json
    assert b'\n  "id": "a"' in pretty.body


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("_elements=active", {"active", "deceasedBoolean"}),  # modifiers stay
        ("_elements=name", {"name", "active", "deceasedBoolean"}),
        ("_elements=Patient.photo", {"photo", "active", "deceasedBoolean"}),
        ("_summary=text", {"text"}),
        ("_summary=data", {"name", "active", "deceasedBoolean", "photo"}),
        ("_summary=true", {"name", "active", "deceasedBoolean"}),
    ],
)
def test_parts_are_marked(server, query, names):
    text = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">An</div>'}
    full = {**PATIENT, "id": "a", "active": True, "deceasedBoolean": False, "text": text}
    full |= {"photo": [{"title": "x"}], "meta": {"tag": [{"code": "mine"}]}}
    server.ask("PUT", "Patient/a", full)
    tree = server.ask("GET", f"Patient/a?{query}").json
    assert set(tree) == {"resourceType", "id", "meta", *names}
    assert [tag["code"] for tag in tree["meta"]["tag"]] == ["mine", "SUBSETTED"]
    # A search shows the same, and what has to be there stays.
    listed = server.ask("GET", f"Patient?{query}").json["entry"][0]["resource"]
    assert listed == tree
    assert server.ask("GET", "Patient/a?_summary=false").json["meta"]["tag"] == [{"code": "mine"}]


# ---- versions ----------------------------------------------------------------------------------


@pytest.fixture
def changed(server):
    """Patient/a: created, updated, deleted, brought back."""
    for active in (True, False):
        server.ask("PUT", "Patient/a", {**PATIENT, "id": "a", "active": active})
    server.ask("DELETE", "Patient/a")
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    return server


@pytest.mark.parametrize(("version", "status"), [(1, 200), (2, 200), (3, 410), (4, 200), (5, 404)])
def test_vread(changed, version, status):
    got = changed.ask("GET", f"Patient/a/_history/{version}")
    assert got.status == status
    if status == 200:
        assert got.json["meta"]["versionId"] == str(version)
        assert got.headers["etag"] == f'W/"{version}"'
        assert got.json.get("active") == {1: True, 2: False}.get(version)


def test_deleted_is_gone_and_its_history_stays(changed):
    changed.ask("DELETE", "Patient/a")
    got = changed.ask("GET", "Patient/a")
    assert (got.status, got.code) == (410, "deleted")
    assert changed.ask("GET", "Patient/a/_history").json["total"] == 5
    assert changed.ask("GET", "Patient").json["total"] == 0


def test_history_is_newest_first(changed):
    got = changed.ask("GET", "Patient/a/_history").json
    assert (got["type"], got["total"]) == ("history", 4)
    seen = [
        (entry["request"]["method"], entry["response"]["status"], "resource" in entry)
        for entry in got["entry"]
    ]
    assert seen == [
        ("PUT", "200 OK", True),
        ("DELETE", "204 No Content", False),
        ("PUT", "200 OK", True),
        ("PUT", "201 Created", True),
    ]
    assert {entry["fullUrl"] for entry in got["entry"]} == {"http://test/fhir/Patient/a"}


def test_history_in_pages(changed):
    path, seen = "Patient/a/_history?_count=3", []
    while path:
        page = changed.ask("GET", path).json
        seen.append([entry["response"]["etag"] for entry in page["entry"]])
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix("http://test/fhir/")
    assert seen == [['W/"4"', 'W/"3"', 'W/"2"'], ['W/"1"']]


def test_history_only_counted(changed):
    got = changed.ask("GET", "Patient/a/_history?_count=0").json
    assert (got["total"], "entry" in got) == (4, False)

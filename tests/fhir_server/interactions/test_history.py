"""history of a resource, of a type, of the server: what is listed, when, in pages, for whom."""

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from fhir_profiles.validation import structure
from tests.fhir_server.interactions.hours import PEOPLE, WHOLE, links, listed, played, put, walk
from tests.fhir_server.serving import BASE, PATIENT, entry, serving, transaction
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = pytest.mark.spec("http.html#history")


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("history")
    urls = {"memory": "memory:", "sqlite": f"sqlite:{folder}", "postgresql": SERVER}
    with serving(urls[request.param], f"t{uuid.uuid4().hex[:12]}") as running:
        played(running)
        yield running


LISTED = [
    ("_history", WHOLE),
    ("Patient/_history", PEOPLE),
    ("Device/_history", "d/1"),
    ("Observation/_history", ""),
    ("Patient/a/_history", "a/3 a/2 a/1"),
    ("Patient/b/_history", "b/3 -b/2 b/1"),
]


@pytest.mark.parametrize(("path", "wanted"), LISTED)
def test_newest_first(server, path, wanted):
    got = server.ask("GET", path)
    assert (got.status, got.json["type"]) == (200, "history")
    assert listed(got.json) == wanted
    assert got.json["total"] == len(wanted.split())
    assert structure.check(got.json) == []


# The hours: 12 a/1, 13 b/1 d/1, 14 a/2, 15 b deleted, 16 a/3, 17 b/3.
SINCE = [
    ("_since=2026-03-01T12:00:00Z", WHOLE),
    ("_since=2026-03-01T15:00:00Z", "b/3 a/3 -b/2"),
    ("_since=2026-03-01T15:00:00.001Z", "b/3 a/3"),
    ("_since=2026-03-01T22:00:00%2B07:00", "b/3 a/3 -b/2"),
    ("_since=2026-03-01T22:00:00+07:00", "b/3 a/3 -b/2"),  # a plus sign that was not encoded
    ("_since=2026-03-01T15:00", "b/3 a/3 -b/2"),
    ("_since=2026-03-01", WHOLE),
    ("_since=2026", WHOLE),
    ("_since=2026-03-02", ""),
    ("_since=9999-12-31T23:59:59Z", ""),
    ("_since=0001-01-01", WHOLE),
]

AT = [
    # a moment: what was current then
    ("_at=2026-03-01T12:30:00Z", "a/1"),
    ("_at=2026-03-01T13:30:00Z", "d/1 b/1 a/1"),
    ("_at=2026-03-01T15:30:00Z", "-b/2 a/2 d/1"),
    ("_at=2026-03-01T22:30:00%2B07:00", "-b/2 a/2 d/1"),
    ("_at=2026-03-01T14:00:00.000Z", "a/2 d/1 b/1"),  # made at that moment, the other is replaced
    ("_at=2026-03-01T13:59:59.999Z", "d/1 b/1 a/1"),
    ("_at=2026-03-01T20:00:00Z", "b/3 a/3 d/1"),
    ("_at=2026-03-01T11:59:59Z", ""),
    # a period by its precision: a minute, a day, a month, a year
    ("_at=2026-03-01T14:00", "a/2 d/1 b/1"),
    ("_at=2026-03-01", WHOLE),
    ("_at=2026-03", WHOLE),
    ("_at=2026", WHOLE),
    ("_at=2026-03-02", "b/3 a/3 d/1"),
    ("_at=2027", "b/3 a/3 d/1"),
    ("_at=2025", ""),
    # a period by its ends
    ("_at=ge2026-03-01T14:30:00Z&_at=le2026-03-01T16:30:00Z", "a/3 -b/2 a/2 d/1 b/1"),
    ("_at=gt2026-03-01T16:00:00Z", "b/3 a/3 -b/2 d/1"),
    ("_at=sa2026-03-01T16:00:00Z", "b/3 a/3 -b/2 d/1"),
    ("_at=lt2026-03-01T14:00:00Z", "d/1 b/1 a/1"),
    ("_at=eb2026-03-01T14:00:00Z", "d/1 b/1 a/1"),
    ("_at=le2026-03-01T14:00:00Z", "a/2 d/1 b/1 a/1"),
    ("_at=eq2026-03-01T12:30:00Z", "a/1"),
    ("_at=lt0001", ""),
    ("_at=ge9999", "b/3 a/3 d/1"),
    # both: made since, and current
    ("_since=2026-03-01T13:00:00Z&_at=2026-03-01T13:30:00Z", "d/1 b/1"),
    ("_since=2026-03-01T14:00:00Z&_at=2026-03-02", "b/3 a/3"),
]


@pytest.mark.parametrize(("query", "wanted"), SINCE + AT)
def test_a_time(server, query, wanted):
    got = server.ask("GET", f"_history?{query}").json
    assert listed(got) == wanted
    assert got["total"] == len(wanted.split())
    for path, of in (("Patient/_history", "ab"), ("Patient/a/_history", "a")):
        own = " ".join(one for one in wanted.split() if one.strip("-")[0] in of)
        got = server.ask("GET", f"{path}?{query}").json
        assert (listed(got), got["total"]) == (own, len(own.split()))


def test_entries_say_what_was_done(server):
    newest, *_, first = server.ask("GET", "Patient/_history").json["entry"]
    assert newest["fullUrl"] == f"{BASE}/Patient/b"
    assert newest["resource"]["meta"]["versionId"] == "3"
    deleted = server.ask("GET", "Patient/_history").json["entry"][2]
    assert deleted == {
        "fullUrl": f"{BASE}/Patient/b",
        "request": {"method": "DELETE", "url": "Patient/b"},
        "response": {
            "status": "204 No Content",
            "etag": 'W/"2"',
            "lastModified": "2026-03-01T15:00:00.000Z",
        },
    }
    assert first["request"] == {"method": "PUT", "url": "Patient/a"}
    assert first["response"] == {
        "status": "201 Created",
        "location": f"{BASE}/Patient/a/_history/1",
        "etag": 'W/"1"',
        "lastModified": "2026-03-01T12:00:00.000Z",
    }


def test_what_the_server_named_was_posted():
    with serving() as server:
        id_ = server.make(PATIENT)
        patch = [{"op": "add", "path": "/active", "value": True}]
        server.ask("PATCH", f"Patient/{id_}", patch, content_type="application/json-patch+json")
        server.ask("POST", "", transaction(entry("DELETE", f"Patient/{id_}")))
        for path in ("_history", "Patient/_history", f"Patient/{id_}/_history"):
            done = [one["request"] for one in server.ask("GET", path).json["entry"]]
            assert done[0] == {"method": "DELETE", "url": f"Patient/{id_}"}
            assert done[1]["url"] == f"Patient/{id_}"
            assert done[1]["method"] in ("PATCH", "PUT")
            assert done[2] == {"method": "POST", "url": "Patient"}


# ---- pages ---------------------------------------------------------------------------------------


PAGED = [
    ("_history?_count=3", ["b/3 a/3 -b/2", "a/2 d/1 b/1", "a/1"]),
    ("_history?_count=7", [WHOLE]),
    ("Patient/_history?_count=4", ["b/3 a/3 -b/2 a/2", "b/1 a/1"]),
    ("Patient/a/_history?_count=2", ["a/3 a/2", "a/1"]),
    ("_history?_count=2&_since=2026-03-01T14:00:00Z", ["b/3 a/3", "-b/2 a/2"]),
    ("_history?_count=2&_at=2026-03-02", ["b/3 a/3", "d/1"]),
    ("Patient/b/_history?_count=1&_at=2026-03-01T15:30:00Z", ["-b/2"]),
    ("_history?_count=1000000", [WHOLE]),
]


@pytest.mark.parametrize(("path", "wanted"), PAGED)
def test_pages(server, path, wanted):
    pages = walk(server, path)
    assert [listed(page) for page in pages] == wanted
    assert {page["total"] for page in pages} == {len(" ".join(wanted).split())}
    asked = parse_qs(urlsplit(path).query)
    for page in pages:
        for link in links(page).values():
            kept = parse_qs(urlsplit(link).query)
            count = str(min(int(asked["_count"][0]), 1000))
            assert {name: kept[name] for name in asked} == {**asked, "_count": [count]}


@pytest.mark.parametrize("path", ["_history", "Patient/_history", "Patient/a/_history"])
@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_only_counted(server, path, query):
    whole = server.ask("GET", path).json
    got = server.ask("GET", f"{path}?{query}").json
    assert (got["total"], "entry" in got) == (whole["total"], False)
    assert set(links(got)) == {"self"}


def test_the_self_link_is_the_page_itself(server):
    for page in walk(server, "_history?_count=3"):
        again = server.ask("GET", links(page)["self"]).json
        assert again == page


def test_a_page_goes_on_in_another_process(tmp_path):
    """A link holds all that it needs."""
    with serving(f"sqlite:{tmp_path}") as server:
        played(server)
        following = links(server.ask("GET", "_history?_count=3").json)["next"]
    with serving(f"sqlite:{tmp_path}") as server:
        assert listed(server.ask("GET", following).json) == "a/2 d/1 b/1"


def test_many_versions_have_no_total_unless_it_is_asked_for():
    with serving() as server:
        for number in range(1001):
            put(server, f"p{number % 700}")
        pages = walk(server, "Patient/_history?_count=600")
        assert [len(page["entry"]) for page in pages] == [600, 401]
        assert ["total" in page for page in pages] == [False, False]
        assert server.ask("GET", "_history?_count=0").json["total"] == 1001
        assert server.ask("GET", "Patient/p1/_history").json["total"] == 2


# ---- parts ---------------------------------------------------------------------------------------

PARTS = [
    ("Patient/_history?_elements=active&_count=2", {"resourceType", "id", "meta", "active"}),
    ("Patient/a/_history?_elements=active&_count=1", {"resourceType", "id", "meta", "active"}),
    ("_history?_summary=text&_since=2026-03-01T16:00:00Z", {"resourceType", "id", "meta"}),
]


@pytest.mark.parametrize(("path", "allowed"), PARTS)
def test_parts_of_resources(server, path, allowed):
    shown = [one["resource"] for one in server.ask("GET", path).json["entry"]]
    assert shown
    for tree in shown:
        assert {"resourceType", "id", "meta"} <= set(tree) <= allowed
        assert [tag["code"] for tag in tree["meta"]["tag"]] == ["SUBSETTED"]


# ---- what is refused -----------------------------------------------------------------------------

REFUSED = [
    ("_since=yesterday", 400, "_since is a date or instant (2026, "),
    ("_since=", 400, "_since is a date"),
    ("_since=2026-13", 400, "2026-13"),
    ("_since=ge2026", 400, "_since is a date"),
    ("_since=2026&_since=2025", 400, "_since is given 2 times"),
    ("_at=soon", 400, "_at is a date"),
    ("_at=2026-02-30", 400, "_at is a date"),
    ("_at=", 400, "_at is a date"),
    ("_at=ne2026", 400, "_at has no prefix 'ne'; supported: eq ge"),
    ("_at=ap2026", 400, "_at has no prefix 'ap'"),
    ("_at=2025&_at=2026", 400, "_at: no moment is within all of these periods"),
    ("_count=x", 400, "_count is a whole number"),
    ("_count=-1", 400, "_count is a whole number"),
    ("_count=1&_count=2", 400, "_count is given 2 times"),
    ("_summary=short", 400, "_summary=short"),
    ("_list=1", 501, "_list"),
    ("_since=2026&_list=1", 501, "_list"),
    ("_sort=_lastUpdated", 400, "'_sort'"),
    ("name=an", 400, "has no parameter 'name'"),
]


@pytest.mark.parametrize("path", ["_history", "Patient/_history", "Patient/a/_history"])
@pytest.mark.parametrize(("query", "status", "words"), REFUSED)
def test_refused_by_name(server, path, query, status, words):
    got = server.ask("GET", f"{path}?{query}")
    assert got.status == status
    assert words in got.said


PLACES = ["x", "", "LTEu", "MS4yLjMuNA", "OS45LjkuOQ" * 40, "1.2.3.4", "é"]


@pytest.mark.parametrize("path", ["_history", "Patient/_history"])
@pytest.mark.parametrize("place", PLACES)
def test_places_that_no_link_names(server, path, place):
    got = server.ask("GET", f"{path}?_page={place}")
    assert got.status in (200, 400)
    if got.status == 400:
        assert "_page: there is no such page; follow the next link" in got.said


def test_what_the_system_has_no_elements_of(server):
    got = server.ask("GET", "_history?_elements=name")
    assert (got.status, "_elements needs one type" in got.said) == (400, True)
    assert server.ask("GET", "Patient/_history?_elements=nam").status == 400


def test_types_and_resources_that_are_not_there(server):
    assert server.ask("GET", "Patiens/_history").status == 404
    assert server.ask("GET", "Patient/nobody/_history").status == 404
    assert server.ask("DELETE", "Patient/_history").status == 405
    assert server.ask("POST", "_history", PATIENT).headers["allow"] == "GET, HEAD"


def test_lenient_handling_passes_over_what_is_unknown(server):
    got = server.ask("GET", "Patient/_history?name=an", prefer="handling=lenient")
    assert listed(got.json) == PEOPLE
    assert "name" not in links(got.json)["self"]


# ---- inside bundles ------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_a_history_as_an_entry(type_):
    with serving() as server:
        entries = [
            entry("PUT", "Patient/a", {**PATIENT, "id": "a"}),
            entry("GET", "Patient/_history?_count=5"),
            entry("GET", "_history"),
        ]
        got = server.ask("POST", "", transaction(*entries, type_=type_)).json
        assert [listed(one["resource"]) for one in got["entry"][1:]] == ["a/1", "a/1"]

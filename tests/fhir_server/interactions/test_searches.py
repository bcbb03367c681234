"""search: the bundle around what a store finds; pages; GET and POST; strict and lenient."""

import pytest

from fhir_server.options import Options
from tests.fhir_server.serving import NOON, PATIENT, serving

pytestmark = pytest.mark.spec("http.html#search")

SECRET = "079080001234"


@pytest.fixture
def seven(server):
    """Patient/p0 ... p6, every other one active, and what was observed about p0."""
    for number in range(7):
        server.ask(
            "PUT",
            f"Patient/p{number}",
            {
                **PATIENT,
                "id": f"p{number}",
                "active": number % 2 == 0,
                "identifier": [{"system": "urn:x", "value": SECRET}],
            },
        )
    seen = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/p0"}}
    server.ask("PUT", "Observation/o", {"resourceType": "Observation", "id": "o", **seen})
    return server


def ids(bundle):
    return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def links(bundle):
    return {link["relation"]: link["url"] for link in bundle["link"]}


def below_base(url):
    return url.removeprefix("http://test/fhir/")


def test_a_searchset(seven):
    got = seven.ask("GET", "Observation?patient=p0&_include=Observation:subject").json
    assert (got["type"], got["total"]) == ("searchset", 1)
    seen = [
        (entry["fullUrl"], entry["search"]["mode"], entry["resource"]["resourceType"])
        for entry in got["entry"]
    ]
    assert seen == [
        ("http://test/fhir/Observation/o", "match", "Observation"),
        ("http://test/fhir/Patient/p0", "include", "Patient"),
    ]
    expected = "http://test/fhir/Observation?patient=p0&_include=Observation:subject"
    assert links(got) == {"self": expected}


def test_nothing_found_is_an_answer(seven):
    got = seven.ask("GET", "Patient?name=nobody")
    assert got.status == 200
    assert (got.json["total"], "entry" in got.json) == (0, False)


def test_pages_visit_each_once_and_name_nobody(seven):
    path, seen, urls = f"Patient?identifier=urn:x|{SECRET}&_count=3&_sort=-_id", [], []
    while path:
        page = seven.ask("GET", path).json
        seen.append(ids(page))
        urls.append(links(page).get("next", ""))
        path = below_base(urls[-1])
    assert seen == [["p6", "p5", "p4"], ["p3", "p2", "p1"], ["p0"]]
    assert SECRET not in "".join(urls)
    assert max(map(len, urls)) < 2000


def test_pages_stay_while_others_write(seven):
    first = seven.ask("GET", "Patient?_count=3&_sort=_id").json
    seven.ask("PUT", "Patient/p1a", {**PATIENT, "id": "p1a"})
    seven.ask("DELETE", "Patient/p0")
    second = seven.ask("GET", below_base(links(first)["next"])).json
    assert (ids(first), ids(second)) == (["p0", "p1", "p2"], ["p3", "p4", "p5"])


def test_a_page_can_be_asked_for_again(seven):
    following = below_base(links(seven.ask("GET", "Patient?_count=3").json)["next"])
    first, again = seven.ask("GET", following), seven.ask("GET", following)
    assert ids(first.json) == ids(again.json)


def test_a_page_is_only_for_who_began(seven):
    first = seven.ask("GET", "Patient?_count=3", x_requester="dr-a").json
    following = below_base(links(first)["next"])
    assert seven.ask("GET", following, x_requester="dr-b").status == 404
    assert seven.ask("GET", following.replace("Patient", "Observation")).status == 404
    assert seven.ask("GET", following, x_requester="dr-a").status == 200


@pytest.mark.parametrize(("asked", "entries"), [("", 5), ("?_count=6", 6), ("?_count=1000", 6)])
def test_page_sizes(url, asked, entries):
    with serving(url, options=Options(page_size=5, max_page_size=6)) as server:
        for _ in range(7):
            server.make(PATIENT)
        assert len(server.ask("GET", f"Patient{asked}").json["entry"]) == entries


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_only_counted(seven, query):
    got = seven.ask("GET", f"Patient?active=true&{query}").json
    assert (got["total"], "entry" in got, list(links(got))) == (4, False, ["self"])


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("Patient/_search", "active=true&_sort=_id"),
        ("Patient/_search?active=true", "_sort=_id"),
        ("Patient/_search?_format=json", "active=true&_sort=_id&_pretty=false"),
    ],
)
def test_search_by_post(seven, path, form):
    media = "application/x-www-form-urlencoded"
    got = seven.ask("POST", path, form, content_type=media)
    assert ids(got.json) == ["p0", "p2", "p4", "p6"]
    assert links(got.json)["self"] == "http://test/fhir/Patient?active=true&_sort=_id"


def test_lenient_says_what_it_ignored(seven):
    got = seven.ask("GET", "Patient?nam=x&active=true&_sort=_id", prefer="handling=lenient").json
    assert links(got)["self"] == "http://test/fhir/Patient?active=true&_sort=_id"
    last = got["entry"].pop()
    assert ids(got) == ["p0", "p2", "p4", "p6"]
    assert last["search"]["mode"] == "outcome"
    (issue,) = last["resource"]["issue"]
    assert (issue["severity"], "nam" in issue["diagnostics"]) == ("warning", True)


@pytest.mark.parametrize(
    ("default", "prefer", "status"),
    [
        ("strict", "", 400),
        ("strict", "handling=lenient", 200),
        ("lenient", "", 200),
        ("lenient", "handling=strict", 400),
    ],
)
def test_who_decides_about_unknown_parameters(default, prefer, status):
    with serving(options=Options(handling=default)) as server:
        assert server.ask("GET", "Patient?nam=x", prefer=prefer).status == status


def test_dates_without_zone_are_of_the_place(server):
    server.clock.advance(NOON)
    server.make({**PATIENT, "birthDate": "1980-05-01"})
    assert server.ask("GET", "Patient?birthdate=1980-05-01").json["total"] == 1


def test_stored_text_is_shown_as_it_is(server):
    odd = b'"code":{"text":"\\u0041"},"valueQuantity":{"value":7.50}}'
    server.ask("POST", "Observation", b'{"resourceType":"Observation","status":"final",' + odd)
    assert odd in server.ask("GET", "Observation").body


@pytest.mark.parametrize(
    "query",
    ["subject=Patient/p", "subject=p", "subject=http://test/fhir/Patient/p", "patient.gender=male"],
)
def test_an_absolute_reference_to_this_server_is_local(server, query):
    server.ask("PUT", "Patient/p", {"resourceType": "Patient", "id": "p", "gender": "male"})
    written = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "http://test/fhir/Patient/p"},
    }
    server.make(written)
    found = server.ask("GET", f"Observation?{query}").json
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["subject"] == written["subject"]

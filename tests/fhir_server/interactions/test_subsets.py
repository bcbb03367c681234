"""https://hl7.org/fhir/R4/search.html#summary and #elements, in searches and in reads."""

import json

import pytest

from fhir_profiles.definitions import tables
from fhir_server.subsets import subset

pytestmark = [pytest.mark.spec("search.html#summary"), pytest.mark.spec("search.html#elements")]

SUBSETTED = "SUBSETTED"
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"tag": [{"code": "mine"}]},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    "status": "final",
    "category": [{"text": "c"}],
    "code": {"coding": [{"code": "x", "display": "X"}], "text": "words"},
    "subject": {"reference": "Patient/p"},
    "note": [{"text": "n"}],
    "component": [
        {
            "code": {"text": "c1"},
            "valueQuantity": {"value": 7.50, "unit": "mg"},
            "interpretation": [{"text": "high"}],
            "referenceRange": [{"text": "r"}],
        }
    ],
}
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [{"family": "An", "extension": [{"url": "http://x/e", "valueString": "x"}]}],
    "_birthDate": {"extension": [{"url": "http://x/t", "valueString": "x"}]},
    "photo": [{"contentType": "image/png", "data": "AAAA", "title": "t"}],
    "contact": [{"name": {"family": "B"}}],
    "communication": [{"language": {"text": "vi"}}],
    "deceasedBoolean": False,
    "link": [{"other": {"reference": "Patient/q"}, "type": "refer"}],
}
PRACTITIONER = {
    "resourceType": "Practitioner",
    "id": "d",
    "qualification": [{"code": {"text": "x"}}],
    "name": [{"family": "D"}],
}

# resource, what is asked -> the members that are left, beside resourceType, id and meta
ROWS = [
    (OBSERVATION, "_summary=true", "status code subject component"),
    (OBSERVATION, "_summary=text", "text status code"),
    (OBSERVATION, "_summary=data", "status category code subject note component"),
    (OBSERVATION, "_summary=false", "text status category code subject note component"),
    (OBSERVATION, "_elements=subject", "status code subject"),
    (OBSERVATION, "_elements=Observation.note", "status code note"),
    (OBSERVATION, "_elements=note,category", "status category code note"),
    (PATIENT, "_summary=true", "active name _birthDate deceasedBoolean link"),
    (PATIENT, "_summary=text", ""),
    (PATIENT, "_elements=photo", "active photo deceasedBoolean link"),
    (PATIENT, "_elements=birthDate", "active _birthDate deceasedBoolean link"),
]


@pytest.mark.parametrize(
    ("tree", "query", "left"), ROWS, ids=[f"{r[0]['resourceType']} {r[1]}" for r in ROWS]
)
def test_members(server, tree, query, left):
    type_, id_ = tree["resourceType"], tree["id"]
    assert server.ask("PUT", f"{type_}/{id_}", tree).status == 201
    read = server.ask("GET", f"{type_}/{id_}?{query}").json
    (entry,) = server.ask("GET", f"{type_}?{query}").json["entry"]
    assert entry["resource"] == read
    assert [name for name in read if name not in ("resourceType", "id", "meta")] == left.split()
    tags = [tag["code"] for tag in read["meta"].get("tag", [])]
    assert (SUBSETTED in tags) is (query != "_summary=false")
    assert ("mine" in tags) is ("tag" in tree.get("meta", {}))


def cut(tree, **wanted):
    return json.loads(subset(json.dumps(tree).encode(), tree["resourceType"], **wanted))


def test_a_summary_looks_inside():
    (component,) = cut(OBSERVATION, summary="true")["component"]
    assert component == {
        "code": {"text": "c1"},
        "valueQuantity": {"value": 7.5, "unit": "mg"},
    }


def test_digits_stay():
    body = b'{"resourceType":"Observation","valueQuantity":{"value":7.50}}'
    assert b'"valueQuantity":{"value":7.50}' in subset(body, "Observation", summary="true")
    body = b'{"resourceType":"Observation","component":[{"valueQuantity":{"value":1.0e2},"x":1}]}'
    assert b'[{"valueQuantity":{"value":1.0e2}}]' in subset(body, "Observation", summary="true")


def test_what_says_why_there_is_nothing_stays():
    absent = [{"extension": [{"url": "http://x/absent", "valueCode": "unknown"}]}]
    tree = {"resourceType": "Observation", "component": absent}
    assert cut(tree, summary="true")["component"] == absent


def test_data_without_its_weight():
    sampled = {"origin": {"value": 0}, "period": 1, "dimensions": 1, "data": "1 2 3"}
    tree = {"resourceType": "Observation", "valueSampledData": sampled}
    assert "data" not in cut(tree, summary="true")["valueSampledData"]


@pytest.mark.parametrize("type_", sorted(tables.resource_types()))
def test_mandatory_elements_are_in_every_part(type_):
    required = tables.structure(type_).required
    names = [tables.structure(type_).choices.get(stem, (stem,))[0] for stem in required]
    tree = {"resourceType": type_, "id": "x", **dict.fromkeys(names, "x"), "language": "vi"}
    for wanted in ({"summary": "true"}, {"summary": "text"}, {"elements": ("language",)}):
        assert set(names) <= set(cut(tree, **wanted))


@pytest.fixture
def related(server):
    server.ask("PUT", "Practitioner/d", PRACTITIONER)
    server.ask(
        "PUT", "Patient/p", {**PATIENT, "generalPractitioner": [{"reference": "Practitioner/d"}]}
    )
    return server


INCLUDED = [
    ("_elements=photo", {"qualification", "name"}),
    ("_elements=photo,Practitioner.name", {"name"}),
    ("_elements=Patient.photo,Practitioner.qualification", {"qualification"}),
    ("_summary=data", {"qualification", "name"}),
    ("_summary=true", {"name"}),
]


@pytest.mark.parametrize(("query", "left"), INCLUDED, ids=[row[0] for row in INCLUDED])
def test_what_is_included(related, query, left):
    got = related.ask("GET", f"Patient?{query}&_include=Patient:general-practitioner").json
    included = got["entry"][1]["resource"]
    assert set(included) - {"resourceType", "id", "meta"} == left


def test_over_several_types(related):
    got = related.ask("GET", "?_type=Patient,Practitioner&_elements=name&_sort=_id").json
    assert [set(e["resource"]) & {"name", "photo", "qualification"} for e in got["entry"]] == [
        {"name"},
        {"name"},
    ]


REFUSED = [
    ("Patient?_elements=nam", "_elements: Patient has no element nam"),
    ("Patient?_elements=Patient.nam", "no element nam"),
    ("Patient?_elements=Nobody.name", "no element name"),
    ("Patient?_summary=all", "_summary: 'all' is not one of true, text, data, count, false"),
    ("Patient/p?_elements=nam", "Patient has no element 'nam'"),
    ("Patient/p?_summary=count", "supported: true, text, data, false"),
]


@pytest.mark.parametrize(("path", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(related, path, words):
    got = related.ask("GET", path)
    assert (got.status, got.code) == (400, "value")
    assert words in got.said

"""$lookup and $subsumes: what a code means, and how two stand to each other."""

import pytest

from tests.fhir_profiles.terminology.small import ANIMALS
from tests.fhir_server.standard.terms import ACT, GENDER, answering, body, parts, path, told
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = [
    pytest.mark.spec("codesystem-operation-lookup.html"),
    pytest.mark.spec("codesystem-operation-subsumes.html"),
    pytest.mark.spec("terminology-service.html#lookup"),
]
SCT = "http://snomed.info/sct"
DOG = {"system": ANIMALS, "code": "dog"}


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    url = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    with answering(url[request.param]) as running:
        yield running


def properties(got):
    found = {}
    for one in parts(got, "property"):
        found.setdefault(one["code"], []).append(one["value"])
    return found


@pytest.mark.parametrize(
    ("inputs", "name", "version", "display"),
    [
        ({"system": GENDER, "code": "male"}, "AdministrativeGender", "4.0.1", "Male"),
        ({"system": f"{GENDER}|4.0.1", "code": "male"}, "AdministrativeGender", "4.0.1", "Male"),
        (DOG, "Animals", "1", "Dog"),
        (DOG | {"version": "1"}, "Animals", "1", "Dog"),
        (DOG | {"displayLanguage": "vi"}, "Animals", "1", "con chó"),
        ({"system": "urn:ietf:bcp:47", "code": "vi"}, "Tags of languages (BCP 47)", None, "vi"),
        (
            {"system": "urn:iso:std:iso:3166", "code": "VN"},
            *("Countries (ISO 3166-1)", None, "Viet Nam"),
        ),
    ],
)
def test_looked_up(server, inputs, name, version, display):
    by_get = told(server.ask("GET", path("CodeSystem/$lookup", **inputs)))
    by_post = told(server.ask("POST", "CodeSystem/$lookup", body(**inputs)))
    for got in (by_get, by_post):
        assert (got["name"], got.get("version"), got["display"]) == (name, version, display)


def test_everything_about_a_code(server):
    got = server.ask("POST", "CodeSystem/$lookup", body(coding=DOG))
    assert properties(got) == {
        "definition": ["A beast that barks"],
        "parent": ["animal"],
        "child": ["poodle", "wolfdog"],
        "inactive": [False],
        "pet": [True],
        "legs": [4],
    }
    assert parts(got, "designation") == [{"language": "vi", "value": "con chó"}]
    child = next(one for one in parts(got, "property") if one["value"] == "poodle")
    assert child["description"] == "Poodle"


def test_definitions_that_ship(server):
    got = server.ask("GET", path("CodeSystem/$lookup", system=ACT, code="AMB", property="parent"))
    assert properties(got) == {"parent": ["_ActEncounterCode"]}
    got = server.ask("GET", path("CodeSystem/$lookup", system=ACT, code="_ActEncounterCode"))
    assert properties(got)["notSelectable"] == [True]
    assert "AMB" in properties(got)["child"]
    assert properties(got)["definition"][0].startswith("Domain provides codes")


@pytest.mark.parametrize(
    ("wanted", "codes", "designations"),
    [
        (["parent"], ["parent"], 0),
        (["child", "pet"], ["child", "pet"], 0),
        (["designation"], [], 1),
        (["lang.vi"], [], 1),
        (["lang.en"], [], 0),
        (["unknown"], [], 0),
    ],
)
def test_only_what_is_asked_for(server, wanted, codes, designations):
    got = server.ask("GET", path("CodeSystem/$lookup", **DOG, property=wanted))
    assert list(properties(got)) == codes
    assert len(parts(got, "designation")) == designations


@pytest.mark.parametrize(
    ("inputs", "status", "code"),
    [
        ({"system": ANIMALS, "code": "cow"}, 404, "not-found"),
        ({"system": "http://a.b", "code": "x"}, 404, "not-found"),
        ({"system": SCT, "code": "1"}, 404, "not-found"),
        (DOG | {"version": "9"}, 404, "not-found"),
        ({"system": ANIMALS}, 400, "required"),
        ({"code": "dog"}, 400, "required"),
        ({"coding": {"code": "dog"}}, 400, "required"),
        ({"coding": DOG, "code": "dog"}, 400, "value"),
        (DOG | {"date": "2020"}, 400, "value"),
        (DOG | {"propertys": "x"}, 400, "not-supported"),
    ],
)
def test_lookup_refused(server, inputs, status, code):
    got = server.ask("POST", "CodeSystem/$lookup", body(**inputs))
    assert (got.status, got.code) == (status, code)


def test_parameters_that_are_none(server):
    for listed in ([{}], [7], [{"name": 7}]):
        sent = {"resourceType": "Parameters", "parameter": listed}
        got = server.ask("POST", "CodeSystem/$lookup", sent)
        assert (got.status, got.code) == (400, "invalid")


# ---- $subsumes -----------------------------------------------------------------------------------


def coding(code, system=ANIMALS, **more):
    return {"system": system, "code": code, **more}


@pytest.mark.parametrize(
    ("inputs", "outcome"),
    [
        ({"system": ANIMALS, "codeA": "dog", "codeB": "dog"}, "equivalent"),
        ({"system": ANIMALS, "codeA": "animal", "codeB": "poodle"}, "subsumes"),
        ({"system": ANIMALS, "codeA": "wolfdog", "codeB": "wolf"}, "subsumed-by"),
        ({"system": ANIMALS, "codeA": "hen", "codeB": "wolf"}, "not-subsumed"),
        ({"system": ACT, "codeA": "_ActEncounterCode", "codeB": "AMB"}, "subsumes"),
        ({"codingA": coding("dog"), "codingB": coding("poodle")}, "subsumes"),
        ({"codingA": coding("dog", version="1"), "codingB": coding("hen")}, "not-subsumed"),
        ({"system": ANIMALS, "codeA": "dog", "codingB": {"code": "animal"}}, "subsumed-by"),
        ({"system": "urn:ietf:bcp:47", "codeA": "vi", "codeB": "vi"}, "equivalent"),
        ({"system": "urn:ietf:bcp:47", "codeA": "vi", "codeB": "en"}, "not-subsumed"),
    ],
)
def test_subsumes(server, inputs, outcome):
    assert told(server.ask("POST", "CodeSystem/$subsumes", body(**inputs))) == {"outcome": outcome}
    if "codeA" in inputs and "codeB" in inputs:
        assert told(server.ask("GET", path("CodeSystem/$subsumes", **inputs)))["outcome"] == outcome


def test_subsumes_on_an_instance(server):
    place = "CodeSystem/animals/$subsumes"
    assert (
        told(server.ask("GET", path(place, codeA="dog", codeB="poodle")))["outcome"] == "subsumes"
    )
    got = server.ask("GET", path(place, codeA="dog", codeB="poodle", system=SCT))
    assert (got.status, got.code) == (400, "value")


@pytest.mark.parametrize(
    ("inputs", "status", "code"),
    [
        ({"system": ANIMALS, "codeA": "dog"}, 400, "required"),
        ({"codeA": "dog", "codeB": "hen"}, 400, "required"),
        ({"codingA": coding("dog"), "codingB": coding("x", SCT)}, 400, "value"),
        ({"system": ANIMALS, "codeA": "dog", "codingA": coding("x"), "codeB": "hen"}, 400, "value"),
        ({"system": ANIMALS, "codeA": "dog", "codeB": "cow"}, 404, "not-found"),
        ({"system": SCT, "codeA": "1", "codeB": "2"}, 404, "not-found"),
        ({"system": ANIMALS, "version": "9", "codeA": "dog", "codeB": "hen"}, 404, "not-found"),
    ],
)
def test_subsumes_refused(server, inputs, status, code):
    got = server.ask("POST", "CodeSystem/$subsumes", body(**inputs))
    assert (got.status, got.code) == (status, code)


def test_codes_that_are_no_kinds_of_each_other(server):
    parts_ = {
        **{"resourceType": "CodeSystem", "id": "parts", "url": "http://a.b", "status": "active"},
        **{"content": "complete", "hierarchyMeaning": "part-of"},
        "concept": [{"code": "hand", "concept": [{"code": "finger"}]}],
    }
    assert server.ask("PUT", "CodeSystem/parts", parts_).status == 201
    inputs = {"system": "http://a.b", "codeA": "hand", "codeB": "finger"}
    got = server.ask("GET", path("CodeSystem/$subsumes", **inputs))
    assert (got.status, got.code) == (422, "business-rule")

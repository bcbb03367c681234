"""$validate-code on value sets and code systems: verdict, message, right display."""

import pytest

from tests.fhir_profiles.terminology.small import ANIMALS, SETS, SYSTEM, listed, value_set
from tests.fhir_server.standard.terms import ACT, GENDER, R4, answering, body, path, told
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = [
    pytest.mark.spec("terminology-service.html#validation"),
    pytest.mark.spec("valueset-operation-validate-code.html"),
    pytest.mark.spec("codesystem-operation-validate-code.html"),
]
SCT = "http://snomed.info/sct"


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    url = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    with answering(url[request.param]) as running:
        yield running


DOG = {"system": ANIMALS, "code": "dog"}
MALE = {"url": f"{R4}/administrative-gender", "system": GENDER, "code": "male"}
ALL = {"url": f"{SETS}/all", "system": ANIMALS}

# inputs -> result, words of the message, display
IN_VALUE_SETS = {
    "there": (MALE, True, "", "Male"),
    "display right": (MALE | {"display": "Male"}, True, "", "Male"),
    "display in another case": (MALE | {"display": "male"}, True, "", "Male"),
    "display wrong": (MALE | {"display": "Man"}, False, "it is called 'Male'", "Male"),
    "not there": (MALE | {"code": "m"}, False, "has no such code", None),
    "without a system": ({"url": MALE["url"], "code": "male"}, True, "", "Male"),
    "another system": (MALE | {"system": ANIMALS}, False, "animals|male is not in", None),
    "stored": (ALL | {"code": "dog"}, True, "", "Dog"),
    "designation": (ALL | {"code": "dog", "display": "Con chó"}, True, "", "Dog"),
    "in a language": (ALL | {"code": "dog", "displayLanguage": "vi"}, True, "", "con chó"),
    "inactive": (ALL | {"code": "dodo"}, True, "", "Dodo"),
    "heading": (ALL | {"code": "animal"}, False, "a heading", None),
    "heading allowed": (ALL | {"code": "animal", "abstract": True}, True, "", "Animal"),
    "version there": (ALL | {"code": "dog", "systemVersion": "1"}, True, "", "Dog"),
    "version not there": (
        ALL | {"code": "dog", "systemVersion": "7"},
        False,
        "no version '7'",
        None,
    ),
    "cannot be told": (
        {"url": f"{R4}/condition-code", "system": SCT, "code": "38341003"},
        *(False, "cannot be told here", None),
    ),
    "unit": ({"url": f"{R4}/ucum-units", "code": "mg/dL"}, True, "", None),
    "no unit": ({"url": f"{R4}/ucum-units", "code": "mmHg"}, False, "", None),
}


@pytest.mark.parametrize("name", IN_VALUE_SETS)
@pytest.mark.parametrize("by", ["GET", "POST"])
def test_in_a_value_set(server, name, by):
    inputs, result, words, display = IN_VALUE_SETS[name]
    if by == "GET":
        as_text = {k: str(v).lower() if v is True else v for k, v in inputs.items()}
        got = told(server.ask("GET", path("ValueSet/$validate-code", **as_text)))
    else:
        got = told(server.ask("POST", "ValueSet/$validate-code", body(**inputs)))
    assert (got["result"], got.get("display")) == (result, display)
    assert words in got.get("message", "")
    assert ("message" in got) is not result


@pytest.mark.parametrize(
    ("inputs", "result", "words"),
    [
        ({"coding": DOG}, True, ""),
        ({"coding": DOG | {"display": "Hound"}}, False, "'Dog'"),
        ({"coding": DOG | {"version": "7"}}, False, "no version"),
        ({"coding": {"code": "dog"}}, True, ""),
        ({"codeableConcept": {"coding": [{"system": SCT, "code": "1"}, DOG]}}, True, ""),
        ({"codeableConcept": {"coding": [{"system": SCT, "code": "1"}]}}, False, "sct|1"),
    ],
)
def test_codings(server, inputs, result, words):
    for place, more in (("ValueSet", {"url": f"{SETS}/all"}), ("ValueSet/all", {})):
        got = told(server.ask("POST", f"{place}/$validate-code", body(**inputs, **more)))
        assert got["result"] is result
        assert words in got.get("message", "")


def test_of_what_is_sent(server):
    sent = value_set("sent", listed("hen"))
    inputs = {"valueSet": sent, "code": "hen", "system": ANIMALS}
    assert told(server.ask("POST", "ValueSet/$validate-code", body(**inputs)))["result"] is True


def test_a_display_of_the_value_set_itself(server):
    named = {"system": SCT, "concept": [{"code": "1", "display": "One"}]}
    inputs = {"valueSet": value_set("sent", named), "code": "1", "system": SCT}
    for display, result in (("One", True), ("Two", False)):
        got = told(server.ask("POST", "ValueSet/$validate-code", body(**inputs, display=display)))
        assert (got["result"], got["display"]) == (result, "One")


IN_CODE_SYSTEMS = {
    "there": ({"url": GENDER, "code": "male"}, True, "", "Male"),
    "not there": ({"url": GENDER, "code": "m"}, False, "no code 'm'", None),
    "display wrong": ({"url": GENDER, "code": "male", "display": "M"}, False, "'Male'", "Male"),
    "heading": ({"url": ACT, "code": "_ActEncounterCode"}, True, "", "ActEncounterCode"),
    "stored": ({"url": ANIMALS, "code": "hen"}, True, "", "Hen"),
    "version": ({"url": ANIMALS, "code": "hen", "version": "1"}, True, "", "Hen"),
    "another version": ({"url": ANIMALS, "code": "hen", "version": "2"}, False, "version 2", None),
    "unknown system": ({"url": "http://a.b", "code": "x"}, False, "not known here", None),
    "elsewhere": ({"url": SCT, "code": "1"}, False, "cannot be told", None),
    "by rule": ({"url": "urn:ietf:bcp:47", "code": "vi"}, True, "", None),
}


@pytest.mark.parametrize("name", IN_CODE_SYSTEMS)
def test_in_a_code_system(server, name):
    inputs, result, words, display = IN_CODE_SYSTEMS[name]
    by_get = told(server.ask("GET", path("CodeSystem/$validate-code", **inputs)))
    by_post = told(server.ask("POST", "CodeSystem/$validate-code", body(**inputs)))
    assert by_get == by_post
    assert (by_get["result"], by_get.get("display")) == (result, display)
    assert words in by_get.get("message", "")


def test_in_a_code_system_by_instance_or_sent(server):
    place = "CodeSystem/animals/$validate-code"
    assert told(server.ask("GET", path(place, code="dog")))["result"] is True
    assert told(server.ask("POST", place, body(coding=DOG)))["result"] is True
    other = told(server.ask("POST", place, body(coding={"system": SCT, "code": "dog"})))
    assert "not of http://example.org/animals" in other["message"]
    inputs = {"codeSystem": SYSTEM | {"url": "http://a.b"}, "code": "wolf"}
    assert told(server.ask("POST", "CodeSystem/$validate-code", body(**inputs)))["result"] is True


REFUSED = {
    "unknown set": ("ValueSet", {"url": "http://a.b", "code": "x"}, 404, "not-found"),
    "no set": ("ValueSet", {"code": "x"}, 400, "required"),
    "no code": ("ValueSet", {"url": f"{SETS}/all"}, 400, "required"),
    "two codes": ("ValueSet", {"url": f"{SETS}/all", "code": "x", "coding": DOG}, 400, "value"),
    "two systems": ("ValueSet", ALL | {"system": SCT, "coding": DOG}, 400, "value"),
    "coding without a code": ("ValueSet", {"url": f"{SETS}/all", "coding": {}}, 400, "required"),
    "nothing coded": (
        *("ValueSet", {"url": f"{SETS}/all", "codeableConcept": {"coding": []}}),
        *(400, "required"),
    ),
    "too many": (
        *("ValueSet", {"url": f"{SETS}/all", "codeableConcept": {"coding": [DOG] * 101}}),
        *(400, "too-costly"),
    ),
    "date": ("ValueSet", ALL | {"code": "dog", "date": "2020"}, 400, "value"),
    "no system": ("CodeSystem", {"code": "x"}, 400, "required"),
    "system of an instance": ("CodeSystem/animals", {"url": SCT, "code": "x"}, 400, "value"),
    "no instance": ("CodeSystem/none", {"code": "x"}, 404, "not-found"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(server, name):
    place, inputs, status, code = REFUSED[name]
    got = server.ask("POST", f"{place}/$validate-code", body(**inputs))
    assert (got.status, got.code) == (status, code)


def test_a_coding_needs_a_body(server):
    got = server.ask("GET", path("ValueSet/$validate-code", url=f"{SETS}/all", coding="a|b"))
    assert (got.status, got.code) == (400, "value")
    assert "Parameters body" in got.said

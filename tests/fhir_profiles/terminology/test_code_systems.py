"""Codes and what stands above and below them (codesystem.html)."""

import pytest

from fhir_profiles.terminology.catalogue import shipped
from fhir_profiles.terminology.reading import TermError
from tests.fhir_profiles.terminology.small import ANIMALS, SETS, SYSTEM, of_animals, value_set

pytestmark = pytest.mark.spec("codesystem.html#hierarchy")

TERMS = shipped().extended([SYSTEM])
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
GENDER = "http://hl7.org/fhir/administrative-gender"


@pytest.mark.parametrize(
    ("code", "below", "above"),
    [
        ("dog", "dog poodle wolfdog", "animal dog"),
        ("wolfdog", "wolfdog", "animal dog wolf wolfdog"),
        ("animal", "animal dodo dog hen poodle wolfdog", "animal"),
        ("cow", "cow", "cow"),
    ],
)
def test_above_and_below(code, below, above):
    assert sorted(TERMS.descendants(ANIMALS, code)) == below.split()
    assert sorted(TERMS.ancestors(ANIMALS, code)) == above.split()


@pytest.mark.spec("codesystem-operation-subsumes.html")
@pytest.mark.parametrize(
    ("a", "b", "outcome"),
    [
        ("dog", "dog", "equivalent"),
        ("animal", "poodle", "subsumes"),
        ("wolfdog", "wolf", "subsumed-by"),
        ("dog", "hen", "not-subsumed"),
    ],
)
def test_subsumes(a, b, outcome):
    assert TERMS.subsumes(ANIMALS, a, b) == outcome


@pytest.mark.parametrize(
    ("change", "a", "reason"),
    [
        ({}, "cow", "unknown"),
        ({"hierarchyMeaning": "part-of"}, "dog", "no-subsumption"),
        ({"content": "not-present", "concept": []}, "dog", "unknown"),
    ],
)
def test_subsumes_not(change, a, reason):
    terms = shipped().extended([{**SYSTEM, **change}])
    with pytest.raises(TermError) as caught:
        terms.subsumes(ANIMALS, a, "hen")
    assert caught.value.reason == reason


def test_unknown_systems_have_no_hierarchy():
    assert TERMS.descendants("http://nowhere.org", "a") == {"a"}
    assert TERMS.ancestors("http://unitsofmeasure.org", "mg") == {"mg"}
    assert not TERMS.known("http://snomed.info/sct")
    assert TERMS.known("http://unitsofmeasure.org")
    assert TERMS.known(ACT)


def test_cases_where_a_system_does_not_tell_them_apart():
    loose = {**SYSTEM, "caseSensitive": False}
    names = value_set("names", {"system": ANIMALS, "concept": [{"code": "dog"}]})
    terms = shipped().extended([loose, names, value_set("all", of_animals())])
    assert terms.display(ANIMALS, "DOG") == "Dog"
    assert terms.member(f"{SETS}/all", ANIMALS, "Poodle") is True
    assert terms.member(f"{SETS}/names", ANIMALS, "DOG") is True
    assert terms.subsumes(ANIMALS, "DOG", "Poodle") == "subsumes"
    assert TERMS.display(ANIMALS, "DOG") is None


@pytest.mark.parametrize("content", ["fragment", "example"])
def test_a_list_that_is_not_complete_answers_yes_or_nothing(content):
    part = {**SYSTEM, "content": content}
    terms = shipped().extended([part, value_set("all", of_animals())])
    told = [terms.member(f"{SETS}/all", ANIMALS, code) for code in ("dog", "cow")]
    assert told == [True, None]


def test_versions():
    second = {**SYSTEM, "version": "10", "concept": [{"code": "cow"}]}
    ninth = {**SYSTEM, "version": "9", "concept": [{"code": "ox"}]}
    terms = shipped().extended([SYSTEM, second, ninth])
    assert terms.code_system(ANIMALS).version == "10"
    assert terms.code_system(f"{ANIMALS}|9").has("ox")
    assert terms.code_system(ANIMALS, "1").has("dog")
    assert terms.code_system(ANIMALS, "2") is None


def test_what_is_added_hides_what_ships():
    own = {**SYSTEM, "url": GENDER, "version": "4.0.1", "concept": [{"code": "x"}]}
    terms = shipped().extended([own])
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert [terms.member(url, GENDER, code) for code in ("x", "male")] == [True, False]
    assert shipped().member(url, GENDER, "male") is True


def test_the_value_set_that_a_system_names():
    own = {**SYSTEM, "valueSet": f"{SETS}/every-animal"}
    assert shipped().extended([own]).member(f"{SETS}/every-animal", ANIMALS, "dog") is True


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"resourceType": "CodeSystem"},
        {"resourceType": "CodeSystem", "url": ANIMALS, "content": 7, "concept": "x"},
        {"resourceType": "CodeSystem", "url": ANIMALS, "concept": [7, {}, {"code": {}}]},
        {"resourceType": "CodeSystem", "url": ANIMALS, "concept": [{"code": "dog", "property": 1}]},
        {"resourceType": "ValueSet", "url": ANIMALS, "compose": [1]},
        {"resourceType": "ValueSet", "url": ANIMALS, "compose": {"include": [{"filter": [{}]}]}},
        {"resourceType": "ConceptMap", "url": ANIMALS, "group": [{"element": [{"target": 1}]}]},
    ],
)
def test_resources_that_are_none_do_no_harm(tree):
    terms = shipped().extended([tree])
    assert terms.member(ANIMALS, None, "dog") is None
    assert terms.display(ANIMALS, "cow") is None
    assert terms.translate(None, "dog", source=ANIMALS) == []


def test_our_own_code_systems_are_known():
    ours = [one for one in shipped().all("CodeSystem") if "lienthong" in one.url]
    sets = [one for one in shipped().all("ValueSet") if "lienthong" in one.url]
    assert (len(ours) >= 10, len(sets) >= 8) == (True, True)
    assert all(shipped().expansion(one.canonical).contains for one in sets)

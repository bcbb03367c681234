"""https://hl7.org/fhir/R4/search.html#token: :text :of-type :in :not-in :above :below, and case."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_profiles.terminology.catalogue import shipped
from fhir_server.search.conditions import condition
from fhir_server.search.params.query_text import Reading
from fhir_server.search.request import Match
from tests.fhir_server.store.stores import request

pytestmark = pytest.mark.spec("search.html#token")

HL7 = "http://terminology.hl7.org/CodeSystem"
TYPES, ACT = f"{HL7}/v2-0203", f"{HL7}/v3-ActCode"
CLASSES = "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
LOCAL = "http://local.example/codes"


def patient(id_, **members):
    return {"resourceType": "Patient", "id": id_, **members}


def observation(id_, *codings, text=None):
    code = {"coding": list(codings)} | ({"text": text} if text else {})
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": code}


def encounter(id_, code):
    return {"resourceType": "Encounter", "id": id_, "class": {"system": ACT, "code": code}}


def typed(system, code, value, **members):
    return {"type": {"coding": [{"system": system, "code": code}], **members}, "value": value}


RESOURCES = [
    patient(
        "an",
        identifier=[typed(TYPES, "MR", "A7", text="Số bệnh án"), typed(TYPES, "SS", "B8")],
        active=True,
        gender="male",
    ),
    patient("binh", identifier=[typed(TYPES, "SS", "A7")], gender="female"),
    patient("chi", identifier=[{"value": "A7"}]),
    observation("glucose", {"system": LOCAL, "code": "GLU", "display": "Glucose máu"}),
    observation("words", text="Đường huyết lúc đói"),
    observation(
        "both", {"system": LOCAL, "code": "x", "display": "Glucose"}, text="glucose nước tiểu"
    ),
    observation("units", {"system": "http://unitsofmeasure.org", "code": "mM"}),
    encounter("ambulatory", "AMB"),
    encounter("inpatient", "IMP"),
    encounter("acute", "ACUTE"),
    encounter("virtual", "VR"),
]

ROWS = [
    # :text looks at display, text, text of the type, folded and from the beginning
    ("Observation?code:text=glucose", "glucose both"),
    ("Observation?code:text=GLUCOSE M", "glucose"),
    ("Observation?code:text=duong huyet", "words"),
    ("Observation?code:text=huyet", ""),
    ("Observation?code:text=duong,glucose n", "words both"),
    ("Observation?combo-code:text=duong", "words"),
    ("Patient?identifier:text=so benh an", "an"),
    ("Patient?identifier:text=A7", ""),
    # :of-type: system and code of the type, and the value
    (f"Patient?identifier:of-type={TYPES}|MR|A7", "an"),
    (f"Patient?identifier:of-type={TYPES}|SS|A7", "binh"),
    (f"Patient?identifier:of-type={TYPES}|SS|B8", "an"),
    (f"Patient?identifier:of-type={TYPES}|MR|B8", ""),
    (f"Patient?identifier:of-type={TYPES}|MR|a7,{TYPES}|SS|A7", "an binh"),
    # :not finds what has no value too
    (f"Patient?identifier:not={LOCAL}|1", "an binh chi"),
    ("Patient?identifier:not=A7", ""),
    ("Patient?gender:not=male", "binh chi"),
    # :in, :not-in
    (
        "Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender",
        "an binh",
    ),
    ("Patient?gender:not-in=http://hl7.org/fhir/ValueSet/administrative-gender", "chi"),
    (f"Encounter?class:in={CLASSES}", "ambulatory inpatient acute virtual"),
    (f"Encounter?class:not-in={CLASSES}", ""),
    # :below, :above: the code itself, and what it subsumes or is subsumed by
    (f"Encounter?class:below={ACT}|IMP", "inpatient acute"),
    (f"Encounter?class:below={ACT}|ACUTE", "acute"),
    (f"Encounter?class:above={ACT}|ACUTE", "inpatient acute"),
    (f"Encounter?class:above={ACT}|AMB", "ambulatory"),
    (f"Encounter?class:below={ACT}|IMP,{ACT}|VR", "inpatient acute virtual"),
    # case: as the code system says, and none where nothing says so
    (f"Encounter?class={ACT}|AMB", "ambulatory"),
    (f"Encounter?class={ACT}|amb", ""),
    ("Encounter?class=AMB", "ambulatory"),
    ("Encounter?class=amb", ""),
    ("Patient?gender=male", "an"),
    (f"Observation?code={LOCAL}|glu", "glucose"),
    ("Observation?code=Glu", "glucose"),
    ("Observation?code=http://unitsofmeasure.org|mM", "units"),
    ("Observation?code=http://unitsofmeasure.org|MM", ""),
    # booleans have a system that nobody writes
    ("Patient?active=true", "an"),
    (f"Patient?active={HL7}/special-values|true", "an"),
    ("Patient?active=|true", "an"),
    ("Patient?active:not=true", "binh chi"),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_token(find, query, expected):
    assert find(query) == expected


BAD = [
    ("Patient?identifier:of-type=MR|A7", "is not system.code.value, all three of them"),
    (f"Patient?identifier:of-type={TYPES}|MR|", "is not system.code.value"),
    (
        "Patient?gender:of-type=a|b|c",
        "gender:of-type: the modifier :of-type does not apply, .*code",
    ),
    ("Patient?active:text=yes", r"active:text: .* its values \(boolean\) have no text; :not"),
    ("Observation?code:text= ", "blank text"),
    (
        "Observation?code:in=http://nobody.example/vs",
        "code:in: .*'http://nobody.example/vs'.*known",
    ),
    ("Observation?code:not-in=ValueSet/1", "what is in the value set 'ValueSet/1' cannot be told"),
    ("Observation?code:in=http://hl7.org/fhir/ValueSet/observation-codes", "cannot be told"),
    ("Observation?code:below=GLU", "'GLU' is not system.code; :below needs both"),
    (f"Observation?code:above={LOCAL}|GLU", f"codes of '{LOCAL}' are not here"),
]


@pytest.mark.parametrize(("query", "words"), BAD, ids=[row[0] for row in BAD])
def test_bad_value(query, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(query)
    assert (refused.value.status, refused.value.kind.name) == (400, "BAD_PARAMETER")


def test_value_sets_of_the_server_are_known_when_it_says_so():
    own = {
        "resourceType": "ValueSet",
        "url": "http://local.example/vs",
        "status": "active",
        "compose": {"include": [{"system": LOCAL, "concept": [{"code": "GLU"}, {"code": "X"}]}]},
    }
    reading = Reading(terminology=shipped().extended([own]))
    found = condition("Observation", "code:in", "http://local.example/vs", reading)
    assert isinstance(found, Match)
    assert [one[0].value for one in found.any_of] == ["glu", "x"]

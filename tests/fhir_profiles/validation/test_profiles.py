"""Profiles made for one thing each: what they ask, and which values keep to it."""

from __future__ import annotations

import pytest

from fhir_profiles.json_text import Tree
from fhir_profiles.snapshots import CORE, NoProfile, ProfileTrouble, derived, snapshot
from tests.fhir_profiles.validation.listed import UCUM, VS
from tests.fhir_profiles.validation.profiling import element, problems

pytestmark = [
    pytest.mark.spec("profiling.html#cardinality"),
    pytest.mark.spec("elementdefinition.html#interpretation"),
]


PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "name": [{"family": "Nguyễn", "given": ["An"]}, {"text": "Tí"}],
    "gender": "male",
    "birthDate": "1990-02-28",
    "multipleBirthInteger": 2,
    "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
    "generalPractitioner": [{"reference": "Organization/1"}],
}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (element("Patient.name", min=2), []),
        (element("Patient.name", min=3), ["required Patient.name"]),
        (element("Patient.name", max="1"), ["structure Patient.name[1]"]),
        (element("Patient.telecom", min=1), ["required Patient.telecom"]),
        (element("Patient.gender", max="0"), ["structure Patient.gender"]),
        (element("Patient.name.family", min=1), ["required Patient.name[1].family"]),
        (element("Patient.active", fixedBoolean=True), []),
        (element("Patient.active", fixedBoolean=False), ["value Patient.active"]),
        (element("Patient.gender", fixedCode="female"), ["value Patient.gender"]),
        (element("Patient.gender", patternCode="male"), []),
        (element("Patient.name", patternHumanName={"given": ["An"]}), ["value Patient.name[1]"]),
        (element("Patient.name", fixedHumanName={"text": "Tí"}), ["value Patient.name[0]"]),
        (element("Patient.multipleBirth[x]", type=[{"code": "integer"}]), []),
        (
            element("Patient.multipleBirth[x]", type=[{"code": "boolean"}]),
            ["value Patient.multipleBirth"],
        ),
        (element("Patient.multipleBirthInteger", maxValueInteger=2), []),
        (
            element("Patient.multipleBirthInteger", maxValueInteger=1),
            ["value Patient.multipleBirth"],
        ),
        (
            element("Patient.multipleBirthInteger", minValueInteger=3),
            ["value Patient.multipleBirth"],
        ),
        (element("Patient.multipleBirthInteger", max="0"), ["structure Patient.multipleBirth"]),
        (element("Patient.birthDate", maxValueDate="1990-01-01"), ["value Patient.birthDate"]),
        (element("Patient.birthDate", minValueDate="1990"), []),
        (element("Patient.name.family", maxLength=5), ["too-long Patient.name[0].family"]),
        (
            element(
                "Patient.generalPractitioner",
                type=[{"code": "Reference", "targetProfile": [f"{CORE}Organization"]}],
            ),
            [],
        ),
        (
            element(
                "Patient.generalPractitioner",
                type=[{"code": "Reference", "targetProfile": [f"{CORE}Practitioner"]}],
            ),
            ["value Patient.generalPractitioner[0]"],
        ),
        (
            element(
                "Patient",
                constraint=[
                    {
                        "key": "x-1",
                        "severity": "error",
                        "human": "more names",
                        "expression": "name.count() > 2",
                    }
                ],
            ),
            ["invariant Patient"],
        ),
        (
            element(
                "Patient.name",
                constraint=[
                    {
                        "key": "x-1",
                        "severity": "error",
                        "human": "text",
                        "expression": "text.exists()",
                    }
                ],
            ),
            ["invariant Patient.name[0]"],
        ),
        (
            element(
                "Patient",
                constraint=[
                    {
                        "key": "x-1",
                        "severity": "error",
                        "human": "x",
                        "expression": "now() > birthDate",
                    }
                ],
            ),
            ["note not-supported"],
        ),
        (
            element(
                "Patient.maritalStatus",
                min=1,
                binding={"strength": "required", "valueSet": f"{VS}/marital-status"},
            ),
            ["required Patient.maritalStatus"],
        ),
    ],
)
def test_one_element(told: Tree, expected: list[str]) -> None:
    assert problems([told], PATIENT) == expected


WEIGHT = {
    "resourceType": "Observation",
    "valueQuantity": {"system": UCUM, "code": "kg"},
    "component": [{"valueString": "x"}],
}


@pytest.mark.parametrize(
    ("strength", "code", "expected"),
    [
        ("required", "kg", []),
        ("required", "lb", ["code-invalid Observation.value"]),
        ("extensible", "lb", ["code-invalid Observation.value"]),
        ("preferred", "lb", []),
    ],
)
@pytest.mark.spec("terminologies.html#strength")
def test_bindings(strength: str, code: str, expected: list[str]) -> None:
    binding = {"strength": strength, "valueSet": f"{VS}/ucum-bodyweight"}
    tree = WEIGHT | {"valueQuantity": {"system": UCUM, "code": code}}
    assert problems([element("Observation.valueQuantity", binding=binding)], tree) == expected


# ---- differentials -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (element("Patient.nose"), "Patient.nose: there is no such element in its base"),
        (element("Group.name"), "Group: the profile is of Patient"),
        (element("Patient.deceased[x].extension"), "it has several types, so nothing inside"),
    ],
)
@pytest.mark.spec("profiling.html#snapshot")
def test_a_differential_that_does_not_fit(told: Tree, words: str) -> None:
    with pytest.raises(ProfileTrouble) as trouble:
        derived(f"{CORE}Patient", [told])
    assert words in str(trouble.value)


def test_a_base_that_is_not_known() -> None:
    with pytest.raises(NoProfile) as trouble:
        snapshot("http://example.org/unknown")
    assert str(trouble.value) == "the profile http://example.org/unknown is not known here"

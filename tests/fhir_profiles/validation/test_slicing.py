"""Slices: which one a value belongs to, by every kind of discriminator, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.json_text import Tree
from fhir_profiles.snapshots import CORE
from tests.fhir_profiles.validation.listed import UCUM, VS
from tests.fhir_profiles.validation.profiling import element, problems, sliced

ID = "Patient.identifier"
BY_SYSTEM = [
    sliced(ID, "value", "system"),
    element(f"{ID}:a", min=1, max="1"),
    element(f"{ID}:a.system", min=1, fixedUri="urn:a"),
    element(f"{ID}:a.value", min=1),
]
GIVEN = "http://example.org/ext"


def identifiers(*systems: str) -> Tree:
    return {"resourceType": "Patient", "identifier": [{"system": f"urn:{s}"} for s in systems]}


def with_rules(rules: str, **more: Any) -> list[Tree]:
    second = [
        element(f"{ID}:b", max="1"),
        element(f"{ID}:b.system", min=1, patternUri="urn:b"),
    ]
    first = [one for one in BY_SYSTEM[1:] if not one["id"].endswith("value")]
    return [sliced(ID, "value", "system", rules, **more), *first, *second]


@pytest.mark.parametrize(
    ("differential", "tree", "expected"),
    [
        (
            BY_SYSTEM,
            {"resourceType": "Patient", "identifier": [{"system": "urn:a", "value": "1"}]},
            [],
        ),
        (BY_SYSTEM, identifiers("a"), [f"required {ID}[0].value"]),
        (BY_SYSTEM, identifiers("b"), [f"required {ID}"]),
        (BY_SYSTEM, {"resourceType": "Patient"}, [f"required {ID}"]),
        (with_rules("open"), identifiers("c", "a", "b", "c"), []),
        (with_rules("open"), identifiers("a", "a"), [f"structure {ID}[1]"]),
        (with_rules("closed"), identifiers("a", "b"), []),
        (with_rules("closed"), identifiers("a", "c"), [f"structure {ID}[1]"]),
        (with_rules("openAtEnd"), identifiers("a", "b", "c", "d"), []),
        (with_rules("openAtEnd"), identifiers("a", "c", "b"), [f"structure {ID}[1]"]),
        (with_rules("open", ordered=True), identifiers("a", "b"), []),
        (with_rules("open", ordered=True), identifiers("b", "a"), [f"structure {ID}"]),
    ],
)
@pytest.mark.spec("profiling.html#slicing")
def test_slices_by_value(differential: list[Tree], tree: Tree, expected: list[str]) -> None:
    assert problems(differential, tree) == expected


CATEGORY = "Observation.category"
COMPONENT = "Observation.component"
LAB = {"coding": [{"system": "urn:c", "code": "lab"}]}
OTHER = {"coding": [{"system": "urn:c", "code": "x"}], "text": "x"}


def observation(**more: Any) -> Tree:
    return {"resourceType": "Observation", "status": "final"} | more


REFERRED = "Observation.hasMember"
ORGAN = "DiagnosticReport.result"
LIPID = {"resourceType": "Observation", "id": "l", "code": {"coding": [{"code": "l"}]}}


@pytest.mark.parametrize(
    ("differential", "tree", "expected"),
    [
        # pattern of the whole value
        (
            [
                sliced(CATEGORY, "pattern", "$this"),
                element(f"{CATEGORY}:lab", min=1, patternCodeableConcept=LAB),
            ],
            observation(category=[OTHER, LAB | {"text": "more"}]),
            [],
        ),
        (
            [
                sliced(CATEGORY, "pattern", "$this"),
                element(f"{CATEGORY}:lab", min=1, patternCodeableConcept=LAB),
            ],
            observation(category=[OTHER]),
            [f"required {CATEGORY}"],
        ),
        # a pattern above the path of the discriminator
        (
            [
                sliced(COMPONENT, "value", "code.coding.code"),
                element(f"{COMPONENT}:l", min=1),
                element(f"{COMPONENT}:l.code", patternCodeableConcept=LAB),
            ],
            observation(component=[{"code": OTHER}, {"code": LAB}]),
            [],
        ),
        # type of a choice, and what a slice says inside
        (
            [element("Observation.valueQuantity.value", min=1)],
            observation(valueQuantity={"unit": "x"}),
            ["required Observation.value.value"],
        ),
        (
            [element("Observation.valueQuantity.value", min=1)],
            observation(valueString="x"),
            ["value Observation.value"],
        ),
        (
            [
                sliced("Observation.value[x]", "type", "$this"),
                element("Observation.value[x]:valueString", max="0"),
                element("Observation.value[x]:valueQuantity", min=0),
            ],
            observation(valueQuantity={"value": 1}),
            [],
        ),
        # there or not
        (
            [
                sliced(COMPONENT, "exists", "interpretation"),
                element(f"{COMPONENT}:told", min=1),
                element(f"{COMPONENT}:told.interpretation", min=1),
                element(f"{COMPONENT}:told.value[x]", min=1),
            ],
            observation(component=[{"code": LAB}, {"code": LAB, "interpretation": [OTHER]}]),
            [f"required {COMPONENT}[1].value"],
        ),
        (
            [
                sliced(COMPONENT, "exists", "interpretation"),
                element(f"{COMPONENT}:silent", max="1"),
                element(f"{COMPONENT}:silent.interpretation", max="0"),
            ],
            observation(component=[{"code": LAB}, {"code": LAB}]),
            [f"structure {COMPONENT}[1]"],
        ),
        # by binding
        (
            [
                sliced(COMPONENT, "value", "code"),
                element(f"{COMPONENT}:unit", max="0"),
                element(
                    f"{COMPONENT}:unit.code",
                    min=1,
                    binding={"strength": "required", "valueSet": f"{VS}/ucum-bodyweight"},
                ),
            ],
            observation(
                component=[{"code": {"coding": [{"system": UCUM, "code": "kg"}]}}, {"code": LAB}]
            ),
            [f"structure {COMPONENT}[0]"],
        ),
        # slices inside of slices
        (
            [
                sliced(COMPONENT, "value", "code.coding.code"),
                element(f"{COMPONENT}:l", min=1),
                sliced(f"{COMPONENT}:l.code.coding", "value", "code"),
                element(f"{COMPONENT}:l.code.coding:one", min=1, max="1"),
                element(f"{COMPONENT}:l.code.coding:one.code", min=1, fixedCode="lab"),
            ],
            observation(component=[{"code": LAB}]),
            [],
        ),
        # a path that is not understood
        (
            [sliced(COMPONENT, "value", "code.coding.where(x)"), element(f"{COMPONENT}:l", min=1)],
            observation(component=[{"code": LAB}]),
            ["note not-supported"],
        ),
    ],
)
@pytest.mark.spec("profiling.html#discriminator")
def test_slices_by_other_things(differential: list[Tree], tree: Tree, expected: list[str]) -> None:
    assert problems(differential, tree) == expected


TO_PATIENT = {"code": "Reference", "targetProfile": [f"{CORE}Patient"]}
TO_VITALS = {"code": "Reference", "targetProfile": [f"{CORE}bodyweight"]}


@pytest.mark.parametrize(
    ("differential", "tree", "expected"),
    [
        # the type of what is referred to
        (
            [
                sliced("Group.member", "type", "entity.resolve()"),
                element("Group.member:person", max="1"),
                element("Group.member:person.entity", type=[TO_PATIENT]),
            ],
            {
                "resourceType": "Group",
                "member": [
                    {"entity": {"reference": "Patient/1"}},
                    {"entity": {"reference": "Device/1"}},
                    {"entity": {"reference": "Patient/2"}},
                ],
            },
            ["structure Group.member[2]"],
        ),
        # what is referred to: its code
        (
            [
                sliced(ORGAN, "value", "resolve().code", "closed"),
                element(f"{ORGAN}:weight", min=1, type=[TO_VITALS]),
            ],
            {"resourceType": "DiagnosticReport", "result": [{"reference": "urn:uuid:l"}]},
            [f"structure {ORGAN}[0]", f"required {ORGAN}"],
        ),
        (
            [
                sliced(ORGAN, "value", "resolve().code", "closed"),
                element(f"{ORGAN}:weight", min=1, type=[TO_VITALS]),
            ],
            {"resourceType": "DiagnosticReport", "result": [{"reference": "Observation/away"}]},
            ["note not-supported"],
        ),
        # whether it conforms
        (
            [
                sliced(ORGAN, "profile", "resolve()"),
                element(f"{ORGAN}:weight", min=1, type=[TO_VITALS]),
            ],
            {"resourceType": "DiagnosticReport", "result": [{"reference": "urn:uuid:l"}]},
            [f"required {ORGAN}"],
        ),
        (
            [
                sliced(ORGAN, "profile", "resolve()"),
                element(
                    f"{ORGAN}:any",
                    min=1,
                    type=[{"code": "Reference", "targetProfile": [f"{CORE}Observation"]}],
                ),
            ],
            {"resourceType": "DiagnosticReport", "result": [{"reference": "urn:uuid:l"}]},
            [],
        ),
    ],
)
@pytest.mark.spec("profiling.html#discriminator")
def test_slices_by_what_is_referred_to(
    differential: list[Tree], tree: Tree, expected: list[str]
) -> None:
    assert problems(differential, tree, {"urn:uuid:l": LIPID}) == expected


@pytest.mark.parametrize(
    ("extensions", "expected"),
    [
        ([], ["required Patient.extension"]),
        ([{"url": f"{CORE}patient-birthPlace", "valueAddress": {"city": "Huế"}}], []),
        ([{"url": "urn:other:x", "valueCode": "a"}], ["required Patient.extension"]),
    ],
)
@pytest.mark.spec("profiling.html#extensions")
def test_an_extension_that_a_profile_asks_for(extensions: list[Tree], expected: list[str]) -> None:
    type_ = [{"code": "Extension", "profile": [f"{CORE}patient-birthPlace"]}]
    told = element("Patient.extension:place", min=1, type=type_)
    tree = {"resourceType": "Patient", "extension": extensions}
    assert problems([told], tree) == expected

"""One resource for each profile that fits it, and what happens when one thing in it is changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import fhirkit
import pytest

from fhir_profiles import conformance, systems
from fhir_profiles.json_text import Tree
from fhir_profiles.profile_check import IN_PUBLIC_RULES, RULES, profile_problems
from fhir_profiles.resources import typed
from fhir_profiles.validation.structure import check

PERSON = {"reference": "Patient/p-26000017"}
PLACE = {
    "reference": "Organization/99001",
    "identifier": {"system": systems.MA_CSKCB, "value": "99001"},
}
CODE = {
    "coding": [
        {"system": systems.local_code("99001"), "code": "HBA1C"},
        {"system": systems.TEST_GROUP, "code": "hba1c"},
        {"system": systems.LOINC, "code": "4548-4"},
    ]
}
DRAWN = "2026-09-01T08:15:00+07:00"


def number(system: str, value: str) -> Tree:
    return {"system": system, "value": value}


FITTING: dict[str, Tree] = {
    "patient": {
        "resourceType": "Patient",
        "extension": [{"url": systems.IDENTITY_ASSURANCE, "valueCode": "substantial"}],
        "identifier": [
            number(systems.mrn("99001"), "26000017"),
            number(systems.CCCD, "999090000123"),
            number(systems.BHYT, "999090000123"),
            number(systems.BHXH, "9999000123"),
        ],
        "name": [{"text": "Mô Phỏng Văn Thử", "family": "Mô", "given": ["Phỏng Văn", "Thử"]}],
        "gender": "male",
        "birthDate": "1990",
        "address": [
            {
                "extension": [
                    {"url": systems.VN_PROVINCE, "valueCoding": {"code": "24"}},
                ],
                "country": "VN",
            }
        ],
        "managingOrganization": {"reference": "Organization/99001"},
    },
    "organization": {
        "resourceType": "Organization",
        "extension": [
            {"url": systems.RECORD_GROUP, "valueReference": {"reference": "Organization/99002"}}
        ],
        "identifier": [number(systems.MA_CSKCB, "99001")],
        "active": True,
        "name": "Bệnh viện Mô phỏng",
        "partOf": {"reference": "Organization/99002"},
    },
    "location": {
        "resourceType": "Location",
        "status": "active",
        "name": "Khoa xét nghiệm",
        "managingOrganization": PLACE,
    },
    "encounter": {
        "resourceType": "Encounter",
        "extension": [{"url": systems.ONE_TIME_CODE, "valueCode": "obtained"}],
        "identifier": [number(systems.MA_LK, "LK-2026-000201")],
        "status": "finished",
        "class": {"system": systems.ACT_CODE, "code": "AMB"},
        "subject": PERSON,
        "period": {"start": DRAWN},
        "serviceProvider": PLACE,
    },
    "service-request": {
        "resourceType": "ServiceRequest",
        "identifier": [number(systems.order("99001"), "CD-1")],
        "status": "active",
        "intent": "order",
        "priority": "routine",
        "code": CODE,
        "orderDetail": [{"coding": [{"system": systems.METHOD, "code": "usual"}]}],
        "subject": PERSON,
        "encounter": {"reference": "Encounter/1"},
        "authoredOn": DRAWN,
        "requester": PLACE,
        "reasonCode": [{"coding": [{"system": systems.ORDER_CONTEXT, "code": "serial"}]}],
    },
    "observation-lab": {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {"coding": [{"system": systems.OBSERVATION_CATEGORY, "code": "laboratory"}]},
        ],
        "code": {"coding": [CODE["coding"][2]]},
        "subject": PERSON,
        "effectiveDateTime": DRAWN,
        "performer": [PLACE],
        "valueQuantity": {"value": 6.8, "unit": "%", "system": systems.UCUM, "code": "%"},
        "interpretation": [{"coding": [{"system": systems.INTERPRETATION, "code": "H"}]}],
    },
    "diagnostic-report": {
        "resourceType": "DiagnosticReport",
        "identifier": [number(systems.result("99001"), "KQ-1")],
        "status": "final",
        "category": [{"coding": [{"system": systems.DIAGNOSTIC_SERVICE, "code": "LAB"}]}],
        "code": CODE,
        "subject": PERSON,
        "effectiveDateTime": DRAWN,
        "issued": "2026-09-01T10:30:00+07:00",
        "performer": [PLACE],
        "result": [{"reference": "Observation/1"}],
    },
    "imaging-study": {
        "resourceType": "ImagingStudy",
        "status": "available",
        "subject": PERSON,
        "started": DRAWN,
        "basedOn": [{"reference": "ServiceRequest/1"}],
    },
    "consent": {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "treatment"}]}],
        "patient": {"identifier": number(systems.mrn("99001"), "26000017")},
        "dateTime": DRAWN,
        "policyRule": {"text": "Law 91/2025"},
        "provision": {"type": "permit", "period": {"start": "2026-01-01", "end": "2026-12-31"}},
    },
}


def example(name: str) -> Tree:
    meta = {"profile": list(conformance.claims(name))}
    return {**deepcopy(FITTING[name]), "meta": meta}


def test_there_is_an_example_for_each_profile() -> None:
    assert list(FITTING) == list(conformance.PROFILES)


@pytest.mark.parametrize("name", FITTING)
def test_what_fits_has_no_problem(name: str) -> None:
    tree = example(name)
    assert profile_problems(tree) == []
    assert check(tree) == []
    assert fhirkit.validate(tree) == []
    assert type(typed(tree)).__name__ == tree["resourceType"]


def changed(tree: Tree, path: str, value: Any) -> Tree:
    """With the value at a dotted path replaced, added, or (None) taken away."""
    *before, last = (int(step) if step.isdigit() else step for step in path.split("."))
    here: Any = tree
    for step in before:
        here = here[step]
    if value is None:
        del here[last]
    elif last == "append":
        here.append(value)
    else:
        here[last] = value
    return tree


COVID = {"coding": [{"system": systems.TEST_GROUP, "code": "covid"}]}
CHANGES: list[tuple[str, str, Any, list[tuple[str, str]]]] = [
    # cardinality
    ("patient", "name.0.text", None, [("required", "Patient.name[0].text")]),
    ("patient", "identifier.1.value", None,
     [("required", "Patient.identifier[1].value"), ("required", "Patient.identifier[1].value"),
      ("value", "Patient.identifier[1].value")]),
    ("patient", "identifier.append", number(systems.CCCD, "999090000124"),
     [("structure", "Patient.identifier:cccd")]),
    ("location", "managingOrganization", None, [("required", "Location.managingOrganization")]),
    ("encounter", "subject", None, [("required", "Encounter.subject")]),
    ("service-request", "authoredOn", None, [("required", "ServiceRequest.authoredOn")]),
    ("diagnostic-report", "performer", None, [("required", "DiagnosticReport.performer")]),
    ("imaging-study", "started", None, [("required", "ImagingStudy.started")]),
    ("consent", "dateTime", None,
     [("required", "Consent.dateTime"), ("required", "Consent.dateTime")]),
    # slices, patterns
    ("organization", "identifier.0.system", "urn:oid:1.2.3",
     [("required", "Organization.identifier:facilityCode")]),
    ("organization", "identifier.append", number("urn:oid:1.2.3", "x"), []),
    ("observation-lab", "category.0.coding.0.code", "imaging",
     [("required", "Observation.category:laboratory")]),
    ("observation-lab", "category.append", {"text": "another"}, []),
    ("service-request", "intent", "plan", [("value", "ServiceRequest.intent")]),
    # types, targets, codes
    ("observation-lab", "effectiveInstant", DRAWN, [("value", "Observation.effectiveInstant")]),
    ("encounter", "subject", {"reference": "http://other/fhir/Group/1"},
     [("value", "Encounter.subject")]),
    ("encounter", "subject", {"reference": "Patient/1/_history/2"}, []),
    ("encounter", "subject", {"type": "Group", "display": "x"}, [("value", "Encounter.subject")]),
    ("encounter", "class.code", "VR", [("value", "Encounter.class")]),
    ("service-request", "code", COVID, [("value", "ServiceRequest.code.coding[0]")]),
    ("service-request", "reasonCode", [{"text": "a code of ours is not demanded"}], []),
    # extensions of ours
    ("patient", "extension.0.valueCode", "medium", [("value", "Patient.extension[0].valueCode")]),
    ("encounter", "extension.0", {"url": systems.ONE_TIME_CODE, "valueString": "obtained"},
     [("value", "Encounter.extension[0].valueString")]),
    ("encounter", "extension.append", {"url": systems.ONE_TIME_CODE, "valueCode": "obtained"},
     [("structure", "Encounter.extension:oneTimeCode")]),
    ("organization", "extension.0.valueReference.reference", "Patient/1",
     [("value", "Organization.extension[0].valueReference")]),
    # constraints
    ("patient", "identifier.0.system", "urn:oid:1.2.3", [("invariant", "Patient")]),
    ("observation-lab", "valueQuantity", None, [("invariant", "Observation")]),
    ("observation-lab", "valueQuantity.code", None, [("invariant", "Observation")]),
    ("patient", "address.0.extension", None, [("invariant", "Patient.address[0]")]),
    ("patient", "identifier.1.value", "99909000012", [("value", "Patient.identifier[1].value")]),
    # claims
    ("patient", "meta.profile", [conformance.claims("consent")[0]], [("structure", "Patient")]),
    ("imaging-study", "meta.profile", ["http://hl7.org/fhir/StructureDefinition/ImagingStudy"], []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "path", "value", "problems"), CHANGES)
def test_one_change(name: str, path: str, value: Any, problems: list[tuple[str, str]]) -> None:
    found = profile_problems(changed(example(name), path, value))
    assert [(issue.code, issue.expression) for issue in found] == problems


def test_extensions_are_checked_wherever_they_stand() -> None:
    level = {"url": "level", "valueInteger": 3}
    period = {"url": "period", "valuePeriod": {"start": "2026-01-01"}}
    service = {
        "resourceType": "HealthcareService",
        "extension": [
            {"url": systems.ISO_15189, "valueBoolean": True},
            {"url": systems.LABORATORY_LEVEL, "extension": [level, period]},
            {"url": systems.LABORATORY_LEVEL, "extension": [level | {"valueInteger": 4}]},
        ],
    }
    assert profile_problems(service) == []
    service["extension"][1]["extension"] = [period, {"url": "level", "valueString": "3"}]
    service["extension"][2] = {"url": systems.LABORATORY_LEVEL, "valueInteger": 3}
    assert [str(issue) for issue in profile_problems(service)] == [
        "HealthcareService.extension[1].extension[1].valueString:"
        " valueString is none of valueInteger",
        "HealthcareService.extension[2].extension: at least 1 of"
        " HealthcareService.extension[2].extension is needed",
        "HealthcareService.extension[2].extension:level: at least 1 of"
        " HealthcareService.extension[2].extension:level is needed",
        "HealthcareService.extension[2].value[x]: at most 0 of"
        " HealthcareService.extension[2].value[x] may be there",
    ]


def test_every_constraint_of_a_profile_has_its_function() -> None:
    keys = {
        constraint["key"]
        for name in conformance.PROFILES
        for element in conformance.profile(name)["differential"]["element"]
        for constraint in element.get("constraint", ())
    }
    assert keys == {*RULES, *IN_PUBLIC_RULES}

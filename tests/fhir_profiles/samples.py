"""Good resources of the kinds that a hospital and the coordinator exchange, and some odd ones."""

import json
from typing import Any

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Nguyễn <b>Văn</b> An</p></div>'
LOINC = {"system": "http://loinc.org", "code": "15074-8", "display": "Glucose"}
MMOL = {"unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
EXTENSION = {"url": "https://lienthong.example/fhir/StructureDefinition/x", "valueCode": "high"}

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p-0001",
    "meta": {"versionId": "3", "lastUpdated": "2025-03-01T08:30:00.000+07:00"},
    "text": {"status": "generated", "div": DIV},
    "extension": [EXTENSION],
    "identifier": [
        {
            "use": "official",
            "system": "http://fhir.hl7.org.vn/core/sid/cccd",
            "value": "900199000001",
            "period": {"start": "2021-07-01"},
        }
    ],
    "active": True,
    "name": [{"use": "official", "text": "Nguyễn Văn An", "family": "Nguyễn", "given": ["An"]}],
    "telecom": [{"system": "phone", "value": "0900000000", "rank": 1}],
    "gender": "male",
    "birthDate": "1990",
    "_birthDate": {"extension": [EXTENSION]},
    "multipleBirthInteger": 2,
    "address": [{"line": ["1 Lê Lợi", None], "_line": [None, {"extension": [EXTENSION]}]}],
    "contact": [{"relationship": [{"text": "mẹ"}], "name": {"text": "Trần Thị Bình"}}],
    "managingOrganization": {"reference": "Organization/79001"},
    "link": [{"other": {"reference": "Patient/p-0002"}, "type": "seealso"}],
}

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "glucose",
    "status": "final",
    "category": [{"coding": [{"system": "http://terminology.hl7.org/x", "code": "laboratory"}]}],
    "code": {"coding": [LOINC]},
    "subject": {"reference": "Patient/p-0001", "type": "Patient", "display": "An"},
    "effectiveDateTime": "2025-03-01T08:00:00+07:00",
    "issued": "2025-03-01T08:30:00.5Z",
    "performer": [{"reference": "https://other.example/fhir/Practitioner/1/_history/2"}],
    "valueQuantity": {"value": 7, **MMOL},
    "referenceRange": [{"low": {"value": 3, **MMOL}, "high": {"value": 6, **MMOL}}],
    "component": [
        {"code": {"text": "giờ"}, "valueTime": "08:00:00"},
        {
            "code": {"text": "số"},
            "valueSampledData": {
                "origin": {"value": 0},
                "period": 10,
                "dimensions": 1,
                "data": "1 2 E U L",
            },
        },
    ],
}

REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "contained": [{"resourceType": "Organization", "id": "lab", "name": "Khoa xét nghiệm"}],
    "identifier": [{"system": "urn:oid:1.2.840.10008", "value": "KQ-1"}],
    "status": "amended",
    "code": {"coding": [LOINC]},
    "effectivePeriod": {"start": "2025-03", "end": "2025-03-02T00:00:00Z"},
    "performer": [{"reference": "#lab"}],
    "result": [{"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}],
    "presentedForm": [{"contentType": "application/pdf", "data": "JVBE Rg==", "size": 4}],
}

CONSENT: dict[str, Any] = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {"coding": [{"system": "http://x.example", "code": "patient-privacy"}]},
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "patient": {"identifier": {"system": "https://x.example/mrn", "value": "1"}},
    "dateTime": "2025-03-01",
    "policyRule": {"text": "opt-in"},
    "provision": {
        "type": "permit",
        "period": {"start": "2025-03-01T00:00:00+07:00"},
        "actor": [{"role": {"text": "IRCP"}, "reference": {"reference": "Organization/1"}}],
        "purpose": [{"system": "http://x.example", "code": "TREAT"}],
        "provision": [{"type": "deny", "class": [{"code": "imaging"}]}],
    },
}

CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "active",
            }
        ]
    },
    "subject": {"reference": "Patient/p-0001"},
    "onsetAge": {"value": 40, "unit": "năm", "system": "http://unitsofmeasure.org", "code": "a"},
    "note": [{"authorString": "BS. Bình", "text": "Theo dõi\nba tháng"}],
}

QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "url": "https://lienthong.example/fhir/Questionnaire/q",
    "status": "draft",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [
                {"linkId": "1.1", "type": "decimal", "maxLength": 3},
                {"linkId": "1.2", "type": "choice", "answerOption": [{"valueInteger": -1}]},
            ],
        }
    ],
}

TIMED: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Metformin 500 mg"},
    "subject": {"reference": "Patient/p-0001"},
    "dosageInstruction": [
        {
            "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": {"value": 500, "unit": "mg"}}],
        }
    ],
}

BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
            "resource": {**OBSERVATION, "subject": {"reference": "Patient?identifier=s|1"}},
            "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=s|2"},
        },
        {"request": {"method": "DELETE", "url": "Patient/1"}},
    ],
}

PARAMETERS: dict[str, Any] = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "resource", "resource": PATIENT},
        {"name": "count", "valueInteger": 3},
        {
            "name": "group",
            "part": [
                {"name": "id", "valueUuid": ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520")}
            ],
        },
    ],
}

GOOD: dict[str, dict[str, Any]] = {
    "patient": PATIENT,
    "observation": OBSERVATION,
    "report": REPORT,
    "consent": CONSENT,
    "condition": CONDITION,
    "questionnaire": QUESTIONNAIRE,
    "medication request": TIMED,
    "bundle": BUNDLE,
    "parameters": PARAMETERS,
}


def as_json(tree: dict[str, Any]) -> bytes:
    """As a client would send it, on several lines."""
    return json.dumps(tree, ensure_ascii=False, indent=2).encode()

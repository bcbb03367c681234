"""Valid resources that define: value sets, profiles, questionnaires and a response."""

from tests.fhir_profiles.validation.good_parts import CORE, LOINC, TEXT

VALUE_SET = {
    "resourceType": "ValueSet",
    "id": "v",
    "text": TEXT,
    "url": "http://example.org/ValueSet/v",
    "name": "Vs",
    "status": "draft",
    "compose": {
        "include": [
            {"system": LOINC, "concept": [{"code": "1-8"}]},
            {"system": LOINC, "filter": [{"property": "CLASS", "op": "=", "value": "CHEM"}]},
            {"valueSet": ["http://example.org/ValueSet/other"]},
        ]
    },
    "expansion": {
        "timestamp": "2025-03-01",
        "contains": [
            {"system": LOINC, "code": "1-8", "display": "x"},
            {"abstract": True, "display": "y"},
        ],
    },
}

CODE_SYSTEM = {
    "resourceType": "CodeSystem",
    "id": "cs",
    "text": TEXT,
    "url": "http://example.org/CodeSystem/cs",
    "name": "Cs",
    "status": "draft",
    "content": "complete",
    "concept": [{"code": "a", "concept": [{"code": "a1"}]}, {"code": "b"}],
}

CONCEPT_MAP = {
    "resourceType": "ConceptMap",
    "id": "cm",
    "text": TEXT,
    "url": "http://example.org/ConceptMap/cm",
    "name": "Cm",
    "status": "draft",
    "group": [
        {
            "source": "http://example.org/a",
            "target": "http://example.org/b",
            "element": [{"code": "a", "target": [{"code": "b", "equivalence": "equal"}]}],
            "unmapped": {"mode": "fixed", "code": "z"},
        }
    ],
}

CAPABILITY = {
    "resourceType": "CapabilityStatement",
    "id": "cap",
    "text": TEXT,
    "name": "Cap",
    "status": "draft",
    "date": "2025",
    "kind": "instance",
    "implementation": {"description": "x"},
    "fhirVersion": "4.0.1",
    "format": ["json"],
    "rest": [{"mode": "server", "resource": [{"type": "Patient"}, {"type": "Observation"}]}],
}

PROFILE = {
    "resourceType": "StructureDefinition",
    "id": "sd",
    "text": TEXT,
    "url": "http://example.org/StructureDefinition/sd",
    "name": "Sd",
    "status": "draft",
    "kind": "resource",
    "abstract": False,
    "type": "Patient",
    "baseDefinition": f"{CORE}/Patient",
    "derivation": "constraint",
    "differential": {
        "element": [
            {"id": "Patient", "path": "Patient"},
            {
                "id": "Patient.name",
                "path": "Patient.name",
                "min": 1,
                "max": "3",
                "constraint": [
                    {"key": "a-1", "severity": "error", "human": "x", "expression": "text.exists()"}
                ],
            },
        ]
    },
}

QUESTIONNAIRE = {
    "resourceType": "Questionnaire",
    "id": "q",
    "text": TEXT,
    "url": "http://example.org/Questionnaire/q",
    "name": "Q",
    "status": "draft",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [
                {"linkId": "1.1", "type": "boolean", "text": "Ho?", "required": True},
                {
                    "linkId": "1.2",
                    "type": "integer",
                    "repeats": True,
                    "enableWhen": [{"question": "1.1", "operator": "=", "answerBoolean": True}],
                    "extension": [
                        {"url": f"{CORE}/minValue", "valueInteger": 1},
                        {"url": f"{CORE}/maxValue", "valueInteger": 9},
                    ],
                },
                {"linkId": "1.3", "type": "string", "maxLength": 5},
            ],
        },
        {
            "linkId": "2",
            "type": "choice",
            "answerOption": [
                {"valueCoding": {"system": "urn:a", "code": "x"}},
                {"valueCoding": {"system": "urn:a", "code": "y"}},
            ],
        },
        {"linkId": "3", "type": "display", "text": "Cảm ơn"},
    ],
}

RESPONSE = {
    "resourceType": "QuestionnaireResponse",
    "id": "qr",
    "text": TEXT,
    "questionnaire": "http://example.org/Questionnaire/q",
    "status": "completed",
    "item": [
        {
            "linkId": "1",
            "item": [
                {"linkId": "1.1", "answer": [{"valueBoolean": True}]},
                {"linkId": "1.2", "answer": [{"valueInteger": 3}, {"valueInteger": 4}]},
                {"linkId": "1.3", "answer": [{"valueString": "abc"}]},
            ],
        },
        {"linkId": "2", "answer": [{"valueCoding": {"system": "urn:a", "code": "x"}}]},
    ],
}

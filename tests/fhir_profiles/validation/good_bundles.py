"""Valid Bundles: a document, a message, a transaction, a search result."""

from tests.fhir_profiles.validation.good_parts import LOINC, TEXT, concept

_P, _C, _H, _O = (
    "urn:uuid:00000000-0000-4000-8000-000000000001",
    "urn:uuid:00000000-0000-4000-8000-000000000002",
    "urn:uuid:00000000-0000-4000-8000-000000000003",
    "urn:uuid:00000000-0000-4000-8000-000000000004",
)

DOCUMENT = {
    "resourceType": "Bundle",
    "id": "doc",
    "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"},
    "type": "document",
    "timestamp": "2025-03-01T08:00:00Z",
    "entry": [
        {
            "fullUrl": _C,
            "resource": {
                "resourceType": "Composition",
                "text": TEXT,
                "status": "final",
                "type": concept(LOINC, "11503-0"),
                "subject": {"reference": _P},
                "date": "2025",
                "author": [{"reference": _P}],
                "title": "x",
                "section": [{"title": "a", "text": TEXT, "entry": [{"reference": _O}]}],
            },
        },
        {"fullUrl": _P, "resource": {"resourceType": "Patient", "text": TEXT}},
        {
            "fullUrl": _O,
            "resource": {
                "resourceType": "Observation",
                "text": TEXT,
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": _P},
                "valueString": "y",
            },
        },
    ],
}

MESSAGE = {
    "resourceType": "Bundle",
    "id": "msg",
    "type": "message",
    "timestamp": "2025-03-01T08:00:00Z",
    "entry": [
        {
            "fullUrl": _H,
            "resource": {
                "resourceType": "MessageHeader",
                "text": TEXT,
                "eventCoding": {"system": "urn:e", "code": "x"},
                "source": {"endpoint": "http://example.org/a"},
                "focus": [{"reference": _P}],
            },
        },
        {"fullUrl": _P, "resource": {"resourceType": "Patient", "text": TEXT}},
    ],
}

TRANSACTION = {
    "resourceType": "Bundle",
    "id": "tx",
    "type": "transaction",
    "entry": [
        {
            "fullUrl": _P,
            "resource": {"resourceType": "Patient", "text": TEXT},
            "request": {"method": "POST", "url": "Patient"},
        },
        {
            "fullUrl": "http://example.org/fhir/Observation/o1",
            "resource": {
                "resourceType": "Observation",
                "id": "o1",
                "text": TEXT,
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": _P},
                "valueString": "y",
            },
            "request": {"method": "PUT", "url": "Observation/o1"},
        },
        {"request": {"method": "DELETE", "url": "Patient/9"}},
    ],
}

SEARCHSET = {
    "resourceType": "Bundle",
    "id": "found",
    "type": "searchset",
    "total": 1,
    "entry": [
        {
            "fullUrl": "http://example.org/fhir/Patient/an",
            "resource": {"resourceType": "Patient", "id": "an", "text": TEXT},
            "search": {"mode": "match"},
        },
        {
            "resource": {
                "resourceType": "OperationOutcome",
                "issue": [{"severity": "warning", "code": "processing"}],
            },
            "search": {"mode": "outcome"},
        },
    ],
}

"""Valid resources of care: patients, observations, orders."""

from tests.fhir_profiles.validation.good_parts import (
    CORE,
    LOINC,
    SUBJECT,
    TERM,
    TEXT,
    amount,
    concept,
)

PATIENT = {
    "resourceType": "Patient",
    "id": "an",
    "text": TEXT,
    "extension": [{"url": f"{CORE}/patient-birthPlace", "valueAddress": {"city": "Huế"}}],
    "identifier": [
        {"system": "urn:oid:1.2.3", "value": "1", "period": {"start": "2020", "end": "2021"}}
    ],
    "name": [{"family": "Nguyễn", "given": ["An", "Văn"]}],
    "telecom": [{"system": "phone", "value": "0900000000"}],
    "gender": "male",
    "birthDate": "1990-02-28",
    "_birthDate": {
        "extension": [{"url": f"{CORE}/patient-birthTime", "valueDateTime": "1990-02-28T08:00:00Z"}]
    },
    "contact": [{"name": {"text": "Bình"}}],
    "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "vi"}]}}],
    "photo": [{"contentType": "image/png", "data": "aGFsbG8=", "size": 5}],
    "generalPractitioner": [{"reference": "#doctor"}],
    "managingOrganization": {"reference": "Organization/1", "type": "Organization"},
    "contained": [{"resourceType": "Practitioner", "id": "doctor", "name": [{"text": "BS. Hoa"}]}],
}

OBSERVATION = {
    "resourceType": "Observation",
    "id": "glucose",
    "text": TEXT,
    "status": "final",
    "category": [concept(f"{TERM}/observation-category", "laboratory")],
    "code": concept(LOINC, "15074-8"),
    "subject": SUBJECT,
    "effectivePeriod": {"start": "2025-03-01T08:00:00+07:00", "end": "2025-03-01T08:05:00+07:00"},
    "issued": "2025-03-01T09:00:00+07:00",
    "valueQuantity": amount(6, "mmol/L"),
    "referenceRange": [{"low": amount(3, "mmol/L"), "high": amount(6, "mmol/L")}],
    "component": [{"code": {"text": "x"}, "valueInteger": 1}],
}

PRESSURE = {
    "resourceType": "Observation",
    "id": "bp",
    "meta": {"profile": [f"{CORE}/bp"]},
    "text": TEXT,
    "status": "final",
    "category": [concept(f"{TERM}/observation-category", "vital-signs")],
    "code": concept(LOINC, "85354-9"),
    "subject": SUBJECT,
    "effectiveDateTime": "2025-03-01",
    "component": [
        {"code": concept(LOINC, "8480-6"), "valueQuantity": amount(120, "mm[Hg]")},
        {"code": concept(LOINC, "8462-4"), "valueQuantity": amount(80, "mm[Hg]")},
    ],
}

WEIGHT = {
    "resourceType": "Observation",
    "id": "weight",
    "text": TEXT,
    "status": "final",
    "category": [concept(f"{TERM}/observation-category", "vital-signs")],
    "code": concept(LOINC, "29463-7"),
    "subject": SUBJECT,
    "effectiveDateTime": "2025-03-01",
    "valueQuantity": amount(60, "kg"),
}

CONDITION = {
    "resourceType": "Condition",
    "id": "asthma",
    "text": TEXT,
    "clinicalStatus": concept(f"{TERM}/condition-clinical", "active"),
    "verificationStatus": concept(f"{TERM}/condition-ver-status", "confirmed"),
    "code": {"text": "hen"},
    "subject": SUBJECT,
    "onsetAge": amount(7, "a"),
    "stage": [{"summary": {"text": "II"}}],
    "evidence": [{"code": [{"text": "ho"}]}],
}

ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "id": "egg",
    "text": TEXT,
    "clinicalStatus": concept(f"{TERM}/allergyintolerance-clinical", "active"),
    "verificationStatus": concept(f"{TERM}/allergyintolerance-verification", "confirmed"),
    "code": {"text": "trứng"},
    "patient": SUBJECT,
}

ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "visit",
    "text": TEXT,
    "status": "finished",
    "class": {"system": f"{TERM}/v3-ActCode", "code": "AMB"},
    "subject": SUBJECT,
    "period": {"start": "2025-03-01", "end": "2025-03-02"},
    "length": amount(30, "min"),
}

PRESCRIPTION = {
    "resourceType": "MedicationRequest",
    "id": "drug",
    "text": TEXT,
    "status": "active",
    "intent": "order",
    "medicationCodeableConcept": {"text": "paracetamol"},
    "subject": SUBJECT,
    "dosageInstruction": [
        {
            "timing": {
                "repeat": {
                    "frequency": 3,
                    "period": 1,
                    "periodUnit": "d",
                    "duration": 5,
                    "durationUnit": "d",
                }
            },
            "doseAndRate": [{"doseQuantity": amount(500, "mg")}],
            "maxDosePerPeriod": {"numerator": amount(4, "g"), "denominator": amount(1, "d")},
        }
    ],
    "dispenseRequest": {"quantity": amount(15, "{tbl}")},
}

APPOINTMENT = {
    "resourceType": "Appointment",
    "id": "next",
    "text": TEXT,
    "status": "booked",
    "start": "2025-03-01T08:00:00Z",
    "end": "2025-03-01T08:15:00Z",
    "participant": [{"actor": SUBJECT, "status": "accepted"}],
}

ORGANIZATION = {
    "resourceType": "Organization",
    "id": "hospital",
    "text": TEXT,
    "name": "Bệnh viện",
    "telecom": [{"system": "phone", "value": "1", "use": "work"}],
    "address": [{"city": "Huế", "use": "work"}],
}

GROUP = {
    "resourceType": "Group",
    "id": "g",
    "text": TEXT,
    "type": "person",
    "actual": True,
    "member": [{"entity": SUBJECT}],
}

LIST = {
    "resourceType": "List",
    "id": "l",
    "text": TEXT,
    "status": "current",
    "mode": "working",
    "entry": [{"item": SUBJECT, "date": "2025-03-01"}],
}

PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "a", "valueString": "x"},
        {"name": "b", "part": [{"name": "c", "valueBoolean": True}]},
        {"name": "d", "resource": {"resourceType": "Basic", "code": {"text": "x"}, "text": TEXT}},
    ],
}

CONSENT = {
    "resourceType": "Consent",
    "id": "c",
    "text": TEXT,
    "status": "active",
    "scope": concept(f"{TERM}/consentscope", "patient-privacy"),
    "category": [concept(LOINC, "59284-0")],
    "patient": SUBJECT,
    "policyRule": {"text": "Luật 91/2025"},
}

PROVENANCE = {
    "resourceType": "Provenance",
    "id": "p",
    "text": TEXT,
    "target": [SUBJECT],
    "recorded": "2025-03-01T08:00:00Z",
    "agent": [{"who": {"reference": "Practitioner/1"}}],
}

AUDIT = {
    "resourceType": "AuditEvent",
    "id": "a",
    "text": TEXT,
    "type": {"system": f"{TERM}/audit-event-type", "code": "rest"},
    "recorded": "2025-03-01T08:00:00Z",
    "agent": [{"requestor": True}],
    "source": {"observer": {"display": "server"}},
    "entity": [{"name": "x"}],
}

DOCUMENT_REFERENCE = {
    "resourceType": "DocumentReference",
    "id": "d",
    "text": TEXT,
    "status": "current",
    "content": [{"attachment": {"contentType": "application/pdf", "url": "http://example.org/a"}}],
}

TASK = {
    "resourceType": "Task",
    "id": "t",
    "text": TEXT,
    "status": "requested",
    "intent": "order",
    "authoredOn": "2025-03-01T08:00:00Z",
    "lastModified": "2025-03-01T09:00:00Z",
}

SPECIMEN = {
    "resourceType": "Specimen",
    "id": "s",
    "text": TEXT,
    "collection": {"collectedPeriod": {"start": "2025-03-01", "end": "2025-03-01"}},
}

RISK = {
    "resourceType": "RiskAssessment",
    "id": "r",
    "text": TEXT,
    "status": "final",
    "subject": SUBJECT,
    "prediction": [
        {"probabilityDecimal": 20},
        {"probabilityRange": {"low": amount(1, "%"), "high": amount(2, "%")}},
    ],
}

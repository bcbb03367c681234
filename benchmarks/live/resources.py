"""Made resources: laboratory results as our hospitals keep them, always the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fhir_profiles import systems
from fhir_profiles.json_text import dump

Tree = dict[str, Any]
CODES: Final = (("4548-4", "HbA1c", "%"), ("2345-7", "Glucose", "mg/dL"))
FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)  # when the first result was taken
EACH: Final = 10  # results of each code and patient: a page of `_count=10` is full


def given(number: int) -> str:
    """A name of eight letters that nobody else has, and that begins no other name."""
    letters = ""
    for _ in range(4):
        number, syllable = divmod(number, 70)
        letters += "bcdghklmnprstv"[syllable // 5] + "aeiou"[syllable % 5]
    return letters.capitalize()


def taken(patient_number: int, number: int) -> str:
    """Each minute one result, of all patients in turn."""
    moment = FIRST + timedelta(minutes=patient_number * len(CODES) * EACH + number)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def patient(number: int) -> Tree:
    return {
        "resourceType": "Patient",
        "id": f"p-{number}",
        "identifier": [
            {"system": systems.mrn("99001"), "value": f"{number:07d}"},
            {"system": systems.CCCD, "value": f"079{number:09d}"},
        ],
        "active": True,
        "name": [
            {
                "use": "official",
                "text": f"Nguyễn Thị {given(number)}",
                "family": "Nguyễn",
                "given": [given(number)],
            }
        ],
        "gender": "female" if number % 2 else "male",
        "birthDate": f"{1940 + number % 70}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "managingOrganization": {"reference": "Organization/99001"},
    }


def observation(patient_id: str, number: int, at: str = "2025-03-01T01:15:00Z") -> Tree:
    """The `number`th result of a patient, about 1.2 kB."""
    loinc, name, unit = CODES[number % len(CODES)]
    return {
        "resourceType": "Observation",
        "id": f"{patient_id}-{number}",
        "identifier": [{"system": systems.result("99001"), "value": f"{patient_id}.{number}"}],
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": systems.OBSERVATION_CATEGORY,
                        "code": "laboratory",
                    }
                ]
            }
        ],
        "code": {
            "coding": [
                {"system": systems.LOINC, "code": loinc, "display": name},
                {"system": systems.local_code("99001"), "code": f"XN-{number % len(CODES)}"},
            ],
            "text": name,
        },
        "subject": {"reference": f"Patient/{patient_id}"},
        "encounter": {"reference": f"Encounter/{patient_id}-e"},
        "effectiveDateTime": at,
        "issued": at.replace(":00Z", ":40Z"),
        "performer": [{"reference": "Organization/99001", "display": "Khoa Xét nghiệm"}],
        "valueQuantity": {
            "value": 5 + number % 7,
            "unit": unit,
            "system": systems.UCUM,
            "code": unit,
        },
        "interpretation": [
            {
                "coding": [
                    {
                        "system": systems.INTERPRETATION,
                        "code": "N",
                    }
                ]
            }
        ],
        "referenceRange": [{"low": {"value": 4, "unit": unit}, "high": {"value": 6, "unit": unit}}],
    }


def everything(patients: int) -> Iterator[Tree]:
    """Patients and their results, 20 each: 10,000 Observations of 500 patients."""
    for number in range(patients):
        yield patient(number)
        for n in range(len(CODES) * EACH):
            yield observation(f"p-{number}", n, taken(number, n))


def new_observation(number: int) -> bytes:
    """One to be created: without an id."""
    tree = observation(f"p-{number % 100}", number)
    del tree["id"]
    return dump(tree)


def new_transaction(number: int) -> bytes:
    """Patient, encounter and two results that refer to each other by `urn:uuid`, all created."""
    urns = [f"urn:uuid:00000000-0000-4000-8000-{number:08d}{n:04d}" for n in range(4)]
    person = patient(100_000 + number)
    encounter: Tree = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {
            "system": systems.ACT_CODE,
            "code": "AMB",
        },
        "subject": {"reference": urns[0]},
        "period": {"start": "2025-03-01T08:00:00+07:00", "end": "2025-03-01T09:00:00+07:00"},
    }
    results = [observation(f"t-{number}", n) for n in range(2)]
    for result in results:
        result["subject"] = {"reference": urns[0]}
        result["encounter"] = {"reference": urns[1]}
    entries = []
    for urn, tree in zip(urns, [person, encounter, *results], strict=True):
        tree.pop("id", None)
        request = {"method": "POST", "url": tree["resourceType"]}
        entries.append({"fullUrl": urn, "resource": tree, "request": request})
    return dump({"resourceType": "Bundle", "type": "transaction", "entry": entries})

"""What many of the valid resources have in common."""

from typing import Any

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>An</p></div>'
TEXT = {"status": "generated", "div": DIV}
TERM = "http://terminology.hl7.org/CodeSystem"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CORE = "http://hl7.org/fhir/StructureDefinition"
SUBJECT = {"reference": "Patient/an"}


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def amount(value: Any, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}

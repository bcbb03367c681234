"""Results as DiagnosticReport with its Observations and ImagingStudy, and where they are.

http://hl7.org/fhir/R4/diagnosticreport.html. The pointer is what a hospital tells the record
locator: metadata, never a value (IHE MHD, ITI-65).
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from fhir_profiles import systems
from scenarios import draws
from scenarios.charts.codes import CATEGORIES, method, region_of, test_code, value_code
from scenarios.charts.persons import organization, patient_id, record_number
from scenarios.charts.times import Timeline, number
from scenarios.charts.visits import encounter_id, group_of, order_identifier
from scenarios.gates import GateBook, Order, Result
from vietnam.catalogue import Member, TestGroup
from vietnam.datafiles import read_yaml

Tree = dict[str, Any]
VALUES_FILE: Final = Path(__file__).with_name("values.yaml")
DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
DICOM_MODALITIES: Final = {
    "xray": "DX",
    "ultrasound": "US",
    "ct": "CT",
    "mri": "MR",
    "ecg": "ECG",
    "endoscopy": "ES",
}


@cache
def _values() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_yaml(VALUES_FILE).value
    return found


def result_number(book: GateBook, order: Order) -> str:
    return number(book.plan.key, "result", order.visit.person, order.key)


def result_identifier(book: GateBook, order: Order) -> Tree:
    """The business identifier of the result of an order."""
    _, code = group_of(book, order.facility)
    return {"system": systems.result(code), "value": result_number(book, order)}


def report(book: GateBook, result: Result) -> list[Tree]:
    """The report first, then everything it refers to."""
    order, plan = result.order, book.plan
    group = plan.catalogue.groups[order.test]
    region = region_of(group, order.region)
    name = result_number(book, order)
    parts = _observations(book, result, group, region, name)
    found: Tree = {
        "resourceType": "DiagnosticReport",
        "id": f"r-{name}",
        "meta": {
            "profile": [
                systems.definition("diagnostic-report"),
                systems.vn_core("vn-core-diagnostic-report"),
            ]
        },
        "identifier": [result_identifier(book, order)],
        "basedOn": [{"identifier": order_identifier(book, order)}],
        "status": "final",
        "category": [_category(group)],
        "code": test_code(plan, order.facility, group, region, order.minute),
        **_context(book, order),
        "effectiveDateTime": Timeline(plan.start).instant(result.specimen),
        "issued": Timeline(plan.start).instant(result.available),
        "performer": [_performer(book, order)],
        "resultsInterpreter": [_signer(book, order)],
        "result": [{"reference": f"Observation/{part['id']}"} for part in parts],
    }
    if group.modality != "laboratory":
        found["conclusion"] = parts[0]["valueString"]
        if plan.calendars.images[order.facility, order.test]:
            study = _study(book, result, group, name)
            found["imagingStudy"] = [{"reference": f"ImagingStudy/{study['id']}"}]
            parts.append(study)
    return [found, *parts]


def _category(group: TestGroup) -> Tree:
    section, data_class = CATEGORIES[group.modality]
    return {"coding": [{"system": systems.DIAGNOSTIC_SERVICE, "code": section}], "text": data_class}


def _context(book: GateBook, order: Order) -> Tree:
    keeper, _ = group_of(book, order.facility)
    return {
        "subject": {"reference": f"Patient/{patient_id(book.plan, order.visit.person, keeper)}"},
        "encounter": {"reference": f"Encounter/{encounter_id(book, order.visit)}"},
    }


def _performer(book: GateBook, order: Order) -> Tree:
    facility = book.plan.network.facilities[order.facility]
    name = facility.names.at(book.plan.day(order.minute))
    return {**organization(facility.code), "display": name}


def _signer(book: GateBook, order: Order) -> Tree:
    """Who signed: a generated licence number, the same for everything of one facility."""
    licence = f"99/GPHN-SIM-{order.facility:07d}"
    return {"identifier": {"system": systems.GPHN, "value": licence}}


def _observations(
    book: GateBook, result: Result, group: TestGroup, region: str | None, name: str
) -> list[Tree]:
    """One a member of the group; imaging has one that holds the findings."""
    order, mapped = result.order, True
    mapped = bool(book.plan.calendars.map_from[order.facility, order.test] <= order.minute)
    shared: Tree = {
        "status": "final",
        **_context(book, order),
        "effectiveDateTime": Timeline(book.plan.start).instant(result.specimen),
        "issued": Timeline(book.plan.start).instant(result.available),
        "performer": [organization(book.plan.network.facilities[order.facility].code)],
        "interpretation": [_interpretation(book.critical(result))],
    }
    if not group.members:
        code = test_code(book.plan, order.facility, group, region, order.minute)
        value = {"valueString": _finding(book.critical(result))}
        return [_observation(f"{name}-0", "imaging", code, shared | value)]
    _, keeper = group_of(book, order.facility)
    found = []
    for i, member in enumerate(group.members):
        content = shared | _value(book, result, member, i)
        content["method"] = method(book.plan, order.facility, group)
        code = _member_code(keeper, group, i, member, mapped)
        found.append(_observation(f"{name}-{i}", "laboratory", code, content))
    return found


def _observation(name: str, category: str, code: Tree, content: Tree) -> Tree:
    coding = {"system": systems.OBSERVATION_CATEGORY, "code": category}
    found: Tree = {"resourceType": "Observation", "id": f"b-{name}"}
    if category == "laboratory":
        profiles = [
            systems.definition("observation-lab"),
            systems.vn_core("vn-core-observation-lab"),
        ]
        found["meta"] = {"profile": profiles}
    return {**found, "category": [{"coding": [coding]}], "code": code, **content}


def _member_code(keeper: str, group: TestGroup, i: int, member: Member, mapped: bool) -> Tree:
    local = {"system": systems.local_code(keeper), "code": value_code(group, i)}
    shared = [{"system": systems.LOINC, "code": member.loinc}] if mapped and member.loinc else []
    return {"coding": [local, *shared], "text": member.name_vi}


def _interpretation(critical: bool) -> Tree:
    code = "AA" if critical else "N"
    return {"coding": [{"system": systems.INTERPRETATION, "code": code}]}


def _finding(critical: bool) -> str:
    return "Tổn thương cần xử trí ngay" if critical else "Chưa phát hiện bất thường"


def _value(book: GateBook, result: Result, member: Member, i: int) -> Tree:
    """A value with its UCUM unit, or a word; a critical result has critical values throughout."""
    order, row = result.order, _values()[member.key]
    u = book.u(draws.VALUE, order.visit.person, order.key * 8 + i)
    if "words" in row:
        word = row["critical"] if book.critical(result) else row["words"][u > 0.9]
        return {"valueCodeableConcept": {"text": word}}
    x = row["critical"] if book.critical(result) else row["low"] + u * (row["high"] - row["low"])
    value = Decimal(str(x)).quantize(Decimal(1).scaleb(-row["decimals"]))
    quantity = {"value": value, "unit": member.unit, "system": systems.UCUM, "code": member.unit}
    return {"valueQuantity": quantity}


def _study(book: GateBook, result: Result, group: TestGroup, name: str) -> Tree:
    keeper, _ = group_of(book, result.order.facility)
    return {
        "resourceType": "ImagingStudy",
        "id": f"i-{name}",
        "meta": {
            "profile": [
                systems.definition("imaging-study"),
                systems.vn_core("vn-core-imaging-study"),
            ]
        },
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:2.25.{int(name) + 1}"}],
        "status": "available",
        "modality": [{"system": DICOM, "code": DICOM_MODALITIES[group.modality]}],
        "subject": {
            "reference": f"Patient/{patient_id(book.plan, result.order.visit.person, keeper)}"
        },
        "started": Timeline(book.plan.start).instant(result.specimen),
        "numberOfSeries": 1,
        "numberOfInstances": 2,
    }


def pointer(book: GateBook, result: Result, published: int) -> Tree:
    """What the hospital tells the record locator, at the minute when it does."""
    order, plan = result.order, book.plan
    group = plan.catalogue.groups[order.test]
    region = region_of(group, order.region)
    keeper, code = group_of(book, order.facility)
    name, timeline = result_number(book, order), Timeline(plan.start)
    mrn = record_number(plan, order.visit.person, keeper)
    context: Tree = {"period": {"start": timeline.instant(result.specimen)}}
    mapped = plan.calendars.map_from[order.facility, order.test] <= order.minute
    if region is not None and mapped:
        context["event"] = [{"coding": [{"system": systems.BODY_REGION, "code": region}]}]
    return {
        "resourceType": "DocumentReference",
        "id": f"d-{code}-{name}",
        "masterIdentifier": result_identifier(book, order),
        "status": "current",
        "type": test_code(plan, order.facility, group, region, order.minute),
        "category": [_category(group)],
        "subject": {"type": "Patient", "identifier": {"system": systems.mrn(code), "value": mrn}},
        "date": timeline.instant(published),
        "custodian": organization(plan.network.facilities[order.facility].code),
        "content": [
            {
                "attachment": {
                    "contentType": "application/fhir+json",
                    "url": f"DiagnosticReport/r-{name}",
                }
            }
        ],
        "context": context,
    }


def consent_denial(book: GateBook, person: int, source: int, at: int) -> Tree:
    """The person denies everybody what this record system holds (IHE PCF, ITI-108)."""
    plan = book.plan
    code = plan.network.facilities[source].code
    loinc = {"system": systems.LOINC, "code": "59284-0"}
    mrn = {"system": systems.mrn(code), "value": record_number(plan, person, source)}
    author = {"coding": [{"system": systems.PARTICIPATION, "code": "AUT"}]}
    return {
        "resourceType": "Consent",
        "id": f"c-{number(plan.key, 'consent', person, source)}",
        "meta": {"profile": [systems.definition("consent"), systems.vn_core("vn-core-consent")]},
        "status": "active",
        "scope": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                    "code": "patient-privacy",
                }
            ]
        },
        "category": [{"coding": [loinc]}],
        "patient": {"type": "Patient", "identifier": mrn},
        "dateTime": Timeline(plan.start).instant(at),
        "policyRule": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTOUT"}
            ]
        },
        "provision": {
            "type": "deny",
            "actor": [{"role": author, "reference": {"reference": f"Organization/{code}"}}],
        },
    }

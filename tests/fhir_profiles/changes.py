"""The example of each profile, and changes that make it a bad one, with what is found then."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from fhir_profiles import conformance, systems
from fhir_profiles.json_text import Tree

Change = tuple[str, str, Any, list[tuple[str, str]]]
"""A profile, the dotted path of its example, the new value, and (code, place) of what is found."""


def number(system: str, value: str) -> Tree:
    return {"system": system, "value": value}


def example(name: str) -> Tree:
    return deepcopy(conformance.examples()[name])


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
CHANGES: list[Change] = [
    # cardinality
    ("patient", "name.0.text", None, [("required", "Patient.name[0].text")]),
    ("patient", "identifier.1.value", None,
     [("invariant", "Patient.identifier[1]"), ("required", "Patient.identifier[1].value"),
      ("value", "Patient.identifier[1].value")]),
    ("patient", "identifier.append", number(systems.CCCD, "999090000124"),
     [("structure", "Patient.identifier[4]")]),
    ("location", "managingOrganization", None, [("required", "Location.managingOrganization")]),
    ("encounter", "subject", None, [("required", "Encounter.subject")]),
    ("service-request", "authoredOn", None, [("required", "ServiceRequest.authoredOn")]),
    ("diagnostic-report", "performer", None, [("required", "DiagnosticReport.performer")]),
    ("imaging-study", "started", None, [("required", "ImagingStudy.started")]),
    ("consent", "dateTime", None,
     [("required", "Consent.dateTime")]),
    # slices, patterns
    ("organization", "identifier.0.system", "urn:oid:1.2.3",
     [("required", "Organization.identifier")]),
    ("organization", "identifier.append", number("https://clinic.example/numbers", "x"), []),
    ("observation-lab", "category.0.coding.0.code", "imaging",
     [("required", "Observation.category")]),
    ("observation-lab", "category.append", {"text": "another"}, []),
    ("service-request", "intent", "plan", [("value", "ServiceRequest.intent")]),
    # types, targets, codes
    ("observation-lab", "effectiveInstant", "2026-09-01T08:15:00+07:00",
     [("structure", "Observation.effective")]),
    ("encounter", "subject", {"reference": "http://other/fhir/Group/1"},
     [("value", "Encounter.subject")]),
    ("encounter", "subject", {"reference": "Patient/1/_history/2"}, []),
    ("encounter", "subject", {"type": "Group", "display": "x"}, [("value", "Encounter.subject")]),
    ("encounter", "class.code", "VR", [("code-invalid", "Encounter.class")]),
    ("service-request", "code", COVID, [("code-invalid", "ServiceRequest.code.coding[0]")]),
    ("service-request", "reasonCode", [{"text": "a code of ours is not demanded"}], []),
    # extensions of ours
    ("patient", "extension.0.valueCode", "medium",
     [("code-invalid", "Patient.extension[0].value")]),
    ("encounter", "extension.0", {"url": systems.ONE_TIME_CODE, "valueString": "obtained"},
     [("value", "Encounter.extension[0].value")]),
    ("encounter", "extension.append", {"url": systems.ONE_TIME_CODE, "valueCode": "obtained"},
     [("structure", "Encounter.extension[1]")]),
    ("organization", "extension.0.valueReference.reference", "Patient/1",
     [("value", "Organization.extension[0].value")]),
    # constraints
    ("patient", "identifier.0.system", "urn:oid:1.2.3", [("invariant", "Patient")]),
    ("observation-lab", "valueQuantity", None, [("invariant", "Observation")]),
    ("observation-lab", "valueQuantity.code", None, [("invariant", "Observation")]),
    ("patient", "address.0.extension", None,
     [("invariant", "Patient"), ("invariant", "Patient.address[0]")]),
    ("patient", "identifier.1.value", "99909000012",
     [("invariant", "Patient.identifier[1]"), ("value", "Patient.identifier[1].value")]),
    # claims
    ("patient", "meta.profile", [conformance.claims("consent")[0]], [("structure", "Patient")]),
    ("imaging-study", "meta.profile", ["http://hl7.org/fhir/StructureDefinition/ImagingStudy"], []),
]  # fmt: skip

MORE: list[Change] = [
    # health workers
    ("practitioner", "identifier", None,
     [("required", "Practitioner.identifier")]),
    ("practitioner", "identifier.0.value", "99919000012",
     [("invariant", "Practitioner.identifier[0]"), ("value", "Practitioner.identifier[0].value")]),
    ("practitioner", "identifier.append", number(systems.CCCD, "999190000125"),
     [("structure", "Practitioner.identifier[3]")]),
    ("practitioner", "identifier.append", number(systems.GPHN, "99/GPHN-SIM-0000002"), []),
    ("practitioner", "name.0.text", None, [("required", "Practitioner.name[0].text")]),
    ("practitioner", "address.0.extension", None,
     [("invariant", "Practitioner"), ("invariant", "Practitioner.address[0]")]),
    ("practitioner-role", "practitioner", None,
     [("required", "PractitionerRole.practitioner")]),
    ("practitioner-role", "organization", None, [("required", "PractitionerRole.organization")]),
    ("practitioner-role", "practitioner.reference", "Patient/1",
     [("value", "PractitionerRole.practitioner"),
      ("value", "PractitionerRole.practitioner.reference")]),
    # diagnoses
    ("condition", "code.coding.0.system", "http://hl7.org/fhir/sid/icd-10",
     [("invariant", "Condition")]),
    ("condition", "category", None, [("required", "Condition.category")]),
    ("condition", "code", None,
     [("invariant", "Condition"), ("required", "Condition.code")]),
    ("condition", "recordedDate", None, [("required", "Condition.recordedDate")]),
    ("condition", "code.coding.append",
     {"system": f"{systems.VN_CORE}/CodeSystem/vn-icd10-cs", "code": "E11.8"},
     [("structure", "Condition.code.coding[1]")]),
    ("condition", "subject.reference", "Group/1", [("value", "Condition.subject")]),
    # vital signs
    ("vital-signs", "component.0.valueQuantity.code", None,
     [("invariant", "Observation"), ("code-invalid", "Observation.component[0].value"),
      ("required", "Observation.component[0].value.code")]),
    ("vital-signs", "category.0.coding.0.code", "laboratory",
     [("required", "Observation.category")]),
    ("vital-signs", "effectiveDateTime", "2026", [("invariant", "Observation.effective")]),
    ("vital-signs", "subject", None, [("required", "Observation.subject")]),
    # specimens
    ("specimen", "type", None, [("required", "Specimen.type")]),
    ("specimen", "identifier", None, [("required", "Specimen.identifier")]),
    ("specimen", "collection", {"method": {"text": "x"}},
     [("required", "Specimen.collection.collected")]),
    ("specimen", "subject.reference", "Device/1", [("value", "Specimen.subject")]),
    # insurance
    ("coverage", "identifier.0.value", "DN12345678901",
     [("invariant", "Coverage.identifier[0]"), ("value", "Coverage.identifier[0].value")]),
    ("coverage", "period", None, [("required", "Coverage.period")]),
    ("coverage", "extension.append", {
        "url": f"{systems.VN_CORE}/StructureDefinition/vn-ext-bhyt-card-type",
        "valueCodeableConcept": {"text": "x"}}, [("structure", "Coverage.extension[2]")]),
    # accesses and origins
    ("audit-event", "outcome", None, [("required", "AuditEvent.outcome")]),
    ("audit-event", "agent.0.who", None, [("required", "AuditEvent.agent[0].who")]),
    ("provenance", "activity", None, [("required", "Provenance.activity")]),
    ("provenance", "target", [], [("structure", "Provenance.target")]),
    # referrals and appointments
    ("task-referral", "status", "draft", [("code-invalid", "Task.status")]),
    ("task-referral", "status", "rejected", [("invariant", "Task")]),
    ("task-referral", "intent", "plan", [("value", "Task.intent")]),
    ("task-referral", "code.coding.0.code", "approve", [("value", "Task.code")]),
    ("task-referral", "focus.reference", "MedicationRequest/1", [("value", "Task.focus")]),
    ("task-referral", "restriction.period", {"start": "2026-09-01"},
     [("required", "Task.restriction.period.end")]),
    ("task-referral", "owner", None, [("required", "Task.owner")]),
    ("appointment", "participant.0", None, [("invariant", "Appointment")]),
    ("appointment", "end", None, [("invariant", "Appointment"), ("required", "Appointment.end")]),
    ("appointment", "participant.1.actor", None,
     [("invariant", "Appointment.participant[1]"),
      ("required", "Appointment.participant[1].actor")]),
    ("appointment", "basedOn.0.reference", "Task/1",
     [("value", "Appointment.basedOn[0]"), ("value", "Appointment.basedOn[0].reference")]),
    # documents
    ("document-reference", "masterIdentifier", None,
     [("required", "DocumentReference.masterIdentifier")]),
    ("document-reference", "content.0.attachment.url", None,
     [("invariant", "DocumentReference.content[0].attachment")]),
    ("document-reference", "custodian", None, [("required", "DocumentReference.custodian")]),
    ("document-bundle", "identifier", None,
     [("invariant", "Bundle"), ("required", "Bundle.identifier")]),
    ("document-bundle", "entry.1", None,
     [("required", "Bundle.entry"),
      ("not-found", "Bundle.entry[0].resource.subject.reference")]),
    ("document-bundle", "type", "collection", [("value", "Bundle.type")]),
]  # fmt: skip
WARNED: list[Change] = [
    ("coverage", "subscriberId", "999090000124", [("invariant", "Coverage")]),
    ("condition", "code.coding.0.code", "E119", [("invariant", "Condition.code.coding[0]")]),
    ("practitioner-role", "active", False, [("invariant", "PractitionerRole")]),
    ("specimen", "type.coding.0.code", "HAR", [("code-invalid", "Specimen.type")]),
    ("audit-event", "purposeOfEvent.0.coding.0.code", "HMARKT",
     [("code-invalid", "AuditEvent.purposeOfEvent[0]")]),
    ("vital-signs", "code.coding.0.code", "55284-4", [("code-invalid", "Observation.code")]),
]  # fmt: skip
"""What only is warned of: rules that are inferred, and value sets that others may extend."""

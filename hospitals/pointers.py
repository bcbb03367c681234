"""What a hospital tells the coordination service: where a result is, and whose it is.

A pointer is a DocumentReference without a document (IHE MHD, https://profiles.ihe.net/ITI/MHD):
who, what, when, where to ask; no value ever. The registration is the part of a Patient that tells
who a person is; nothing else of it leaves the hospital.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fhir_profiles import systems
from fhir_profiles.json_text import Tree

STATUSES: Final[Mapping[str, tuple[str, str]]] = {
    "final": ("current", "final"),
    "amended": ("current", "amended"),
    "corrected": ("current", "amended"),
    "appended": ("current", "amended"),
    "entered-in-error": ("entered-in-error", "entered-in-error"),
    "cancelled": ("entered-in-error", "entered-in-error"),
}
"""Status of a DiagnosticReport -> status and docStatus of its pointer; others are not published."""

REGISTRATION: Final = (
    "identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime address "
    "extension"
).split()


def facility_of(report: Mapping[str, Any], group: str) -> str:
    """Code of the facility that performed it; the record group itself if it does not say."""
    for performer in report.get("performer", ()):
        identifier = performer.get("identifier", {})
        if identifier.get("system") == systems.MA_CSKCB:
            return str(identifier["value"])
        type_, _, id_ = performer.get("reference", "").partition("/")
        if type_ == "Organization" and id_:
            return str(id_)
    return group


def business_identifier(resource: Mapping[str, Any], system: str) -> Tree | None:
    """The identifier of that system, as {system, value}."""
    for entry in resource.get("identifier", ()):
        if entry.get("system") == system and entry.get("value"):
            return {"system": system, "value": entry["value"]}
    return None


def pointer_of(
    report: Tree,
    patient: Tree,
    group: str,
    published: str,
    regions: Iterable[Tree] = (),
) -> Tree:
    """The pointer to a report. ValueError: it cannot be pointed to, and why.

    `published` is the moment of the first publication; `regions` are codings of body regions.
    """
    where = f"DiagnosticReport/{report.get('id')}"
    identifier = business_identifier(report, systems.result(group))
    subject = business_identifier(patient, systems.mrn(group))
    if identifier is None:
        raise ValueError(f"{where} has no identifier of {systems.result(group)}")
    if subject is None:
        raise ValueError(f"the patient of {where} has no identifier of {systems.mrn(group)}")
    status, doc_status = STATUSES[report["status"]]
    facility = facility_of(report, group)
    specimen = report.get("effectiveDateTime") or report.get("effectivePeriod", {}).get("start")
    context: Tree = {"period": {"start": specimen}} if specimen else {}
    if places := list(regions):
        context["event"] = [{"coding": places}]
    pointer: Tree = {
        "resourceType": "DocumentReference",
        "masterIdentifier": identifier,
        "status": status,
        "docStatus": doc_status,
        "type": report["code"],
        "category": report.get("category"),
        "subject": {"type": "Patient", "identifier": subject},
        "date": published,
        "custodian": {
            "reference": f"Organization/{facility}",
            "identifier": {"system": systems.MA_CSKCB, "value": facility},
        },
        "content": [{"attachment": {"contentType": "application/fhir+json", "url": where}}],
        "context": context,
    }
    return {name: value for name, value in pointer.items() if value}


def regions_of(resources: Iterable[Mapping[str, Any]]) -> list[Tree]:
    """Body regions that an order or a study names, each once."""
    concepts: list[Mapping[str, Any]] = []
    for resource in resources:
        sites = resource.get("bodySite", ())
        concepts += sites
        concepts += [
            {"coding": [s["bodySite"]]} for s in resource.get("series", ()) if "bodySite" in s
        ]
    found = {
        coding["code"]: {"system": systems.BODY_REGION, "code": coding["code"]}
        for concept in concepts
        for coding in concept.get("coding", ())
        if coding.get("system") == systems.BODY_REGION and coding.get("code")
    }
    return list(found.values())


def registration_of(patient: Tree, group: str, other: Callable[[str], Tree | None]) -> Tree:
    """The Patient as the coordination service gets it; `other` reads a Patient by its reference.

    A link to another record of this hospital goes by its record number: ids mean nothing elsewhere.
    """
    told: Tree = {"resourceType": "Patient"}
    told |= {name: patient[name] for name in REGISTRATION if name in patient}
    told["managingOrganization"] = {"reference": f"Organization/{group}"}
    links = []
    for link in patient.get("link", ()):
        linked = other(link.get("other", {}).get("reference", ""))
        number = business_identifier(linked or {}, systems.mrn(group))
        if number is not None:
            links.append({"other": {"type": "Patient", "identifier": number}, "type": link["type"]})
    if links:
        told["link"] = links
    return told

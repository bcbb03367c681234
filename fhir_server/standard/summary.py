"""$summary: the summary of a patient as a document (http://hl7.org/fhir/uv/ips, operation summary).

https://hl7.org/fhir/R4/documents.html. It is made anew for each call of what this server has and
the caller may see; nobody has signed it, and its author is this server.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.validation.narrative import XHTML
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, full_url
from fhir_server.clock import instant
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.search.compartments import types_in
from fhir_server.search.parse import parse
from fhir_server.standard.documents import document_bundle
from fhir_server.standard.graph import Key, closure, current, key_of
from fhir_server.standard.inputs import Inputs, refuse
from fhir_server.standard.summary_sections import (
    LOINC,
    SECTIONS,
    Section,
    Source,
    text,
    written,
)
from fhir_server.store.port import Version

DEFINITION: Final = "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"
PROFILES: Final = (
    "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips",
    "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips",
)
MAX_ENTRIES: Final = 100  # of one section, the latest
MAX_READ: Final = 2_000  # resources of one source
MAX_SUPPORTING: Final = 5_000
_NEVER: Final = {"graph": "the sections are those of the International Patient Summary"}
_PARTS: Final = frozenset({"Observation", "ImagingStudy", "Specimen", "Media"})  # of results


def summary() -> list[Operation]:
    """On a patient, or on the type with an `identifier`."""
    levels: tuple[Level, ...] = ("instance", "type")
    methods = ("GET", "HEAD", "POST")
    return [
        Operation("$summary", "Patient", level, _answer, DEFINITION, methods=methods)
        for level in levels
    ]


async def _answer(call: OperationCall) -> Answer:
    inputs = Inputs(call, ("identifier", "profile"), _NEVER)
    profile = inputs.text("profile")
    if profile is not None and profile.partition("|")[0] not in PROFILES:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"summaries follow {PROFILES[0]}, not {profile[:200]}",
            expression="profile",
        )
    identifier = inputs.text("identifier")
    if call.id and identifier is not None:
        refuse("identifier", "is for Patient/$summary; here the path says who")
    if not call.id and identifier is None:
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "say whose summary: Patient/[id]/$summary, or identifier=system|value",
            expression="identifier",
        )
    return Answer(body=await call.in_pool(_document, call, identifier))


def _document(call: OperationCall, identifier: str | None) -> bytes:
    patient = _patient(call, identifier)
    found = _collected(call, patient)
    composition, device = f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"
    entries = [
        BundleEntry(composition, json_text.dump(_composition(call, found, composition, device))),
        *(BundleEntry(full_url(call.base, one), one.body) for one in found.all()),
        BundleEntry(device, json_text.dump(_device(call, device))),
    ]
    return document_bundle(call, entries)


def _patient(call: OperationCall, identifier: str | None) -> Version:
    """FhirError 404, 410: nobody; 412: several."""
    if identifier is None:
        version = call.store.read("Patient", call.id)
        if version is None:
            raise FhirError(Kind.NOT_FOUND, f"there is no Patient/{call.id}")
        if version.deleted:
            raise FhirError(Kind.DELETED, f"Patient/{call.id} was deleted")
        return version
    request = parse("Patient", [("identifier", identifier)], zone=call.zone, default_count=2)
    matches = call.store.search(request).matches
    if not matches:
        raise FhirError(Kind.NOT_FOUND, "no patient has this identifier", expression="identifier")
    if len(matches) > 1:
        raise FhirError(
            Kind.MULTIPLE_MATCHES,
            "several patients have this identifier; say which: Patient/[id]/$summary",
            expression="identifier",
        )
    return matches[0]


# ---- what there is -------------------------------------------------------------------------------


@dataclass(slots=True)
class Collected:
    """The patient, the entries of each section, and what these refer to."""

    patient: Version
    tree: Tree
    sections: list[tuple[Section, list[tuple[Version, Tree]]]] = field(default_factory=list)
    supporting: dict[Key, Version] = field(default_factory=dict)

    def all(self) -> Iterator[Version]:
        seen: set[Key] = set()
        listed = [one for _, entries in self.sections for one, _ in entries]
        for version in (self.patient, *listed, *self.supporting.values()):
            if (version.type, version.id) not in seen:
                seen.add((version.type, version.id))
                yield version


def _collected(call: OperationCall, patient: Version) -> Collected:
    found = Collected(patient, json_text.parse(patient.body))
    for section in SECTIONS:
        entries = [one for source in section.sources for one in _of(call, patient, source)]
        if entries or section.always:
            found.sections.append((section, entries))
    shared = types_in("Patient")

    def follow(version: Version, key: Key) -> bool:
        results = version.type in ("DiagnosticReport", "Observation") and key[0] in _PARTS
        return results or key[0] not in shared

    supporting = closure(call.store, found.all(), call.base, limit=MAX_SUPPORTING, follow=follow)
    if supporting is None:
        raise FhirError(
            Kind.TOO_COSTLY,
            f"the entries of this summary refer to more than {MAX_SUPPORTING} resources",
        )
    found.supporting = supporting
    return found


def _of(call: OperationCall, patient: Version, source: Source) -> list[tuple[Version, Tree]]:
    """What a section holds of one kind, the latest that there is room for."""
    query = [(source.patient, f"Patient/{patient.id}"), *source.query]
    request = parse(source.type, query, zone=call.zone, base=call.base, default_count=500)
    kept: list[tuple[Version, Tree]] = []
    cursor: str | None = None
    read = 0
    while read < MAX_READ and len(kept) < MAX_ENTRIES:
        page = call.store.search(replace(request, cursor=cursor, total="none"))
        trees = ((version, json_text.parse(version.body)) for version in page.matches)
        kept += [(version, tree) for version, tree in trees if source.keeps(tree)]
        read += len(page.matches)
        cursor = page.next
        if cursor is None:
            break
    return kept[:MAX_ENTRIES]


# ---- the composition -----------------------------------------------------------------------------


def _composition(call: OperationCall, found: Collected, url: str, device: str) -> Tree:
    now = instant(call.clock.now())
    name = shown_name(found.tree) or found.patient.id
    tree: Tree = {
        "resourceType": "Composition",
        "id": url.removeprefix("urn:uuid:"),
        "text": {
            "status": "generated",
            "div": f'<div xmlns="{XHTML}"><p>Patient summary of {text(name)}, {now}</p></div>',
        },
        "status": "final",
        "type": {
            "coding": [{"system": LOINC, "code": "60591-5", "display": "Patient summary Document"}]
        },
        "subject": {"reference": full_url(call.base, found.patient)},
        "date": now,
        "author": [{"reference": device}],
        "title": f"Patient summary of {name}",
        "confidentiality": "N",
    }
    if keeper := _keeper(call, found.tree):
        tree["custodian"] = {"reference": keeper}
    tree["section"] = [
        written(
            section,
            call.base,
            [(f"{version.type}/{version.id}", one) for version, one in entries],
        )
        for section, entries in found.sections
    ]
    return tree


def _keeper(call: OperationCall, patient: Tree) -> str:
    """The organization that keeps the record, if it is on this server."""
    reference = patient.get("managingOrganization")
    named = reference.get("reference") if isinstance(reference, dict) else None
    key = key_of(named, call.base) if isinstance(named, str) else None
    there = current(call.store, key) if key and key[0] == "Organization" else None
    return full_url(call.base, there) if there else ""


def shown_name(patient: Tree) -> str:
    """The first name of a patient, in one line."""
    names = patient.get("name")
    first = names[0] if isinstance(names, list) and names else None
    if not isinstance(first, dict):
        return ""
    if isinstance(first.get("text"), str):
        return str(first["text"])
    given = first.get("given")
    words = [*(given if isinstance(given, list) else []), first.get("family")]
    return " ".join(word for word in words if isinstance(word, str))


def _device(call: OperationCall, url: str) -> Tree:
    """This server, as the author."""
    return {
        "resourceType": "Device",
        "id": url.removeprefix("urn:uuid:"),
        "deviceName": [{"name": f"FHIR server {call.base}", "type": "user-friendly-name"}],
    }

"""$everything: all about a patient or an encounter.

https://hl7.org/fhir/R4/patient-operation-everything.html and
https://hl7.org/fhir/R4/encounter-operation-everything.html. What lies in the compartment is a
match; what that refers to (practitioners, organizations, medications, Binaries ...) is included.

A `next` link begins behind the last resource of its page, in the order of kind, type and id: what
is written meanwhile neither repeats nor hides anything else.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, NamedTuple
from urllib.parse import quote

import orjson

from fhir_profiles.definitions.compartments import compartments
from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.page_tokens import PARAMETER
from fhir_server.search.compartments import types_in, within
from fhir_server.search.conditions import condition
from fhir_server.search.params.date import interval, microseconds, zoneless
from fhir_server.search.params.query_text import Reading
from fhir_server.search.request import AnyOf, Check, Condition, Match, SearchRequest
from fhir_server.standard.graph import Key, closure
from fhir_server.standard.inputs import Inputs, refuse
from fhir_server.store.port import EVERYTHING, Version

PATIENT_DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
ENCOUNTER_DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Encounter-everything"
MAX_PAGE: Final = 5_000  # entries of one bundle
MAX_ALL: Final = 20_000  # resources of one answer, on all its pages
_STEP: Final = 500  # read from the store at once
_NAMES: Final = frozenset({"_since", "_type", "_count", PARAMETER})

# Where a type says when care was given; types without a row are there whatever the dates are.
CARE_DATES: Final = {
    "Account": "period",
    "AdverseEvent": "date",
    "Appointment": "date",
    "CarePlan": "date",
    "CareTeam": "date",
    "ChargeItem": "occurrence",
    "Claim": "created",
    "ClaimResponse": "created",
    "ClinicalImpression": "date",
    "Communication": "sent",
    "CommunicationRequest": "authored",
    "Composition": "date",
    "Condition": "onset-date",
    "CoverageEligibilityRequest": "created",
    "CoverageEligibilityResponse": "created",
    "DetectedIssue": "identified",
    "DeviceRequest": "authored-on",
    "DiagnosticReport": "date",
    "DocumentManifest": "created",
    "DocumentReference": "date",
    "Encounter": "date",
    "EpisodeOfCare": "date",
    "ExplanationOfBenefit": "created",
    "Flag": "date",
    "Goal": "start-date",
    "ImagingStudy": "started",
    "Immunization": "date",
    "ImmunizationEvaluation": "date",
    "ImmunizationRecommendation": "date",
    "Invoice": "date",
    "List": "date",
    "MeasureReport": "date",
    "Media": "created",
    "MedicationAdministration": "effective-time",
    "MedicationDispense": "whenhandedover",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "NutritionOrder": "datetime",
    "Observation": "date",
    "Procedure": "date",
    "Provenance": "recorded",
    "QuestionnaireResponse": "authored",
    "RequestGroup": "authored",
    "RiskAssessment": "date",
    "ServiceRequest": "authored",
    "Specimen": "collected",
    "SupplyRequest": "date",
    "VisionPrescription": "datewritten",
}


def everything() -> list[Operation]:
    """On a patient, on all patients that the caller sees, on an encounter."""
    places: list[tuple[str, Level, str]] = [
        ("Patient", "instance", PATIENT_DEFINITION),
        ("Patient", "type", PATIENT_DEFINITION),
        ("Encounter", "instance", ENCOUNTER_DEFINITION),
    ]
    return [
        Operation("$everything", on, level, _answer, definition, methods=("GET", "HEAD", "POST"))
        for on, level, definition in places
    ]


class Place(NamedTuple):
    """Where a resource stands in the answer: the focus, its compartment, what these refer to."""

    rank: int
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The inputs. `types` is empty for all; `since` is in microseconds, exclusive."""

    start: str = ""
    end: str = ""
    since: str = ""
    types: frozenset[str] = frozenset()
    count: int | None = None
    after: Place | None = None

    def wants(self, version: Version) -> bool:
        return not self.types or version.type in self.types


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_bundle, call)


def _bundle(call: OperationCall) -> Answer:
    asked = _asked(call)
    if call.id:
        _require_there(call)
    if asked.count == 0:
        total = sum(1 for place, _ in _all(call, asked) if place.rank < 2)
        return Answer(body=bundle("searchset", [], links=[_link(call, asked, "self")], total=total))
    found = _all(call, asked)
    rest = [one for one in found if asked.after is None or one[0] > asked.after]
    page = rest[: min(asked.count or MAX_PAGE, MAX_PAGE)]
    links = [_link(call, asked, "self")]
    if len(page) < len(rest):
        links.append(_link(call, replace(asked, after=page[-1][0]), "next"))
    entries = [
        BundleEntry(
            full_url(call.base, version), version.body, "include" if place.rank == 2 else "match"
        )
        for place, version in page
    ]
    total = sum(1 for place, _ in found if place.rank < 2)
    return Answer(body=bundle("searchset", entries, links=links, total=total))


def _require_there(call: OperationCall) -> None:
    version = call.store.read(call.type, call.id)
    if version is None:
        raise FhirError(Kind.NOT_FOUND, f"there is no {call.type}/{call.id}")
    if version.deleted:
        raise FhirError(Kind.DELETED, f"{call.type}/{call.id} was deleted")


# ---- inputs --------------------------------------------------------------------------------------


def _asked(call: OperationCall) -> Asked:
    """FhirError 400: an input that is unknown, or cannot be read."""
    dated = frozenset({"start", "end"}) if call.type == "Patient" else frozenset()
    inputs = Inputs(call, _NAMES | dated)
    start, end = (inputs.text(name) or "" if name in dated else "" for name in ("start", "end"))
    for name, text in (("start", start), ("end", end)):
        if text:
            _moment(call, name, text)
    since = inputs.text("_since") or ""
    if since and "T" not in since:
        refuse("_since", "is an instant like 2026-03-01T08:30:00+07:00")
    if since:
        _moment(call, "_since", since)
    words = [word for text in inputs.texts("_type") for word in text.split(",")]
    for word in words:
        if word not in resource_types():
            refuse("_type", f"names resource types; R4 has none named {word[:80]!r}")
    token = inputs.text(PARAMETER)
    return Asked(
        start,
        end,
        since,
        frozenset(words),
        inputs.number("_count"),
        _place(token) if token else None,
    )


def _moment(call: OperationCall, name: str, text: str) -> tuple[int, int]:
    try:
        return interval(text, call.zone)
    except ValueError:
        refuse(name, f"is a date like 2026-03-01, not {text[:80]!r}")


def _place(token: str) -> Place:
    try:
        rank, type_, id_ = orjson.loads(base64.urlsafe_b64decode(token.encode("ascii")))
        if isinstance(rank, int) and isinstance(type_, str) and isinstance(id_, str):
            return Place(rank, type_, id_)
    except (ValueError, TypeError, binascii.Error):
        pass
    raise FhirError(
        Kind.BAD_PARAMETER,
        f"{PARAMETER} is not of a link of ours; begin with the first page",
        expression=PARAMETER,
    )


def _link(call: OperationCall, asked: Asked, relation: str) -> tuple[str, str]:
    given = {
        "start": asked.start,
        "end": asked.end,
        "_since": asked.since,
        "_type": ",".join(sorted(asked.types)),
        "_count": "" if asked.count is None else str(asked.count),
    }
    if asked.after is not None:
        given[PARAMETER] = base64.urlsafe_b64encode(orjson.dumps([*asked.after])).decode()
    query = "&".join(f"{name}={quote(value, safe=':,=')}" for name, value in given.items() if value)
    path = "/".join(part for part in (call.base, call.type, call.id, "$everything") if part)
    return relation, f"{path}?{query}" if query else path


# ---- what there is -------------------------------------------------------------------------------


def _all(call: OperationCall, asked: Asked) -> list[tuple[Place, Version]]:
    """All that belongs to the answer, in its order. FhirError 400: too much."""
    known = types_in(call.type)
    # Only types of the compartment itself can be found without reading all that may refer.
    narrow = call.type == "Patient" and 0 < len(asked.types) == len(asked.types & set(known))
    inside: dict[Key, Version] = {}
    # Who looked at the record is no part of it, unless somebody asks for that.
    usual = [type_ for type_ in known if type_ != "AuditEvent" or type_ in asked.types]
    for type_ in sorted(asked.types) if narrow else usual:
        for version in _of_type(call, asked, type_):
            inside[version.type, version.id] = version
            _bounded(len(inside))
    outside: dict[Key, Version] | None = {}
    if not narrow:
        outside = closure(
            call.store,
            inside.values(),
            call.base,
            limit=MAX_ALL,
            follow=lambda version, key: _follows(call, version, key, inside),
        )
    _bounded(MAX_ALL + 1 if outside is None else len(inside) + len(outside))
    found = [
        (Place(0 if _in_focus(call, key) else 1, *key), version) for key, version in inside.items()
    ]
    found += [(Place(2, *key), version) for key, version in (outside or {}).items()]
    since = _moment(call, "_since", asked.since)[0] if asked.since else None
    return sorted(
        one
        for one in found
        if asked.wants(one[1]) and (since is None or microseconds(one[1].updated) > since)
    )


def _in_focus(call: OperationCall, key: Key) -> bool:
    """A patient who is linked to another one lies in the compartment of that one too."""
    return key == (call.type, call.id) if call.id else key[0] == call.type


def _follows(call: OperationCall, version: Version, key: Key, inside: Collection[Key]) -> bool:
    """Whether a reference leads to what supports this record, and not into another one."""
    here = version.type, version.id
    if here == ("Encounter", call.id) and call.type == "Encounter":
        return True  # its diagnoses, episodes and appointments
    return key[0] not in _members(call.type if here in inside else "Patient")


@cache
def _members(compartment: str) -> frozenset[str]:
    return frozenset(types_in(compartment))


def _bounded(count: int) -> None:
    if count > MAX_ALL:
        raise FhirError(
            Kind.TOO_COSTLY,
            f"there are more than {MAX_ALL} resources; ask for some of them by _type, start, end "
            "or _since, or for an export ($export)",
        )


def _of_type(call: OperationCall, asked: Asked, type_: str) -> Iterator[Version]:
    conditions = [_inside(call, type_), *_dates(call, asked, type_)]
    dated = type_ in CARE_DATES and any(zoneless(text) for text in (asked.start, asked.end) if text)
    zone = call.zone if dated else None  # then the store has to read dates as we do
    request = SearchRequest(type_, tuple(conditions), count=_STEP, zone=zone, total="none")
    cursor: str | None = None
    while True:
        found = call.store.search(replace(request, cursor=cursor))
        yield from found.matches
        cursor = found.next
        if cursor is None:
            return


def _inside(call: OperationCall, type_: str) -> Condition:
    if call.id:
        return within(call.type, call.id, type_)
    if type_ == call.type:
        return EVERYTHING
    to_anybody = (Check("type", "=", call.type),)
    names = compartments()[call.type].get(type_, ())
    return AnyOf(tuple((Match("reference", f"{type_}.{name}", (to_anybody,)),) for name in names))


def _dates(call: OperationCall, asked: Asked, type_: str) -> Iterator[Condition]:
    """Care within the range, or without a date."""
    name = CARE_DATES.get(type_)
    if name is None:
        return
    reading = Reading(call.zone, call.base, call.clock.now())
    for prefix, text in (("ge", asked.start), ("le", asked.end)):
        if text:
            dated = condition(type_, name, f"{prefix}{text}", reading)
            undated = condition(type_, f"{name}:missing", "true", reading)
            yield AnyOf(((dated,), (undated,)))

"""read: the newest version of a resource (https://hl7.org/fhir/R4/http.html#read)."""

from __future__ import annotations

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer, resource, version_headers
from fhir_server.call import Call
from fhir_server.dispatch import BINARY
from fhir_server.interactions.binary import native as native_content
from fhir_server.interactions.conditional_read import unchanged
from fhir_server.negotiation import not_acceptable
from fhir_server.store.port import Version
from fhir_server.subjects import patient_of_body
from fhir_server.subsets import subset, wanted


def read(call: Call) -> Answer:
    """200; 304 if the client has this version; 404 never there, 410 deleted."""
    return shown(call, current(call))


def current(call: Call) -> Version:
    """The newest version. FhirError 404, 410: there is none."""
    version = call.reader.read(call.type, call.require_id())
    if version is None:
        raise unknown(call)
    if version.deleted:
        raise FhirError(
            Kind.DELETED,
            f"{call.type}/{call.id} was deleted; its versions are at "
            f"{call.type}/{call.id}/_history",
        )
    return version


def unknown(call: Call) -> FhirError:
    return FhirError(Kind.NOT_FOUND, f"there is no {call.type}/{call.id} here")


def shown(call: Call, version: Version) -> Answer:
    """A version as the client wants to see it: whole, in part, or, of a Binary, its content."""
    if call.query:
        call.require_known("_elements", "_summary")
    if call.engine.audit is not None:
        call.patient = patient_of_body(version.type, version.id, version.body)
        call.version = str(version.version)
    if unchanged(call, version):
        return Answer(304, headers=version_headers(version), version=version)
    if version.type == BINARY and (native := native_content(call, version)):
        return native
    if not call.format.media:
        raise not_acceptable("Accept", call.headers.get("accept", ""))
    answer = resource(version)
    if call.query:
        elements, summary = wanted(call.type, call.query)
        answer.body = subset(answer.body, call.type, elements, summary)
    return answer

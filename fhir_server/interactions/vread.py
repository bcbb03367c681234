"""vread: one version of a resource (https://hl7.org/fhir/R4/http.html#vread)."""

from __future__ import annotations

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions.read import shown
from fhir_server.store.port import Version

MAX_VERSION = 2**31  # more than any resource has; larger numbers are not worth asking the store


def vread(call: Call) -> Answer:
    """200; 304 if the client has it; 404 no such version, 410 the version is a deletion."""
    version = found(call)
    if version is None:
        raise FhirError(
            Kind.NOT_FOUND,
            f"{call.type}/{call.id} has no version {call.version[:40]!r}; "
            f"those it has are at {call.type}/{call.id}/_history",
        )
    if version.deleted:
        raise FhirError(
            Kind.DELETED,
            f"version {call.version} is the deletion of {call.type}/{call.id}; it has no content",
        )
    return shown(call, version)


def found(call: Call) -> Version | None:
    id_, number = call.require_id(), call.version
    if not number.isascii() or not number.isdecimal() or len(number) > 10:
        return None
    if not 0 < int(number) < MAX_VERSION:
        return None
    return call.reader.vread(call.type, id_, int(number))

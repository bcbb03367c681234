"""Conditions on a write: which resource is meant, and is it still the one the client knows.

https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #concurrency. All of it runs inside the
write transaction, so that two clients with the same condition cannot both find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.call import Call
from fhir_server.negotiation import etags, pairs
from fhir_server.search.parse import parse
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Reader, Version

_RESULT_PARAMETERS = ("_sort", "_count", "_include", "_revinclude", "_total", "_elements")


def criteria_of(call: Call, type_: str, given: str | Sequence[tuple[str, str]]) -> SearchRequest:
    """The search that says which resource is meant. FhirError 400: it says nothing, or too much."""
    query = pairs(given) if isinstance(given, str) else given
    for name, _ in query:
        if name.partition(":")[0] in _RESULT_PARAMETERS:
            raise FhirError(
                Kind.BAD_PARAMETER, f"{name} does not say which resource is meant; leave it out"
            )
    options = call.engine.options
    # Lenient handling would drop a condition and so mean more resources than the client does.
    request = parse(type_, query, zone=options.zone, base=call.base, now=call.engine.clock.now())
    if not request.conditions:
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "the condition is empty, it would mean every resource; "
            f"name for example {type_}?identifier=system|value",
        )
    return request


def only_match(reader: Reader, request: SearchRequest) -> Version | None:
    """The one resource that meets the condition. FhirError 412: there are several."""
    found = matches(reader, request, limit=1)
    return found[0] if found else None


def matches(reader: Reader, request: SearchRequest, *, limit: int) -> list[Version]:
    """All that meet the condition. FhirError 412: they are more than may be meant."""
    found = reader.search(replace(request, count=limit + 1)).matches
    if len(found) > limit:
        many = "several" if limit == 1 else f"more than {limit}"
        raise FhirError(
            Kind.MULTIPLE_MATCHES,
            f"{many} {request.type} resources meet the condition; make it say which one is meant",
        )
    return found


def require_state(current: Version | None, headers: Mapping[str, str], where: str) -> None:
    """If-Match and If-None-Match of a write. FhirError 412: the resource is in another state."""
    there = current is not None and not current.deleted
    now = f"it is at version {current.version}" if current and there else "it is not there"
    if wanted := headers.get("if-match"):
        versions = etags(wanted)
        if not there or not ((current and str(current.version) in versions) or "*" in versions):
            raise FhirError(
                Kind.PRECONDITION,
                f"If-Match asks for {wanted[:40]} of {where}, but {now}; "
                "read it again and decide anew",
            )
    if unwanted := headers.get("if-none-match"):
        versions = etags(unwanted)
        if there and current and ("*" in versions or str(current.version) in versions):
            raise FhirError(
                Kind.PRECONDITION, f"If-None-Match refuses {unwanted[:40]} of {where}, but {now}"
            )

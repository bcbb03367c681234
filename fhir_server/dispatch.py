"""From a call to its answer: what is checked before every interaction, and then the interaction.

Requests and the entries of a batch come through here; https://hl7.org/fhir/R4/http.html#summary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from fhir_profiles.definitions import tables
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.audit_events import TYPE as AUDIT_EVENT
from fhir_server.audit_events import render_pending
from fhir_server.call import Call
from fhir_server.routing import Methods, Runs

BINARY: Final = "Binary"
_NAMED: Final = 12  # types that a message lists
SEARCHES: Final = frozenset({"search-system", "search-compartment"})
READS: Final = frozenset(
    {
        "read",
        "vread",
        "history-instance",
        "history-type",
        "history-system",
        "search-type",
        *SEARCHES,
    }
)


def allowed(methods: Methods) -> list[str]:
    """For the header Allow."""
    names = [method for method, interaction in methods.items() if interaction.supported]
    return sorted({*names, "HEAD"}) if "GET" in names else sorted(names)


def nowhere() -> FhirError:
    """404 for a path that does not exist."""
    return FhirError(
        Kind.NOT_FOUND, "nothing is at this path; [base]/metadata says what this server can do"
    )


def require_served(call: Call) -> None:
    """FhirError 404: a type that is not here; 405: a type that clients do not write."""
    type_ = call.type
    if not type_:
        return
    capabilities = call.engine.capabilities
    served = capabilities.served
    if type_ not in served:
        raise FhirError(Kind.UNKNOWN_TYPE, _unknown_type(type_, served))
    if call.compartment and call.compartment not in {"*", *tables.resource_types()}:
        raise nowhere()
    if capabilities.refuses(type_, call.interaction.code):
        raise FhirError(
            Kind.METHOD_NOT_ALLOWED,
            f"{call.interaction.code} is not possible for {type_} here; it can be read",
        )


def _unknown_type(type_: str, served: frozenset[str]) -> str:
    if type_ in tables.resource_types():
        names = sorted(served)
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return f"{type_} is not served here; {', '.join(names[:_NAMED])}{more} are"
    near = next((name for name in served if name.lower() == type_.lower()), None)
    hint = f"did you mean {near}?" if near else "[base]/metadata lists those that it serves"
    return f"R4 has no resource type {type_[:80]!r}; {hint}"


async def perform(call: Call) -> Answer:
    """The answer to a call whose type is served here. FhirError: whatever is wrong with it."""
    audit = call.engine.audit
    if audit is not None and call.interaction.code in READS and _may_show_the_trail(call):
        await call.in_pool(render_pending, audit)
    if call.type == BINARY and call.interaction.runs is Runs.INLINE:
        return await call.in_pool(call.interaction.answer, call)  # may hold megabytes of base64
    return await call.interaction.perform(call)


def _may_show_the_trail(call: Call) -> bool:
    if AUDIT_EVENT not in call.engine.capabilities.served:
        return False
    return (
        call.type in ("", AUDIT_EVENT)
        or call.compartment in ("*", AUDIT_EVENT)
        or _asks_for_the_trail(call.query_text)
        or (bool(call.body) and _asks_for_the_trail(call.body.decode("latin-1")))
    )


def _asks_for_the_trail(query: str) -> bool:
    """Named in a _has or _revinclude, or meant by all of them. Any other _revinclude is spared
    the wait for what may be thousands of rows after a large load."""
    text = unquote(query) if "%" in query else query
    return AUDIT_EVENT in text or ("_revinclude" in text and "*" in text)


def fill(call: Call, names: Mapping[str, str]) -> None:
    """Takes the names out of a path."""
    call.type = names.get("type", "")
    call.id = names.get("id", "")
    call.version = names.get("version", "")
    call.operation = names.get("operation", "")
    call.compartment = names.get("compartment", "")

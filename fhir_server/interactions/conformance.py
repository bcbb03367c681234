"""capabilities: what this server can do (https://hl7.org/fhir/R4/http.html#capabilities)."""

from __future__ import annotations

from typing import Final

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.capabilities import capability_statement
from fhir_server.clock import instant
from fhir_server.stored_terms import stored_and_shipped
from fhir_server.terminology_capabilities import terminology_capabilities

_MOST_KEPT: Final = 8


def capabilities(call: Call) -> Answer:
    """The CapabilityStatement, or for `mode=terminology` the TerminologyCapabilities."""
    call.require_known("mode")
    modes = {value for name, value in call.query if name == "mode"}
    if unknown := modes - {"full", "normative", "terminology"}:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"mode is full, normative or terminology, not {min(unknown)[:40]!r}",
        )
    if "terminology" in modes:
        return Answer(body=json_text.dump(_terminology(call)))
    kept = call.engine.statements
    if call.base not in kept:
        if len(kept) >= _MOST_KEPT:  # an address made from what a client says may be anything
            kept.clear()
        kept[call.base] = json_text.dump(_statement(call))
    return Answer(body=kept[call.base])


def _statement(call: Call) -> Tree:
    """Half a megabyte that changes with the program only; `date` says when it was made."""
    engine = call.engine
    return capability_statement(
        engine.capabilities,
        engine.table,
        engine.operations,
        base=call.base,
        date=instant(engine.clock.now()),
        delete_multiple=engine.options.delete_multiple > 1,
    )


def _terminology(call: Call) -> Tree:
    engine = call.engine
    return terminology_capabilities(
        engine.capabilities,
        engine.operations,
        stored_and_shipped(call.store, engine.options.zone),
        base=call.base,
        date=instant(engine.clock.now()),
    )

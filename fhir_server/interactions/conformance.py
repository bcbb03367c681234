"""capabilities: what this server can do (https://hl7.org/fhir/R4/http.html#capabilities)."""

from __future__ import annotations

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.capabilities import capability_statement
from fhir_server.clock import instant


def capabilities(call: Call) -> Answer:
    """The CapabilityStatement; `mode` may ask for it by name."""
    for name, value in call.query:
        if name == "mode" and value == "terminology":
            raise not_supported.error("terminology-capabilities")
        if name == "mode" and value not in ("full", "normative"):
            raise FhirError(Kind.BAD_PARAMETER, f"mode is full or normative, not {value[:40]!r}")
    call.require_known("mode")
    engine = call.engine
    statement = capability_statement(
        engine.capabilities,
        engine.table,
        engine.operations,
        base=call.base,
        date=instant(engine.clock.now()),
    )
    return Answer(body=json_text.dump(statement))

"""search over all types, or those in `_type` (https://hl7.org/fhir/R4/http.html#search)."""

from __future__ import annotations

from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions.search import Where, carried_out, read_form


def search_system(call: Call) -> Answer:
    """A searchset of several types; 400 for a parameter that one of the types does not have."""
    return carried_out(call, Where("", sorted(call.engine.capabilities.served)))


def search_system_post(call: Call) -> Answer:
    read_form(call)
    return search_system(call)

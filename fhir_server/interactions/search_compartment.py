"""search in a compartment: GET [base]/Patient/1/Observation?code=x, GET [base]/Patient/1/*.

https://hl7.org/fhir/R4/http.html#vsearch and https://hl7.org/fhir/R4/compartmentdefinition.html.
Whether the resource is there, and may be seen, changes nothing: what lies in its compartment is
found by what refers to it, as far as the caller sees that.
"""

from __future__ import annotations

from fhir_profiles.definitions import tables
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions.search import Where, carried_out, read_form
from fhir_server.search.compartments import types_in


def search_compartment(call: Call) -> Answer:
    """404: R4 has no such compartment, or the type is not served; 400: it has no such type."""
    id_, wanted = call.require_id(), call.compartment
    inside, served = types_in(call.type), call.engine.capabilities.served
    if wanted != "*" and wanted in tables.resource_types() and wanted not in served:
        raise FhirError(Kind.UNKNOWN_TYPE, f"{wanted} is not served here")
    if call.type == "Patient":
        call.patient = f"Patient/{id_}"
    types = wanted if wanted != "*" else [one for one in inside if one in served]
    return carried_out(call, Where(f"{call.type}/{id_}/{wanted}", types, (call.type, id_)))


def search_compartment_post(call: Call) -> Answer:
    read_form(call)
    return search_compartment(call)

"""What lies in a compartment, as a condition (https://hl7.org/fhir/R4/compartmentdefinition.html)."""

from __future__ import annotations

from fhir_profiles.definitions.compartments import OWN, compartments
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parameters import full_name
from fhir_server.search.request import AnyOf, Check, Match


def types_in(compartment: str) -> tuple[str, ...]:
    """Resource types that can lie in a compartment. FhirError 404: R4 has no such compartment."""
    known = compartments()
    if compartment not in known:
        raise FhirError(
            Kind.NOT_FOUND,
            f"{compartment} has no compartment; {', '.join(sorted(known))} have one",
        )
    return tuple(sorted({*known[compartment], compartment}))


def within(compartment: str, id_: str, type_: str) -> AnyOf:
    """Of resources of a type those in the compartment of this one.

    FhirError 400: resources of that type are in none of them.
    """
    if type_ not in types_in(compartment):
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{type_} is not part of the {compartment} compartment, so nothing would ever be "
            f"found; these types are: {', '.join(types_in(compartment))}",
        )
    here = (Check("target", "=", id_), Check("type", "=", compartment))
    names = compartments()[compartment].get(type_, ())
    found = [Match("reference", full_name(type_, name), (here,)) for name in names if name != OWN]
    if type_ == compartment:  # a resource lies in its own compartment
        found.append(Match("resource", "", ((Check("id", "=", id_),),)))
    return AnyOf(tuple((one,) for one in found))

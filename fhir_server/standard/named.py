"""The value set that an operation is about (https://hl7.org/fhir/R4/valueset-operations.html)."""

from __future__ import annotations

from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.reading import TermError
from fhir_profiles.terminology.value_set import ValueSet
from fhir_server.operations import OperationCall
from fhir_server.standard.inputs import Inputs, stored


def named_value_set(call: OperationCall, inputs: Inputs, terms: Terminology) -> ValueSet:
    """By its id, by `url` and `valueSetVersion`, or sent as `valueSet`.

    FhirError 400: it is not said which, or in several ways; TermError: it is not known.
    """
    url, sent = inputs.text("url"), inputs.resource("valueSet", "ValueSet")
    version = inputs.text("valueSetVersion")
    if sum(one is not None for one in (url, sent, call.id or None)) > 1:
        raise FhirError(Kind.BAD_PARAMETER, "one value set at a time: an id, url or valueSet")
    if call.id:
        return ValueSet(stored(call))
    if sent is not None:
        return ValueSet(sent)
    if url is None:
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "say which value set: by url, as valueSet, or in the path: ValueSet/[id]/$...",
            expression="url",
        )
    found = terms.value_set(f"{url}|{version}" if version and "|" not in url else url)
    if found is None:
        raise TermError("unknown", f"there is no value set {url[:200]} here")
    return found

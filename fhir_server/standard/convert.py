"""$convert: a resource in the other format (https://hl7.org/fhir/R4/resource-operation-convert.html).

The body may be JSON or XML, and Accept or _format say what is wanted; nothing is stored. What the
other format could not hold is refused: the structure is checked before.
"""

from __future__ import annotations

from typing import Final

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bodies import require_valid
from fhir_server.operations import Operation, OperationCall
from fhir_server.standard.inputs import Inputs
from fhir_server.store.port import Document

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Resource-convert"


def convert() -> list[Operation]:
    """On the system."""
    return [Operation("$convert", "", "system", _answer, DEFINITION)]


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_converted, call)


def _converted(call: OperationCall) -> Answer:
    """The body as it came: whoever sends the answer writes it as the client wants it."""
    if call.query:
        raise FhirError(
            Kind.UNKNOWN_PARAMETER,
            f"$convert has no input {call.query[0][0][:80]!r} in the address; send the resource as "
            "the body, and say by Accept or _format how you want it",
        )
    if call.document is None:
        raise FhirError(Kind.MISSING_PARAMETER, "send the resource as the body", expression="input")
    require_valid(call.document, "structure")
    inner = _wrapped(call)
    return Answer(body=inner.body if inner else call.document.body)


def _wrapped(call: OperationCall) -> Document | None:
    """The input inside of Parameters; any other Parameters are a resource like all others."""
    tree = call.document.tree if call.document else {}
    parts = tree.get("parameter", [])
    if tree.get("resourceType") != "Parameters" or [one.get("name") for one in parts] != ["input"]:
        return None
    found = Inputs(call, ("input",)).tree("input")
    if found is None or "resourceType" not in found:
        return None
    return Document(found, json_text.dump(found))

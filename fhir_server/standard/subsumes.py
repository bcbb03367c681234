"""$subsumes: how two codes stand to each other.

https://hl7.org/fhir/R4/codesystem-operation-subsumes.html
"""

from __future__ import annotations

from typing import Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.reading import TermError
from fhir_server.answers import Answer
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.inputs import Inputs, coding, error, output, parameters, stored
from fhir_server.stored_terms import stored_and_shipped

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes"

_NAMES: Final = frozenset("codeA codeB system version codingA codingB".split())


def subsumes() -> list[Operation]:
    """On the type and on an instance."""
    levels: tuple[Level, ...] = ("type", "instance")
    methods = ("GET", "HEAD", "POST")
    return [
        Operation("$subsumes", "CodeSystem", level, _answer, DEFINITION, methods=methods)
        for level in levels
    ]


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_compared, call)


def _compared(call: OperationCall) -> Answer:
    inputs = Inputs(call, _NAMES)
    terms = stored_and_shipped(call.store, call.zone)
    version = inputs.text("version")
    named = {inputs.text("system")}
    codes = []
    for letter in "AB":
        system, code, its_version = _asked(inputs, letter)
        codes.append(code)
        named.add(system)
        version = version or its_version
    if call.id:
        tree = stored(call)
        terms = terms.extended([tree])
        named.add(str(tree.get("url")))
        version = str(tree["version"]) if "version" in tree else None
    systems = named - {None}
    if len(systems) != 1:
        raise FhirError(
            Kind.BAD_PARAMETER if systems else Kind.MISSING_PARAMETER,
            "the codes are of one code system, named by system or in both codings",
            expression="system",
        )
    try:
        outcome = terms.subsumes(str(systems.pop()), *codes, version=version)
    except TermError as trouble:
        raise error(trouble) from None
    return parameters(output("outcome", "valueCode", outcome))


def _asked(inputs: Inputs, letter: str) -> tuple[str | None, str, str | None]:
    """System, code and version of one side. FhirError 400: it is missing, or there twice."""
    code, one = inputs.text(f"code{letter}"), inputs.tree(f"coding{letter}")
    if (code is None) == (one is None):
        raise FhirError(
            Kind.MISSING_PARAMETER if code is None else Kind.BAD_PARAMETER,
            f"either code{letter} or coding{letter} says which code is meant",
            expression=f"code{letter}",
        )
    if one is None:
        return None, code or "", None
    system, its_code, _, version = coding(one, f"coding{letter}")
    return system, its_code, version

"""$translate: a code in the codes of another system, by concept maps.

https://hl7.org/fhir/R4/conceptmap-operation-translate.html
"""

from __future__ import annotations

from typing import Final

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.concept_map import ConceptMap, Translation
from fhir_profiles.terminology.reading import TermError, text
from fhir_server.answers import Answer
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.inputs import (
    Inputs,
    coding,
    codings,
    error,
    output,
    parameters,
    stored,
)
from fhir_server.stored_terms import stored_and_shipped

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/ConceptMap-translate"
MAX_MATCHES: Final = 1000

_NAMES: Final = frozenset(
    """url conceptMap conceptMapVersion code system version source coding codeableConcept target
    targetsystem dependency reverse""".split()
)

Coded = tuple[str | None, str]


def translate() -> list[Operation]:
    """On the type, by a map or by all maps between two value sets; and on an instance."""
    levels: tuple[Level, ...] = ("type", "instance")
    methods = ("GET", "HEAD", "POST")
    return [
        Operation("$translate", "ConceptMap", level, _answer, DEFINITION, methods=methods)
        for level in levels
    ]


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_translated, call)


def _translated(call: OperationCall) -> Answer:
    inputs = Inputs(call, _NAMES)
    terms = stored_and_shipped(call.store, call.zone)
    given = _dependencies(call)
    try:
        found = _found(call, inputs, terms)
    except TermError as trouble:
        raise error(trouble, "url") from None
    kept: list[Translation] = []
    open_: list[Translation] = []
    for one in found:
        (kept if _holds(one, given) else open_).append(one)
    if len(kept) > MAX_MATCHES:
        raise FhirError(Kind.TOO_COSTLY, f"{len(kept)} matches; name a map by its url")
    result = any(one.matches for one in kept)
    said = ""
    if not result:
        said = "no map here has a match for this code"
        if open_:
            said = "what the maps have depends on " + ", ".join(
                sorted({str(part.get("property")) for one in open_ for part in one.depends_on})[:10]
            )
        elif kept:
            said = "the maps say that this code has no match"
    return parameters(
        output("result", "valueBoolean", result),
        output("message", "valueString", said),
        *(_match(one, terms) for one in kept),
    )


def _found(call: OperationCall, inputs: Inputs, terms: Terminology) -> list[Translation]:
    concept_map = _map(call, inputs)
    source, target = inputs.text("source"), inputs.text("target")
    to_system, reverse = inputs.text("targetsystem"), inputs.flag("reverse")
    if concept_map is None and not (source or target or to_system):
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "say by which map: url, conceptMap or ConceptMap/[id]/$translate; "
            "or between what: source, target, targetsystem",
            expression="url",
        )
    found: list[Translation] = []
    for system, code in _asked(inputs):
        found += terms.translate(
            system,
            code,
            concept_map=concept_map,
            source=source if concept_map is None else None,
            target=target if concept_map is None else None,
            target_system=to_system,
            reverse=reverse,
        )
    return found


def _map(call: OperationCall, inputs: Inputs) -> str | ConceptMap | None:
    """The one that is named. FhirError 400: several are."""
    url, sent = inputs.text("url"), inputs.resource("conceptMap", "ConceptMap")
    version = inputs.text("conceptMapVersion")
    if sum(one is not None for one in (url, sent, call.id or None)) > 1:
        raise FhirError(Kind.BAD_PARAMETER, "one concept map at a time: an id, url or conceptMap")
    if call.id:
        return ConceptMap(stored(call))
    if sent is not None:
        return ConceptMap(sent)
    return f"{url}|{version}" if url and version and "|" not in url else url


def _asked(inputs: Inputs) -> list[Coded]:
    """What is to be translated. FhirError 400: nothing, or it is said in several ways at once."""
    code, one = inputs.text("code"), inputs.tree("coding")
    several = inputs.tree("codeableConcept")
    if sum(given is not None for given in (code, one, several)) != 1:
        raise FhirError(
            Kind.MISSING_PARAMETER if code is one is several is None else Kind.BAD_PARAMETER,
            "one of code with system, coding and codeableConcept says what to translate",
            expression="code",
        )
    if code is not None:
        return [(inputs.require_text("system"), code)]
    trees = [one] if one is not None else codings(several or {}, "codeableConcept")
    return [coding(tree, "coding")[:2] for tree in trees]


# ---- what a translation depends on ---------------------------------------------------------------


def _dependencies(call: OperationCall) -> dict[str, list[Coded]]:
    """Element -> codes that it has."""
    found: dict[str, list[Coded]] = {}
    for parts in call.parameters("dependency"):
        named = (
            {p.get("name"): p for p in parts if isinstance(p, dict)}
            if isinstance(parts, list)
            else {}
        )
        element = text(named.get("element", {}).get("valueUri"))
        concept = named.get("concept", {}).get("valueCodeableConcept")
        if element is None or not isinstance(concept, dict):
            raise FhirError(
                Kind.BAD_PARAMETER,
                "a dependency has the parts element (valueUri) and concept (valueCodeableConcept)",
                expression="dependency",
            )
        for tree in codings(concept, "dependency.concept"):
            found.setdefault(element, []).append(coding(tree, "dependency.concept.coding")[:2])
    return found


def _holds(one: Translation, given: dict[str, list[Coded]]) -> bool:
    return all(
        any(
            code == part.get("value") and part.get("system") in (None, system)
            for system, code in given.get(str(part.get("property")), ())
        )
        for part in one.depends_on
    )


# ---- the answer ----------------------------------------------------------------------------------


def _match(one: Translation, terms: Terminology) -> Tree:
    concept = {
        "system": one.system,
        "code": one.code,
        "display": one.display or terms.display(one.system or "", one.code or ""),
    }
    kept = {name: value for name, value in concept.items() if value is not None}
    parts = [
        output("equivalence", "valueCode", one.equivalence),
        output("concept", "valueCoding", kept if one.code is not None else None),
        *(_product(part) for part in one.product),
        output("source", "valueUri", one.source),
    ]
    return {"name": "match", "part": [part for part in parts if part is not None]}


def _product(tree: Tree) -> Tree:
    """What else comes out, as the element that it is for and its code."""
    concept = {
        "system": text(tree.get("system")),
        "code": text(tree.get("value")),
        "display": text(tree.get("display")),
    }
    kept = {name: value for name, value in concept.items() if value is not None}
    parts = [
        output("element", "valueUri", text(tree.get("property"))),
        output("concept", "valueCoding", kept or None),
    ]
    return {"name": "product", "part": [part for part in parts if part is not None]}

"""$lookup: what a code means (https://hl7.org/fhir/R4/codesystem-operation-lookup.html)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.terminology.code_system import CodeSystem, Concept, speaks
from fhir_profiles.terminology.membership import System
from fhir_profiles.terminology.reading import text, trees
from fhir_server.answers import Answer
from fhir_server.operations import Operation, OperationCall
from fhir_server.standard.inputs import Inputs, coding, output, parameters
from fhir_server.stored_terms import stored_and_shipped

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"

_NAMES: Final = frozenset("code system version coding displayLanguage property".split())
_NEVER: Final = {"date": "only what is known now is looked up"}
_VALUES: Final = ("code", "Coding", "string", "integer", "boolean", "dateTime", "decimal")


def lookup() -> list[Operation]:
    """On the type."""
    methods = ("GET", "HEAD", "POST")
    return [Operation("$lookup", "CodeSystem", "type", _answer, DEFINITION, methods=methods)]


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_looked_up, call)


def _looked_up(call: OperationCall) -> Answer:
    inputs = Inputs(call, _NAMES, _NEVER)
    url, code, version = _asked(inputs)
    system = stored_and_shipped(call.store, call.zone).system(url, version)
    if system is None or (isinstance(system, CodeSystem) and not system.listed):
        of = f" in version {version[:80]}" if version else ""
        raise FhirError(
            Kind.NOT_FOUND,
            f"the codes of {url[:200]} are not here{of}; "
            "[base]/metadata?mode=terminology lists the code systems that are",
            expression="system",
        )
    concept = system.find(code)
    if concept is None:
        raise FhirError(
            Kind.NOT_FOUND, f"{url[:200]} has no code {code[:200]!r} here", expression="code"
        )
    language, wanted = inputs.text("displayLanguage"), frozenset(inputs.texts("property"))
    name = (system.title or system.name) if isinstance(system, CodeSystem) else system.title
    return parameters(
        output("name", "valueString", name or system.url),
        output("version", "valueString", system.version),
        output("display", "valueString", concept.named(language) or concept.code),
        *_designations(concept, language, wanted),
        *_properties(system, concept, wanted),
    )


def _asked(inputs: Inputs) -> tuple[str, str, str | None]:
    """System, code and version. FhirError 400: they are missing, or said twice."""
    one = inputs.tree("coding")
    if one is None:
        return inputs.require_text("system"), inputs.require_text("code"), inputs.text("version")
    if inputs.text("code") is not None:
        raise FhirError(Kind.BAD_PARAMETER, "either code and system, or coding", expression="code")
    system, code, _, version = coding(one, "coding")
    if system is None:
        raise FhirError(Kind.MISSING_PARAMETER, "coding has no system", expression="coding.system")
    return system, code, version or inputs.text("version")


def _designations(concept: Concept, language: str | None, wanted: frozenset[str]) -> Iterator[Tree]:
    languages = [one.removeprefix("lang.") for one in wanted if one.startswith("lang.")]
    if wanted and "designation" not in wanted and not languages:
        return
    for one in concept.designations():
        if languages and "designation" not in wanted:
            if not any(speaks(one, each) for each in languages):
                continue
        elif language and not speaks(one, language) and "language" in one:
            continue
        parts = [
            output("language", "valueCode", text(one.get("language"))),
            output("use", "valueCoding", one.get("use")),
            output("value", "valueString", one["value"]),
        ]
        yield {"name": "designation", "part": [part for part in parts if part is not None]}


def _properties(system: System, concept: Concept, wanted: frozenset[str]) -> Iterator[Tree]:
    """Definition, place in the hierarchy, state, and whatever the system tells of its codes."""
    found: list[tuple[str, str, Any, str | None]] = []
    if isinstance(system, CodeSystem):
        found.append(("definition", "valueString", system.definition(concept.code), None))
        for name, codes in (("parent", concept.parents), ("child", concept.children)):
            found += [(name, "valueCode", code, system.display(code)) for code in codes]
    found.append(("inactive", "valueBoolean", concept.inactive, None))
    if concept.abstract:
        found.append(("notSelectable", "valueBoolean", True, None))
    told = {name for name, *_ in found}
    for one in trees(concept.tree.get("property")):
        own = text(one.get("code"))
        if own is not None and own not in told:
            found += [(own, type_, value, None) for type_, value in _value(one)]
    for name, type_, value, description in found:
        if value is not None and (not wanted or name in wanted):
            parts = [
                output("code", "valueCode", name),
                output("value", type_, value),
                output("description", "valueString", description),
            ]
            yield {"name": "property", "part": [part for part in parts if part is not None]}


def _value(tree: Tree) -> Iterator[tuple[str, Any]]:
    for type_ in _VALUES:
        name = f"value{type_[0].upper()}{type_[1:]}"
        if name in tree:
            yield name, tree[name]

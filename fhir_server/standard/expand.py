"""$expand: the codes of a value set (https://hl7.org/fhir/R4/valueset-operation-expand.html)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.code_system import speaks
from fhir_profiles.terminology.expanding import Contained, Expansion
from fhir_profiles.terminology.pinned import Pinned
from fhir_profiles.terminology.reading import TermError
from fhir_server.answers import Answer
from fhir_server.clock import instant
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.inputs import Inputs, error, refuse
from fhir_server.standard.named import named_value_set
from fhir_server.stored_terms import stored_and_shipped

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"
MAX_ANSWER: Final = 10_000  # codes in one answer
MAX_WORDS: Final = 500

_PINS: Final = ("system-version", "check-system-version", "force-system-version")
_NAMES: Final = frozenset(
    """url valueSet valueSetVersion filter offset count includeDesignations designation
    includeDefinition activeOnly excludeNested excludeNotForUI excludePostCoordinated
    displayLanguage exclude-system""".split()
).union(_PINS)
_NEVER: Final = {
    "context": "name the value set by its url",
    "contextDirection": "name the value set by its url",
    "profile": "ask with the inputs that an expansion profile would stand for",
    "date": "only what is known now is expanded",
}


def expand() -> list[Operation]:
    """On the type, for a value set named or sent; and on an instance."""
    levels: tuple[Level, ...] = ("type", "instance")
    return [
        Operation(
            "$expand", "ValueSet", level, _answer, DEFINITION, methods=("GET", "HEAD", "POST")
        )
        for level in levels
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    words: str
    offset: int
    count: int | None
    paged: bool
    designations: tuple[str, ...] | None  # None: without; (): all
    definition: bool
    active_only: bool
    nested: bool
    choosable: bool  # without headings
    language: str | None
    without: tuple[str, ...]  # systems


async def _answer(call: OperationCall) -> Answer:
    return Answer(tree=await call.in_pool(_expanded, call))


def _expanded(call: OperationCall) -> Tree:
    inputs = Inputs(call, _NAMES, _NEVER)
    asked = _asked(inputs)
    terms = stored_and_shipped(call.store, call.zone)
    try:
        value_set = named_value_set(call, inputs, terms)
        pins = {name: inputs.texts(name) for name in _PINS}
        known = Pinned(terms, *pins.values()) if any(pins.values()) else terms
        whole = known.expansion(value_set)
        found = whole.narrowed(asked.words, asked.active_only, asked.language)
        contains = tuple(
            one
            for one in found.contains
            if one.system not in asked.without and not (asked.choosable and one.abstract)
        )
        found = replace(found, contains=contains)
        return _resource(call, found, asked, terms)
    except TermError as trouble:
        raise error(trouble) from None


def _asked(inputs: Inputs) -> Asked:
    offset, count = inputs.number("offset"), inputs.number("count")
    words = inputs.text("filter") or ""
    if len(words) > MAX_WORDS:
        refuse("filter", f"has at most {MAX_WORDS} characters")
    listed = inputs.texts("designation")
    wanted = inputs.flag("includeDesignations") or bool(listed)
    return Asked(
        words=words,
        offset=offset or 0,
        count=count,
        paged=offset is not None or count is not None,
        designations=tuple(listed) if wanted else None,
        definition=inputs.flag("includeDefinition"),
        active_only=inputs.flag("activeOnly"),
        nested=not inputs.flag("excludeNested", default=True),
        choosable=inputs.flag("excludeNotForUI"),
        language=inputs.text("displayLanguage"),
        without=tuple(one.partition("|")[0] for one in inputs.texts("exclude-system")),
    )


def _resource(call: OperationCall, found: Expansion, asked: Asked, terms: Terminology) -> Tree:
    total = len(found.contains)
    most = total if asked.count is None else asked.count
    if not asked.paged and total > MAX_ANSWER:
        raise TermError(
            "too-costly",
            f"the value set has {total} codes; ask for them in pages with offset and count, "
            f"of at most {MAX_ANSWER}, or with a filter",
        )
    page = found.contains[asked.offset :][: min(most, MAX_ANSWER)]
    tree = found.value_set.tree
    kept = {name: value for name, value in tree.items() if name not in ("compose", "expansion")}
    kept.setdefault("resourceType", "ValueSet")
    kept.setdefault("status", "active")
    if asked.definition and "compose" in tree:
        kept["compose"] = tree["compose"]
    expansion: Tree = {
        "identifier": f"urn:uuid:{uuid.uuid4()}",
        "timestamp": instant(call.clock.now()),
        "total": total,
    }
    if asked.paged:
        expansion["offset"] = asked.offset
    if told := _told(asked, found, terms):
        expansion["parameter"] = told
    listed = list(page)
    if asked.nested and not asked.paged:
        listed = found.nested(terms)
    if listed:
        expansion["contains"] = [_contained(one, asked) for one in listed]
    return {**kept, "expansion": expansion}


def _told(asked: Asked, found: Expansion, terms: Terminology) -> list[Tree]:
    """What the expansion depends on: the inputs, and the code systems as they were."""
    given: list[tuple[str, str, Any]] = [
        ("filter", "valueString", asked.words or None),
        ("count", "valueInteger", asked.count),
        ("offset", "valueInteger", asked.offset if asked.paged else None),
        ("activeOnly", "valueBoolean", asked.active_only or None),
        ("includeDesignations", "valueBoolean", None if asked.designations is None else True),
        ("excludeNotForUI", "valueBoolean", asked.choosable or None),
        ("displayLanguage", "valueCode", asked.language),
        *(("exclude-system", "valueUri", one) for one in asked.without),
        *(("version", "valueUri", one) for one in found.used),
        *(("used-fragment", "valueUri", one) for one in found.used if _partly(one, terms)),
    ]
    return [{"name": name, type_: value} for name, type_, value in given if value is not None]


def _partly(canonical: str, terms: Terminology) -> bool:
    system = terms.code_system(canonical)
    return system is not None and not system.complete


def _contained(one: Contained, asked: Asked) -> Tree:
    tree: Tree = {"system": one.system} if one.system else {}
    if one.abstract:
        tree["abstract"] = True
    if one.inactive:
        tree["inactive"] = True
    if one.version:
        tree["version"] = one.version
    tree["code"] = one.code
    if one.display:
        tree["display"] = one.display
    if kept := _designations(one, asked.designations):
        tree["designation"] = kept
    if one.contains:
        tree["contains"] = [_contained(inside, asked) for inside in one.contains]
    return tree


def _designations(one: Contained, wanted: tuple[str, ...] | None) -> list[Tree]:
    """All, or those of a language (`nl`, `urn:ietf:bcp:47|nl`) or of a use (`system|code`)."""
    if wanted is None:
        return []
    return [d for d in one.designations if not wanted or any(_wanted(d, word) for word in wanted)]


def _wanted(designation: Tree, word: str) -> bool:
    system, bar, code = word.rpartition("|")
    if not bar or system == "urn:ietf:bcp:47":
        return speaks(designation, code)
    use = designation.get("use")
    return isinstance(use, dict) and (use.get("system"), use.get("code")) == (system, code)

"""What FHIR R4 defines, from compiled tables (https://hl7.org/fhir/R4/structuredefinition.html).

The tables in `r4/` are written by `fhir_profiles.definitions.compiler` and say there where they
come from. A part is read when somebody first asks for it; importing this module reads nothing.

Search expressions (https://hl7.org/fhir/R4/searchparameter-registry.html) are valid FHIRPath in
one normal form. With `name` for an element and `Type` for a type that is

    expression = branch { " | " branch }      each branch begins with the type that it is for
    branch     = Type { step }                ("Resource" for _id, _lastUpdated, _tag ...)
    step       = "." name                     all values of an element; of a choice, all types
               | "[0]"                        the first (Bundle.entry[0].resource)
               | ".ofType(" Type ")"          one type of the choice before it
               | ".where(" name "='" text "')"      telecom.where(system='email')
               | ".where(resolve() is " Type ")"    references to resources of that type

and one single exception, `Patient.deceased.exists() and Patient.deceased != false`. Expressions of
components are relative (`code`, `value.ofType(Quantity) | value.ofType(Range)`), and may begin with
`%resource` (MolecularSequence).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import orjson

FHIR_VERSION: Final = "4.0.1"
FOLDER: Final = Path(__file__).with_name("r4")
DECEASED: Final = "Patient.deceased.exists() and Patient.deceased != false"

Kind = Literal["resource", "backbone", "datatype"]


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON name that may stand in a structure.

    `min` and `max` (None: any number) count values; a name of a choice has min 0 and names its
    `choice` (`value` for valueQuantity). `content` is the structure inside, where that is no type
    of its own (`Patient.contact`). `binding` is a value set whose codes are required.
    """

    name: str
    types: tuple[str, ...]
    min: int = 0
    max: int | None = 1
    targets: tuple[str, ...] = ()
    binding: str | None = None
    content: str | None = None
    choice: str = ""
    summary: bool = False


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource type, a data type or the inside of a backbone element (`Patient.contact`).

    `elements` by JSON name in the order of the specification, choices written out; `choices` has
    the names of each choice; `required` holds names, and choices, that need a value.
    """

    name: str
    kind: Kind
    elements: Mapping[str, Element]
    choices: Mapping[str, tuple[str, ...]]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Component:
    """One half of a composite parameter; `code` is the parameter that says how to compare."""

    code: str
    type: str
    url: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter of one resource type; the normal form of `expression` is written above."""

    code: str
    type: str
    url: str
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    name: str = ""


@cache
def resource_types() -> frozenset[str]:
    """The 146 resource types that can be instances."""
    return frozenset(name for name, entry in _structures().items() if entry["kind"] == "resource")


@cache
def primitive_types() -> frozenset[str]:
    """Types whose JSON is one value: string, date, code, xhtml ..."""
    return frozenset(_part("primitives"))


@cache
def structure(name: str) -> Structure:
    """What may stand in a resource type, a data type or a backbone element. KeyError if unknown."""
    entry = _structures()[name]
    elements: dict[str, Element] = {}
    choices: dict[str, tuple[str, ...]] = {}
    required = []
    for path, facts in entry["elements"].items():
        stem = path.removesuffix("[x]")
        if facts.get("min"):
            required.append(stem)
        written = [_element(stem, facts)] if stem == path else _choice(stem, facts)
        elements.update((element.name, element) for element in written)
        if stem != path:
            choices[stem] = tuple(element.name for element in written)
    return Structure(
        name, entry["kind"], MappingProxyType(elements), MappingProxyType(choices), tuple(required)
    )


def _element(name: str, facts: Mapping[str, Any]) -> Element:
    most = facts.get("max", 1)
    return Element(
        name,
        types=_types(facts["types"]),
        min=facts.get("min", 0),
        max=None if most == "*" else most,
        targets=_words(facts.get("targets")),
        binding=facts.get("binding"),
        content=facts.get("content"),
        summary=facts.get("summary", False),
    )


def _choice(stem: str, facts: Mapping[str, Any]) -> list[Element]:
    """`value[x]` as valueQuantity, valueString ...; each may be left out."""
    return [
        Element(
            stem + type_[0].upper() + type_[1:],
            types=(type_,),
            targets=_words(facts.get("targets")) if type_ == "Reference" else (),
            binding=facts.get("binding") if type_ in ("code", "CodeableConcept") else None,
            choice=stem,
            summary=facts.get("summary", False),
        )
        for type_ in _types(facts["types"])
    ]


def _types(text: str) -> tuple[str, ...]:
    return _words(_part("open_types") if text == "*" else text)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(text.split()) if text else ()


# ---- search parameters -------------------------------------------------------------------------


@cache
def search_parameters(type_: str) -> Mapping[str, SearchParameter]:
    """By code: those of the type, then those of every type (_id, _lastUpdated, _tag ...).

    KeyError if there is no such type. Without an expression, and so not here: _text, _content,
    _query.
    """
    if type_ != "Resource" and type_ not in resource_types():
        raise KeyError(type_)
    found = {}
    for url, facts in _search()["parameters"].items():
        for owner in dict.fromkeys((type_, "Resource")):
            if owner in facts["expressions"]:
                parameter = _parameter(url, facts, facts["expressions"][owner])
                found[parameter.code] = parameter
    own = {code: one for code, one in found.items() if not code.startswith("_")}
    return MappingProxyType(own | found)


def _parameter(url: str, facts: Mapping[str, Any], expression: str) -> SearchParameter:
    return SearchParameter(
        facts["code"],
        facts["type"],
        url,
        expression,
        targets=_words(facts.get("targets")),
        components=tuple(Component(**component) for component in facts.get("components", ())),
        name=facts["name"],
    )


# ---- required codes ----------------------------------------------------------------------------


@cache
def required_systems(value_set_url: str) -> Mapping[str, frozenset[str]] | None:
    """Codes by system of a value set that some element requires; None if they cannot be listed."""
    systems = _value_sets().get(value_set_url)
    if systems is None:
        return None
    return MappingProxyType({system: frozenset(words.split()) for system, words in systems.items()})


@cache
def required_codes(value_set_url: str) -> frozenset[str] | None:
    """All codes of such a value set; None if they cannot be listed (MIME types, currencies)."""
    systems = required_systems(value_set_url)
    return None if systems is None else frozenset().union(*systems.values())


# ---- the files ---------------------------------------------------------------------------------


def _part(name: str) -> Any:
    return _file("structures")[name]


def _structures() -> dict[str, Any]:
    return _part("structures")


def _search() -> dict[str, Any]:
    return _file("search_parameters")


def _value_sets() -> dict[str, Any]:
    return _file("value_sets")["value_sets"]


@cache
def _file(name: str) -> dict[str, Any]:
    return orjson.loads((FOLDER / f"{name}.json").read_bytes())


def source() -> dict[str, Any]:
    """Where the tables come from: package, hash, licence, what was left out and why."""
    return _file("source")

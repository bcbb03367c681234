"""Invariants and bindings of R4 by element, and R4's own profiles and extensions.

https://hl7.org/fhir/R4/elementdefinition.html; the tables are written by `rule_compiler` and read
when somebody first asks.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import orjson

from fhir_profiles.definitions.tables import FOLDER


@dataclass(frozen=True, slots=True)
class Constraint:
    """One invariant: a FHIRPath expression that has to be true of its element."""

    key: str
    severity: str
    human: str
    expression: str


@dataclass(frozen=True, slots=True)
class Binding:
    """Codes of an element come from a value set; `largest` is the set that none may leave."""

    strength: str
    value_set: str | None = None
    largest: str | None = None


@dataclass(frozen=True, slots=True)
class ElementRules:
    """What holds for one element beside its structure; `simple`: a quantity without comparator."""

    constraints: tuple[Constraint, ...] = ()
    binding: Binding | None = None
    simple: bool = False


@cache
def element_rules(path: str) -> ElementRules | None:
    """Of an element or a type, by its path in the definition (`Observation.value[x]`, `Period`)."""
    facts = _file("element_rules")["elements"].get(path)
    if facts is None:
        return None
    return ElementRules(
        tuple(Constraint(**one) for one in facts.get("constraints", ())),
        binding_of(facts.get("binding")),
        facts.get("simple", False),
    )


def binding_of(facts: Mapping[str, str] | None) -> Binding | None:
    if not facts:
        return None
    value_set, largest = facts.get("valueSet"), facts.get("largest")
    return Binding(
        facts["strength"],
        value_set.partition("|")[0] if value_set else None,
        largest.partition("|")[0] if largest else None,
    )


@cache
def base_of(type_: str) -> str | None:
    """The data type that another one is made from (Age from Quantity)."""
    return _file("element_rules")["bases"].get(type_)


@cache
def shipped_profiles() -> Mapping[str, Mapping[str, Any]]:
    """R4's own profiles and extensions by canonical URL, as their differentials."""
    return MappingProxyType(_file("profiles")["profiles"])


@cache
def _file(name: str) -> dict[str, Any]:
    packed = (FOLDER / f"{name}.json.xz").read_bytes()
    return orjson.loads(lzma.decompress(packed))

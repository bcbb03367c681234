"""Structures made ready for checking: by JSON name, what may stand there and how it is tested.

Compiled once per structure from `definitions.tables` (https://hl7.org/fhir/R4/json.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from fhir_profiles.definitions.tables import (
    Element,
    Structure,
    primitive_types,
    required_codes,
    required_systems,
    structure,
)
from fhir_profiles.validation.primitives import TESTS, Problem, Test, shown

MANY_CODES: Final = 25  # codes that a message lists


@dataclass(slots=True)
class Rule:
    """What stands under one JSON name. `test` for primitives, `inside` for everything else."""

    name: str  # in FHIRPath: `value` for valueQuantity, `birthDate` for _birthDate
    type: str
    many: bool
    test: Test | None = None
    inside: str = ""
    choice: str = ""
    companion: bool = False  # `_birthDate`: id and extensions of a primitive
    targets: frozenset[str] | None = None
    systems: Mapping[str, frozenset[str]] | None = None
    binding: str = ""


@dataclass(slots=True)
class Rules:
    """A structure: rules by JSON name, and the names that need a value."""

    structure: Structure
    by_name: dict[str, Rule] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    required_choices: tuple[str, ...] = ()
    bare: bool = False  # an id alone is enough: `_birthDate`, beside the value


@cache
def rules(name: str) -> Rules:
    """KeyError if there is no such structure."""
    found = structure(name)
    compiled = Rules(
        found,
        required=tuple(one for one in found.required if one not in found.choices),
        required_choices=tuple(one for one in found.required if one in found.choices),
        bare=name == "Element",
    )
    for element in found.elements.values():
        rule = _rule(element)
        compiled.by_name[element.name] = rule
        if rule.test is not None and element.types != ("xhtml",):
            compiled.by_name[f"_{element.name}"] = Rule(
                rule.name,
                "Element",
                rule.many,
                inside="Element",
                choice=rule.choice,
                companion=True,
            )
    return compiled


def _rule(element: Element) -> Rule:
    type_ = element.types[0]
    rule = Rule(
        element.choice or element.name,
        type_,
        element.max is None or element.max > 1,
        choice=element.choice,
        inside=element.content or type_,
    )
    if type_ in primitive_types():
        rule.test, rule.inside = _test(type_, element.binding), ""
    elif type_ == "Reference" and element.targets and "Resource" not in element.targets:
        rule.targets = frozenset(element.targets)
    elif type_ == "CodeableConcept" and element.binding:
        rule.systems, rule.binding = required_systems(element.binding), element.binding
    return rule


def _test(type_: str, binding: str | None) -> Test:
    codes = required_codes(binding) if binding else None
    return TESTS[type_] if codes is None else _code_test(codes)


@cache
def _code_test(codes: frozenset[str]) -> Test:
    form = TESTS["code"]
    known = ", ".join(sorted(codes)[:MANY_CODES])
    more = f" and {len(codes) - MANY_CODES} more" if len(codes) > MANY_CODES else ""

    def test(value: Any) -> Problem | None:
        if type(value) is str and value in codes:
            return None
        return form(value) or (
            "code-invalid",
            f"expected one of {known}{more}, found {shown(value)}",
        )

    return test

"""Types made ready for the full check: which invariants, bindings and targets hold where.

Compiled once per structure from `definitions` (https://hl7.org/fhir/R4/elementdefinition.html).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Final

from fhir_profiles.definitions.element_rules import (
    Binding,
    Constraint,
    ElementRules,
    base_of,
    element_rules,
)
from fhir_profiles.definitions.tables import (
    Element,
    primitive_types,
    required_codes,
    structure,
)
from fhir_profiles.validation.constraints import ELSEWHERE, needs

_SIMPLE: Final = Constraint(
    "sqty-1", "error", "The comparator is not used on a SimpleQuantity", "comparator.empty()"
)
CODED: Final = frozenset(
    "code Coding CodeableConcept Quantity Age Distance Duration string uri".split()
)

Asked = tuple[Constraint, frozenset[str] | None]
"""An invariant, and the JSON names without any of which it is true."""


@dataclass(slots=True)
class Member:
    """What is checked of the values under one JSON name."""

    name: str  # in FHIRPath
    path: str  # in the definition: `Observation.value[x]`
    type: str
    inside: str  # structure to walk into; "" for a primitive
    checks: tuple[Asked, ...] = ()
    binding: Binding | None = None
    targets: frozenset[str] | None = None
    companion: bool = False


@dataclass(slots=True)
class Plan:
    checks: tuple[Asked, ...] = ()
    members: dict[str, Member] = field(default_factory=dict)


@cache
def plan(name: str) -> Plan:
    """KeyError: there is no such structure."""
    known = structure(name)
    constraints: list[Constraint] = []
    here: str | None = name
    while here:
        rules = element_rules(here)
        constraints = [*(rules.constraints if rules else ()), *constraints]
        here = base_of(here)
    made = Plan(_asked(constraints, name))
    for element in known.elements.values():
        _add(made, name, element)
    return made


def _asked(constraints: list[Constraint], type_: str) -> tuple[Asked, ...]:
    return tuple(
        (one, needs(one.expression, type_)) for one in constraints if one.key not in ELSEWHERE
    )


def _add(made: Plan, owner: str, element: Element) -> None:
    type_ = element.types[0]
    stem = element.choice or element.name
    path = f"{owner}.{stem}[x]" if element.choice else f"{owner}.{stem}"
    rules = element_rules(path) if element.content != path else None
    if rules is None and structure(owner).kind == "resource":
        rules = element_rules(f"Resource.{stem}")
    primitive = type_ in primitive_types()
    inside = "" if primitive else element.content or type_
    checks = _asked(list(rules.constraints) if rules else [], type_)
    if rules and rules.simple and type_ == "Quantity":
        checks += _asked([_SIMPLE], type_)
    member = Member(stem, path, type_, inside, checks, _binding(rules, element, type_))
    if type_ == "Reference" and element.targets and "Resource" not in element.targets:
        member.targets = frozenset(element.targets)
    if inside or checks or member.binding:
        made.members[element.name] = member
    if primitive and type_ != "xhtml":
        made.members[f"_{element.name}"] = Member(stem, path, type_, "Element", companion=True)


def _binding(rules: ElementRules | None, element: Element, type_: str) -> Binding | None:
    """Without what the structure walk holds: required codes that can be listed."""
    binding = rules.binding if rules else None
    if binding is None and (of_type := element_rules(type_)) is not None:
        binding = of_type.binding  # Age, Duration: the units of the type
    if binding is None or type_ not in CODED:
        return None
    listed = (
        binding.strength == "required"
        and type_ in ("code", "CodeableConcept")
        and element.binding is not None
        and required_codes(element.binding) is not None
    )
    if listed and binding.largest is None:
        return None
    return binding

"""Filters of a value set: which concepts of a code system it takes.

https://hl7.org/fhir/R4/valueset-filter-operator.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.code_system import CodeSystem, Concept
from fhir_profiles.terminology.patterns import Pattern
from fhir_profiles.terminology.reading import TermError, text

OPERATORS: Final = (
    "=",
    "is-a",
    "descendent-of",
    "is-not-a",
    "regex",
    "in",
    "not-in",
    "generalizes",
    "exists",
)
CODE: Final = frozenset({"concept", "code"})
MAX_STEPS: Final = 2_000_000  # of one regex over all codes of a system: about a second
MAX_KEPT: Final = 64  # filters of one system whose codes are remembered
pattern = lru_cache(maxsize=256)(Pattern)


@dataclass(frozen=True, slots=True)
class Filter:
    property: str
    op: str
    value: str


def read_filter(tree: Tree) -> Filter:
    return Filter(*(text(tree.get(name)) or "" for name in ("property", "op", "value")))


def taken(one: Filter, system: CodeSystem) -> frozenset[str]:
    """The codes of this system that the filter takes. TermError: it cannot be applied."""
    kept = system.taken.get(one)
    if kept is None:
        if len(system.taken) >= MAX_KEPT:
            system.taken.clear()
        kept = system.taken[one] = _taken(one, system)
    return kept


def _taken(one: Filter, system: CodeSystem) -> frozenset[str]:
    if one.op not in OPERATORS:
        known = ", ".join(OPERATORS)
        raise TermError("invalid", f"a filter has the operator {one.op[:40]!r}; known are {known}")
    if one.op == "is-a":
        return system.descendants(one.value)
    if one.op == "descendent-of":
        return system.descendants(one.value) - {_own(system, one.value)}
    if one.op == "is-not-a":
        return frozenset(system.concepts) - system.descendants(one.value)
    if one.op == "generalizes":
        return system.ancestors(one.value)
    test = _test(one)
    return frozenset(
        concept.code
        for concept in system.concepts.values()
        if test(values(one.property, concept, system))
    )


def _test(one: Filter) -> Callable[[Iterator[str]], bool]:
    """The filter as a question to what a concept has under its property."""
    if one.op == "exists":
        wanted = one.value == "true"
        return lambda found: any(True for _ in found) is wanted
    if one.op == "regex":
        compiled, budget = pattern(one.value), Budget(MAX_STEPS)
        return lambda found: any(compiled.matches(value, budget.spend) for value in found)
    listed = frozenset(
        (word.strip() for word in one.value.split(",")) if one.op != "=" else (one.value,)
    )
    if one.op == "not-in":
        return listed.isdisjoint
    return lambda found: not listed.isdisjoint(found)


class Budget:
    """Steps that may still be taken. TermError: all are spent."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TermError("too-costly", "a regex takes too long over the codes of its system")


def values(name: str, concept: Concept, system: CodeSystem) -> Iterator[str]:
    """What a concept has under a property, as text."""
    if name in CODE:
        yield concept.code
    elif name == "display":
        yield from (concept.display,) if concept.display is not None else ()
    elif name == "definition":
        defined = system.definition(concept.code)
        yield from (defined,) if defined is not None else ()
    elif name == "designation":
        yield from concept.names()
    elif name == "parent":
        yield from concept.parents
    elif name == "child":
        yield from concept.children
    else:
        for code, value in concept.properties():
            if code == name:
                yield as_text(value)


def as_text(value: Any) -> str:
    """A property's value in the words of a filter: true, 7, a code of a Coding."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return text(value.get("code")) or ""
    return str(value) if isinstance(value, (str, int, Decimal)) else ""


def _own(system: CodeSystem, code: str) -> str:
    found = system.find(code)
    return code if found is None else found.code

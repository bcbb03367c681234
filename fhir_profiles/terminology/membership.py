"""Whether a code is in a value set: yes, no, or not to be told here.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from fhir_profiles.terminology import filters
from fhir_profiles.terminology.code_system import CodeSystem, Concept
from fhir_profiles.terminology.reading import TermError
from fhir_profiles.terminology.rules import RuleSystem
from fhir_profiles.terminology.units import canonical_unit
from fhir_profiles.terminology.value_set import Part, ValueSet

MAX_IMPORTS: Final = 40  # value sets that include each other, one in the other

System = CodeSystem | RuleSystem


class Known(Protocol):
    """Finds what a value set speaks of."""

    def system(self, url: str, version: str | None = None) -> System | None: ...

    def value_set(self, canonical: str) -> ValueSet | None: ...


def contains(
    value_set: ValueSet, system: str | None, code: str, known: Known, *, abstract: bool = False
) -> bool | None:
    """`system` None: of whatever system. `abstract`: headings count too, where all codes do."""
    return _Question(system, code, known, abstract).value_set(value_set, ())


def part_holds(
    part: Part, system: str | None, code: str, known: Known, seen: tuple[str, ...] = ()
) -> bool | None:
    """The same for one include or exclude, headings counted."""
    return _Question(system, code, known, True).part(part, seen)


class _Question:
    def __init__(self, system: str | None, code: str, known: Known, abstract: bool) -> None:
        self._system, self._code, self._known = system, code, known
        self._abstract = abstract
        self._told: dict[str, bool | None] = {}  # by value set: it may be included many times

    def value_set(self, value_set: ValueSet, seen: tuple[str, ...]) -> bool | None:
        key = value_set.canonical
        if not key:
            return self._composed(value_set, seen)
        if key not in self._told:
            self._told[key] = None  # what it is while it includes itself
            self._told[key] = self._composed(value_set, seen)
        return self._told[key]

    def _composed(self, value_set: ValueSet, seen: tuple[str, ...]) -> bool | None:
        if value_set.canonical in seen or len(seen) > MAX_IMPORTS:
            return None
        inside = (*seen, value_set.canonical)
        answer = _any(self.part(one, inside) for one in value_set.include)
        if answer is not False and value_set.exclude:
            out = _any(self.part(one, inside) for one in value_set.exclude)
            answer = _all((answer, None if out is None else not out))
        if answer is not False and value_set.active_only and self._inactive(value_set):
            return False
        if answer is None or not value_set.include:
            return self._ready(value_set)
        return answer

    def _ready(self, value_set: ValueSet) -> bool | None:
        """By the expansion that came with the value set."""
        listed = value_set.ready()
        if listed is None:
            return None
        return any(
            one.get("code") == self._code
            and self._system in (None, one.get("system"))
            and one.get("abstract") is not True
            for one in listed
        )

    def _inactive(self, value_set: ValueSet) -> bool:
        found = self._concept(*one_system(self._system, value_set))
        return found is not None and found.inactive

    def part(self, part: Part, seen: tuple[str, ...]) -> bool | None:
        if part.system is None and not part.value_sets:
            return None
        answers = [self._imported(url, seen) for url in part.value_sets]
        if part.system is not None:
            answers.append(self._of_system(part))
        return _all(answers)

    def _imported(self, canonical: str, seen: tuple[str, ...]) -> bool | None:
        found = self._known.value_set(canonical)
        return None if found is None else self.value_set(found, seen)

    def _of_system(self, part: Part) -> bool | None:
        if self._system not in (None, part.system):
            return False
        if part.concepts is not None:
            return self._code in part.concepts or self._other_case(part)
        system = self._known.system(part.system or "", part.version)
        if system is None:
            return None
        if part.filters:
            return self._filtered(part, system)
        if self._abstract:
            return system.has(self._code)
        found = system.find(self._code)
        return system.has(self._code) if found is None else not found.abstract

    def _other_case(self, part: Part) -> bool:
        """A listed code written otherwise, in a system that does not tell cases apart."""
        found = self._concept(part.system, part.version)
        return (
            found is not None and found.code != self._code and found.code in (part.concepts or ())
        )

    def _concept(self, url: str | None, version: str | None = None) -> Concept | None:
        system = self._known.system(url, version) if url else None
        return None if system is None else system.find(self._code)

    def _filtered(self, part: Part, system: System) -> bool | None:
        if isinstance(system, RuleSystem):
            told = [_by_rule(one, system.url, self._code) for one in part.filters]
            return _all((system.has(self._code), *told))
        found = system.find(self._code)
        if found is None:
            return system.has(self._code)
        if found.abstract and not self._abstract:
            return False
        try:
            taken = all(found.code in filters.taken(one, system) for one in part.filters)
        except TermError:
            return None
        return taken or (False if system.complete else None)


def _by_rule(one: filters.Filter, system: str, code: str) -> bool | None:
    """A filter over codes that nobody lists: their own shape, or what a unit measures."""
    if one.op == "regex" and one.property in filters.CODE:
        try:
            budget = filters.Budget(filters.MAX_STEPS)
            return filters.pattern(one.value).matches(code, budget.spend)
        except TermError:
            return None
    return canonical_unit(one, system, code)


def one_system(system: str | None, value_set: ValueSet) -> tuple[str | None, str | None]:
    """The system of a code without one, where the value set has one alone."""
    named = {part.system for part in value_set.include}
    return (system or (named.pop() if len(named) == 1 else None)), None


def _any(answers: Iterable[bool | None]) -> bool | None:
    told: list[bool | None] = []
    for answer in answers:
        if answer:
            return True
        told.append(answer)
    return None if None in told else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    told = list(answers)
    return False if False in told else None if None in told else True

"""What is known of codes: questions to code systems, value sets and concept maps.

`shipped()` answers from what R4 defines and from what we define; `extended` adds resources that
stand before those (https://hl7.org/fhir/R4/terminology-service.html).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal, cast

from fhir_profiles.json_text import Tree, parse
from fhir_profiles.terminology.code_system import CodeSystem
from fhir_profiles.terminology.concept_map import ConceptMap, Translation
from fhir_profiles.terminology.expanding import Expansion, expand
from fhir_profiles.terminology.membership import System, contains
from fhir_profiles.terminology.packed import KINDS
from fhir_profiles.terminology.reading import TermError, split
from fhir_profiles.terminology.rules import BY_RULE
from fhir_profiles.terminology.sources import Kind, Packed, Resource, Shelf, Trees
from fhir_profiles.terminology.value_set import ValueSet, whole
from fhir_profiles.terminology.versions import newest

Subsumption = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]
OURS: Final = Path(__file__).parents[1] / "profiles"
MAX_MAPS: Final = 10  # one sending on to the other what it does not map


class Terminology:
    """Answers from shelves: what the first has hides the same of those behind it."""

    def __init__(self, shelves: tuple[Shelf, ...]) -> None:
        self._shelves = shelves
        self._expansions = lru_cache(maxsize=64)(self._expanded)
        self._find = lru_cache(maxsize=4096)(self._look)

    def extended(self, resources: Iterable[Tree]) -> Terminology:
        """With ValueSet, CodeSystem and ConceptMap resources before what is known."""
        return self.over(Trees(resources))

    def over(self, shelf: Shelf) -> Terminology:
        """With another shelf before what is known."""
        return Terminology((shelf, *self._shelves))

    # ---- resources -------------------------------------------------------------------------------

    def code_system(self, url: str, version: str | None = None) -> CodeSystem | None:
        """By `url`, or `url|version`; without a version the newest."""
        return cast("CodeSystem | None", self._find("CodeSystem", url, version))

    def system(self, url: str, version: str | None = None) -> System | None:
        """A code system that can say something: one with codes, else the rule that it follows."""
        found = self.code_system(url, version)
        if found is not None and found.listed:
            return found
        return BY_RULE.get(split(url)[0]) or found

    def value_set(self, canonical: str) -> ValueSet | None:
        """By `url` or `url|version`; also the value set of all codes that a system names."""
        found = self._find("ValueSet", canonical)
        if found is not None:
            return cast(ValueSet, found)
        url, version = split(canonical)
        for shelf in self._shelves:
            system = shelf.of_value_set(url)
            if system is not None and version in (None, system.version):
                return whole(system.url, system.version)
        return whole("http://unitsofmeasure.org") if url == "http://unitsofmeasure.org/vs" else None

    def concept_map(self, canonical: str) -> ConceptMap | None:
        return cast("ConceptMap | None", self._find("ConceptMap", canonical))

    def all(self, kind: Kind) -> Iterator[Resource]:
        """Every resource of a kind, those in front first, each url and version once."""
        seen = set()
        for shelf in self._shelves:
            for one in shelf.all(kind):
                key = one.url, one.version
                if key not in seen:
                    seen.add(key)
                    yield one

    def code_systems(self) -> Iterator[tuple[str, str | None]]:
        """URL and version of all code systems with codes, those in front first."""
        yield from dict.fromkeys(one for shelf in self._shelves for one in shelf.code_systems())

    def _look(self, kind: Kind, canonical: str, version: str | None = None) -> Resource | None:
        url, told = split(canonical)
        wanted = version or told
        for shelf in self._shelves:
            found = shelf.find(kind, url)
            if wanted is not None:
                found = [one for one in found if one.version == wanted]
            if found:
                return newest(found)
        return None

    # ---- codes -----------------------------------------------------------------------------------

    def known(self, system: str) -> bool:
        """Whether this code system has codes here, or a rule."""
        found = self.system(system)
        return found is not None and not (isinstance(found, CodeSystem) and not found.concepts)

    def display(self, system: str, code: str) -> str | None:
        found = self.system(system)
        return None if found is None else found.display(code)

    def descendants(self, system: str, code: str) -> frozenset[str]:
        """The code and all below it."""
        found = self.system(system)
        return found.descendants(code) if isinstance(found, CodeSystem) else frozenset((code,))

    def ancestors(self, system: str, code: str) -> frozenset[str]:
        """The code and all above it."""
        found = self.system(system)
        return found.ancestors(code) if isinstance(found, CodeSystem) else frozenset((code,))

    def subsumes(self, system: str, a: str, b: str, *, version: str | None = None) -> Subsumption:
        """How two codes stand to each other. TermError: one is not known, or has no hierarchy."""
        found = self.system(system, version)
        if found is None or (isinstance(found, CodeSystem) and not found.listed):
            of = f" in version {version}" if version else ""
            raise TermError("unknown", f"the codes of {system} are not here{of}")
        for code in (a, b):
            if found.find(code) is None:
                raise TermError("unknown", f"{system} has no code {code!r} here")
        if not isinstance(found, CodeSystem):
            return "equivalent" if a == b else "not-subsumed"
        found.require_kinds()
        if found.find(a) is found.find(b):
            return "equivalent"
        below = {one for one in (found.find(b),) if one and one.code in found.descendants(a)}
        if below:
            return "subsumes"
        first = found.find(a)
        above = first is not None and first.code in found.descendants(b)
        return "subsumed-by" if above else "not-subsumed"

    # ---- value sets ------------------------------------------------------------------------------

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        """None: cannot be decided here, as the value set or its codes are not known."""
        found = self.value_set(value_set)
        return None if found is None else contains(found, system, code, self)

    def expansion(self, value_set: str | ValueSet) -> Expansion:
        """All codes. TermError: unknown, not here, without an end, or too many."""
        if isinstance(value_set, ValueSet):
            return expand(value_set, self)
        return self._expansions(value_set)

    def _expanded(self, canonical: str) -> Expansion:
        found = self.value_set(canonical)
        if found is None:
            raise TermError("unknown", f"the value set {canonical} is not known here")
        return expand(found, self)

    # ---- maps ------------------------------------------------------------------------------------

    def translate(
        self,
        system: str | None,
        code: str,
        *,
        concept_map: str | ConceptMap | None = None,
        source: str | None = None,
        target: str | None = None,
        target_system: str | None = None,
        reverse: bool = False,
    ) -> list[Translation]:
        """By one map, or by all between two value sets, or to a system.

        TermError: there is no such map.
        """
        found: list[Translation] = []
        for one in self._maps(concept_map, source, target, reverse):
            if reverse:
                found += one.reverse(system, code, target_system)
            else:
                found += self._forward(one, system, code, target_system)
        return found

    def _maps(
        self, named: str | ConceptMap | None, source: str | None, target: str | None, reverse: bool
    ) -> Iterator[ConceptMap]:
        if isinstance(named, ConceptMap):
            yield named
        elif named is not None:
            one = self.concept_map(named)
            if one is None:
                raise TermError("unknown", f"the concept map {named} is not known here")
            yield one
        else:
            first, last = (target, source) if reverse else (source, target)
            for listed in self.all("ConceptMap"):
                one = cast(ConceptMap, listed)
                if _about(first, one.source) and _about(last, one.target):
                    yield one

    def _forward(
        self, one: ConceptMap, system: str | None, code: str, target_system: str | None
    ) -> list[Translation]:
        """With the maps that it sends on to."""
        seen: list[str] = []
        while True:
            found = list(one.translate(system, code, target_system))
            other = None if found else one.other_map(system, code)
            if other is None or other in seen or len(seen) >= MAX_MAPS:
                return found
            seen.append(other)
            following = self.concept_map(other)
            if following is None:
                return found
            one = following


def _about(wanted: str | None, named: str | None) -> bool:
    return wanted is None or (named is not None and split(named)[0] == split(wanted)[0])


@cache
def shipped() -> Terminology:
    """What R4 defines, and before it our own code systems, value sets and concept maps."""
    return Terminology((Trees(_ours()), Packed()))


def _ours() -> Iterator[Tree]:
    """From their files: `fhir_profiles.conformance` would load the whole catalogue with them."""
    for kind in KINDS:
        for path in sorted(OURS.glob(f"{kind}-*.json")):
            yield parse(path.read_bytes())

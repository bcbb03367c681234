"""The codes of a value set, one after the other (https://hl7.org/fhir/R4/valueset.html#expansion)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology import filters
from fhir_profiles.terminology.code_system import CodeSystem, Concept, speaks
from fhir_profiles.terminology.folding import folded
from fhir_profiles.terminology.membership import MAX_IMPORTS, Known, System, part_holds
from fhir_profiles.terminology.reading import TermError, text, trees
from fhir_profiles.terminology.rules import RuleSystem
from fhir_profiles.terminology.value_set import Part, ValueSet

MAX_CODES: Final = 200_000  # that are looked at for one value set
MAX_DEPTH: Final = 20  # codes one in the other

Key = tuple[str | None, str]


@dataclass(slots=True)
class Contained:
    """A code of an expansion. `abstract`: a heading, which stands here for finding one's way."""

    system: str | None
    code: str
    display: str | None = None
    version: str | None = None
    abstract: bool = False
    inactive: bool = False
    designations: tuple[Tree, ...] = ()
    contains: list[Contained] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return self.system, self.code


@dataclass(frozen=True, slots=True)
class Expansion:
    """All codes of a value set in order; `used` are the systems (url|version) of them."""

    value_set: ValueSet
    contains: tuple[Contained, ...]
    used: tuple[str, ...] = ()

    def codes(self) -> frozenset[Key]:
        """System and code of all that can be chosen."""
        return frozenset(one.key for one in self.contains if not one.abstract)

    def narrowed(
        self, words: str = "", active_only: bool = False, language: str | None = None
    ) -> Expansion:
        """What has all of the words in its display, code or designations."""
        wanted = folded(words).split()
        kept = (
            _spoken(one, language)
            for one in self.contains
            if not (active_only and one.inactive) and (not wanted or _has(one, wanted))
        )
        return replace(self, contains=tuple(kept))

    def nested(self, known: Known) -> list[Contained]:
        """The codes with each below the nearest one that stands above it in its system."""
        here = {one.key: replace(one, contains=[]) for one in self.contains}
        above = {key: _nearest(one, here, known) for key, one in here.items()}
        depths: dict[Key, int] = {}
        roots: list[Contained] = []
        for key, one in here.items():
            _measure(key, above, depths)
            parent = above[key]
            (roots if parent is None else here[parent].contains).append(one)
        return roots


def expand(value_set: ValueSet, known: Known) -> Expansion:
    """TermError: it speaks of codes that are not here, that have no end, or that are too many."""
    run = _Run(known)
    found = run.value_set(value_set, ())
    return Expansion(value_set, tuple(found.values()), tuple(run.used))


class _Run:
    def __init__(self, known: Known) -> None:
        self._known = known
        self.used: dict[str, None] = {}
        self._done: dict[str, dict[Key, Contained]] = {}  # by value set
        self._seen = 0

    def value_set(self, value_set: ValueSet, seen: tuple[str, ...]) -> dict[Key, Contained]:
        key = value_set.canonical
        if not key or key not in self._done:
            self._done[key] = self._expanded(value_set, seen)
        return self._done[key]

    def _expanded(self, value_set: ValueSet, seen: tuple[str, ...]) -> dict[Key, Contained]:
        if value_set.canonical in seen:
            raise TermError("invalid", f"the value set {value_set.canonical} includes itself")
        if len(seen) > MAX_IMPORTS:
            raise TermError("too-costly", f"more than {MAX_IMPORTS} value sets, one in the other")
        inside = (*seen, value_set.canonical)
        if not value_set.include:
            return self._ready(value_set)
        try:
            return self._composed(value_set, inside)
        except TermError:
            if value_set.ready() is None:
                raise
            return self._ready(value_set)

    def _ready(self, value_set: ValueSet) -> dict[Key, Contained]:
        """The expansion that came with the value set."""
        listed = value_set.ready()
        if listed is None:
            name = value_set.canonical or "this value set"
            raise TermError("invalid", f"{name} does not say what it is composed of")
        found = (
            Contained(
                text(one.get("system")),
                one["code"],
                text(one.get("display")),
                text(one.get("version")),
                one.get("abstract") is True,
                one.get("inactive") is True,
                tuple(trees(one.get("designation"))),
            )
            for one in listed
            if text(one.get("code")) is not None
        )
        return {one.key: one for one in found}

    def _composed(self, value_set: ValueSet, inside: tuple[str, ...]) -> dict[Key, Contained]:
        found: dict[Key, Contained] = {}
        for part in value_set.include:
            for one in self._part(part, inside):
                found.setdefault(one.key, one)
                self._seen += 1
                if self._seen > MAX_CODES:
                    raise TermError("too-costly", f"more than {MAX_CODES} codes are put together")
        for part in value_set.exclude:
            out = self._excluded(part, inside)
            found = {key: one for key, one in found.items() if not out(key)}
        if value_set.active_only:
            found = {key: one for key, one in found.items() if not one.inactive}
        return found

    def _excluded(self, part: Part, inside: tuple[str, ...]) -> Callable[[Key], bool]:
        """By a list, where it is of other value sets that can be listed; else one by one."""
        if part.system is None and part.value_sets:
            try:
                sets = [self.value_set(self._imported(url), inside) for url in part.value_sets]
            except TermError:
                sets = []
            if sets:
                return lambda key: all(key in listed for listed in sets)
        return lambda key: self._holds(part, key, inside)

    def _holds(self, part: Part, key: Key, inside: tuple[str, ...]) -> bool:
        held = part_holds(part, *key, self._known, inside)
        if held is None:
            self._name(part)
            raise TermError("not-here", f"it cannot be told here whether {key[1]!r} is excluded")
        return held

    def _name(self, part: Part) -> None:
        """TermError if a part speaks of a system or a value set that is not here at all."""
        if part.system is not None:
            self._system(part)
        for url in part.value_sets:
            self._imported(url)

    def _part(self, part: Part, inside: tuple[str, ...]) -> Iterable[Contained]:
        if part.system is not None:
            found = self._of_system(part)
            imports = part.value_sets
        elif part.value_sets:
            first, imports = self._imported(part.value_sets[0]), part.value_sets[1:]
            found = iter(self.value_set(first, inside).values())
        else:
            raise TermError("invalid", "an include names neither a system nor a value set")
        for url in imports:
            found = self._also_in(found, url, inside)
        return found

    def _also_in(
        self, listed: Iterator[Contained], url: str, inside: tuple[str, ...]
    ) -> Iterator[Contained]:
        keys = self.value_set(self._imported(url), inside)
        return (one for one in listed if one.key in keys)

    def _imported(self, canonical: str) -> ValueSet:
        found = self._known.value_set(canonical)
        if found is None:
            raise TermError("not-here", f"the value set {canonical} is not known here")
        return found

    def _of_system(self, part: Part) -> Iterator[Contained]:
        if part.concepts is not None:
            yield from self._listed(part, part.concepts.items())
            return
        system = self._system(part)
        concepts = system.codes()
        if concepts is None or (part.filters and isinstance(system, RuleSystem)):
            raise self._unlisted(part, system)
        if part.filters and isinstance(system, CodeSystem):
            taken = frozenset.intersection(*(filters.taken(f, system) for f in part.filters))
            concepts = (one for one in concepts if one.code in taken)
        for concept in concepts:
            yield _contained(concept, system, part.version)

    def _listed(self, part: Part, listed: Iterable[tuple[str, Tree]]) -> Iterator[Contained]:
        """Codes that the value set names itself; they need no code system."""
        system = self._known.system(part.system or "", part.version)
        if system is not None and system.version:
            self.used[f"{system.url}|{system.version}"] = None
        for code, one in listed:
            concept = None if system is None else system.find(code)
            found = Contained(part.system, code, version=part.version)
            if concept is not None and system is not None:
                found = replace(_contained(concept, system, part.version), code=code)
            found.display = text(one.get("display")) or found.display
            found.designations += tuple(trees(one.get("designation")))
            yield found

    def _system(self, part: Part) -> System:
        found = self._known.system(part.system or "", part.version)
        if found is None:
            version = f"|{part.version}" if part.version else ""
            raise TermError("not-here", f"the code system {part.system}{version} is not known here")
        if found.version:
            self.used[f"{found.url}|{found.version}"] = None
        return found

    def _unlisted(self, part: Part, system: System) -> TermError:
        if isinstance(system, RuleSystem):
            if system.listed is None:
                said = f"{system.title}, {system.url}, are defined by a grammar without an end"
                return TermError("too-costly", said)
            said = f"{system.title}, {system.url}, are not all here, or cannot be filtered"
            return TermError("not-here", said)
        return TermError(
            "not-here", f"the code system {part.system} has its codes elsewhere ({system.content})"
        )


def _contained(concept: Concept, system: System, version: str | None) -> Contained:
    return Contained(
        system.url,
        concept.code,
        concept.display,
        version,
        concept.abstract,
        concept.inactive,
        tuple(concept.designations()),
    )


def _has(one: Contained, wanted: list[str]) -> bool:
    told = (one.display or "", one.code, *(str(d.get("value", "")) for d in one.designations))
    text_ = folded(" ".join(told))
    return all(word in text_ for word in wanted)


def _spoken(one: Contained, language: str | None) -> Contained:
    """With the display of a language, where there is one."""
    for designation in one.designations if language else ():
        if speaks(designation, language) and text(designation.get("value")):
            return replace(one, display=designation["value"])
    return one


def _nearest(one: Contained, here: dict[Key, Contained], known: Known) -> Key | None:
    """Level by level upwards, so that a parent comes before a grandparent."""
    system = known.system(one.system, one.version) if one.system else None
    if not isinstance(system, CodeSystem):
        return None
    seen, level = {one.code}, [one.code]
    while level:
        concepts = [system.find(code) for code in level]
        level = [p for c in concepts if c is not None for p in c.parents if p not in seen]
        seen.update(level)
        for code in level:
            if (one.system, code) in here:
                return one.system, code
    return None


def _measure(key: Key, above: dict[Key, Key | None], depths: dict[Key, int]) -> None:
    """How deep a code stands; what closes a circle, or is too deep to be written, is a root."""
    way: dict[Key, None] = {}
    at: Key | None = key
    while at is not None and at not in depths and at not in way:
        way[at] = None
        at = above[at]
    if at in way:  # a circle: it ends where it would begin again
        above[next(reversed(way))] = at = None
    depth = -1 if at is None else depths[at]
    for one in reversed(way):
        depth += 1
        if depth >= MAX_DEPTH:
            above[one], depth = None, 0
        depths[one] = depth

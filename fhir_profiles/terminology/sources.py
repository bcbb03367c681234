"""Where terminology resources come from: what ships with R4, ours, and what a server has stored.

A shelf finds by canonical URL (https://hl7.org/fhir/R4/references.html#canonical); several stand
one before the other, and what the first has hides the same of those behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, partial
from typing import Literal, Protocol, TypeAlias, cast

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology import packed
from fhir_profiles.terminology.code_system import CodeSystem
from fhir_profiles.terminology.concept_map import ConceptMap
from fhir_profiles.terminology.reading import text
from fhir_profiles.terminology.value_set import ValueSet

Kind = Literal["CodeSystem", "ValueSet", "ConceptMap"]
Resource: TypeAlias = CodeSystem | ValueSet | ConceptMap


class Shelf(Protocol):
    """Resources of the three kinds."""

    def find(self, kind: Kind, url: str) -> list[Resource]:
        """All versions of a URL that are here."""
        ...

    def all(self, kind: Kind) -> Iterator[Resource]: ...

    def code_systems(self) -> Iterator[tuple[str, str | None]]:
        """URL and version of those that have codes here."""
        ...

    def of_value_set(self, url: str) -> CodeSystem | None:
        """The code system that names this as the value set of all its codes."""
        ...


def read(tree: Tree) -> Resource | None:
    """A tree as what it is; None: of another type, or without a URL."""
    if text(tree.get("url")) is None:
        return None
    match tree.get("resourceType"):
        case "CodeSystem":
            return CodeSystem(tree)
        case "ValueSet":
            return ValueSet(tree)
        case "ConceptMap":
            return ConceptMap(tree)
    return None


def with_codes(listed: Iterable[Resource]) -> Iterator[tuple[str, str | None]]:
    for one in listed:
        if isinstance(one, CodeSystem) and one.listed:
            yield one.url, one.version


class Trees:
    """Resources at hand; they are read when they are asked for."""

    def __init__(self, resources: Iterable[Tree]) -> None:
        self._trees: dict[tuple[str, str], list[Tree]] = {}
        self._read: dict[tuple[str, str], list[Resource]] = {}
        for tree in resources:
            kind, url = text(tree.get("resourceType")), text(tree.get("url"))
            if kind in packed.KINDS and url is not None:
                self._trees.setdefault((kind, url), []).append(tree)

    def find(self, kind: Kind, url: str) -> list[Resource]:
        key = kind, url
        if key not in self._trees:
            return []
        if key not in self._read:
            self._read[key] = [one for tree in self._trees[key] if (one := read(tree))]
        return self._read[key]

    def all(self, kind: Kind) -> Iterator[Resource]:
        for one, url in self._trees:
            if one == kind:
                yield from self.find(kind, url)

    def code_systems(self) -> Iterator[tuple[str, str | None]]:
        return with_codes(self.all("CodeSystem"))

    def of_value_set(self, url: str) -> CodeSystem | None:
        for (kind, its), listed in self._trees.items():
            if kind == "CodeSystem" and any(tree.get("valueSet") == url for tree in listed):
                return cast(CodeSystem, self.find("CodeSystem", its)[0])
        return None


class Packed:
    """What R4 itself defines, from the packed files; each is read once."""

    def find(self, kind: Kind, url: str) -> list[Resource]:
        return [_packed(kind, key) for key in packed.versions(kind).get(url, ())]

    def all(self, kind: Kind) -> Iterator[Resource]:
        for keys in packed.versions(kind).values():
            yield from (_packed(kind, key) for key in keys)

    def code_systems(self) -> Iterator[tuple[str, str | None]]:
        for head in packed.heads("CodeSystem"):
            if head.content not in ("not-present", "supplement"):
                yield head.url, head.version

    def of_value_set(self, url: str) -> CodeSystem | None:
        return None  # R4 has each of them as a resource of its own


@cache
def _packed(kind: Kind, key: str) -> Resource:
    tree = packed.tree(kind, key)
    if kind == "CodeSystem":
        return CodeSystem(tree, partial(packed.definitions, key))
    found = read(tree)
    assert found is not None
    return found

"""A concept map, from codes to codes (https://hl7.org/fhir/R4/conceptmap.html)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.reading import text, trees

OPPOSITE: Final = {
    "wider": "narrower",
    "narrower": "wider",
    "subsumes": "specializes",
    "specializes": "subsumes",
}
NO_MATCH: Final = frozenset({"unmatched", "disjoint"})


@dataclass(frozen=True, slots=True)
class Translation:
    """One match. `depends_on` holds if these elements do; `product` is what else comes out."""

    equivalence: str
    system: str | None
    code: str | None
    display: str | None
    comment: str | None
    depends_on: tuple[Tree, ...]
    product: tuple[Tree, ...]
    source: str  # the map that says so

    @property
    def matches(self) -> bool:
        return self.equivalence not in NO_MATCH and self.code is not None


class ConceptMap:
    """What a ConceptMap resource says, group by group."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.url = text(tree.get("url")) or ""
        self.version = text(tree.get("version"))
        self.source = text(tree.get("sourceCanonical")) or text(tree.get("sourceUri"))
        self.target = text(tree.get("targetCanonical")) or text(tree.get("targetUri"))

    def translate(
        self, system: str | None, code: str, target_system: str | None = None
    ) -> Iterator[Translation]:
        for group in trees(self.tree.get("group")):
            if not _agree(group.get("source"), system):
                continue
            if not _agree(group.get("target"), target_system):
                continue
            elements = [e for e in trees(group.get("element")) if e.get("code") == code]
            for element in elements:
                for target in trees(element.get("target")):
                    yield self._translation(group, target)
            if not elements:
                yield from self._unmapped(group, code)

    def reverse(
        self, system: str | None, code: str, target_system: str | None = None
    ) -> Iterator[Translation]:
        """From what is a target here to its sources, relations turned around."""
        for group in trees(self.tree.get("group")):
            if not _agree(group.get("target"), system):
                continue
            if not _agree(group.get("source"), target_system):
                continue
            for element in trees(group.get("element")):
                for target in trees(element.get("target")):
                    if target.get("code") == code:
                        yield self._reversed(group, element, target)

    def other_map(self, system: str | None, code: str) -> str | None:
        """Where the groups send what they do not map: the URL of another map."""
        for group in trees(self.tree.get("group")):
            if _agree(group.get("source"), system):
                known = any(e.get("code") == code for e in trees(group.get("element")))
                unmapped = group.get("unmapped")
                if not known and isinstance(unmapped, dict):
                    url = text(unmapped.get("url"))
                    if unmapped.get("mode") == "other-map" and url:
                        return url
        return None

    def _translation(self, group: Tree, target: Tree) -> Translation:
        return Translation(
            text(target.get("equivalence")) or "relatedto",
            text(group.get("target")),
            text(target.get("code")),
            text(target.get("display")),
            text(target.get("comment")),
            tuple(trees(target.get("dependsOn"))),
            tuple(trees(target.get("product"))),
            self.url,
        )

    def _reversed(self, group: Tree, element: Tree, target: Tree) -> Translation:
        told = text(target.get("equivalence")) or "relatedto"
        return Translation(
            OPPOSITE.get(told, told),
            text(group.get("source")),
            text(element.get("code")),
            text(element.get("display")),
            text(target.get("comment")),
            tuple(trees(target.get("product"))),
            tuple(trees(target.get("dependsOn"))),
            self.url,
        )

    def _unmapped(self, group: Tree, code: str) -> Iterator[Translation]:
        unmapped = group.get("unmapped")
        if not isinstance(unmapped, dict):
            return
        if unmapped.get("mode") == "fixed":
            told, found, display = "inexact", text(unmapped.get("code")), unmapped.get("display")
        elif unmapped.get("mode") == "provided":
            told, found, display = "equal", code, None
        else:
            return
        system = text(group.get("target"))
        yield Translation(told, system, found, text(display), None, (), (), self.url)


def _agree(named: object, wanted: str | None) -> bool:
    """A group that names no system, or a question that does not, is about any."""
    return not isinstance(named, str) or wanted is None or named.partition("|")[0] == wanted

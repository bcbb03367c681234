"""A value set as it is composed (https://hl7.org/fhir/R4/valueset.html#compositions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.filters import Filter, read_filter
from fhir_profiles.terminology.reading import split, text, texts, trees


@dataclass(frozen=True, slots=True)
class Part:
    """One include or exclude: everything that it says holds together.

    `concepts` None: not a list of codes, but a filter, or the whole system.
    """

    system: str | None
    version: str | None
    concepts: Mapping[str, Tree] | None
    filters: tuple[Filter, ...]
    value_sets: tuple[str, ...]


class ValueSet:
    """What a ValueSet resource says about itself and its codes; nothing is looked up yet."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.url = text(tree.get("url")) or ""
        self.version = text(tree.get("version"))
        composed = tree.get("compose")
        compose: Tree = composed if isinstance(composed, dict) else {}
        self.include = tuple(_part(one) for one in trees(compose.get("include")))
        self.exclude = tuple(_part(one) for one in trees(compose.get("exclude")))
        self.active_only = compose.get("inactive") is False
        expanded = tree.get("expansion")
        self.expansion: Tree | None = expanded if isinstance(expanded, dict) else None

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}" if self.version else self.url

    def ready(self) -> list[Tree] | None:
        """The codes of an expansion that came with it; None: there is none, or it is a page."""
        if self.expansion is None or self.expansion.get("offset"):
            return None
        found, waiting = [], list(trees(self.expansion.get("contains")))[::-1]
        while waiting:
            one = waiting.pop()
            found.append(one)
            waiting += list(trees(one.get("contains")))[::-1]
        total = self.expansion.get("total")
        return found if not isinstance(total, int) or total <= len(found) else None


def whole(system: str, version: str | None = None) -> ValueSet:
    """The value set of all codes of a system."""
    include = {"system": system} | ({"version": version} if version else {})
    return ValueSet({"resourceType": "ValueSet", "compose": {"include": [include]}})


def _part(tree: Tree) -> Part:
    system, version = split(text(tree.get("system")) or "")
    listed = {
        one["code"]: one for one in trees(tree.get("concept")) if text(one.get("code")) is not None
    }
    return Part(
        system or None,
        text(tree.get("version")) or version,
        listed if "concept" in tree else None,
        tuple(read_filter(one) for one in trees(tree.get("filter"))),
        tuple(texts(tree.get("valueSet"))),
    )

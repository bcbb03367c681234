"""The definitions that one validation knows: what is shipped, and what the caller keeps.

A profile that somebody stored is used like one that is shipped, if it is sound. Its regular
expressions are not run: nobody has looked whether they end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from fhir_profiles import snapshots
from fhir_profiles.definitions.differentials import profile_facts
from fhir_profiles.json_text import Tree
from fhir_profiles.snapshots import Elements, ProfileTrouble
from fhir_profiles.validation.profile_tree import Part, profile_tree, tree_of
from fhir_profiles.validation.structure import problems

MAX_ELEMENTS: Final = 1000  # of a differential
_RUNS_LONG: Final = ("matches(", "replaceMatches(")


class Library:
    """Profiles and extensions by canonical URL; `fetch` is asked for those that are not shipped."""

    def __init__(self, fetch: Callable[[str], Tree | None] | None = None) -> None:
        self._fetch = fetch
        self._facts: dict[str, Mapping[str, Any] | None] = {}
        self._made: dict[str, Elements] = {}
        self._trees: dict[str, Part] = {}
        self._making: set[str] = set()

    def definition(self, url: str) -> Mapping[str, Any] | None:
        known = snapshots.definition(url)
        if self._fetch is None or (known is not None and not known.get("partial")):
            return known
        return self._fetched(url) or known

    def type_of(self, url: str) -> str | None:
        known = self.definition(url)
        return str(known["type"]) if known is not None else snapshots.type_of(url)

    def snapshot(self, url: str) -> Elements:
        """NoProfile, ProfileTrouble: as in `snapshots.snapshot`."""
        facts = self.definition(url)
        if facts is None or facts is snapshots.definition(url):
            return snapshots.snapshot(url)
        if url not in self._made:
            if url in self._making:
                raise ProfileTrouble(f"the profile {url} is based on itself")
            self._making.add(url)
            try:
                self._made[url] = self._derived(url, facts)
            finally:
                self._making.discard(url)
        return self._made[url]

    def _derived(self, url: str, facts: Mapping[str, Any]) -> Elements:
        if len(facts["elements"]) > MAX_ELEMENTS:
            raise ProfileTrouble(f"the profile {url} has more than {MAX_ELEMENTS} elements")
        try:
            return snapshots.derived(facts["base"], facts["elements"], self)
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as err:
            raise ProfileTrouble(f"the profile {url} cannot be used ({err!r})") from None

    def tree(self, url: str) -> Part:
        """What a profile asks beyond its base type."""
        facts = self.definition(url)
        if facts is None or facts is snapshots.definition(url):
            return profile_tree(url)
        if url not in self._trees:
            try:
                self._trees[url] = tree_of(self.snapshot(url))
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as err:
                if isinstance(err, ProfileTrouble):
                    raise
                raise ProfileTrouble(f"the profile {url} cannot be used ({err!r})") from None
        return self._trees[url]

    def _fetched(self, url: str) -> Mapping[str, Any] | None:
        if url not in self._facts:
            assert self._fetch is not None
            self._facts[url] = _facts(self._fetch(url))
        return self._facts[url]


def _facts(tree: Tree | None) -> Mapping[str, Any] | None:
    """A StructureDefinition in the form of the shipped ones; None: it is none, or not sound."""
    if tree is None or tree.get("resourceType") != "StructureDefinition" or problems(tree)[0]:
        return None
    if tree.get("derivation") != "constraint" or "differential" not in tree:
        return None
    if not isinstance(tree.get("baseDefinition"), str):
        return None
    facts = profile_facts(tree)
    for element in facts["elements"]:
        for constraint in element.get("constraint", ()):
            if any(call in constraint["expression"] for call in _RUNS_LONG):
                constraint["expression"] = "unseenRegularExpression()"
    return facts

"""A code system with its hierarchy (https://hl7.org/fhir/R4/codesystem.html).

Parents come from nesting and from the properties `parent`, `child` and `subsumedBy`; so a concept
may have several.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.reading import TermError, text, trees, typed

_ROLES: Final = "http://hl7.org/fhir/concept-properties#"
_UP: Final = frozenset({"parent", "subsumedBy"})
_RETIRED: Final = frozenset({"retired", "inactive", "withdrawn"})
# Of what other meanings of a hierarchy nothing is said that a code could inherit.
_NO_KINDS: Final = frozenset({"grouped-by", "part-of", "classified-with"})


@dataclass(slots=True, eq=False)
class Concept:
    """A code; `tree` is how the system defines it. `abstract`: a heading, not to be chosen."""

    code: str
    display: str | None
    tree: Tree
    parents: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    abstract: bool = False
    inactive: bool = False

    def properties(self) -> Iterator[tuple[str, Any]]:
        """Codes of properties with their values."""
        for one in trees(self.tree.get("property")):
            code, value = text(one.get("code")), typed(one, "value")
            if code is not None and value is not None:
                yield code, value

    def designations(self) -> list[Tree]:
        return [one for one in trees(self.tree.get("designation")) if text(one.get("value"))]

    def names(self) -> Iterator[str]:
        """Every text that stands for the code."""
        if self.display is not None:
            yield self.display
        for one in self.designations():
            yield one["value"]

    def named(self, language: str | None) -> str | None:
        """The display in a language, if there is one in it."""
        for one in self.designations() if language else ():
            if speaks(one, language):
                return str(one["value"])
        return self.display


def speaks(designation: Tree, language: str | None) -> bool:
    """Whether a designation is in a language, or in a regional kind of it."""
    its = str(designation.get("language", "")).lower()
    wanted = (language or "").lower()
    return bool(its) and (its == wanted or its.startswith(f"{wanted}-"))


class CodeSystem:
    """The concepts of one CodeSystem resource, in their order."""

    def __init__(
        self, tree: Tree, definitions: Callable[[], Mapping[str, str]] | None = None
    ) -> None:
        self.tree = tree
        self.url = text(tree.get("url")) or ""
        self.version = text(tree.get("version"))
        self.name = text(tree.get("name"))
        self.title = text(tree.get("title")) or self.name
        self.content = text(tree.get("content")) or "not-present"
        self.concepts: dict[str, Concept] = {}
        self.taken: dict[Hashable, frozenset[str]] = {}  # by filter; `filters.taken` fills it
        self._definitions = definitions
        self._roles = dict(_roles(tree))
        self._folded: dict[str, str] | None = {} if tree.get("caseSensitive") is False else None
        if self.content != "supplement":
            self._read(tree)

    def _read(self, tree: Tree) -> None:
        waiting = [(one, "") for one in trees(tree.get("concept"))][::-1]
        links: list[tuple[str, str]] = []
        while waiting:
            one, parent = waiting.pop()
            code = text(one.get("code"))
            if code is None:
                continue
            if code not in self.concepts:
                self.concepts[code] = self._concept(code, one, links)
            if parent:
                links.append((parent, code))
            waiting += [(child, code) for child in trees(one.get("concept"))][::-1]
        for parent, child in dict.fromkeys(links):
            if parent != child and parent in self.concepts and child in self.concepts:
                self.concepts[parent].children.append(child)
                self.concepts[child].parents.append(parent)
        if self._folded is not None:
            for code in self.concepts:
                self._folded.setdefault(code.casefold(), code)

    def _concept(self, code: str, tree: Tree, links: list[tuple[str, str]]) -> Concept:
        concept = Concept(code, text(tree.get("display")), tree)
        for name, value in concept.properties():
            role = self._roles.get(name, name)
            if role in _UP and isinstance(value, str):
                links.append((value, code))
            elif role == "child" and isinstance(value, str):
                links.append((code, value))
            elif role in ("notSelectable", "abstract") and value is True:
                concept.abstract = True
            elif (role == "inactive" and value is True) or (
                role == "status" and str(value).lower() in _RETIRED
            ):
                concept.inactive = True
        return concept

    @property
    def complete(self) -> bool:
        """Whether what is not listed does not exist."""
        return self.content == "complete"

    @property
    def listed(self) -> bool:
        """Whether at least a part of the codes is here."""
        return self.complete or bool(self.concepts)

    def find(self, code: str) -> Concept | None:
        """A code, in any case where the system does not tell cases apart."""
        found = self.concepts.get(code)
        if found is None and self._folded is not None:
            found = self.concepts.get(self._folded.get(code.casefold(), ""))
        return found

    def has(self, code: str) -> bool | None:
        """None: not listed, in a list that is not complete."""
        return True if self.find(code) is not None else False if self.complete else None

    def display(self, code: str) -> str | None:
        found = self.find(code)
        return None if found is None else found.display

    def codes(self) -> Iterator[Concept] | None:
        """The codes that are here, even of a fragment or an example; None: they are elsewhere."""
        return iter(self.concepts.values()) if self.listed else None

    def definition(self, code: str) -> str | None:
        """What a code means, in words."""
        found = self.concepts.get(code)
        if found is None:
            return None
        if self._definitions is None:
            return text(found.tree.get("definition"))
        return self._definitions().get(code, found.display)

    # ---- hierarchy -------------------------------------------------------------------------------

    def descendants(self, code: str) -> frozenset[str]:
        """The code and all below it; a code that is not known alone."""
        return self._reached(code, lambda concept: concept.children)

    def ancestors(self, code: str) -> frozenset[str]:
        """The code and all above it."""
        return self._reached(code, lambda concept: concept.parents)

    def _reached(self, code: str, step: Callable[[Concept], list[str]]) -> frozenset[str]:
        first = self.find(code)
        if first is None:
            return frozenset((code,))
        seen, waiting = {first.code}, [first]
        while waiting:
            for name in step(waiting.pop()):
                if name not in seen:
                    seen.add(name)
                    waiting.append(self.concepts[name])
        return frozenset(seen)

    def require_kinds(self) -> None:
        """TermError: a code here is not a kind of what stands above it."""
        meaning = self.tree.get("hierarchyMeaning")
        if meaning in _NO_KINDS:
            raise TermError(
                "no-subsumption",
                f"the hierarchy of {self.url} means {meaning}: its codes do not subsume each other",
            )


def _roles(tree: Tree) -> Iterator[tuple[str, str]]:
    """Property -> the standard property that it is, whatever it is called."""
    for one in trees(tree.get("property")):
        code, uri = text(one.get("code")), text(one.get("uri"))
        if code and uri and uri.startswith(_ROLES):
            yield code, uri.removeprefix(_ROLES)

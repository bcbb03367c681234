"""What one validation knows and collects: findings, code systems, and where references lead.

https://hl7.org/fhir/R4/references.html#contained and https://hl7.org/fhir/R4/bundle.html#references
say how a reference finds its resource inside a document; beyond that `Session.fetch` is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

from fhir_profiles.definitions.tables import required_systems
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Severity
from fhir_profiles.validation.fhirpath.nodes import Env, Node, resource_node
from fhir_profiles.validation.library import Library
from fhir_profiles.validation.places import Place

Fetch = Callable[[str], Tree | None]
"""A resource by reference or canonical URL, from wherever the caller keeps some."""

MAX_FOUND: Final = 1000  # findings of one kind that are kept before sorting
_TYPES: Final = "http://hl7.org/fhir/ValueSet/defined-types"
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
MAX_ANSWERS: Final = 20_000  # about codes, that are remembered
MAX_FETCHED: Final = 2000  # references that are followed out of what was given
_UNASKED: Final[Any] = object()
_VERSION = re.compile(r"/_history/[^/]+$")
_TYPE_ID = re.compile(r"([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})$")


class Found(NamedTuple):
    severity: Severity
    code: str
    said: str
    place: Place


class System(Protocol):
    """A code system. None: it cannot be told whether it has a code."""

    def has(self, code: str) -> bool | None: ...


class Catalogue(Protocol):
    """What is asked of `terminology.catalogue.Terminology`."""

    def member(self, value_set: str, system: str | None, code: str) -> bool | None: ...

    def system(self, url: str) -> System | None: ...


class Terms:
    """The codes that are known; what is shipped is loaded when first asked for."""

    def __init__(self, terminology: Catalogue | None = None) -> None:
        self._given = terminology
        self._answers: dict[tuple[str, str | None, str], bool | None] = {}
        self._codes: dict[tuple[str, str], bool | None] = {}

    def _catalogue(self) -> Catalogue:
        if self._given is None:
            from fhir_profiles.terminology.catalogue import shipped

            self._given = shipped()
        return self._given

    def exists(self, system: str, code: str) -> bool | None:
        """Has a code system this code? None: it is not known here, or not with all its codes."""
        key = system, code
        answer = self._codes.get(key, _UNASKED)
        if answer is _UNASKED:
            found = self._catalogue().system(system)
            answer = None if found is None else found.has(code)
            _keep(self._codes, key, answer)
        return answer

    def member(self, value_set: str, system: str | None, code: str) -> bool | None:
        key = value_set, system, code
        answer = self._answers.get(key, _UNASKED)
        if answer is _UNASKED:
            answer = self._listed(value_set, system, code)
            _keep(self._answers, key, answer)
        return answer

    def _listed(self, value_set: str, system: str | None, code: str) -> bool | None:
        """By the lists of required codes first: they are there without any catalogue."""
        if value_set == _TYPES and code.startswith(_SYSTEM):
            return True  # the types of FHIRPath, which R4's own definitions name beside FHIR's
        systems = required_systems(value_set)
        if systems is None:
            return self._catalogue().member(value_set, system, code)
        if system is None:
            return any(code in codes for codes in systems.values())
        return code in systems.get(system, ())


def _keep(answers: dict[Any, bool | None], key: Any, answer: bool | None) -> None:
    """Answers are kept as long as there are not too many; then all of them are forgotten."""
    if len(answers) >= MAX_ANSWERS:
        answers.clear()
    answers[key] = answer


@cache
def shipped_terms() -> Terms:
    """What is shipped does not change: answers are good for every validation."""
    return Terms()


@dataclass(slots=True)
class Entry:
    """A resource in a Bundle that others may refer to."""

    url: str
    node: Node
    place: Place


class Scope:
    """A resource with what it contains, and the Bundle that it stands in."""

    __slots__ = ("bundle", "contained", "env", "node", "place", "root", "session")

    def __init__(
        self, session: Session, node: Node, place: Place, root: Scope | None, bundle: Bundles | None
    ) -> None:
        self.session, self.node, self.place, self.bundle = session, node, place, bundle
        self.root = root or self
        self.contained: dict[str, Node] | None = None
        self.env = Env(node, self.root.node, self._found, self._member, [node])

    def _found(self, text: str, _from: Node) -> Node | None:
        return self.resolve(text)

    def _member(self, value_set: str, node: Node) -> bool | None:
        return self.session.coded(value_set, node)

    def resolve(self, text: str) -> Node | None:
        if text.startswith("#"):
            if text == "#":
                return self.root.node
            return self.root.inside().get(text[1:])
        if self.bundle is not None and (entry := self.bundle.find(text)) is not None:
            return entry.node
        return self.session.fetched(text)

    def inside(self) -> dict[str, Node]:
        """Contained resources by id."""
        if self.contained is None:
            self.contained = {}
            tree = self.node.value
            listed = tree.get("contained") if isinstance(tree, dict) else None
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, dict) and isinstance(one.get("id"), str):
                    self.contained.setdefault(one["id"], resource_node(one))
        return self.contained


class Walker(Protocol):
    """The walk over a whole, for the rules of single resource types."""

    session: Session

    def resource(
        self,
        tree: Any,
        place: Place,
        root: Scope | None = None,
        bundle: Bundles | None = None,
        profiles: tuple[str, ...] = (),
    ) -> None: ...


class Bundles:
    """The entries of a Bundle by full URL, seen from one entry of it."""

    __slots__ = ("base", "entries", "outer", "type")

    def __init__(
        self, entries: dict[str, Entry], type_: str, base: str = "", outer: Bundles | None = None
    ) -> None:
        self.entries, self.type, self.base, self.outer = entries, type_, base, outer

    def seen_from(self, full_url: str) -> Bundles:
        found = _TYPE_ID.search(full_url) if full_url.startswith("http") else None
        return Bundles(
            self.entries, self.type, full_url[: found.start()] if found else "", self.outer
        )

    def find(self, text: str) -> Entry | None:
        plain = _VERSION.sub("", text.partition("#")[0])
        entry = self.entries.get(plain)
        if entry is None and _TYPE_ID.fullmatch(plain):
            entry = self.entries.get(self.base + plain) if self.base else None
            if entry is None and not self.base:
                entry = self.entries.get(f"*/{plain}")
        if entry is None and self.outer is not None:
            return self.outer.find(text)
        return entry


@dataclass(slots=True)
class Session:
    terms: Terms
    fetch: Fetch | None = None
    level: str = "full"
    found: list[Found] = field(default_factory=list)
    hints: dict[str, tuple[Found, int]] = field(default_factory=dict)
    running: set[tuple[int, str]] = field(default_factory=set)
    verdicts: dict[tuple[int, str], bool | None] = field(default_factory=dict)
    shelf: Library | None = None
    _fetched: dict[str, Node | None] = field(default_factory=dict)

    @property
    def library(self) -> Library:
        """The definitions that are known here."""
        if self.shelf is None:
            self.shelf = Library(self.tree_at)
        return self.shelf

    def add(self, severity: Severity, code: str, said: str, place: Place) -> None:
        if len(self.found) < MAX_FOUND:
            self.found.append(Found(severity, code, said, place))

    def hint(self, key: str, found: Found) -> None:
        """The same thing at many places is said once, with the number of the others."""
        first, times = self.hints.get(key, (found, 0))
        self.hints[key] = (first, times + 1)

    def unchecked(self, key: str, said: str, place: Place) -> None:
        self.hint(key, Found("information", "not-supported", said, place))

    def tree_at(self, text: str) -> Tree | None:
        found = self.fetched(text)
        return found.value if found is not None else None

    def fetched(self, text: str) -> Node | None:
        if self.fetch is None:
            return None
        if text not in self._fetched:
            if len(self._fetched) >= MAX_FETCHED:
                return None
            tree = self.fetch(text)
            self._fetched[text] = resource_node(tree) if isinstance(tree, dict) else None
        return self._fetched[text]

    # ---- codes ---------------------------------------------------------------------------------

    def coded(self, value_set: str, node: Node) -> bool | None:
        """Is a value of a bound element in the value set? None: that cannot be told here."""
        value = node.value
        if node.type == "CodeableConcept":
            listed = value.get("coding") if isinstance(value, dict) else None
            codings = [one for one in listed if isinstance(one, dict)] if listed else []
            answers = [self._coding(value_set, one) for one in codings]
            if True in answers:
                return True
            return None if None in answers else False
        if isinstance(value, dict):
            return self._coding(value_set, value)
        return self.terms.member(value_set, None, value) if isinstance(value, str) else None

    def _coding(self, value_set: str, coding: Tree) -> bool | None:
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(code, str):
            return False
        if not isinstance(system, str):
            return False
        return self.terms.member(value_set, system, code)

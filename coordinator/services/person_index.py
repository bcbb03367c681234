"""The person index: registrations of all hospitals, and who else may be the same person.

Kept in memory, built by one pass over the store and told of every commit (watched_store.py). Only
keys and ids are kept; what a Patient says is read from the store when it is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import Manual, Registration
from coordinator.rules.identity import identity_facts, judge_identity
from coordinator.rules.weights import DEFAULT_WEIGHTS, MatchWeights
from coordinator.services.blocking import blocking_keys
from coordinator.services.facts_from_fhir import identifiers, registration
from coordinator.services.steward_links import (
    StewardLinks,
    Word,
    words_of_linkage,
    words_of_patient,
)
from fhir_profiles import systems
from fhir_profiles.json_text import Tree, parse
from fhir_server.store.port import Store, Version

TYPES: Final = ("Patient", "Linkage")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registration judged against the one asked about; `key` is its record number."""

    key: str
    patient: Tree
    registration: Registration
    decision: Decision
    score: float = 0.0  # bits, before the deterministic rows


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of one Patient."""

    key: str
    tokens: tuple[str, ...]  # "system|value" of every identifier
    blocks: tuple[str, ...]


class PersonIndex:
    """Answers from any thread. The first question builds it."""

    def __init__(self, store: Store, weights: MatchWeights = DEFAULT_WEIGHTS) -> None:
        self._store, self._weights = store, weights
        self._lock = threading.RLock()
        self._clear()

    # ---- questions -------------------------------------------------------------------------------
    def find(self, system: str, value: str) -> Tree | None:
        """The registration with this identifier; of several one in use, then by id."""
        return next(iter(self.find_all(system, value)), None)

    def find_all(self, system: str, value: str) -> list[Tree]:
        """Every registration with this identifier, those in use first."""
        token = f"{systems.ALIASES.get(system, system)}|{value.strip()}"
        with self._lock:
            self._build()
            ids = sorted(self._by_token.get(token, ()))
        found = [tree for tree in map(self._patient, ids) if tree is not None]
        return sorted(found, key=lambda tree: tree.get("active", True) is False)

    def read(self, id_: str) -> Tree | None:
        """The registration of this id here."""
        return self._patient(id_)

    def candidates(self, patient: Tree, stored_as: str = "") -> list[Candidate]:
        """Every other registration that blocking finds for this one, judged; best first.

        Itself is known by its record number; one that has none, by the id it is `stored_as` here.
        """
        mine = registration(patient)
        with self._lock:
            self._build()
            own = self._ids_of(mine.key) | ({stored_as} & self._known.keys())
            said = self._said(own, mine.key)
            ids = {i for key in blocking_keys(mine).asked for i in self._by_block.get(key, ())}
            ids |= {i for i, _ in said}
            ids -= own
            keys = {i: self._known[i].key or f"Patient/{i}" for i in ids}
        mine = registration(patient, [(keys[i], word) for i, word in said if i in keys])
        found = {id_: self._judged(mine, id_) for id_ in ids}
        linked = {id_ for id_, c in found.items() if c is not None and c.decision.permits}
        for id_, key in self._replaced(linked).items():
            if id_ not in own | linked:
                same = replace(mine, same_as=mine.same_as | {key})
                found[id_] = self._judged(same, id_)
        return sorted((c for c in found.values() if c is not None), key=_best_first)

    def linked(self, patient: Tree, stored_as: str = "") -> list[Candidate]:
        """Those that the rules say are the same person."""
        return [c for c in self.candidates(patient, stored_as) if c.decision.permits]

    def domains(self) -> frozenset[str]:
        """The identifier systems that are known here."""
        with self._lock:
            self._build()
            return frozenset(self._systems)

    def __len__(self) -> int:
        with self._lock:
            self._build()
            return len(self._known)

    def _judged(self, mine: Registration, id_: str) -> Candidate | None:
        tree = self._patient(id_)
        if tree is None:  # deleted since
            return None
        theirs = registration(tree)
        if not theirs.key:  # without record number: known by its id
            theirs = replace(theirs, key=f"Patient/{id_}")
        facts = identity_facts(mine, theirs)
        decision = judge_identity(facts, self._weights)
        return Candidate(theirs.key, tree, theirs, decision, self._weights.score(facts))

    def _patient(self, id_: str) -> Tree | None:
        version = self._store.read("Patient", id_)
        return None if version is None or version.deleted else parse(version.body)

    def _ids_of(self, key: str) -> set[str]:
        """Under which ids the registration of this record number is stored here."""
        return {i for i in self._by_token.get(key, ()) if self._known[i].key == key}

    def _said(self, own: set[str], key: str) -> list[tuple[str, Manual]]:
        """(id of another registration, a steward's word)."""
        names = {key, *(f"Patient/{id_}" for id_ in own)} - {""}
        found = []
        for name, word in self._links.about(names):
            id_ = name.removeprefix("Patient/")
            ids = [id_] if id_ in self._known else sorted(self._by_token.get(name, ()))
            found += [(other, word) for other in ids]
        return found

    def _replaced(self, ids: set[str]) -> dict[str, str]:
        """id -> record number of what the hospitals of these registrations made one with them."""
        found = {}
        with self._lock:
            for id_ in ids & self._known.keys():
                key = self._known[id_].key
                for other, word in self._said({id_}, key):
                    theirs = self._known[other].key
                    if word is Manual.SAME and theirs and _system(theirs) == _system(key):
                        found[other] = theirs
        return found

    # ---- staying current -------------------------------------------------------------------------
    def committed(self, version: Version, tree: Tree) -> None:
        """Called after every commit (watched_store.Listener)."""
        if version.type in TYPES:
            with self._lock:
                if self._built:
                    self._take(version, tree)

    def reset(self) -> None:
        """Forget everything; the next question reads the store again."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._known: dict[str, _Known] = {}
        self._by_token: dict[str, set[str]] = {}
        self._by_block: dict[str, set[str]] = {}
        self._systems: set[str] = set()  # ever seen since
        self._links = StewardLinks()
        self._versions: dict[str, int] = {}
        self._built = False

    def _build(self) -> None:
        if not self._built:
            for type_ in TYPES:
                for version in self._store.scan(type_):
                    self._take(version, orjson.loads(version.body))
            self._built = True

    def _take(self, version: Version, tree: Tree) -> None:
        name = f"{version.type}/{version.id}"
        if self._versions.get(name, 0) >= version.version:
            return  # the pass over the store saw it, or a later one, already
        self._versions[name] = version.version
        words: Iterable[Word] = ()
        if version.type == "Linkage":
            words = () if version.deleted else words_of_linkage(tree)
        else:
            self._drop(version.id)
            if not version.deleted:
                words = words_of_patient({**tree, "id": version.id})
                self._add(version.id, tree)
        self._links.hear(name, words)

    def _add(self, id_: str, patient: Tree) -> None:
        numbers = identifiers(patient)
        said = registration(patient)
        tokens = tuple({f"{system}|{value}" for system, value in numbers})
        blocks = tuple(blocking_keys(said).own)
        self._known[id_] = _Known(said.key, tokens, blocks)
        self._systems.update(system for system, _ in numbers)
        for token in tokens:
            self._by_token.setdefault(token, set()).add(id_)
        for block in blocks:
            self._by_block.setdefault(block, set()).add(id_)

    def _drop(self, id_: str) -> None:
        known = self._known.pop(id_, None)
        if known is not None:
            for token in known.tokens:
                _discard(self._by_token, token, id_)
            for block in known.blocks:
                _discard(self._by_block, block, id_)


def _system(key: str) -> str:
    return key.partition("|")[0]


def _discard(index: dict[str, set[str]], key: str, id_: str) -> None:
    ids = index.get(key, set())
    ids.discard(id_)
    if not ids:
        index.pop(key, None)


def _best_first(candidate: Candidate) -> tuple[Any, ...]:
    excluded = candidate.decision.code >= Verdict.NO_MATCH_MANUAL
    return (not candidate.decision.permits, excluded, -candidate.score, candidate.key)

"""Resources gathered from several hospitals: made one answer, searched like those of one server.

Two hospitals may use the same id, so a resource is known by its address. In the answer references
are absolute and `meta.source` says where a resource came from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from coordinator.services.facts_from_fhir import ZONE, identifiers, instant
from fhir_profiles.json_text import Tree
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, meets, ordering, position
from fhir_server.search.request import SearchRequest

_LOCAL: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}(/_history/[A-Za-z0-9\-.]+)?")
_LINKS: Final = ("reference", "url")  # Reference.reference, Attachment.url
_PLACE: Final = "gathered-"
Rename = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Gathered:
    """One resource as its hospital sent it; `base` is that hospital's FHIR address."""

    base: str
    tree: Tree

    @property
    def name(self) -> str:
        return f"{self.tree['resourceType']}/{self.tree['id']}"

    @property
    def address(self) -> str:
        return f"{self.base}/{self.name}"

    def absolute(self) -> Tree:
        """As it is handed on."""
        tree = renamed(self.tree, lambda link: f"{self.base}/{link}")
        return {**tree, "meta": {**tree.get("meta", {}), "source": self.base}}


def renamed(tree: Any, rename: Rename) -> Any:
    """The same tree with every local link renamed."""
    if isinstance(tree, list):
        return [renamed(item, rename) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        key: rename(value)
        if key in _LINKS and isinstance(value, str) and _LOCAL.fullmatch(value)
        else renamed(value, rename)
        for key, value in tree.items()
    }


def without_doubles(found: Iterable[Gathered]) -> list[Gathered]:
    """Of resources with the same business identifier the first, and each address once."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for one in found:
        type_ = one.tree["resourceType"]
        names = {(type_, f"{system}|{value}") for system, value in identifiers(one.tree)}
        names.add((type_, one.address))
        if not names & seen:
            kept.append(one)
        seen |= names
    return kept


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the gathered a search finds, in its order; `total` before its `_count`."""

    matches: list[Gathered]
    included: list[Gathered]
    total: int


def select(found: Sequence[Gathered], request: SearchRequest) -> Selection:
    """Runs a search over them, as a server would that held them all."""
    pool = _Pool(found, request)
    matches = [
        i
        for i, one in enumerate(found)
        if one.tree["resourceType"] == request.type
        and all(meets(condition, pool.entries[i], _nowhere) for condition in request.conditions)
    ]
    order = ordering(request.sort)
    matches.sort(key=lambda i: order(position(request.sort, pool.entries[i], i)))
    shown = matches[: request.count]
    included = dict.fromkeys(j for i in shown for j in pool.referred_to(i) if j not in shown)
    return Selection([found[i] for i in shown], [found[j] for j in included], len(matches))


def _nowhere(type_: str, id_: str) -> None:
    """No chains: what else a resource refers to was not gathered."""


class _Pool:
    """The gathered as a search sees them; within it a reference names its place in the list."""

    def __init__(self, found: Sequence[Gathered], request: SearchRequest) -> None:
        self._include = request.include
        self._places = {one.address: f"{_PLACE}{i}" for i, one in enumerate(found)}
        self._types = [str(one.tree["resourceType"]) for one in found]
        self.entries = [self._entry(one) for one in found]

    def _entry(self, one: Gathered) -> Entry:
        updated = instant(one.tree.get("meta", {}).get("lastUpdated"))
        micros = 0 if updated is None else int(updated.timestamp() * 1_000_000)
        tree = renamed(one.tree, lambda link: self._within(one.base, link))
        return Entry.of(str(one.tree["id"]), micros, index_rows(tree, ZONE))

    def _within(self, base: str, link: str) -> str:
        place = self._places.get(f"{base}/{link}")
        return link if place is None else f"{link.partition('/')[0]}/{place}"

    def referred_to(self, i: int) -> Iterable[int]:
        """What the `_include`s of the search bring along with a match."""
        for include in self._include:
            for (table, parameter), rows in self.entries[i].rows.items():
                if table != "reference" or parameter not in (include.parameters or (parameter,)):
                    continue
                for row in rows:
                    place = str(row["target"])
                    if include.target in (None, row["type"]) and place.startswith(_PLACE):
                        yield int(place.removeprefix(_PLACE))

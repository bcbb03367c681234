"""What a page brings along: references followed forwards and backwards, wave by wave.

https://hl7.org/fhir/R4/search.html#revinclude. A resource is included once, what was found is not
included again, so cycles end by themselves. Literal references of this server are followed whether
relative, with a version or absolute; canonical ones by `url`, and by `version` where they say one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from fhir_server.search.includes import canonical_names, leading_to
from fhir_server.search.params.query_text import cell
from fhir_server.search.request import Include, SearchRequest

MAX_INCLUDED: Final = 5_000  # resources that one page brings along


class Node(NamedTuple):
    """A resource on the way; `held` is the store's own."""

    key: int
    type: str
    id: str
    held: Any


class Link(NamedTuple):
    """One reference under one parameter, as its index row has it."""

    key: int  # of the resource that refers
    parameter: str
    target: str
    type: str


class Network(Protocol):
    """What a store knows about references. Nodes are those that exist for whoever searches."""

    def links(self, keys: Sequence[int], parameters: Sequence[str]) -> Iterable[Link]:
        """References of these resources; under any parameter if none are given."""
        ...

    def referring(
        self, parameters: Sequence[str], targets: Sequence[str], types: Sequence[str], limit: int
    ) -> Sequence[int]:
        """Keys of resources with such a reference, the smallest, in order."""
        ...

    def nodes(self, keys: Sequence[int]) -> Iterable[Node]: ...

    def at(self, type_: str, ids: Sequence[str]) -> Iterable[Node]: ...

    def named(self, parameters: Sequence[str], urls: Sequence[str]) -> Iterable[tuple[int, str]]:
        """Keys and addresses of resources with one of these addresses (uri rows)."""
        ...

    def words(self, table: str, code: str, nodes: Sequence[Node]) -> Iterable[tuple[int, str]]:
        """Keys and values of a parameter of these resources (uri or token rows)."""
        ...


def included(
    request: SearchRequest, matches: Sequence[Node], network: Network
) -> tuple[list[Node], bool]:
    """What belongs to a page of matches, in the order of keys, and whether something is left out
    because it is too much."""
    found: dict[int, Node] = {}
    seen = {node.key for node in matches}
    following = _Following(network, request.base)
    wave, first, cut = list(matches), True, False
    while wave and not cut:
        ahead = [one for one in request.include if first or one.iterate]
        back = [one for one in request.revinclude if first or one.iterate]
        limit = MAX_INCLUDED + len(seen) + 1
        fresh = following.ahead(ahead, wave) | following.back(back, wave, limit)
        new = [fresh[key] for key in sorted(fresh.keys() - seen)]
        room = MAX_INCLUDED - len(found)
        wave, first, cut = new[:room], False, len(new) > room
        found.update((node.key, node) for node in wave)
        seen.update(node.key for node in wave)
    return [found[key] for key in sorted(found)], cut


Wanted = dict[str, set[str | None]]  # what is looked for -> its types, None for any


class _Following:
    def __init__(self, network: Network, base: str | None) -> None:
        self._network = network
        self._base = f"{base.rstrip('/')}/" if base else ""

    # ---- forwards --------------------------------------------------------------------------------
    def ahead(self, includes: Sequence[Include], wave: Sequence[Node]) -> dict[int, Node]:
        if not includes:
            return {}
        some = [] if any(not one.parameters for one in includes) else includes
        names = sorted({name for one in some for name in one.parameters})
        literal: dict[str, Wanted] = {}
        canonical: Wanted = {}
        for link in _plain(self._network.links([node.key for node in wave], names)):
            types = {one.target for one in includes if _under(one, link.parameter)}
            if types:
                self._want(link, types, literal, canonical)
        found: dict[int, Node] = {}
        for type_, wanted in literal.items():
            ids = [id_ for id_, types in wanted.items() if types & {None, type_}]
            found.update((node.key, node) for node in self._network.at(type_, ids))
        return found | self._canonicals(canonical)

    def _want(
        self,
        link: Link,
        types: set[str | None],
        literal: dict[str, Wanted],
        canonical: Wanted,
    ) -> None:
        text, type_ = link.target, link.type
        if self._base and text.startswith(self._base):
            type_, _, text = text[len(self._base) :].partition("/")
        if ":" in text:
            canonical.setdefault(text, set()).update(types)
        elif type_:
            literal.setdefault(type_, {}).setdefault(text, set()).update(types)

    def _canonicals(self, wanted: Wanted) -> dict[int, Node]:
        """Resources with these addresses and, where one says so, in this version of theirs."""
        if not wanted:
            return {}
        urls = sorted({url.partition("|")[0] for url in wanted})
        at = list(self._network.named(canonical_names(), urls))
        nodes = {node.key: node for node in self._network.nodes(sorted({key for key, _ in at}))}
        versions = _grouped(self._network.words("token", "version", list(nodes.values())))
        spelled: Wanted = {}
        for url, types in wanted.items():
            spelled.setdefault(_small(url), set()).update(types)
        found = {}
        for key, url in at:
            node = nodes.get(key)
            if node is None:
                continue
            own = [url, *(f"{url}|{one}" for one in versions.get(key, ()))]
            types = {type_ for one in own for type_ in spelled.get(one, ())}
            if types & {None, node.type}:
                found[key] = node
        return found

    # ---- backwards -------------------------------------------------------------------------------
    def back(
        self, includes: Sequence[Include], wave: Sequence[Node], limit: int
    ) -> dict[int, Node]:
        if not includes:
            return {}
        keys: set[int] = set()
        for type_ in sorted({node.type for node in wave}):
            nodes = [node for node in wave if node.type == type_]
            names = sorted(
                name
                for name in leading_to(type_)
                if any(_under(one, name) and one.target in (None, type_) for one in includes)
            )
            if names:
                targets = [node.id for node in nodes]
                if self._base:
                    targets += [cell(f"{self._base}{type_}/{node.id}") for node in nodes]
                keys.update(self._network.referring(names, targets, (type_,), limit))
                keys.update(self._by_canonical(names, nodes, limit))
        return {node.key: node for node in self._network.nodes(sorted(keys)[:limit])}

    def _by_canonical(
        self, names: Sequence[str], nodes: Sequence[Node], limit: int
    ) -> Iterable[int]:
        """What refers to them by address, without a version or with theirs."""
        type_ = nodes[0].type
        if f"{type_}.url" not in canonical_names():
            return set()
        urls = _grouped(self._network.words("uri", "url", nodes))
        versions = _grouped(self._network.words("token", "version", nodes))
        meant = {url for own in urls.values() for url in own}
        # Every canonical has a row without its version: what it says shows in its other row.
        found = self._network.referring(names, sorted(meant), (type_, ""), limit) if meant else ()
        for key, own in urls.items():
            meant |= {f"{url}|{one}" for url in own for one in versions.get(key, ())}
        links = _plain(self._network.links(found, names)) if found else ()
        return {link.key for link in links if _small(link.target) in meant}


def _under(include: Include, parameter: str) -> bool:
    if include.parameters:
        return parameter in include.parameters
    return include.source in ("", parameter.partition(".")[0])


def _plain(links: Iterable[Link]) -> list[Link]:
    """Without the second row of a canonical with a version, which has none and so finds more."""
    listed = list(links)
    versioned = {
        (link.key, link.parameter, link.target.partition("|")[0])
        for link in listed
        if "|" in link.target
    }
    return [link for link in listed if (link.key, link.parameter, link.target) not in versioned]


def _small(canonical: str) -> str:
    """With its version as token rows have it."""
    url, bar, version = canonical.partition("|")
    return f"{url}{bar}{version.casefold()}"


def _grouped(pairs: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, word in pairs:
        found.setdefault(key, []).append(word)
    return found

"""A search in memory, slow and obvious (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Protocol

from fhir_server.search.following import Link, Node, included
from fhir_server.search.match import Entry, Position, meets, ordering, position
from fhir_server.search.paging import CHEAP_TOTAL, Cursor, no_such_page
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Found, Version


class Resource(Protocol):
    """All versions of one resource, oldest first; `key` says when it was created."""

    @property
    def key(self) -> int: ...

    @property
    def versions(self) -> tuple[Version, ...]: ...

    @property
    def entries(self) -> tuple[Entry | None, ...]: ...

    @property
    def newest(self) -> Version: ...

    @property
    def entry(self) -> Entry: ...


class MemorySearch:
    """Over all resources of a state; `sees` says which of them exist for whoever searches."""

    def __init__(self, resources: Collection[Resource], sees: Callable[[str, Entry], bool]) -> None:
        self._all = resources
        self._seen = {
            (held.newest.type, held.newest.id): held
            for held in resources
            if not held.newest.deleted and sees(held.newest.type, held.entry)
        }

    def found(self, request: SearchRequest) -> Found:
        cursor = None if request.cursor is None else Cursor.read(request.cursor)
        newest = max((held.key for held in self._all), default=0)
        mark = newest if cursor is None else cursor.mark
        parts = {part.type: part for part in request.by_type()}
        matches = [
            held
            for (type_, _), held in self._seen.items()
            if type_ in parts
            and held.key <= mark
            and all(
                meets(one, held.entry, self._find, self._referring)
                for one in parts[type_].conditions
            )
        ]
        total = _total(request, len(matches)) if cursor is None else cursor.total
        order = ordering(request.by_type()[0].sort)

        def place(held: Resource, entry: Entry) -> Position:
            part = parts.get(held.newest.type)
            if part is None:
                raise no_such_page()
            return order(position(part.sort, entry, held.key))

        places = {held.key: place(held, held.entry) for held in matches}
        matches.sort(key=lambda held: places[held.key])
        if cursor is not None:
            start = place(*self._last(cursor))
            matches = [held for held in matches if start < places[held.key]]
        page = matches[: request.count]
        following = None
        if page and len(matches) > len(page):
            last = page[-1]
            following = Cursor(mark, last.key, last.newest.version, total).text()
        along, cut = self._included(request, page)
        return Found([held.newest for held in page], along, total, following, cut)

    def _find(self, type_: str, id_: str) -> Entry | None:
        held = self._seen.get((type_, id_))
        return None if held is None else held.entry

    def _referring(self, source: str, parameter: str, type_: str, id_: str) -> Iterable[Entry]:
        return referring(self._seen.values(), source, parameter, type_, id_)

    def _last(self, cursor: Cursor) -> tuple[Resource, Entry]:
        """Where the last page ended: the version that stood there."""
        for held in self._all:
            if held.key == cursor.key and 0 < cursor.version <= len(held.versions):
                entry = held.entries[cursor.version - 1]
                if entry is not None:
                    return held, entry
        raise no_such_page()

    def _included(
        self, request: SearchRequest, page: Sequence[Resource]
    ) -> tuple[list[Version], bool]:
        if not (request.include or request.revinclude):
            return [], False
        along, cut = included(request, [_node(held) for held in page], _Network(self._seen))
        return [node.held.newest for node in along], cut


def referring(
    resources: Iterable[Resource], source: str, parameter: str, type_: str, id_: str
) -> Iterator[Entry]:
    for held in resources:
        if held.newest.type == source and held.entry.refers(parameter, type_, id_):
            yield held.entry


def _total(request: SearchRequest, count: int) -> int | None:
    if request.total == "none" and request.count:
        return None
    asked = request.total is not None or request.count == 0
    return count if asked or count <= CHEAP_TOTAL else None


def _node(held: Resource) -> Node:
    return Node(held.key, held.newest.type, held.newest.id, held)


class _Network:
    """The references among the resources that somebody sees."""

    def __init__(self, seen: dict[tuple[str, str], Any]) -> None:
        self._seen = seen
        self._by_key = {held.key: held for held in seen.values()}

    def _rows(self, table: str, keys: Iterable[int]) -> Iterator[tuple[int, str, dict[str, Any]]]:
        for key in keys:
            if key in self._by_key:
                for (of, parameter), rows in self._by_key[key].entry.rows.items():
                    if of == table:
                        yield from ((key, parameter, row) for row in rows)

    def links(self, keys: Sequence[int], parameters: Sequence[str]) -> Iterator[Link]:
        for key, parameter, row in self._rows("reference", keys):
            if not parameters or parameter in parameters:
                yield Link(key, parameter, str(row["target"]), str(row["type"]))

    def referring(
        self, parameters: Sequence[str], targets: Sequence[str], types: Sequence[str], limit: int
    ) -> list[int]:
        found = {
            link.key
            for link in self.links(list(self._by_key), parameters)
            if link.target in targets and link.type in types
        }
        return sorted(found)[:limit]

    def nodes(self, keys: Sequence[int]) -> list[Node]:
        return [_node(self._by_key[key]) for key in keys if key in self._by_key]

    def at(self, type_: str, ids: Sequence[str]) -> list[Node]:
        return [_node(self._seen[type_, id_]) for id_ in ids if (type_, id_) in self._seen]

    def named(self, parameters: Sequence[str], urls: Sequence[str]) -> Iterator[tuple[int, str]]:
        for key, parameter, row in self._rows("uri", list(self._by_key)):
            if parameter in parameters and row["value"] in urls:
                yield key, str(row["value"])

    def words(self, table: str, code: str, nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
        column = "value" if table == "uri" else "code"
        for node in nodes:
            for key, parameter, row in self._rows(table, [node.key]):
                if parameter == f"{node.type}.{code}":
                    yield key, str(row[column])

"""References in SQL tables, for whoever follows them (`fhir_server.search.following`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from fhir_server.search.following import Link, Node
from fhir_server.search.parameters import full_name
from fhir_server.search.request import Cell
from fhir_server.store import link_statements, statements
from fhir_server.store.database import UNKNOWN, Connection, Database
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from fhir_server.store.skeleton import Slots, padded

CHUNK: Final = 512  # values of a list in one statement


class SqlNetwork:
    """On one connection within one read transaction, as somebody sees it."""

    def __init__(self, database: Database, connection: Connection, visibility: Visibility) -> None:
        self._database, self._connection = database, connection
        self._visibility = visibility

    def _rows(self, build: Any, *about: Any, values: Sequence[Cell], **named: Cell) -> list[Any]:
        statement = self._database.sql.form(build, *about)
        return self._connection.execute(statement.sql, statement.bind(values, named)).fetchall()

    def _number(self, text: str) -> int:
        return self._database.names.number(self._connection, text)

    def _text(self, number: int) -> str:
        return self._database.names.text(self._connection, number)

    def _numbers(self, names: Iterable[str]) -> list[int]:
        found = (self._number(name) for name in names)
        return [number for number in found if number != UNKNOWN]

    # ---- what stands in the index ----------------------------------------------------------------
    def links(self, keys: Sequence[int], parameters: Sequence[str]) -> Iterator[Link]:
        numbers: Sequence[Cell] = self._numbers(parameters)
        if parameters and not numbers:
            return
        about = padded(numbers) if numbers else ()
        for some in _chunks(keys):
            values = padded(some)
            shape = (len(values), len(about))
            for row in self._rows(link_statements.links, *shape, values=(*values, *about)):
                key, parameter, target, type_ = row
                yield Link(key, self._text(parameter), target, self._text(type_))

    def referring(
        self, parameters: Sequence[str], targets: Sequence[str], types: Sequence[str], limit: int
    ) -> list[int]:
        numbers, of_types = self._numbers(parameters), self._numbers(types)
        if not numbers or not of_types:
            return []
        about, kinds = padded(numbers), padded(of_types)
        found: set[int] = set()
        for some in _chunks(targets):
            values = padded(some)
            shape = (len(about), len(values), len(kinds))
            rows = self._rows(
                link_statements.referring, *shape, values=(*about, *values, *kinds), limit=limit
            )
            found.update(row[0] for row in rows)
        return sorted(found)[:limit]

    def named(self, parameters: Sequence[str], urls: Sequence[str]) -> Iterator[tuple[int, str]]:
        numbers = self._numbers(parameters)
        if not numbers:
            return
        about = padded(numbers)
        for some in _chunks(urls):
            values = padded(some)
            shape = (len(about), len(values))
            yield from self._rows(link_statements.named, *shape, values=(*about, *values))

    def words(self, table: str, code: str, nodes: Sequence[Node]) -> Iterator[tuple[int, str]]:
        for type_ in sorted({node.type for node in nodes}):
            number = self._number(full_name(type_, code))
            if number == UNKNOWN:
                continue
            for some in _chunks([node.key for node in nodes if node.type == type_]):
                values = padded(some)
                shape = (table, len(values))
                rows = self._rows(link_statements.words, *shape, values=values, parameter=number)
                yield from rows

    # ---- resources -------------------------------------------------------------------------------
    def nodes(self, keys: Sequence[int]) -> Iterator[Node]:
        for some in _chunks(keys):
            values = padded(some)
            rows = self._rows(link_statements.by_keys, len(values), values=values)
            yield from self._seen(rows)

    def at(self, type_: str, ids: Sequence[str]) -> Iterator[Node]:
        number = self._number(type_)
        if number == UNKNOWN:
            return
        for some in _chunks(ids):
            values = padded(some)
            rows = self._rows(link_statements.at, len(values), values=values, type=number)
            yield from self._seen(rows)

    def _seen(self, rows: Sequence[Any]) -> Iterator[Node]:
        """Of these resources those that exist for whoever searches."""
        for row in rows:
            type_ = self._text(row[1])
            if self._sees(type_, row[0]):
                yield Node(row[0], type_, row[2], row)

    def _sees(self, type_: str, key: int) -> bool:
        condition = self._visibility.of(type_)
        if condition is EVERYTHING or condition is NOTHING:
            return condition is EVERYTHING
        slots = Slots(self._number, self._visibility.of)
        stripped = slots.strip(type_, condition, guarded=False)
        return bool(self._rows(statements.seen, stripped, values=slots.values, key=key))


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]

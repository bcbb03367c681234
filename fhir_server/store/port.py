"""The store port: what the interactions of a server ask of whatever keeps its resources.

A resource is kept as the text that came in (https://hl7.org/fhir/R4/http.html#versions: every write
is a new version). Who may see what is which store they get: `restricted(visibility)`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from fhir_profiles.json_text import Tree
from fhir_server.search.request import AnyOf, Condition, SearchRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource; `body` is the JSON as it is served, b"" if deleted."""

    type: str
    id: str
    version: int
    updated: datetime  # aware, UTC, whole milliseconds
    body: bytes
    method: str  # POST, PUT or DELETE

    @property
    def deleted(self) -> bool:
        return self.method == "DELETE"


@dataclass(frozen=True, slots=True)
class Document:
    """A resource on its way in: the body that came, and the tree parsed from it."""

    tree: Tree
    body: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """An application row (outbox, audit, decision ...). `settled` is for work that is done."""

    seq: int  # 1, 2, 3 ... within its kind
    kind: str
    key: str
    at: datetime
    data: bytes
    settled: bool = False


class NewRow(NamedTuple):
    """An application row on its way in, in bulk."""

    kind: str
    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. `total` counts all matches, None if nobody asked and it is costly.

    `next` is the cursor of the following page, None on the last one; it shows no patient data.
    `cut`: more would have been included, but a page has room for so many.
    """

    matches: list[Version]
    included: list[Version] = field(default_factory=list)
    total: int | None = None
    next: str | None = None
    cut: bool = False


Types = str | Collection[str] | None
"""One type of resources, several of them, or all."""


class Span(NamedTuple):
    """Versions made from `since` to `until`, both included; with `current` only those that had not
    been replaced yet at that moment. None: no limit."""

    since: datetime | None = None
    until: datetime | None = None
    current: datetime | None = None

    def holds(self, made: datetime, replaced: datetime | None) -> bool:
        if self.since is not None and made < self.since:
            return False
        if self.until is not None and made > self.until:
            return False
        return self.current is None or replaced is None or replaced > self.current


ALWAYS: Final = Span()


class Place(NamedTuple):
    """Where a version stands in a history of many resources; the greatest place comes first."""

    updated: int  # microseconds of UTC
    key: int  # a store's own number of the resource, in the order of their creation
    version: int


@dataclass(frozen=True, slots=True)
class Past:
    """A page of a history of many resources. `next` is where the following one begins, exclusive.

    There may be a following page although this one has fewer versions than it might have: a store
    looks at so many that are hidden, or were not current, and no more.
    """

    versions: list[Version]
    next: Place | None = None


# ---- who sees what ------------------------------------------------------------------------------

EVERYTHING: Final = AnyOf(((),))
NOTHING: Final = AnyOf(())


@dataclass(frozen=True, slots=True)
class Visibility:
    """By type, the condition that a resource has to meet in order to exist for somebody.

    `EVERYTHING`, `NOTHING`, or conditions of `parse(type_, query).conditions`:
    ``AnyOf((request.conditions, other.conditions))``. A version is seen if it meets the condition
    itself and so does the newest one; a deleted resource if its last content met it.
    """

    types: Mapping[str, Condition] = field(default_factory=dict)
    others: Condition = NOTHING

    def of(self, type_: str) -> Condition:
        return self.types.get(type_, self.others)

    def also(self, other: Visibility) -> Visibility:
        """What both let through."""
        types = {
            type_: _both(self.of(type_), other.of(type_)) for type_ in (*self.types, *other.types)
        }
        return Visibility(types, _both(self.others, other.others))


def _both(one: Condition, other: Condition) -> Condition:
    if NOTHING in (one, other):
        return NOTHING
    if EVERYTHING in (one, other):
        return other if one == EVERYTHING else one
    return AnyOf(((one, other),))


ALL: Final = Visibility(others=EVERYTHING)


def whole_milliseconds(at: datetime) -> datetime:
    """A moment in UTC, cut to what `meta.lastUpdated` shows."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)


# ---- the port -----------------------------------------------------------------------------------


class Reader(Protocol):
    """Reads what was committed. Safe in any thread."""

    def read(self, type_: str, id_: str) -> Version | None:
        """The newest version, a deleted one too."""
        ...

    def vread(self, type_: str, id_: str, version: int) -> Version | None: ...

    def history(
        self,
        type_: str,
        id_: str,
        *,
        count: int,
        before: int | None = None,
        span: Span = ALWAYS,
    ) -> list[Version]:
        """Newest first; `before` is a version number, exclusive."""
        ...

    def history_of(
        self, types: Types, *, count: int, before: Place | None = None, span: Span = ALWAYS
    ) -> Past:
        """The versions of all resources of these types, the latest change first."""
        ...

    def history_total(
        self, types: Types, id_: str | None = None, *, span: Span = ALWAYS, exact: bool = False
    ) -> int | None:
        """How many versions there are, of one resource or of all; None: too many to count, if it
        need not be `exact`. FhirError (503): out of time."""
        ...

    def search(self, request: SearchRequest) -> Found:
        """FhirError: a cursor that is not ours (400), out of time (503)."""
        ...

    def scan(self, type_: str | None = None) -> Iterator[Version]:
        """All that is not deleted, ordered by type and id, without holding a transaction."""
        ...

    def rows(
        self,
        kind: str,
        *,
        after: int = 0,
        limit: int = 1000,
        unsettled: bool = False,
        key: str | None = None,
    ) -> list[Row]:
        """Application rows of a kind in order of `seq`; of one key, if given."""
        ...

    def last_row(self, kind: str) -> Row | None:
        """The newest application row of a kind (the head of a chain)."""
        ...

    def counts(self) -> dict[str, int]:
        """Resources by type, without deleted ones."""
        ...


class Writer(Reader, Protocol):
    """Inside one write transaction: sees its own writes; nobody else writes meanwhile."""

    def put(self, document: Document, *, id_: str, method: str, at: datetime) -> Version:
        """Stores a new version: one more than the newest, deleted ones counted."""
        ...

    def delete(self, type_: str, id_: str, *, at: datetime) -> Version | None:
        """Stores a version without content. None: there was nothing (any more)."""
        ...

    def append(self, kind: str, key: str, data: bytes, *, at: datetime) -> int:
        """Adds an application row and returns its `seq`."""
        ...

    def settle(self, kind: str, seqs: Sequence[int]) -> None:
        """Marks application rows as done."""
        ...


class Store(Reader, Protocol):
    """The resources of one tenant."""

    def write(self, work: Callable[[Writer], T]) -> Future[T]:
        """Queues work for the one writer; the future resolves after the commit.

        An exception of `work` undoes this work only and is the future's exception.
        """
        ...

    def restricted(self, visibility: Visibility) -> Store:
        """The same store as somebody sees it: what is hidden does not exist."""
        ...

    def load(
        self, documents: Iterable[Document], *, at: datetime, rows: Iterable[NewRow] = ()
    ) -> int:
        """Bulk write of new resources with their own ids, all or none; how many they were.

        FhirError (409): an id that exists already.
        """
        ...

    def snapshot(self) -> None:
        """Remembers the state of now."""
        ...

    def restore(self) -> None:
        """Goes back to the state last remembered, or to an empty store."""
        ...

    def close(self) -> None:
        """Finishes what was accepted; later calls raise FhirError (503)."""
        ...

"""A store in memory, slow and obvious: what the SQL stores have to agree with.

The whole state is one value that nobody changes. A write works on a copy of it and puts the copy
in its place, so a snapshot is the value itself, and undoing is forgetting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import TypeVar

from fhir_profiles.json_text import stored_form
from fhir_server.clock import instant
from fhir_server.search.index import index_rows
from fhir_server.search.match import Entry, meets
from fhir_server.search.paging import CHEAP_TOTAL
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import SearchRequest
from fhir_server.store.brief import need_time
from fhir_server.store.memory_search import MemorySearch, referring
from fhir_server.store.port import (
    ALL,
    ALWAYS,
    EVERYTHING,
    NOTHING,
    Document,
    Found,
    NewRow,
    Past,
    Place,
    Row,
    Span,
    Store,
    Types,
    Version,
    Visibility,
    Writer,
    whole_milliseconds,
)
from fhir_server.store.refusals import (
    check_zone,
    closed,
    exists_already,
    hidden_from_writer,
)
from fhir_server.store.restricted import View

T = TypeVar("T")


@dataclass(frozen=True)
class Held:
    """All versions of one resource, oldest first; `key` says when it was created."""

    key: int
    versions: tuple[Version, ...]
    entries: tuple[Entry | None, ...]  # None for a deleted version

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    @property
    def entry(self) -> Entry:
        """Of the last version with a content; before a deletion there is one."""
        return next(entry for entry in reversed(self.entries) if entry is not None)


@dataclass
class State:
    resources: dict[tuple[str, str], Held] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    def copy(self) -> State:
        return State(dict(self.resources), list(self.rows))


class MemoryReader:
    """Reads one state as somebody sees it."""

    def __init__(self, state: Callable[[], State], zone: tzinfo, visibility: Visibility) -> None:
        self._state, self._zone, self._visibility = state, zone, visibility

    # ---- what is there for whom ------------------------------------------------------------------
    def _sees(self, type_: str, entry: Entry) -> bool:
        """Conditions of a visibility look at everything, seen or not."""
        return meets(self._visibility.of(type_), entry, self._find_any, self._referring)

    def _find_any(self, type_: str, id_: str) -> Entry | None:
        held = self._state().resources.get((type_, id_))
        return None if held is None or held.newest.deleted else held.entry

    def _referring(self, source: str, parameter: str, type_: str, id_: str) -> Iterable[Entry]:
        there = [held for held in self._state().resources.values() if not held.newest.deleted]
        return referring(there, source, parameter, type_, id_)

    def _held(self, type_: str, id_: str) -> Held | None:
        held = self._state().resources.get((type_, id_))
        return held if held is not None and self._sees(type_, held.entry) else None

    def _seen(self, held: Held, span: Span = ALWAYS) -> list[Version]:
        """The versions that are seen, oldest first; a deletion like what it deleted."""
        last, kept = True, []
        replaced = [*(later.updated for later in held.versions[1:]), None]
        for version, entry, end in zip(held.versions, held.entries, replaced, strict=True):
            last = last if entry is None else self._sees(version.type, entry)
            kept += [version] if last and span.holds(version.updated, end) else []
        return kept

    # ---- the port --------------------------------------------------------------------------------
    def read(self, type_: str, id_: str) -> Version | None:
        held = self._held(type_, id_)
        return None if held is None else held.newest

    def vread(self, type_: str, id_: str, version: int) -> Version | None:
        held = self._held(type_, id_)
        seen = [] if held is None else self._seen(held)
        return next((one for one in seen if one.version == version), None)

    def history(
        self,
        type_: str,
        id_: str,
        *,
        count: int,
        before: int | None = None,
        span: Span = ALWAYS,
    ) -> list[Version]:
        held = self._held(type_, id_)
        past = [] if held is None else self._seen(held, span)[::-1]
        return [one for one in past if before is None or one.version < before][:count]

    def history_of(
        self, types: Types, *, count: int, before: Place | None = None, span: Span = ALWAYS
    ) -> Past:
        past = [one for one in self._past(types, span) if before is None or one[0] < before]
        page = past[:count]
        following = page[-1][0] if page and len(past) > count else None
        return Past([version for _, version in page], following)

    def history_total(
        self, types: Types, id_: str | None = None, *, span: Span = ALWAYS, exact: bool = False
    ) -> int | None:
        past = [version for _, version in self._past(types, span) if id_ in (None, version.id)]
        looked_at = self._past(types, span._replace(current=None))
        conditions = [self._visibility.of(held.newest.type) for held in self._of(types)]
        partly = any(one not in (EVERYTHING, NOTHING) for one in conditions)
        costly = id_ is None and (partly or len(looked_at) > CHEAP_TOTAL)
        return None if costly and not exact else len(past)

    def _past(self, types: Types, span: Span) -> list[tuple[Place, Version]]:
        """All versions that are seen, with their places, the latest first."""
        past = [
            (Place(microseconds(version.updated), held.key, version.version), version)
            for held in self._of(types)
            if self._sees(held.newest.type, held.entry)
            for version in self._seen(held, span)
        ]
        return sorted(past, key=lambda one: one[0], reverse=True)

    def _of(self, types: Types) -> list[Held]:
        wanted = (types,) if isinstance(types, str) else types
        held = self._state().resources.values()
        return [one for one in held if wanted is None or one.newest.type in wanted]

    def scan(self, type_: str | None = None) -> Iterator[Version]:
        for wanted, id_ in sorted(self._state().resources):
            held = self._held(wanted, id_) if type_ in (None, wanted) else None
            if held is not None and not held.newest.deleted:
                yield held.newest

    def rows(
        self,
        kind: str,
        *,
        after: int = 0,
        limit: int = 1000,
        unsettled: bool = False,
        key: str | None = None,
    ) -> list[Row]:
        found = [row for row in self._state().rows if row.kind == kind and row.seq > after]
        found = [row for row in found if key in (None, row.key)]
        return [row for row in found if not (unsettled and row.settled)][:limit]

    def last_row(self, kind: str) -> Row | None:
        return next((row for row in reversed(self._state().rows) if row.kind == kind), None)

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for version in self.scan():
            found[version.type] = found.get(version.type, 0) + 1
        return found

    # ---- search ----------------------------------------------------------------------------------
    def search(self, request: SearchRequest) -> Found:
        check_zone(request.zone, self._zone)
        need_time()
        return MemorySearch(self._state().resources.values(), self._sees).found(request)


class MemoryWriter(MemoryReader):
    """Changes a state that nobody else has."""

    def __init__(self, state: State, zone: tzinfo, visibility: Visibility) -> None:
        super().__init__(lambda: state, zone, visibility)
        self._own = state

    def put(self, document: Document, *, id_: str, method: str, at: datetime) -> Version:
        type_ = str(document.tree["resourceType"])
        held = self._own.resources.get((type_, id_))
        if held is not None and not self._sees(type_, held.entry):
            raise hidden_from_writer(type_, id_)
        number = 1 if held is None else held.newest.version + 1
        body = stored_form(document.body, type_, id_, number, instant(at))
        at = whole_milliseconds(at)
        version = Version(type_, id_, number, at, body, method)
        rows = index_rows(document.tree, self._zone)
        entry = Entry.of(id_, microseconds(at), rows, type_)
        self._keep(held, version, entry)
        return version

    def delete(self, type_: str, id_: str, *, at: datetime) -> Version | None:
        held = self._held(type_, id_)
        if held is None or held.newest.deleted:
            return None
        number, at = held.newest.version + 1, whole_milliseconds(at)
        version = Version(type_, id_, number, at, b"", "DELETE")
        self._keep(held, version, None)
        return version

    def _keep(self, held: Held | None, version: Version, entry: Entry | None) -> None:
        key = len(self._own.resources) + 1 if held is None else held.key
        versions = () if held is None else held.versions
        entries = () if held is None else held.entries
        held = Held(key, (*versions, version), (*entries, entry))
        self._own.resources[version.type, version.id] = held

    def append(self, kind: str, key: str, data: bytes, *, at: datetime) -> int:
        last = self.last_row(kind)
        seq = 1 if last is None else last.seq + 1
        self._own.rows.append(Row(seq, kind, key, at.astimezone(UTC), data))
        return seq

    def settle(self, kind: str, seqs: Sequence[int]) -> None:
        done = set(seqs)
        self._own.rows[:] = [
            replace(row, settled=True) if row.kind == kind and row.seq in done else row
            for row in self._own.rows
        ]


class MemoryStore(MemoryReader):
    """`open_store("memory:", tenant)`: writes happen in the caller's thread, one after another."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._now, self._remembered = State(), State()
        self._lock, self._closed = threading.Lock(), False
        super().__init__(lambda: self._now, zone, ALL)

    def write(self, work: Callable[[Writer], T]) -> Future[T]:
        return self.write_as(ALL, work)

    def write_as(self, visibility: Visibility, work: Callable[[Writer], T]) -> Future[T]:
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()
        error: BaseException | None = None
        with self._lock:
            try:
                if self._closed:
                    raise closed()
                state = self._now.copy()
                value = work(MemoryWriter(state, self._zone, visibility))
            except BaseException as err:
                error = err
            else:
                self._now = state
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)
        return answer

    def restricted(self, visibility: Visibility) -> Store:
        return MemoryView(self, visibility)

    def load(
        self, documents: Iterable[Document], *, at: datetime, rows: Iterable[NewRow] = ()
    ) -> int:
        def work(writer: Writer) -> int:
            count = 0
            for document in documents:
                type_, id_ = str(document.tree["resourceType"]), str(document.tree["id"])
                if writer.read(type_, id_) is not None:
                    raise exists_already(type_, id_)
                writer.put(document, id_=id_, method="POST", at=at)
                count += 1
            for kind, key, data in rows:
                writer.append(kind, key, data, at=at)
            return count

        return self.write(work).result()

    def snapshot(self) -> None:
        with self._lock:
            self._remembered = self._now

    def restore(self) -> None:
        with self._lock:
            self._now = self._remembered

    def close(self) -> None:
        with self._lock:
            self._closed = True


class MemoryView(View, MemoryReader):
    """A part of a store in memory."""

    def __init__(self, whole: MemoryStore, visibility: Visibility) -> None:
        MemoryReader.__init__(self, lambda: whole._now, whole._zone, visibility)
        self._whole = whole

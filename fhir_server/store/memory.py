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
from fhir_server.search.match import Entry, Position, meets, ordering, position
from fhir_server.search.paging import CHEAP_TOTAL, Cursor, no_such_page
from fhir_server.search.params.date import microseconds
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import (
    ALL,
    Document,
    Found,
    NewRow,
    Row,
    Store,
    Version,
    Visibility,
    Writer,
    whole_milliseconds,
)
from fhir_server.store.refusals import (
    MAX_INCLUDED,
    check_zone,
    closed,
    exists_already,
    hidden_from_writer,
    too_many_included,
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
        return meets(self._visibility.of(type_), entry, self._find_any)

    def _find_any(self, type_: str, id_: str) -> Entry | None:
        held = self._state().resources.get((type_, id_))
        return None if held is None or held.newest.deleted else held.entry

    def _find(self, type_: str, id_: str) -> Entry | None:
        entry = self._find_any(type_, id_)
        return entry if entry is not None and self._sees(type_, entry) else None

    def _held(self, type_: str, id_: str) -> Held | None:
        held = self._state().resources.get((type_, id_))
        return held if held is not None and self._sees(type_, held.entry) else None

    def _seen(self, held: Held) -> list[Version]:
        """The versions that are seen, oldest first; a deletion like what it deleted."""
        last, kept = True, []
        for version, entry in zip(held.versions, held.entries, strict=True):
            last = last if entry is None else self._sees(version.type, entry)
            kept += [version] if last else []
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
        self, type_: str, id_: str, *, count: int, before: int | None = None
    ) -> list[Version]:
        held = self._held(type_, id_)
        seen = [] if held is None else self._seen(held)[::-1]
        return [one for one in seen if before is None or one.version < before][:count]

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
        cursor = None if request.cursor is None else Cursor.read(request.cursor)
        newest = max((held.key for held in self._state().resources.values()), default=0)
        mark = newest if cursor is None else cursor.mark
        matches = [
            held
            for (type_, id_), held in self._state().resources.items()
            if type_ == request.type
            and held.key <= mark
            and (entry := self._find(type_, id_)) is not None
            and all(meets(one, entry, self._find) for one in request.conditions)
        ]
        total = self._total(request, len(matches)) if cursor is None else cursor.total
        order = ordering(request.sort)
        places = {held.key: order(position(request.sort, held.entry, held.key)) for held in matches}
        matches.sort(key=lambda held: places[held.key])
        if cursor is not None:
            start = order(self._position(request, cursor))
            matches = [held for held in matches if start < places[held.key]]
        page = matches[: request.count]
        following = None
        if page and len(matches) > len(page):
            last = page[-1]
            following = Cursor(mark, last.key, last.newest.version, total).text()
        return Found(
            [held.newest for held in page], self._included(request, page), total, following
        )

    def _total(self, request: SearchRequest, count: int) -> int | None:
        if request.total == "none" and request.count:
            return None
        asked = request.total is not None or request.count == 0
        return count if asked or count <= CHEAP_TOTAL else None

    def _position(self, request: SearchRequest, cursor: Cursor) -> Position:
        for held in self._state().resources.values():
            if held.key == cursor.key and 0 < cursor.version <= len(held.versions):
                entry = held.entries[cursor.version - 1]
                if entry is not None:
                    return position(request.sort, entry, held.key)
        raise no_such_page()

    def _included(self, request: SearchRequest, page: Sequence[Held]) -> list[Version]:
        found: dict[int, Version] = {}
        for include in request.include:
            for held in page:
                for row in held.entry.rows.get(("reference", include.parameter), []):
                    if include.target in (None, row["type"]):
                        self._add(found, str(row["type"]), str(row["target"]))
        ids = {("resource", held.newest.type, held.newest.id) for held in page}
        for include in request.revinclude:
            for (type_, id_), held in self._state().resources.items():
                if type_ == include.source:
                    rows = held.entry.rows.get(("reference", include.parameter), [])
                    if any(("resource", row["type"], row["target"]) in ids for row in rows):
                        self._add(found, type_, id_)
        for held in page:
            found.pop(held.key, None)
        if len(found) > MAX_INCLUDED:
            raise too_many_included()
        return [found[key] for key in sorted(found)]

    def _add(self, found: dict[int, Version], type_: str, id_: str) -> None:
        held = self._held(type_, id_)
        if held is not None and not held.newest.deleted:
            found[held.key] = held.newest


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
        entry = Entry.of(id_, microseconds(at), index_rows(document.tree, self._zone))
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

"""A store that tells its listeners what was committed, before whoever wrote it is answered.

The directory and the person index keep what they read; this is how they stay current. A listener
hears nothing of a write that was rolled back, and hears writes in the order of their commits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Protocol, TypeVar

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.request import AnyOf, Chain, Condition, Reverse, SearchRequest
from fhir_server.store.port import (
    ALWAYS,
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
)

T = TypeVar("T")


class Listener(Protocol):
    def committed(self, version: Version, tree: Tree) -> None:
        """One resource as it is now; `version.deleted` if it is gone (and `tree` is empty)."""
        ...

    def reset(self) -> None:
        """Anything may be different now: a bulk load, a restored snapshot."""
        ...


class WatchedStore:
    """`store` with listeners. Give `note` to the engine as its on-write hook.

    Types that are `kept_elsewhere` are never searched here: an empty answer would be wrong.
    """

    def __init__(
        self, store: Store, listeners: Sequence[Listener], kept_elsewhere: Collection[str] = ()
    ) -> None:
        self._store, self._listeners = store, tuple(listeners)
        self._kept_elsewhere = frozenset(kept_elsewhere)
        self._thread = threading.local()  # the notes of the work that this thread is doing

    def note(self, writer: Writer, version: Version, tree: Tree) -> None:
        """Within a write: remembered until the commit."""
        self._thread.notes.append((version, tree))

    def write(self, work: Callable[[Writer], T]) -> Future[T]:
        def noted(writer: Writer) -> tuple[T, list[tuple[Version, Tree]]]:
            notes = self._thread.notes = []
            return work(writer), notes

        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # a caller who gives up does not undo a commit
        self._store.write(noted).add_done_callback(lambda done: self._settle(done, answer))
        return answer

    def _settle(self, done: Future[Any], answer: Future[T]) -> None:
        try:
            value, notes = done.result()
            for version, tree in notes:
                for listener in self._listeners:
                    listener.committed(version, tree)
        except BaseException as error:
            answer.set_exception(error)
        else:
            answer.set_result(value)

    def load(
        self, documents: Iterable[Document], *, at: datetime, rows: Iterable[NewRow] = ()
    ) -> int:
        count = self._store.load(documents, at=at, rows=rows)
        self._reset()
        return count

    def restore(self) -> None:
        self._store.restore()
        self._reset()

    def _reset(self) -> None:
        for listener in self._listeners:
            listener.reset()

    # ---- handed through --------------------------------------------------------------------------
    def read(self, type_: str, id_: str) -> Version | None:
        return self._store.read(type_, id_)

    def vread(self, type_: str, id_: str, version: int) -> Version | None:
        return self._store.vread(type_, id_, version)

    def history(
        self,
        type_: str,
        id_: str,
        *,
        count: int,
        before: int | None = None,
        span: Span = ALWAYS,
    ) -> list[Version]:
        return self._store.history(type_, id_, count=count, before=before, span=span)

    def history_of(
        self, types: Types, *, count: int, before: Place | None = None, span: Span = ALWAYS
    ) -> Past:
        if isinstance(types, str):
            self._require_own({types})
        return self._store.history_of(types, count=count, before=before, span=span)

    def history_total(
        self, types: Types, id_: str | None = None, *, span: Span = ALWAYS, exact: bool = False
    ) -> int | None:
        return self._store.history_total(types, id_, span=span, exact=exact)

    def search(self, request: SearchRequest) -> Found:
        asked = {part.type for part in request.by_type()}
        asked |= {one.source for one in request.revinclude}
        for part in request.by_type():
            asked |= set(_referring(part.conditions))
        self._require_own(asked)
        return self._store.search(request)

    def _require_own(self, types: Collection[str]) -> None:
        if elsewhere := sorted(self._kept_elsewhere.intersection(types)):
            raise FhirError(
                Kind.NOT_IMPLEMENTED,
                f"{', '.join(elsewhere)} are kept by hospitals; search for one of them by itself, "
                "about one person, and name other types in _type",
            )

    def scan(self, type_: str | None = None) -> Iterator[Version]:
        return self._store.scan(type_)

    def rows(
        self,
        kind: str,
        *,
        after: int = 0,
        limit: int = 1000,
        unsettled: bool = False,
        key: str | None = None,
    ) -> list[Row]:
        return self._store.rows(kind, after=after, limit=limit, unsettled=unsettled, key=key)

    def last_row(self, kind: str) -> Row | None:
        return self._store.last_row(kind)

    def counts(self) -> dict[str, int]:
        return self._store.counts()

    def restricted(self, visibility: Visibility) -> Store:
        return self._store.restricted(visibility)

    def snapshot(self) -> None:
        self._store.snapshot()

    def close(self) -> None:
        self._store.close()


def _referring(conditions: Iterable[Condition]) -> Iterator[str]:
    """Types that `_has` looks through."""
    for one in conditions:
        if isinstance(one, Reverse):
            yield one.source
            yield from _referring((one.condition,))
        elif isinstance(one, Chain):
            yield from _referring(condition for _, condition in one.targets)
        elif isinstance(one, AnyOf):
            for alternative in one.alternatives:
                yield from _referring(alternative)

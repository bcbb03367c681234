"""The side of a store that somebody gets who sees a part of it (design decision 15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol, TypeVar

from fhir_server.store.port import Document, NewRow, Store, Visibility, Writer
from fhir_server.store.refusals import not_for_a_view

T = TypeVar("T")


class Whole(Protocol):
    """The store behind a view."""

    def write_as(self, visibility: Visibility, work: Callable[[Writer], T]) -> Future[T]: ...

    def restricted(self, visibility: Visibility) -> Store: ...


class View:
    """Writing through a view: the writer sees as little as the reader, which is its other base."""

    _whole: Whole
    _visibility: Visibility

    def write(self, work: Callable[[Writer], T]) -> Future[T]:
        return self._whole.write_as(self._visibility, work)

    def restricted(self, visibility: Visibility) -> Store:
        """What both visibilities let through."""
        return self._whole.restricted(self._visibility.also(visibility))

    def load(
        self, documents: Iterable[Document], *, at: datetime, rows: Iterable[NewRow] = ()
    ) -> int:
        raise not_for_a_view("a bulk load")

    def snapshot(self) -> None:
        raise not_for_a_view("a snapshot")

    def restore(self) -> None:
        raise not_for_a_view("a reset")

    def close(self) -> None:
        """A view holds nothing open."""

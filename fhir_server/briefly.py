"""Searches tried at once, in the event loop: most are done sooner than a thread would have begun.

A search within one type takes 90 µs from an index, the way to a worker thread and back 140 µs. So a
search that looks small is tried here, with so many steps of the database and no more (about a
millisecond); if they do not do, it starts again in a worker thread, and for a while its like go
there directly. See `fhir_server/store/brief.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fhir_server.answers import Answer
from fhir_server.store.brief import TooLong, briefly

PARAMETERS: Final = 6
LENGTH: Final = 600  # characters of a query
ENTRIES: Final = 50  # of a page
BYTES: Final = 256 * 1024  # of an answer: what is larger has resources that take long to read
ELSEWHERE: Final = 200  # times that the like of a search that took long goes to a thread
KINDS: Final = 2_000  # of searches that are remembered
WEIGHTY: Final = frozenset({"Binary"})  # a few of them are megabytes

Query = Sequence[tuple[str, str]]
_BRINGS: Final = ("_include", "_revinclude", "_has", "_page", "_list")


class Brief:
    """What of the searches of a server took long the last time."""

    def __init__(self, page_size: int) -> None:
        self._small_pages = page_size <= ENTRIES
        self._long: dict[tuple[str, ...], int] = {}

    def tried(self, work: Callable[[], Answer], type_: str, query: Query) -> Answer | None:
        """The answer, or None: this is for a worker thread. Errors are answers, too."""
        if type_ in WEIGHTY or not self._looks_small(query):
            return None
        kind = (type_, *(name for name, _ in query))
        if (left := self._long.get(kind, 0)) > 0:
            self._long[kind] = left - 1
            return None
        try:
            with briefly():
                answer = work()
        except TooLong:
            self._took_long(kind)
            return None
        if len(answer.body) > BYTES:
            self._took_long(kind)
        return answer

    def _looks_small(self, query: Query) -> bool:
        if len(query) > PARAMETERS or sum(len(name) + len(value) for name, value in query) > LENGTH:
            return False
        small = self._small_pages
        for name, value in query:
            if name.startswith(_BRINGS):
                return False
            if name == "_count":
                small = value.isdecimal() and len(value) < 3 and int(value) <= ENTRIES
        return small

    def _took_long(self, kind: tuple[str, ...]) -> None:
        if len(self._long) >= KINDS:
            self._long.clear()
        self._long[kind] = ELSEWHERE

"""Audit rows of requests that write nothing else: those that end together are appended together.

One piece of work for the store's writer is under way at a time; what arrives meanwhile is the next.
So a read waits for a commit, as it must, but a hundred reads do not need a hundred.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from fhir_server.audit import AuditSink, Entry
from fhir_server.clock import Clock
from fhir_server.store.port import Writer


@dataclass(slots=True)
class _Batch:
    """Rows that go together, and who waits for them."""

    done: asyncio.Future[None]
    entries: list[Entry] = field(default_factory=list)


class Notes:
    """The way of such rows into the trail. An application may run in several event loops."""

    def __init__(self, audit: AuditSink, clock: Clock) -> None:
        self._audit, self._clock = audit, clock
        # By loop, as each loop touches its own entries only: no lock is needed.
        self._next: dict[asyncio.AbstractEventLoop, _Batch] = {}
        self._under_way: set[asyncio.AbstractEventLoop] = set()

    async def add(self, entry: Entry) -> None:
        """Returns after the commit; raises what went wrong with it."""
        loop = asyncio.get_running_loop()
        batch = self._next.get(loop)
        if batch is None:
            batch = self._next[loop] = _Batch(loop.create_future())
            if loop not in self._under_way:
                self._under_way.add(loop)
                loop.call_soon(self._send, loop)
        batch.entries.append(entry)
        # A client that goes away takes nobody else's row with it.
        await asyncio.shield(batch.done)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._next.pop(loop, None)
        if batch is None:
            self._under_way.discard(loop)
            return
        audit, at, entries = self._audit, self._clock.now(), batch.entries

        def append(writer: Writer) -> None:
            audit.append(writer, entries, at=at)

        def committed(future: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._settle, loop, batch, future)

        try:
            audit.store.write(append).add_done_callback(committed)
        except Exception as err:
            self._settle(loop, batch, _failed(err))

    def _settle(self, loop: asyncio.AbstractEventLoop, batch: _Batch, future: Future[None]) -> None:
        error = future.exception()
        if not batch.done.done():
            if error is None:
                batch.done.set_result(None)
            else:
                batch.done.set_exception(error)
        self._send(loop)


def _failed(err: Exception) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(err)
    return future

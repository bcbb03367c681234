"""Listeners by websocket where a server is several processes: each tells those connected to it.

https://hl7.org/fhir/uv/subscriptions-backport/channels.html#websockets. The leading process turns
changes into events, which stand in the store; every process looks there for what is new to its own
listeners. One without listeners only remembers how far the events go.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import Final

from fhir_profiles.outcomes import FhirError
from fhir_server.store.port import Store
from fhir_server.subscriptions import ledger
from fhir_server.subscriptions.notifications import Event
from fhir_server.subscriptions.service import Subscriptions
from fhir_server.subscriptions.websocket import Websocket

PAUSE: Final = 0.2  # seconds between two looks
BATCH: Final = 200


class Following:
    """A thread of one process; `close` ends it."""

    def __init__(self, store: Store, subscriptions: Subscriptions, websocket: Websocket) -> None:
        self._store, self._subscriptions, self._websocket = store, subscriptions, websocket
        self._seen = self._newest()
        self._beats: dict[str, float] = {}  # when a heartbeat of a subscription is due
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PAUSE):
            try:
                self._look()
            except FhirError:  # the store is closing, or busy: the rows are still there
                continue

    def _newest(self) -> int:
        row = self._store.last_row(ledger.EVENT)
        return 0 if row is None else row.seq

    def _look(self) -> None:
        bound = self._websocket.bound()
        if not bound:
            self._seen = self._newest()
            return
        while rows := self._store.rows(ledger.EVENT, after=self._seen, limit=BATCH):
            for row in rows:
                if row.key in bound:
                    self._tell(row.key, [Event.from_bytes(row.data)])
            self._seen = rows[-1].seq
        self._beat(bound)

    def _tell(self, id_: str, events: list[Event]) -> None:
        standing = self._subscriptions.standing(id_)
        if standing is not None:
            last = events[-1].number if events else standing.last
            self._websocket.push(standing.wish, events, last)
            self._beats[id_] = monotonic() + (standing.wish.heartbeat or 60)

    def _beat(self, bound: frozenset[str]) -> None:
        now = monotonic()
        for id_ in bound:
            if now < self._beats.setdefault(id_, now):
                continue
            standing = self._subscriptions.standing(id_)
            heartbeat = 0 if standing is None else standing.wish.heartbeat
            if standing is not None and heartbeat and standing.wish.status == "active":
                self._websocket.push(standing.wish, (), standing.last)
            self._beats[id_] = now + (heartbeat or 60)

"""The audit trail: one compact row a request, chained by SHA-256, in the same commit as its effect.

https://hl7.org/fhir/R4/auditevent.html and IHE BALP (https://profiles.ihe.net/ITI/BALP/) say what a
row has to know; `audit_events.py` renders rows as AuditEvents when somebody asks for them. A row is
the hash of its predecessor and itself, so nobody can change, drop or slip in one without breaking
every hash that follows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from fhir_server.store.port import Row, Store, Writer

KIND: Final = "audit"
_HASH: Final = 32  # bytes of SHA-256 in front of every row
_START: Final = bytes(_HASH)


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What one row says. Empty text: not known, or does not apply."""

    at: str  # instant
    interaction: str  # restful-interaction code, or the operation's name
    status: int
    type: str
    id: str
    version: int
    patient: str  # "Patient/123"
    query: str  # as given; may name a person, so it never goes into a log
    caller: str
    name: str
    facility: str
    purpose: str
    request: str  # X-Request-Id


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode


def entry_of(row: Row) -> Entry:
    """What a row says."""
    return _decode(row.data[_HASH:])


def link(before: bytes, seen: bytes) -> bytes:
    """The hash of a row: SHA-256 of its predecessor's hash and its own text."""
    return hashlib.sha256(before + seen).digest()


def verify_chain(rows: Iterable[Row], *, after: Row | None = None) -> int | None:
    """The seq of the first row that does not follow from its predecessor; None: all do.

    `rows` are all rows of the kind in order, or all that follow `after`, which was verified before.
    Rows cut off at the very end leave no trace in what remains: keep the last hash elsewhere, too.
    """
    last = after.data[:_HASH] if after else _START
    for row in rows:
        hash_, seen = row.data[:_HASH], row.data[_HASH:]
        if hash_ != link(last, seen):
            return row.seq
        last = hash_
    return None


class AuditSink:
    """Appends to the chain of one store. `store` is the unrestricted one: the trail is kept for
    everybody, whatever the caller may see. `observer` names this server in its AuditEvents."""

    def __init__(self, store: Store, *, observer: str) -> None:
        self.store, self.observer = store, observer

    def append(self, writer: Writer, entries: Sequence[Entry], *, at: datetime) -> None:
        """Adds rows inside the caller's write transaction; they stand or fall with it."""
        # Asked anew each time: a rollback or a restored store takes rows back.
        last = writer.last_row(KIND)
        before = last.data[:_HASH] if last else _START
        for entry in entries:
            seen = _encode(entry)
            before = link(before, seen)
            writer.append(KIND, _key(entry), before + seen, at=at)


def _key(entry: Entry) -> str:
    return f"{entry.type}/{entry.id}" if entry.id else entry.type

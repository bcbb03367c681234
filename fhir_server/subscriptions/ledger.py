"""What the store remembers of subscriptions: changes to look at, events, who wished for what.

Rows are written in the transaction that they tell of, so that nothing is told that was rolled back
and nothing is forgotten that was committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Final

from fhir_server.guard import Caller
from fhir_server.store.port import Reader, Row, Store, Version, Writer
from fhir_server.subscriptions.notifications import Event

CHANGE: Final = "subscription-change"
EVENT: Final = "subscription-event"
OWNER: Final = "subscription-owner"
WATCHED: Final = "subscription-watched"
TOKEN: Final = "subscription-token"
BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Change:
    """A write that somebody may want to know of."""

    seq: int
    type: str
    id: str
    version: int
    happened: str
    at: str


@dataclass(frozen=True, slots=True)
class Noted:
    """An event with the row that holds it."""

    seq: int
    event: Event


def note_change(writer: Writer, version: Version, at: str) -> None:
    data = json.dumps([version.version, _happened(writer, version), at]).encode()
    writer.append(CHANGE, f"{version.type}/{version.id}", data, at=version.updated)


def _happened(writer: Writer, version: Version) -> str:
    if version.deleted:
        return "delete"
    before = writer.vread(version.type, version.id, version.version - 1)
    return "create" if before is None or before.deleted else "update"


def note_owner(writer: Writer, id_: str, caller: Caller, at: datetime) -> None:
    data = json.dumps([caller.id, caller.purpose, caller.name]).encode()
    writer.append(OWNER, id_, data, at=at)


def owner(reader: Reader, id_: str) -> Caller | None:
    """Whoever wrote a subscription last."""
    found = None
    for row in _all(reader, OWNER, id_):
        found = row
    return Caller(*json.loads(found.data)) if found else None


def watched(reader: Reader) -> bytes:
    """The types whose changes somebody wishes to know, in all processes of a server together."""
    row = reader.last_row(WATCHED)
    return b"[]" if row is None else row.data


def types_of(data: bytes) -> frozenset[str]:
    return frozenset(json.loads(data))


def watch(writer: Writer, types: Iterable[str], at: datetime) -> None:
    """From the next write on they are these types, whichever process writes."""
    data = json.dumps(sorted(types)).encode()
    if data != watched(writer):
        writer.append(WATCHED, "", data, at=at)


def note_token(writer: Writer, token: str, ids: Sequence[str], until: datetime) -> None:
    """For whoever connects with it, to whichever process."""
    writer.append(TOKEN, _digest(token), json.dumps([until.isoformat(), *ids]).encode(), at=until)


def take_token(writer: Writer, token: str, now: datetime) -> list[str]:
    """What it stands for, once; nothing if it is not known, was used, or is too old."""
    for row in writer.rows(TOKEN, key=_digest(token), unsettled=True):
        writer.settle(TOKEN, [row.seq])
        until, *ids = json.loads(row.data)
        return ids if datetime.fromisoformat(until) > now else []
    return []


def _digest(token: str) -> str:
    return blake2b(token.encode("utf-8", "replace"), digest_size=16).hexdigest()


def changes(reader: Reader) -> list[Change]:
    """Those that nobody has looked at yet, oldest first."""
    found = []
    for row in reader.rows(CHANGE, limit=BATCH, unsettled=True):
        type_, _, id_ = row.key.partition("/")
        found.append(Change(row.seq, type_, id_, *json.loads(row.data)))
    return found


def pending(reader: Reader) -> dict[str, list[Noted]]:
    """Events that were not delivered yet, by subscription."""
    found: dict[str, list[Noted]] = {}
    after = 0
    while rows := reader.rows(EVENT, after=after, limit=1000, unsettled=True):
        for row in rows:
            found.setdefault(row.key, []).append(Noted(row.seq, Event.from_bytes(row.data)))
        after = rows[-1].seq
    return found


def events(reader: Reader, id_: str) -> Iterator[Event]:
    """All events of a subscription, delivered or not, in their order."""
    for row in _all(reader, EVENT, id_):
        yield Event.from_bytes(row.data)


def settle_events(store: Store, noted: Sequence[Noted]) -> None:
    store.write(lambda writer: writer.settle(EVENT, [one.seq for one in noted])).result()


def _all(reader: Reader, kind: str, key: str) -> Iterator[Row]:
    after = 0
    while rows := reader.rows(kind, after=after, key=key):
        yield from rows
        after = rows[-1].seq

"""Pages of a search as tokens that hold everything: they outlive a restart, any worker knows them.

A `next` link (https://hl7.org/fhir/R4/http.html#paging) ends up in histories and access logs, so it
must not repeat a query that may name a person, nor let anybody make up one. A token is therefore
enciphered and authenticated with a key that each store makes for itself, once, and keeps among its
rows: SIV mode (RFC 5297), with keyed BLAKE2b as its function and SHAKE-256 for the stream; a token
depends on nothing but what it says. Rows for each page were the other way; they would cost a write
for every page that is read, and somebody to clean up. Only a query too long for an address, from a
POST, is kept as a row: one for each such query.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
import weakref
import zlib
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b, shake_256
from typing import Any, Final

import msgspec

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.store.brief import need_time
from fhir_server.store.port import Reader, Store, Writer

PARAMETER: Final = "_page"
LONGEST: Final = 1_500  # characters of a token; an address below 2 kB passes everywhere
KEY: Final = "page-key"
QUERY: Final = "page-query"
_TAG: Final = 16
_BACK: Final = 10  # pages before this one that can be gone back to
_INFLATED: Final = 1_000_000


class Page(msgspec.Struct, array_like=True, frozen=True):
    """One page of a search. `query` is the search as it was first asked, name-value pairs."""

    path: str  # below the base: Patient, Patient/1/Observation, nothing
    query: tuple[tuple[str, str], ...]
    lenient: bool
    at: int  # when it was first asked, in microseconds; what "about now" means for all its pages
    caller: bytes  # who asked, as a digest
    cursor: str = ""  # none: the first page
    before: tuple[str, ...] = ()  # cursors of the pages before
    kept: str = ""  # under which the query is kept in the store, being too long

    def following(self, cursor: str) -> Page:
        before = (*self.before, self.cursor)[-_BACK:]
        return msgspec.structs.replace(self, cursor=cursor, before=before)

    def first(self) -> Page:
        return msgspec.structs.replace(self, cursor="", before=())

    def previous(self) -> Page | None:
        """None: this is the first, or it is too many pages ago."""
        if not self.before:
            return None
        return msgspec.structs.replace(self, cursor=self.before[-1], before=self.before[:-1])


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Page).decode


def caller_digest(caller: str) -> bytes:
    return blake2b(caller.encode("utf-8", "replace"), digest_size=8).digest()


class Pages:
    """Tokens of the stores of one server."""

    def __init__(self) -> None:
        self._keys: weakref.WeakKeyDictionary[Any, bytes] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    def token(self, page: Page, reader: Reader, store: Store, at: datetime) -> str:
        """`reader` is the store, or its writer where the search is part of a transaction."""
        key = self._key(reader, store, at)
        token = _sealed(page, key)
        if len(token) > LONGEST and page.query:
            query = _encode(page.query)
            kept = blake2b(query, digest_size=16).hexdigest()

            def keep(writer: Writer) -> None:
                if not writer.rows(QUERY, key=kept, limit=1):
                    writer.append(QUERY, kept, query, at=at)

            _written(reader, store, keep)
            token = _sealed(msgspec.structs.replace(page, query=(), kept=kept), key)
        return token

    def find(
        self, token: str, reader: Reader, store: Store, *, path: str, caller: bytes, at: datetime
    ) -> Page:
        """FhirError 404: not made here, or not for this path or caller."""
        page = _opened(token, self._key(reader, store, at))
        if page is not None and page.kept:
            page = _with_query(page, reader)
        if page is None or page.path != path or not hmac.compare_digest(page.caller, caller):
            raise FhirError(
                Kind.NOT_FOUND,
                f"there is no such page of a search ({PARAMETER} is none that was given to you "
                "here); repeat the search from its first page",
            )
        return page

    def _key(self, reader: Reader, store: Store, at: datetime) -> bytes:
        with self._lock:
            known = self._keys.get(store)
        if known is None:
            row = reader.last_row(KEY)
            known = row.data if row is not None else _written(reader, store, _new_key(at))
            with self._lock:
                self._keys[store] = known
        return known


def _new_key(at: datetime) -> Callable[[Writer], bytes]:
    def make(writer: Writer) -> bytes:
        row = writer.last_row(KEY)  # somebody else may have been quicker
        if row is not None:
            return row.data
        data = secrets.token_bytes(32)
        writer.append(KEY, "", data, at=at)
        return data

    return make


def _written(reader: Reader, store: Store, work: Callable[[Writer], Any]) -> Any:
    """Inside a transaction its own writer does it; the store's would wait for its end."""
    need_time()
    if hasattr(reader, "append"):
        return work(reader)  # type: ignore[arg-type]  # what appends is a Writer
    return store.write(work).result()


def _with_query(page: Page, reader: Reader) -> Page | None:
    rows = reader.rows(QUERY, key=page.kept, limit=1)
    if not rows:
        return None
    query = msgspec.msgpack.decode(rows[0].data, type=tuple[tuple[str, str], ...])
    return msgspec.structs.replace(page, query=query)


# ---- sealing ------------------------------------------------------------------------------------


def _sealed(page: Page, key: bytes) -> str:
    plain = zlib.compress(_encode(page), 9)
    tag = blake2b(plain, digest_size=_TAG, key=key, person=b"page tag").digest()
    return base64.urlsafe_b64encode(tag + _mixed(plain, tag, key)).decode().rstrip("=")


def _opened(token: str, key: bytes) -> Page | None:
    try:
        raw = base64.urlsafe_b64decode(token[: 2 * LONGEST] + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    tag, plain = raw[:_TAG], _mixed(raw[_TAG:], raw[:_TAG], key)
    made = blake2b(plain, digest_size=_TAG, key=key, person=b"page tag").digest()
    if not hmac.compare_digest(tag, made):
        return None
    # What is opened was sealed here: it is as short as it was, and a page.
    return _decode(zlib.decompressobj().decompress(plain, _INFLATED))


def _mixed(text: bytes, tag: bytes, key: bytes) -> bytes:
    """The text with its key stream; twice is as if not at all."""
    own = blake2b(tag, digest_size=64, key=key, person=b"page stream").digest()
    stream = shake_256(own).digest(len(text))
    mixed = int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(text), "big")

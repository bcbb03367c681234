"""Code systems, value sets and concept maps that a server has stored, before those of R4.

https://hl7.org/fhir/R4/terminology-service.html. Nothing has to be told of a write: a resource is
found by its URL in the store, as the caller sees it, each time anew; only what its text was parsed
to is kept, under that very text.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from datetime import tzinfo
from typing import Final

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError
from fhir_profiles.terminology.catalogue import Terminology, shipped
from fhir_profiles.terminology.code_system import CodeSystem
from fhir_profiles.terminology.sources import Kind, Resource, read, with_codes
from fhir_server.search.parse import parse
from fhir_server.store.port import Store

MAX_VERSIONS: Final = 100  # of one URL that are looked at
MAX_PARSED: Final = 32_000_000  # bytes of text whose parsed form is kept


class Parsed:
    """The parsed form of texts, those used last; as many as their texts fit in `size` bytes."""

    def __init__(self, size: int = MAX_PARSED) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Resource | None] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, body: bytes) -> Resource | None:
        with self._lock:
            if body in self._kept:
                self._kept.move_to_end(body)
                return self._kept[body]
        found = read(json_text.parse(body))
        with self._lock:
            if body not in self._kept:
                self._kept[body] = found
                self._bytes += len(body)
            while self._bytes > self._size:
                old, _ = self._kept.popitem(last=False)
                self._bytes -= len(old)
        return found


_PARSED: Final = Parsed()


class StoreShelf:
    """A shelf of `Terminology` over a store, for one request: what it found once it keeps."""

    def __init__(self, store: Store, zone: tzinfo, parsed: Parsed = _PARSED) -> None:
        self._store, self._zone, self._parsed = store, zone, parsed
        self._found: dict[tuple[Kind, str], list[Resource]] = {}
        self._whole: dict[str, CodeSystem] | None = None  # by the value set of all their codes

    def find(self, kind: Kind, url: str) -> list[Resource]:
        key = kind, url
        if key not in self._found:
            self._found[key] = self._search(kind, url) if url else []
        return self._found[key]

    def _search(self, kind: Kind, url: str) -> list[Resource]:
        query = [("url", _escaped(url))]
        try:
            request = parse(kind, query, zone=self._zone, default_count=MAX_VERSIONS)
        except FhirError:  # no URL that could be searched for
            return []
        matches = self._store.search(request).matches
        found = (self._parsed.of(version.body) for version in matches)
        return [one for one in found if one is not None and one.url == url]

    def all(self, kind: Kind) -> Iterator[Resource]:
        for version in self._store.scan(kind):
            found = self._parsed.of(version.body)
            if found is not None:
                yield found

    def code_systems(self) -> Iterator[tuple[str, str | None]]:
        return with_codes(self.all("CodeSystem"))

    def of_value_set(self, url: str) -> CodeSystem | None:
        if self._whole is None:
            self._whole = {}
            for version in self._store.scan("CodeSystem"):
                found = self._parsed.of(version.body) if b'"valueSet"' in version.body else None
                if isinstance(found, CodeSystem) and isinstance(found.tree.get("valueSet"), str):
                    self._whole.setdefault(found.tree["valueSet"], found)
        return self._whole.get(url)


def stored_and_shipped(store: Store, zone: tzinfo) -> Terminology:
    """What is known of codes on this server, to whoever sees this store."""
    return shipped().over(StoreShelf(store, zone))


def _escaped(text: str) -> str:
    for letter in "\\,$|":
        text = text.replace(letter, f"\\{letter}")
    return text

"""What `lienthong load` sends: files as bundles (https://hl7.org/fhir/R4/http.html#transaction).

A transaction or batch is sent as it is. Resources of other bundles, single resources and the lines
of NDJSON (https://hl7.org/fhir/uv/bulkdata/) are put under their ids, or created if they have none.
Nothing is written out again: every resource goes as the bytes that stand in its file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Final

import msgspec

from fhir_profiles import json_text
from lienthong.load_files import UNPACKING, Source, opened

MAX_DOCUMENT: Final = 256_000_000  # bytes of one JSON document, unpacked
MAX_LINE: Final = 16_000_000
PARTS_AT_ONCE: Final = 100
BYTES_AT_ONCE: Final = 4_000_000  # servers refuse larger bodies (ours: 10 MiB)
HOLDING: Final = ("collection", "searchset", "document", "message")
_LOADED: Final = ", ".join(("transaction", "batch", *HOLDING))


class Unusable(Exception):
    """A file, or a part of one, that cannot be sent; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of a unit: `label` says where it stands, `entry` is its Bundle.entry.

    With a `problem` it cannot be sent.
    """

    label: str
    type: str = ""
    entry: bytes = b""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What goes in one request and has one line in the manifest.

    All or nothing if `atomic`; otherwise each part has its own outcome. `whole` is a bundle that
    is sent as it stands in its file. `digest` is that of the content, wherever it stands.
    """

    place: str  # in its file: "" or "line 1 to line 100"
    digest: str
    atomic: bool
    parts: tuple[Part, ...]
    whole: bytes = b""

    def body(self, parts: Sequence[Part]) -> bytes:
        """The bundle of these parts."""
        if self.whole and len(parts) == len(self.parts):
            return self.whole
        kind = b"transaction" if self.atomic else b"batch"
        entries = b",".join(part.entry for part in parts)
        return b'{"resourceType":"Bundle","type":"%b","entry":[%b]}' % (kind, entries)


def units(source: Source) -> Iterator[Unit]:
    """The units of a file, one after the other; of NDJSON only one is in memory at a time.

    Unusable: the file cannot be unpacked, is no FHIR JSON, or is too large.
    """
    try:
        with opened(source) as stream:
            if source.in_lines:
                yield from _in_lines(stream)
                return
            body = stream.read(MAX_DOCUMENT + 1)
    except UNPACKING as err:
        raise Unusable(f"the file cannot be read ({err})") from None
    if len(body) > MAX_DOCUMENT:
        megabytes = MAX_DOCUMENT // 1_000_000
        raise Unusable(f"the document is larger than {megabytes} MB; split it, or use NDJSON")
    yield from _document(body.removeprefix(b"\xef\xbb\xbf"))


class _Head(msgspec.Struct):
    """What has to be known of a resource to send it."""

    resourceType: str = ""
    id: str = ""
    type: object = None  # of a Bundle; other resources have objects there
    entry: msgspec.Raw = msgspec.Raw()


class _Search(msgspec.Struct):
    mode: str = ""


class _Entry(msgspec.Struct):
    fullUrl: str = ""
    resource: msgspec.Raw = msgspec.Raw()
    search: _Search | None = None


_head = msgspec.json.Decoder(_Head)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry)


def _document(body: bytes) -> Iterator[Unit]:
    """A whole document: a bundle or a single resource."""
    head = _read(body)
    if head.resourceType != "Bundle":
        yield Unit("", _digest(body), False, (_put("", body),))
        return
    try:
        raws = [bytes(raw) for raw in _raws.decode(bytes(head.entry) or b"[]")]
        entries = [_entry.decode(raw) for raw in raws]
    except msgspec.DecodeError as err:
        raise Unusable(f"the Bundle is out of shape ({err})") from None
    if not raws:
        raise Unusable("the Bundle has no entry")
    if head.type in ("transaction", "batch"):
        sent = tuple(
            Part(f"entry[{i}]", _kind(bytes(entry.resource)), raw)
            for i, (raw, entry) in enumerate(zip(raws, entries, strict=True))
        )
        yield Unit("", _digest(body), head.type == "transaction", sent, whole=body)
    elif head.type in HOLDING:
        yield from _held(body, entries)
    else:
        raise Unusable(f"a Bundle of type {head.type} is not loaded; these are: {_LOADED}")


def _held(body: bytes, entries: Sequence[_Entry]) -> Iterator[Unit]:
    """Resources of a bundle that holds them: in portions, unless they refer to each other by urn,
    which only a transaction can resolve."""
    wanted = [
        (f"entry[{i}]", bytes(entry.resource), entry.fullUrl)
        for i, entry in enumerate(entries)
        if bytes(entry.resource) and (entry.search is None or entry.search.mode != "outcome")
    ]
    if any(url.startswith("urn:") for _, _, url in wanted):
        parts = tuple(_put(*one) for one in wanted)
        if wrong := next((part for part in parts if part.problem), None):
            raise Unusable(f"{wrong.label}: {wrong.problem}")
        yield Unit("", _digest(body), True, parts)
    else:
        portion = _Portion()
        for label, resource, _ in wanted:
            yield from portion.add(label, resource)
        yield from portion.rest()


class _Portion:
    """Resources that go together as one batch. Where it ends depends on the file only, so that a
    later run meets the same ones again."""

    def __init__(self) -> None:
        self._held: list[tuple[str, bytes]] = []
        self._size = 0

    def add(self, label: str, resource: bytes) -> Iterator[Unit]:
        self._held.append((label, resource))
        self._size += len(resource)
        if len(self._held) == PARTS_AT_ONCE or self._size > BYTES_AT_ONCE:
            yield from self.rest()

    def rest(self) -> Iterator[Unit]:
        if self._held:
            digest = _digest(b"\n".join(resource for _, resource in self._held))
            parts = tuple(_put(label, resource) for label, resource in self._held)
            first, last = parts[0].label, parts[-1].label
            self._held, self._size = [], 0
            yield Unit(f"{first} to {last}", digest, False, parts)


def _in_lines(stream: IO[bytes]) -> Iterator[Unit]:
    portion = _Portion()
    for number, line in enumerate(_lines(stream), 1):
        if b'"Bundle"' in line and _kind(line) == "Bundle":
            yield from portion.rest()
            yield from _bundle_line(line, f"line {number}")
        elif line:
            yield from portion.add(f"line {number}", line)
    yield from portion.rest()


def _bundle_line(line: bytes, place: str) -> Iterator[Unit]:
    try:
        for unit in _document(line):
            yield replace(unit, place=f"{place}, {unit.place}" if unit.place else place)
    except Unusable as err:
        yield Unit(place, _digest(line), False, (Part("", "Bundle", problem=str(err)),))


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise Unusable(f"a line is longer than {MAX_LINE // 1_000_000} MB")
        yield line.removeprefix(b"\xef\xbb\xbf").strip()


def _put(label: str, resource: bytes, full_url: str = "") -> Part:
    """An entry that puts the resource under its id, or creates it if it has none."""
    try:
        head = _read(resource)
    except Unusable as err:
        return Part(label, problem=str(err))
    if head.resourceType == "Bundle":
        return Part(label, "Bundle", problem="a Bundle inside a Bundle is not loaded")
    method, url = (
        ("PUT", f"{head.resourceType}/{head.id}") if head.id else ("POST", head.resourceType)
    )
    request = msgspec.json.encode({"method": method, "url": url})
    name = b'"fullUrl":%b,' % msgspec.json.encode(full_url) if full_url else b""
    return Part(
        label, head.resourceType, b'{%b"resource":%b,"request":%b}' % (name, resource, request)
    )


def _read(body: bytes) -> _Head:
    """The head of a resource. Unusable: no JSON object, or none of FHIR."""
    try:
        head = _head.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise Unusable(_why(body, err)) from None
    if not head.resourceType:
        raise Unusable("there is no resourceType; is this FHIR?")
    return head


def _why(body: bytes, err: Exception) -> str:
    """Where the JSON is wrong, in lines and columns if the slow parser can tell."""
    try:
        json_text.parse(body)
    except json_text.JsonTrouble as trouble:
        return str(trouble)
    return f"this is not FHIR JSON ({err})"


def _kind(line: bytes) -> str:
    try:
        return _head.decode(line).resourceType
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

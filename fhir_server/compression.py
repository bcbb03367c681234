"""Content codings of bodies, both ways (https://hl7.org/fhir/R4/http.html#compression).

A packed body is unpacked piece by piece as it comes, so that what a few kilobytes unfold to never
stands in memory beyond the limit; an answer is packed if the client likes that better than plain.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from fhir_profiles.outcomes import FhirError, Kind

CODINGS: Final = ("gzip", "deflate")  # the first is preferred among equals
OFFERED: Final = ", ".join(CODINGS)

_OTHER_NAMES: Final[Mapping[str, str]] = {"x-gzip": "gzip"}
_PIECE: Final = 64 * 1024
_MEMBERS: Final = 100  # streams one after another in one gzip body; one is usual
_LEVEL: Final = (
    1  # a bundle shrinks to a ninth; level 6 makes it a thirteenth and takes 4 times as long
)
_ANY_WINDOW: Final = {"gzip": 31, "deflate": 15, "raw": -15}


# ---- bodies of requests ------------------------------------------------------------------------


def body_coding(headers: Mapping[str, str]) -> str:
    """How the body is packed, "" if it is not. FhirError 415: in a way that is not undone here."""
    given = headers.get("content-encoding", "").strip().lower()
    coding = _OTHER_NAMES.get(given, given)
    if coding in ("", "identity"):
        return ""
    if coding not in CODINGS:
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"a body with Content-Encoding {given[:40]!r} is not read here; "
            f"send it with one of {OFFERED}, or as it is",
        )
    return coding


class Unpacker:
    """Undoes one coding, piece by piece. FhirError 400: it is not packed as its header says."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: zlib._Decompress | None = None
        self._members = 0

    def pieces(self, part: bytes) -> Iterator[bytes]:
        """What the next part of the body adds, never more than 64 kB at a time."""
        full = False  # more may be on its way out although all that came in was taken
        while part or full:
            stream = self._stream
            if stream is None or stream.eof:
                stream = self._stream = self._next_stream(part)
            try:
                piece = stream.decompress(part, _PIECE)
            except zlib.error:
                raise self._broken("is broken") from None
            full = len(piece) == _PIECE and not stream.eof
            part = stream.unused_data if stream.eof else stream.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        """FhirError 400: the body ended in the middle."""
        if self._stream is not None and not self._stream.eof:
            raise self._broken("ends in the middle")

    def _next_stream(self, part: bytes) -> zlib._Decompress:
        self._members += 1
        if self._members > (_MEMBERS if self._coding == "gzip" else 1):
            raise self._broken("has more behind its end")
        # RFC 9110 means zlib's format by deflate, many clients the bare stream.
        bare = self._coding == "deflate" and part[0] & 0x0F != 8
        return zlib.decompressobj(_ANY_WINDOW["raw" if bare else self._coding])

    def _broken(self, how: str) -> FhirError:
        return FhirError(
            Kind.INVALID_REQUEST,
            f"the body {how} as {self._coding}, which its Content-Encoding says it is; "
            "send it whole, or as it is",
        )


# ---- answers -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def answer_coding(accept: str) -> str:
    """What `Accept-Encoding` likes best of what is here, "" for an answer as it is."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, _, parameters = part.partition(";")
        name = name.strip()
        weights[_OTHER_NAMES.get(name, name)] = quality(parameters)
    others = weights.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else ""


def quality(parameters: str) -> float:
    """The weight among the parameters of one part of an Accept header; 0 if it is no number."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0


def worth_packing(media: str) -> bool:
    """Text; pictures and the like are packed already."""
    name = media.partition(";")[0].strip().lower()
    return name.startswith("text/") or name.endswith(("json", "xml"))


def packed(body: bytes, coding: str) -> bytes:
    if coding == "gzip":
        return gzip.compress(body, _LEVEL, mtime=0)
    return zlib.compress(body, _LEVEL)

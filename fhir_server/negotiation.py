"""Which form an answer takes and which form a body may have: JSON and XML in all their spellings.

https://hl7.org/fhir/R4/http.html#mime-type, #general (`_format`, `_pretty`) and #ops (`Prefer`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import parse_qsl

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.compression import quality

FHIR_JSON: Final = "application/fhir+json"
PLAIN_JSON: Final = "application/json"
FHIR_XML: Final = "application/fhir+xml"
PLAIN_XML: Final = "application/xml"
FORM: Final = "application/x-www-form-urlencoded"
OFFERED: Final = (
    f"{FHIR_JSON} (also {PLAIN_JSON}, text/json or json in _format) and "
    f"{FHIR_XML} (also {PLAIN_XML}, text/xml or xml)"
)

GENERAL: Final = frozenset({"_format", "_pretty", "_ts", "_dc"})
"""Parameters of every request that no interaction sees. With the last two, old clients in browsers
keep caches from answering; they mean nothing here."""

# What a client may call it -> the media type of the answer.
_NAMES: Final[Mapping[str, str]] = {
    FHIR_JSON: FHIR_JSON,
    "application/json+fhir": FHIR_JSON,  # its name before STU3, still sent by old clients
    PLAIN_JSON: PLAIN_JSON,
    "text/json": "text/json",
    "json": FHIR_JSON,
    FHIR_XML: FHIR_XML,
    "application/xml+fhir": FHIR_XML,
    PLAIN_XML: PLAIN_XML,
    "text/xml": "text/xml",
    "xml": FHIR_XML,
}
_XML: Final = frozenset(name for name in _NAMES if "xml" in name)
_SHORT: Final = frozenset({"json", "xml"})  # for _format only
_WILD: Final[Mapping[str, Sequence[str]]] = {
    "*/*": (FHIR_JSON, FHIR_XML),
    "application/*": (FHIR_JSON, FHIR_XML),
    "text/*": (FHIR_JSON, "text/xml"),
}
_RELEASES: Final = ("4.0", "4.0.1")
_UTF_8: Final = ("utf-8", "utf8", "us-ascii")
MAX_PARAMETERS: Final = 1000  # of one query; far more than any search has

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Format:
    """How the answer is written; without `media` only the content of a Binary will do."""

    media: str = FHIR_JSON
    pretty: bool = False
    named: bool = False  # FHIR itself was asked for, not just anything or any JSON
    xml: bool = False


@dataclass(frozen=True, slots=True)
class Prefer:
    """`returns` is what a write answers with, `handling` what becomes of unknown parameters."""

    returns: Literal["minimal", "representation", "OperationOutcome", ""] = ""
    handling: Literal["strict", "lenient", ""] = ""


DEFAULT: Final = Format()


# ---- the answer --------------------------------------------------------------------------------


def answer_format(accept: str, query: Query, *, native: bool = False) -> Format:
    """The form to answer in. `native`: the answer may be the content of a Binary.

    FhirError 406: none that we have; 400: `_pretty` is not a boolean.
    """
    wanted, pretty = "", False
    for name, value in query:
        if name == "_format":
            wanted = value
        elif name == "_pretty":
            if value not in ("true", "false"):
                raise FhirError(Kind.BAD_PARAMETER, f"_pretty is true or false, not {value[:40]!r}")
            pretty = value == "true"
    found = _from_format(wanted) if wanted else _from_accept(accept)
    if not found.media and not native:
        raise not_acceptable("Accept", accept)
    return Format(found.media, True, found.named, found.xml) if pretty else found


def format_of_refusal(accept: str, query: bytes) -> Format:
    """The form for an error that came before the form was known: what can be made out of it."""
    with suppress(FhirError):
        return answer_format(accept, pairs(query), native=True)
    with suppress(FhirError):
        return answer_format(accept, (), native=True)
    return DEFAULT


def _from_format(wanted: str) -> Format:
    name, _, parameters = wanted.partition(";")
    # A `+` in a query arrives as a space.
    media = _NAMES.get(name.strip().lower().replace(" ", "+"))
    if media is None or not _our_release(parameters):
        raise not_acceptable("_format", wanted)
    return _format(media, named=True)


def _format(media: str, *, named: bool) -> Format:
    return Format(media, named=named, xml=media in _XML)


@lru_cache(maxsize=256)
def _from_accept(accept: str) -> Format:
    """The best of what the header lists, the first among equals; nothing listed is everything."""
    if not accept.strip():
        return DEFAULT
    listed = _listed(accept)
    refused = {name for name, weight in listed if weight <= 0}
    best, weight, named = "", 0.0, False
    for name, said in listed:
        media = _NAMES.get(name, "") if name not in _SHORT else ""
        if not media:
            open_ = (one for one in _WILD.get(name, ()) if one not in refused)
            media = next(open_, "")
        # An exact name is worth more than a star of the same weight.
        worth = said + 0.0001 * (name not in _WILD)
        if media and said > 0 and worth > weight:
            best, weight, named = media, worth, name not in _WILD
    return _format(best, named=named and best in (FHIR_JSON, FHIR_XML))


def _listed(accept: str) -> list[tuple[str, float]]:
    """Media types with their weights; one of another release of FHIR is none."""
    parts = [part.partition(";") for part in accept.split(",")]
    return [
        (name.strip().lower(), quality(parameters))
        for name, _, parameters in parts
        if _our_release(parameters)
    ]


def accepts_native(accept: str, media: str) -> bool:
    """Whether the header names this media type, or leaves it open."""
    main = media.partition(";")[0].strip().lower()
    kind = main.partition("/")[0]
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name, _, parameters = part.partition(";")
        if name.strip().lower() in (main, f"{kind}/*", "*/*") and quality(parameters) > 0:
            return True
    return False


def _our_release(parameters: str) -> bool:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "fhirversion":
            return value.strip().strip('"') in _RELEASES
    return True


def not_acceptable(where: str, wanted: str) -> FhirError:
    return FhirError(
        Kind.NOT_ACCEPTABLE,
        f"{where} asks for {wanted[:80]!r}; this server answers in {OFFERED}, FHIR release 4.0",
    )


# ---- the body ----------------------------------------------------------------------------------


def require_json(headers: Mapping[str, str]) -> None:
    """FhirError 415 unless the body says that it is FHIR (XML is JSON by the time it is asked)."""
    content_type = headers.get("content-type", "")
    name, _, parameters = content_type.partition(";")
    known = name.strip().lower() in _NAMES and name.strip().lower() not in _SHORT
    if not known or not _our_release(parameters):
        said = f"Content-Type {content_type[:80]!r}" if content_type else "no Content-Type"
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"the body has {said}; send JSON as {FHIR_JSON}, or XML as {FHIR_XML}, release 4.0",
        )
    _require_utf_8(parameters)


def is_xml(content_type: str) -> bool:
    """Whether a body of this type is a resource in XML."""
    name = content_type.partition(";")[0].strip().lower()
    return name in _XML and name not in _SHORT


def is_fhir(content_type: str) -> bool:
    """Whether a body of this type is a resource and not the content of a Binary."""
    name = content_type.partition(";")[0].strip().lower()
    return _NAMES.get(name) in (FHIR_JSON, FHIR_XML)


def require_form(headers: Mapping[str, str]) -> None:
    """FhirError 415 unless the body is a form, as a POST search has it. Where nothing is sent,
    all parameters are in the address, and there is nothing to have a type."""
    sent = headers.get("content-length", "0").strip() != "0" or "transfer-encoding" in headers
    if not sent and "content-type" not in headers:
        return
    name, _, parameters = headers.get("content-type", "").partition(";")
    if name.strip().lower() != FORM:
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"a search by POST has its parameters in a body of type {FORM}, not {name[:80]!r}",
        )
    _require_utf_8(parameters)


def _require_utf_8(parameters: str) -> None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF_8:
            raise FhirError(
                Kind.WRONG_MEDIA_TYPE, f"the charset {value[:40]!r} is not read here; send UTF-8"
            )


# ---- the query ---------------------------------------------------------------------------------


def pairs(query: str | bytes) -> list[tuple[str, str]]:
    """A query string as name-value pairs.

    FhirError 400: it cannot be decoded, has no end, or holds what no text of FHIR may hold.
    """
    try:
        text = query.decode() if isinstance(query, bytes) else query
        found = parse_qsl(
            text.removeprefix("?"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
        # Some databases have no place for it either.
        if not any("\0" in name or "\0" in value for name, value in found):
            return found
        problem = "the query holds the character U+0000, which no FHIR string may; leave it out"
    except UnicodeDecodeError:
        problem = "the query is not UTF-8, percent-encoded"
    except ValueError:
        problem = f"the query has more than {MAX_PARAMETERS} parameters"
    raise FhirError(Kind.BAD_PARAMETER, problem)


# ---- headers that change what happens ----------------------------------------------------------


@lru_cache(maxsize=256)
def prefer(header: str) -> Prefer:
    """What `Prefer` says; what is unknown is passed over, as RFC 7240 wants it."""
    returns, handling = "", ""
    for part in header.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        name, value = name.strip().lower(), value.strip().strip('"')
        if name == "return" and value in ("minimal", "representation", "OperationOutcome"):
            returns = value
        elif name == "handling" and value in ("strict", "lenient"):
            handling = value
    return Prefer(returns, handling)  # type: ignore[arg-type]  # both were just looked at


def etag(version: int) -> str:
    return f'W/"{version}"'


def etags(header: str) -> frozenset[str]:
    """The version ids of `If-Match` or `If-None-Match`; `*` stands for itself."""
    if header.strip() == "*":
        return frozenset(("*",))
    found = _ETAG.findall(header)
    # A version without quotes is no ETag, but many clients send one and mean it.
    return frozenset(found or [header.strip()])

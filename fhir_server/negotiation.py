"""Which form an answer takes and which form a body may have: JSON in several spellings, no XML.

https://hl7.org/fhir/R4/http.html#mime-type, #general (`_format`, `_pretty`) and #ops (`Prefer`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal
from urllib.parse import parse_qsl

from fhir_profiles.outcomes import FhirError, Kind

FHIR_JSON: Final = "application/fhir+json"
PLAIN_JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
OFFERED: Final = f"{FHIR_JSON} (also {PLAIN_JSON}, text/json or json in _format)"

# What a client may call it -> the media type of the answer. A `+` in a query arrives as a space.
_NAMES: Final[Mapping[str, str]] = {
    FHIR_JSON: FHIR_JSON,
    "application/fhir json": FHIR_JSON,
    "application/json+fhir": FHIR_JSON,  # its name before STU3, still sent by old clients
    PLAIN_JSON: PLAIN_JSON,
    "text/json": "text/json",
    "json": FHIR_JSON,
}
_WILD: Final = ("*/*", "application/*", "text/*")
_RELEASES: Final = ("4.0", "4.0.1")
MAX_PARAMETERS: Final = 1000  # of one query; far more than any search has

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Format:
    """How the answer is written; without `media` only the content of a Binary will do."""

    media: str = FHIR_JSON
    pretty: bool = False
    named: bool = False  # FHIR itself was asked for, not just anything or any JSON


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
    media, named = _from_format(wanted) if wanted else _from_accept(accept)
    if not media and not native:
        raise not_acceptable("Accept", accept)
    return Format(media, pretty, named)


def _from_format(wanted: str) -> tuple[str, bool]:
    name, _, parameters = wanted.partition(";")
    media = _NAMES.get(name.strip().lower())
    if media is None or not _our_release(parameters):
        raise not_acceptable("_format", wanted)
    return media, True


@lru_cache(maxsize=256)
def _from_accept(accept: str) -> tuple[str, bool]:
    """The best of what the header lists; nothing listed is everything."""
    best, weight = "", -1.0
    for part in accept.split(","):
        name, _, parameters = part.partition(";")
        name = name.strip().lower()
        media = _NAMES.get(name) or (FHIR_JSON if name in _WILD else "")
        quality = _quality(parameters)
        # An exact name is worth more than a star of the same weight.
        if media and quality > 0 and _our_release(parameters):
            quality += 0.0001 * (name not in _WILD)
            if quality > weight:
                best, weight = name, quality
    if not accept.strip():
        return FHIR_JSON, False
    if not best:
        return "", False
    return _NAMES.get(best, FHIR_JSON), _NAMES.get(best) == FHIR_JSON


def accepts_native(accept: str, media: str) -> bool:
    """Whether the header names this media type, or leaves it open."""
    main = media.partition(";")[0].strip().lower()
    kind = main.partition("/")[0]
    for part in accept.split(",") if accept.strip() else ["*/*"]:
        name, _, parameters = part.partition(";")
        if name.strip().lower() in (main, f"{kind}/*", "*/*") and _quality(parameters) > 0:
            return True
    return False


def _quality(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


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
    """FhirError 415 unless the body says that it is plain FHIR JSON."""
    content_type = headers.get("content-type", "")
    name, _, parameters = content_type.partition(";")
    known = name.strip().lower() in _NAMES and name.strip().lower() != "json"
    if not known or not _our_release(parameters):
        said = f"Content-Type {content_type[:80]!r}" if content_type else "no Content-Type"
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE, f"the body has {said}; send JSON as {FHIR_JSON}; charset=utf-8"
        )
    _require_plain(headers, parameters)


def is_fhir(content_type: str) -> bool:
    """Whether a body of this type is a resource and not the content of a Binary."""
    name = content_type.partition(";")[0].strip().lower()
    return name == FHIR_JSON or _NAMES.get(name) == FHIR_JSON


def require_form(headers: Mapping[str, str]) -> None:
    """FhirError 415 unless the body is a form, as a POST search has it."""
    name, _, parameters = headers.get("content-type", "").partition(";")
    if name.strip().lower() != FORM:
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"a search by POST has its parameters in a body of type {FORM}, not {name[:80]!r}",
        )
    _require_plain(headers, parameters)


def _require_plain(headers: Mapping[str, str], parameters: str) -> None:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in (
            "utf-8",
            "utf8",
        ):
            raise FhirError(
                Kind.WRONG_MEDIA_TYPE, f"the charset {value[:40]!r} is not read here; send UTF-8"
            )
    require_uncoded(headers)


def require_uncoded(headers: Mapping[str, str]) -> None:
    """FhirError 415 for a compressed body: what it unfolds to is not known before."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"a body with Content-Encoding {coding[:40]!r} is not read here; send it uncompressed",
        )


# ---- the query ---------------------------------------------------------------------------------


def pairs(query: str | bytes) -> list[tuple[str, str]]:
    """A query string as name-value pairs. FhirError 400: it cannot be decoded, or has no end."""
    try:
        text = query.decode() if isinstance(query, bytes) else query
        return parse_qsl(
            text.removeprefix("?"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
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

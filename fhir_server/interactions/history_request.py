"""What a history is asked for: which time, how many (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, TypeVar
from urllib.parse import quote

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.call import Call
from fhir_server.page_tokens import PARAMETER
from fhir_server.search.params.date import interval
from fhir_server.search.request import Summary
from fhir_server.store.port import Place, Span
from fhir_server.subsets import wanted

T = TypeVar("T")

ONCE: Final = ("_count", "_since", "_summary", PARAMETER)
KNOWN: Final = ("_count", "_since", "_at", "_summary", "_elements", PARAMETER)
FORMS: Final = "2026, 2026-05, 2026-05-31 or 2026-05-31T08:30:00+07:00"
_PREFIXED: Final = re.compile(r"([a-z]{2})?(.*)", re.DOTALL)
_BLANK_FOR_PLUS: Final = re.compile(r" (\d\d:\d\d)$")  # a plus sign that was not percent-encoded
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """`page` is where the page begins, as its link says it. `_summary=count` is a count of 0."""

    span: Span
    count: int
    page: str | None
    elements: Sequence[str]
    summary: Summary | None
    query: Sequence[tuple[str, str]]

    def link(self, path: str, page: str | None) -> str:
        """The address of a page: the same question, and where the page begins."""
        pairs = [pair for pair in self.query if pair[0] in KNOWN and pair[0] not in _PAGING]
        pairs.append(("_count", str(self.count)))
        if page is not None:
            pairs.append((PARAMETER, page))
        text = "&".join(f"{name}={quote(value, safe=':,')}" for name, value in pairs)
        return f"{path}?{text}"


_PAGING: Final = ("_count", PARAMETER)


def asked(call: Call) -> Asked:
    """FhirError 400: a parameter that is unknown or cannot be read; 501: `_list`."""
    given: dict[str, list[str]] = {}
    for name, value in call.query:
        given.setdefault(name, []).append(value)
    if "_list" in given:
        raise not_supported.error("history-list")
    call.require_known(*KNOWN)
    for name in ONCE:
        if len(given.get(name, ())) > 1:
            raise FhirError(Kind.BAD_PARAMETER, f"{name} is given {len(given[name])} times; once")
    if "_elements" in given and not call.type:
        raise FhirError(
            Kind.BAD_PARAMETER,
            "_elements needs one type: [type]/_history; _summary does not",
        )
    options = call.engine.options
    count = _one(given, "_count", whole_number)
    if given.get("_summary") == ["count"]:
        count, given["_summary"] = 0, []
    shown = [(name, text) for name in ("_elements", "_summary") for text in given.get(name, ())]
    # What _summary leaves is the same of every type.
    elements, summary = wanted(call.type or "Basic", shown)
    return Asked(
        span=_span(given, options.zone),
        count=min(options.page_size if count is None else count, options.max_page_size),
        page=given.get(PARAMETER, [None])[0],
        elements=elements,
        summary=summary,
        query=call.query,
    )


def _one(given: dict[str, list[str]], name: str, read: Callable[[str, str], T]) -> T | None:
    return read(name, given[name][0]) if name in given else None


def whole_number(name: str, value: str) -> int:
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    raise FhirError(Kind.BAD_PARAMETER, f"{name} is a whole number, not {value[:40]!r}")


# ---- time ---------------------------------------------------------------------------------------


def _span(given: dict[str, list[str]], zone: tzinfo) -> Span:
    since = _one(given, "_since", lambda name, value: _moment(_interval(name, value, zone)[0]))
    if "_at" not in given:
        return Span(since)
    periods = [_period(value, zone) for value in given["_at"]]
    first = max((first for first, _ in periods if first is not None), default=None)
    last = min((last for _, last in periods if last is not None), default=None)
    if first is not None and last is not None and first > last:
        raise FhirError(
            Kind.BAD_PARAMETER, "_at: no moment is within all of these periods; give one period"
        )
    return Span(since, None if last is None else _moment(last), _moment(first))


def _period(value: str, zone: tzinfo) -> tuple[int | None, int | None]:
    """First and last microsecond that one `_at` is about; None: no limit."""
    prefix, text = _PREFIXED.fullmatch(value).groups()  # type: ignore[union-attr]  # fits all
    first, last = _interval("_at", text, zone)
    match prefix:
        case None | "eq":
            return first, last
        case "ge":
            return first, None
        case "gt" | "sa":
            return last + 1, None
        case "le":
            return None, last
        case "lt" | "eb":
            return None, first - 1
    raise FhirError(
        Kind.BAD_PARAMETER,
        f"_at has no prefix {prefix!r}; supported: eq ge gt sa le lt eb, as in "
        "_at=ge2026-01&_at=lt2026-03",
    )


def _interval(name: str, value: str, zone: tzinfo) -> tuple[int, int]:
    text = _BLANK_FOR_PLUS.sub(r"+\1", value)
    try:
        return interval(text, zone)
    except ValueError:
        raise FhirError(
            Kind.BAD_PARAMETER, f"{name} is a date or instant ({FORMS}), not {value[:40]!r}"
        ) from None


def _moment(microseconds: int | None) -> datetime | None:
    """Before the first year or after the last one nothing was ever made."""
    if microseconds is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return _FIRST if microseconds < 0 else _LAST


# ---- pages --------------------------------------------------------------------------------------


def page_text(place: Place, total: int | None) -> str:
    """Where a page begins, for a link: it says nothing about anybody."""
    plain = f"{place.updated}.{place.key}.{place.version}.{'' if total is None else total}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def read_page(text: str) -> tuple[Place, int | None]:
    """FhirError 400: not from a link of ours."""
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        updated, key, version, total = plain.split(".")
        place = Place(int(updated), int(key), int(version))
        count = int(total) if total else None
    except (binascii.Error, ValueError):
        raise _no_such_page() from None
    if max(map(abs, (*place, count or 0))) >= 2**62 or not 0 <= place.version < 2**31:
        raise _no_such_page()
    return place, count


def _no_such_page() -> FhirError:
    return FhirError(
        Kind.BAD_PARAMETER, f"{PARAMETER}: there is no such page; follow the next link of a history"
    )

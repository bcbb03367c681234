"""Searches inside a query: arguments as search parameters, and cursors of connections.

https://hl7.org/fhir/R4/graphql.html#searching: names with `_` where the parameter has `-`; a list
of values means any of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import orjson

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.operations import OperationCall
from fhir_server.search.parameters import supported
from fhir_server.search.parse import parse
from fhir_server.search.request import CURSOR, SearchRequest
from fhir_server.store.port import Found

_BACK: Final = 10  # pages before this one that can be gone back to
_NOT_HERE: Final = frozenset(
    f"_include _revinclude _summary _elements _total _contained _page _format {CURSOR}".split()
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One search, and which page of it: the store's cursor, and how many came before."""

    type: str
    query: tuple[tuple[str, str], ...]
    at: str = ""
    offset: int = 0
    before: tuple[tuple[str, int], ...] = ()

    def following(self, found: Found) -> Asked | None:
        if found.next is None:
            return None
        before = (*self.before, (self.at, self.offset))[-_BACK:]
        return replace(self, at=found.next, offset=self.offset + len(found.matches), before=before)

    def first(self) -> Asked:
        return replace(self, at="", offset=0, before=())

    def previous(self) -> Asked | None:
        if not self.before:
            return None
        at, offset = self.before[-1]
        return replace(self, at=at, offset=offset, before=self.before[:-1])

    def cursor(self) -> str:
        plain = orjson.dumps([self.type, self.query, self.at, self.offset, self.before])
        return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def asked(type_: str, arguments: Mapping[str, Any], reference: tuple[str, str] | None) -> Asked:
    """The search that the arguments of a field mean. FhirError 400: what has no place here."""
    query = [reference] if reference else []
    for name, value in arguments.items():
        code = _codes(type_).get(name, name)
        if code in _NOT_HERE:
            raise FhirError(
                Kind.UNKNOWN_PARAMETER,
                f"{name} is for a search by REST; a query selects fields, and pages with _count "
                "and the cursors of a Connection",
            )
        values = value if isinstance(value, list) else [value]
        query.append((code, ",".join(_text(name, one) for one in values)))
    return Asked(type_, tuple(query))


@cache
def _codes(type_: str) -> Mapping[str, str]:
    return {code.replace("-", "_"): code for code in supported(type_)}


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: a value is a text, a number or a boolean")
    text = str(value)
    if "\0" in text:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: it holds U+0000, which no FHIR string may")
    return text


def of_cursor(type_: str, text: Any) -> Asked:
    """FhirError 400: no cursor of ours, or of another type."""
    try:
        plain = base64.urlsafe_b64decode(str(text).encode("ascii") + b"=" * (-len(str(text)) % 4))
        of_type, query, at, offset, before = orjson.loads(plain)
        found = Asked(
            of_type,
            tuple((_string(name), _string(value)) for name, value in query),
            _string(at),
            _whole(offset),
            tuple((_string(one), _whole(place)) for one, place in before),
        )
        if of_type == type_:
            return found
    except (ValueError, TypeError, binascii.Error):
        pass
    raise FhirError(
        Kind.BAD_PARAMETER,
        f"cursor: this is none that a {type_}Connection gave; begin with the search",
    )


def _string(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError
    return value


def request_of(call: OperationCall, one: Asked, *, counted: bool) -> SearchRequest:
    """FhirError 400: a parameter that is unknown or cannot be read."""
    pairs = one.query
    for name, _ in pairs:
        if name.partition(":")[0] in _NOT_HERE:
            raise FhirError(Kind.BAD_PARAMETER, f"cursor: {name[:80]} is not in any of ours")
    found = parse(one.type, pairs, zone=call.zone, base=call.base, now=call.clock.now())
    total = "accurate" if counted else "none"
    return replace(found, cursor=one.at or None, total=total)  # type: ignore[arg-type]

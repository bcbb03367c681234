"""Reference parameters (https://hl7.org/fhir/R4/search.html#reference).

A row holds type and id of a relative reference; of anything else (absolute address, canonical,
urn) the whole text. The identifier of a reference is a token row under the same parameter, which
is how a reference that is no more than an identifier is found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import cache, lru_cache
from typing import Any, Final

from fhir_profiles.definitions.tables import resource_types
from fhir_server.search.params import token
from fhir_server.search.params.query_text import BadValue, Reading, cell, unescaped
from fhir_server.search.params.uri import spellings
from fhir_server.search.request import Alternative, Cell, Check, Match

MODIFIERS: Final = ("identifier", "[type]")
_RELATIVE: Final = re.compile(
    r"(?P<base>[a-z][a-z0-9+.-]*://.+/)?"
    r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(/_history/[A-Za-z0-9.-]{1,64})?"
)
_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")


@lru_cache(maxsize=20_000)
def target(text: str) -> tuple[str, str]:
    """(target, type) of a literal reference; the type is "" if the text does not show one."""
    form = _RELATIVE.fullmatch(text)
    if form is None or form["type"] not in resource_types():
        return cell(text), ""
    if form["base"]:
        return cell(form["base"] + form["type"] + "/" + form["id"]), form["type"]
    return form["id"], form["type"]


# ---- index side ---------------------------------------------------------------------------------

Cells = Sequence[tuple[str, tuple[Cell, ...]]]


def _reference(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    literal, type_ = value.get("reference"), value.get("type")
    type_ = type_ if isinstance(type_, str) else ""
    where, shown = target(literal) if isinstance(literal, str) and literal else ("", "")
    own = ("reference", (where, shown or cell(type_)))
    return (own, *token.identifier(value["identifier"], zone)) if "identifier" in value else (own,)


def _canonical(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, str):
        return ()
    return [("reference", target(text)) for text in spellings(value)]


def _resource(value: Any, zone: tzinfo) -> Cells:
    """A resource that stands where others have a reference to it (Bundle.entry)."""
    type_, id_ = (
        (value.get("resourceType"), value.get("id")) if isinstance(value, dict) else (None, None)
    )
    if not isinstance(type_, str) or not isinstance(id_, str):
        return ()
    return [("reference", (cell(id_), cell(type_)))]


INDEX: Final[Mapping[str, Any]] = {
    "Reference": _reference,
    "canonical": _canonical,
    "uri": _canonical,
    "Resource": _resource,
}


@cache
def only(type_: str) -> Any:
    """Index side behind ``where(resolve() is Type)``: that type, or one that does not show."""

    def index(value: Any, zone: tzinfo) -> Cells:
        rows = _reference(value, zone)
        return rows if rows and rows[0][1][1] in (type_, "") else ()

    return index


# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    if modifier == "identifier":
        return Match("token", parameter, tuple(token.alternative(value) for value in values))
    found = tuple(_alternative(unescaped(value), modifier, reading) for value in values)
    return Match("reference", parameter, found)


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    return (_alternative(unescaped(value), "", reading),)


def _alternative(text: str, modifier: str, reading: Reading) -> Alternative:
    if reading.base and text.startswith(f"{reading.base.rstrip('/')}/"):
        text = text[len(reading.base.rstrip("/")) + 1 :]
    if modifier:
        text = text if "/" in text else f"{modifier}/{text}"
    elif len(reading.targets) == 1 and _ID.fullmatch(text):
        text = f"{reading.targets[0]}/{text}"
    where, type_ = target(text)
    if not where or (not type_ and ":" not in text and not _ID.fullmatch(text)):
        raise BadValue(f"{text!r} is not an id, Type/id or an absolute address")
    if modifier and type_ != modifier:
        raise BadValue(f"{text!r} is not a {modifier}, which the modifier asks for")
    check = Check("target", "=", where)
    return (check, Check("type", "=", type_)) if type_ else (check,)

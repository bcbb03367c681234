"""Parts of a resource: `_elements` and `_summary` (https://hl7.org/fhir/R4/search.html#elements).

Members are taken or left as the text they are; what is left is marked SUBSETTED, so that nobody
stores it back for the whole. Which elements a summary has say the definitions, at every level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias, get_args

import msgspec

from fhir_profiles import json_text
from fhir_profiles.definitions import tables
from fhir_profiles.definitions.compartments import modifiers
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parse import element_names
from fhir_server.search.request import SearchRequest, Summary
from fhir_server.store.port import Version

_ALWAYS: Final = ("resourceType", "id", "meta")
_TAG: Final = (
    b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
)
_SUMMARIES: Final[tuple[str, ...]] = get_args(Summary)
_LEVELS: Final = 6  # of data types in data types that a summary looks into
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode

Plan: TypeAlias = "Mapping[str, Plan | None]"
"""JSON names that stay, with what stays inside; None: all of it."""


def wanted(type_: str, query: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], Summary | None]:
    """`_elements` and `_summary` of a read. FhirError 400: no such element, no such summary."""
    elements: tuple[str, ...] = ()
    summary: Summary | None = None
    for name, value in query:
        if name == "_elements":
            elements += tuple(part for part in value.split(",") if part)
        elif name == "_summary":
            if value not in _SUMMARIES or value == "count":
                raise FhirError(
                    Kind.BAD_PARAMETER,
                    f"_summary={value[:40]} is not possible here; "
                    f"supported: {', '.join(s for s in _SUMMARIES if s != 'count')}",
                )
            summary = value  # type: ignore[assignment]  # was just looked at
    known = element_names(type_)
    for element in elements:
        if element.removeprefix(f"{type_}.") not in known:
            raise FhirError(
                Kind.BAD_PARAMETER, f"_elements: {type_} has no element {element[:80]!r}"
            )
    return elements, summary


def subset_of(request: SearchRequest, version: Version, *, match: bool) -> bytes:
    """An entry of a search as it was asked for.

    `_elements` without a type are those of what was searched for: what is included comes whole,
    unless elements of its type are named (`Patient.name`).
    """
    elements = tuple(
        element
        for element in request.elements
        if element.startswith(f"{version.type}.") or (match and "." not in element)
    )
    if request.elements and not elements:
        return version.body
    return subset(version.body, version.type, elements, request.summary)


def subset(
    body: bytes, type_: str, elements: Sequence[str] = (), summary: Summary | None = None
) -> bytes:
    """The text of a resource with only what was asked for, and what has to be there."""
    if not elements and summary in (None, "false", "count"):
        return body
    came = json_text.members(body)
    came["meta"] = _marked(came.get("meta", b"{}"))
    if not elements and summary == "data":
        came.pop("text", None)
        return _object(came)
    plan = _plan(type_, tuple(elements), summary)
    return _object(_kept(came, plan))


def _kept(came: Mapping[str, bytes], plan: Plan) -> dict[str, bytes]:
    found = {}
    for name, value in came.items():
        stem = name.removeprefix("_")
        if stem in plan:
            inside = plan[stem]
            found[name] = value if inside is None else _cut(value, inside)
    return found


def _cut(value: bytes, plan: Plan) -> bytes:
    """What is inside of a value, or of each in a list. Nothing of it: then all stays as it is,
    as it says in an extension why there is no value."""
    if value.startswith(b"["):
        return b"[" + b",".join(_cut(bytes(one), plan) for one in _raw_list(value)) + b"]"
    if not value.startswith(b"{"):
        return value
    kept = _kept(json_text.members(value), plan)
    return _object(kept) if kept else value


def _object(members: Mapping[str, bytes]) -> bytes:
    listed = [msgspec.json.encode(name) + b":" + value for name, value in members.items()]
    return b"{" + b",".join(listed) + b"}"


# ---- what stays ---------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def _plan(type_: str, elements: tuple[str, ...], summary: Summary | None) -> Plan:
    defined = tables.structure(type_)
    if not elements and summary == "true":
        chosen: dict[str, Plan | None] = dict(_summary(type_, _LEVELS) or {})
        chosen |= dict.fromkeys(_ALWAYS)
        for stem in defined.required:
            for name in defined.choices.get(stem, (stem,)):
                chosen.setdefault(name, None)
        return chosen
    stems = {*_ALWAYS, *defined.required}
    if elements:
        stems |= {*modifiers(type_), *(element.rpartition(".")[2] for element in elements)}
    else:  # _summary=text
        stems.add("text")
    names = [name for stem in stems for name in (stem, *defined.choices.get(stem, ()))]
    return dict.fromkeys(names)


@lru_cache(maxsize=4096)
def _summary(name: str, levels: int) -> Plan | None:
    """Summary elements of a structure, and inside of them; None where nothing would go."""
    try:
        defined = tables.structure(name)
    except KeyError:
        return None  # a primitive type
    found: dict[str, Plan | None] = {}
    whole = True
    for element in defined.elements.values():
        if element.summary:
            inside = element.content or element.types[0]
            deeper = levels > 0 and not _open(inside)
            found[element.name] = _summary(inside, levels - 1) if deeper else None
            whole = whole and found[element.name] is None
        elif element.name not in ("id", "extension"):
            whole = False
    for stem in defined.required:
        for name_ in defined.choices.get(stem, (stem,)):
            found.setdefault(name_, None)
    # A data type all of whose own elements are in the summary is taken as it came.
    return None if whole or not found else found


def _open(name: str) -> bool:
    """Types that hold what is defined elsewhere, or nothing to be chosen from."""
    return name in ("Extension", "Resource", "Narrative", "xhtml", "Meta")


def _marked(meta: bytes) -> bytes:
    """A `meta` with the tag added to its others."""
    parts = json_text.members(meta)
    tags = _raw_list(parts.get("tag", b"[]"))
    parts["tag"] = b"[" + b",".join([*(bytes(tag) for tag in tags), _TAG]) + b"]"
    return _object(parts)

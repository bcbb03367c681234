"""Parts of a resource: `_elements` and `_summary` (https://hl7.org/fhir/R4/search.html#elements).

Top-level members are taken or left as the text they are; what is left in is marked SUBSETTED, so
that nobody stores it back for the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, get_args

import msgspec

from fhir_profiles import json_text
from fhir_profiles.definitions import tables
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.request import Summary

_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})
_TAG: Final = (
    b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
)
_SUMMARIES: Final[tuple[str, ...]] = get_args(Summary)


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
    known = _element_names(type_)
    for element in elements:
        if element not in known:
            raise FhirError(
                Kind.BAD_PARAMETER, f"_elements: {type_} has no element {element[:80]!r}"
            )
    return elements, summary


def subset(
    body: bytes, type_: str, elements: Sequence[str] = (), summary: Summary | None = None
) -> bytes:
    """The text of a resource with only what was asked for, and what has to be there."""
    if not elements and summary in (None, "false", "count"):
        return body
    kept = _kept(type_, tuple(elements), summary)
    came = json_text.members(body)
    parts = []
    for name, value in came.items():
        stem = name.removeprefix("_")
        if stem == "meta":
            value = _marked(value)
        if kept is None:
            if stem == "text":
                continue
        elif stem not in kept:
            continue
        parts.append(b'"%b":%b' % (name.encode(), value))
    return b"{" + b",".join(parts) + b"}"


@lru_cache(maxsize=512)
def _kept(type_: str, elements: tuple[str, ...], summary: Summary | None) -> frozenset[str] | None:
    """JSON names that stay; None: all but the narrative."""
    if not elements and summary == "data":
        return None
    defined = tables.structure(type_)
    chosen: set[str] = set(_ALWAYS)
    for stem in defined.required:
        chosen.update(defined.choices.get(stem, (stem,)))
    if elements:
        for element in elements:
            stem = element.rpartition(".")[2]
            chosen.update(defined.choices.get(stem, (stem,)))
    elif summary == "text":
        chosen.add("text")
    else:
        chosen.update(name for name, element in defined.elements.items() if element.summary)
    return frozenset(chosen)


@lru_cache(maxsize=512)
def _element_names(type_: str) -> frozenset[str]:
    defined = tables.structure(type_)
    return frozenset((*defined.elements, *defined.choices))


def _marked(meta: bytes) -> bytes:
    """A `meta` with the tag added to its others."""
    parts = json_text.members(meta)
    tags = msgspec.json.decode(parts.get("tag", b"[]"), type=list[msgspec.Raw])
    parts["tag"] = b"[" + b",".join([*(bytes(tag) for tag in tags), _TAG]) + b"]"
    return b"{" + b",".join(b'"%b":%b' % (n.encode(), v) for n, v in parts.items()) + b"}"

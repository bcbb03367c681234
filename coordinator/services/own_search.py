"""Searches in the coordinator's own store, all pages of them (https://hl7.org/fhir/R4/search.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from coordinator.services.facts_from_fhir import ZONE
from fhir_server.search.parse import parse
from fhir_server.search.request import MAX_COUNT
from fhir_server.store.port import Reader, Version

AT_ONCE: Final = 100  # identifiers in one search


def everything(reader: Reader, type_: str, query: Sequence[tuple[str, str]]) -> Iterator[Version]:
    """Every match, page after page."""
    request = replace(parse(type_, list(query), zone=ZONE), count=MAX_COUNT)
    while True:
        found = reader.search(request)
        yield from found.matches
        if found.next is None:
            return
        request = replace(request, cursor=found.next)


def about(
    reader: Reader, type_: str, parameter: str, keys: Iterable[str], *more: tuple[str, str]
) -> Iterator[Version]:
    """Every resource that refers to one of these, each a "system|value"."""
    wanted = [_escaped(key) for key in dict.fromkeys(keys) if key]
    for start in range(0, len(wanted), AT_ONCE):
        some = ",".join(wanted[start : start + AT_ONCE])
        yield from everything(reader, type_, [(parameter, some), *more])


def _escaped(key: str) -> str:
    system, bar, value = key.partition("|")
    for sign in "\\|,$":
        value = value.replace(sign, f"\\{sign}")
    return f"{system}{bar}{value}"

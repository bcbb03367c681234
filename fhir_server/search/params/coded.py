"""Codes that a query names by a value set or a place in a hierarchy, one after the other.

https://hl7.org/fhir/R4/search.html#token (:in, :not-in, :above, :below). The codes are looked up
in the terminology while the query is read; the index then finds each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fhir_profiles.terminology.reading import TermError
from fhir_server.search.params.query_text import BadValue, Reading, split, unescaped

MAX_CODES: Final = 5_000  # that one query value may stand for

SystemCode = tuple[str | None, str]


def in_value_set(url: str, reading: Reading) -> Iterable[SystemCode]:
    try:
        found = reading.known().expansion(url)
    except TermError as err:
        raise BadValue(
            f"what is in the value set {url!r} cannot be told: {err}; give the canonical URL of a "
            "value set that is known here, with |version if need be"
        ) from None
    return _bounded(found.codes(), f"the value set {url!r} has")


def above_or_below(value: str, way: str, reading: Reading) -> Iterable[SystemCode]:
    """`system|code`: itself, and what it subsumes or is subsumed by."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) != 2 or not all(parts):
        raise BadValue(f"{value!r} is not system|code; :{way} needs both")
    system, code = parts
    known = reading.known()
    if not known.known(system):
        raise BadValue(
            f"the codes of {system!r} are not here, so what is {way} {code!r} cannot be told"
        )
    found = known.descendants(system, code) if way == "below" else known.ancestors(system, code)
    return _bounded([(system, one) for one in found], f"{way} {code!r} stand")


def _bounded(codes: Iterable[SystemCode], what: str) -> list[SystemCode]:
    ordered = sorted(codes, key=lambda one: (one[0] or "", one[1]))
    if len(ordered) > MAX_CODES:
        raise BadValue(f"{what} {len(ordered)} codes; at most {MAX_CODES} are compared")
    return ordered

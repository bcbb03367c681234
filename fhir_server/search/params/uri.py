"""Uri parameters (https://hl7.org/fhir/R4/search.html#uri): exact, or along the path.

A canonical with a version (`…|1.0`) is also found without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

from fhir_server.search.params.query_text import KEPT, BadValue, Reading, cell, unescaped
from fhir_server.search.request import Alternative, Check, Match

MODIFIERS: Final = ("below", "above")

# ---- index side ---------------------------------------------------------------------------------


def spellings(value: str) -> Iterable[str]:
    """A canonical as it is, and without its version."""
    return dict.fromkeys((cell(value), cell(value.partition("|")[0])))


def _uri(value: Any, zone: tzinfo) -> Sequence[tuple[str, tuple[str]]]:
    if not isinstance(value, str):
        return ()
    return [("uri", (text,)) for text in spellings(value)]


INDEX: Final[Mapping[str, Any]] = {"uri": _uri, "url": _uri, "canonical": _uri}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = [one for value in values for one in _alternatives(unescaped(value), modifier)]
    return Match("uri", parameter, tuple(found))


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    return _alternatives(unescaped(value), "")


def _alternatives(text: str, modifier: str) -> Sequence[Alternative]:
    if not text:
        raise BadValue("a uri is missing")
    if modifier and text[:4].lower() == "urn:":
        raise BadValue(f"{text!r} is a URN, which has no path; without :{modifier} it is compared")
    if modifier == "below":
        return [(Check("value", "starts", cell(text)[:KEPT]),)]
    if modifier == "above":
        ends = {match.start() for match in re.finditer(r"(?<![/:])/", text)}
        ends |= {end + 1 for end in ends} | {len(text)}
        return [(Check("value", "=", cell(text[:end])),) for end in sorted(ends)]
    return [(Check("value", "=", cell(text)),)]

r"""Query values as text: lists, parts and the escapes ``\, \| \$ \\``.

https://hl7.org/fhir/R4/search.html#escaping
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final, TypeAlias

from fhir_profiles.definitions.tables import SearchParameter, search_parameters
from fhir_profiles.terminology.catalogue import Terminology, shipped

MAX_CELL: Final = 240  # characters of a text in an index; PostgreSQL keeps at most 2.7 kB a row
KEPT: Final = 200

Definitions: TypeAlias = Callable[[str], Mapping[str, SearchParameter]]


class BadValue(ValueError):
    """A value that a parameter cannot be compared with; says why and what would do."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How values are read: dates without a zone, references to this server, "about now".

    `terminology` answers what is in a value set or below a code; None: what R4 and we define.
    `definitions` has the parameters of a type by code, for those that are made of others.
    """

    zone: tzinfo = UTC
    base: str | None = None
    now: datetime | None = None
    targets: tuple[str, ...] = field(default=())
    terminology: Terminology | None = None
    definitions: Definitions = search_parameters

    def known(self) -> Terminology:
        return shipped() if self.terminology is None else self.terminology

    def parameter(self, full_name: str) -> SearchParameter:
        """The definition of ``Type.code``."""
        type_, _, code = full_name.partition(".")
        return self.definitions(type_)[code]


def split(text: str, sign: str) -> list[str]:
    """Parts between unescaped signs; the escapes stay for `unescaped`."""
    if "\\" not in text:
        return text.split(sign)
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == sign:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    kept, place = [], 0
    while place < len(text):
        if text[place] == "\\":
            if text[place + 1 : place + 2] not in (",", "|", "$", "\\"):
                raise BadValue(r"a backslash stands before , | $ or \ only; write it as \\")
            place += 1
        kept.append(text[place])
        place += 1
    return "".join(kept)


def cell(text: str) -> str:
    """A text as an index holds it: a long one cut, with a digest so that equality still works."""
    if "\0" in text:
        text = text.replace("\0", "")  # no database text holds it
    if len(text) <= MAX_CELL:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=15).hexdigest()
    return f"{text[:KEPT]}#{digest}"

"""String parameters (https://hl7.org/fhir/R4/search.html#string): case and accents do not matter.

Names are also found by the whole name in both orders, so that ``name=nguyen van an`` finds
Nguyễn Văn An whether its parts stand in `text` or in `family` and `given`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Any, Final

from fhir_server.search.params.query_text import KEPT, BadValue, Reading, cell, unescaped
from fhir_server.search.request import Alternative, Check, Match, Operator

MODIFIERS: Final = ("exact", "contains")
_ADDRESS = ("text", "line", "city", "district", "state", "country", "postalCode")
_NAME = ("text", "family", "given", "prefix", "suffix")


@lru_cache(maxsize=20_000)
def folded(text: str) -> str:
    """Small letters without accents, one blank between words; đ becomes d."""
    if text.isascii():
        return " ".join(text.lower().split())
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(bare.casefold().replace("đ", "d").split())


# ---- index side ---------------------------------------------------------------------------------

Cells = Sequence[tuple[str, tuple[str, str]]]


def _row(text: str) -> tuple[str, tuple[str, str]]:
    return ("string", (cell(folded(text)), cell(text)))


def _string(value: Any, zone: tzinfo) -> Cells:
    return (_row(value),) if isinstance(value, str) else ()


def _parts(value: Any, names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        part = value.get(name)
        found += part if isinstance(part, list) else [part]
    return [part for part in found if isinstance(part, str) and part]


def _address(value: Any, zone: tzinfo) -> Cells:
    return [_row(part) for part in _parts(value, _ADDRESS)] if isinstance(value, dict) else ()


def _name(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    family, given = _parts(value, ("family",)), _parts(value, ("given",))
    whole = [" ".join(family + given), " ".join(given + family)] if family and given else []
    return [_row(part) for part in dict.fromkeys([*_parts(value, _NAME), *whole])]


INDEX: Final[Mapping[str, Any]] = {
    "string": _string,
    "markdown": _string,
    "HumanName": _name,
    "Address": _address,
}

# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    exact = modifier == "exact"
    found = [_exactly(value) if exact else _partly(value, modifier) for value in values]
    return Match("string", parameter, tuple(found))


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    return (_partly(value),)


def _partly(value: str, modifier: str = "") -> Alternative:
    op: Operator = "contains" if modifier == "contains" else "starts"
    # an index knows the beginning of a long text only
    return (Check("value", op, cell(_plain(value))[:KEPT]),)


def _exactly(value: str) -> Alternative:
    return Check("value", "=", cell(_plain(value))), Check("exact", "=", cell(unescaped(value)))


def _plain(value: str) -> str:
    plain = folded(unescaped(value))
    if not plain:
        raise BadValue("a blank text would match everything; give at least one letter")
    return plain

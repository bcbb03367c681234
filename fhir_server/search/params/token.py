"""Token parameters (https://hl7.org/fhir/R4/search.html#token): codes and identifiers.

Small and capital letters are the same, as the specification recommends; systems are compared as
they are. A value without a code has a row of its own ("", ""), so that it is not `:missing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import cache, lru_cache
from typing import Any, Final

from fhir_profiles.definitions.tables import required_systems
from fhir_server.search.params.query_text import BadValue, Reading, cell, split, unescaped
from fhir_server.search.request import Alternative, Check, Match

MODIFIERS: Final = ("not",)

# ---- index side ---------------------------------------------------------------------------------

Cells = Iterable[tuple[str, tuple[str, str]]]


def _row(code: Any, system: Any) -> tuple[str, tuple[str, str]]:
    coded = code if isinstance(code, str) else ""
    return "token", _cells(coded, system if isinstance(system, str) else "")


@lru_cache(maxsize=10_000)
def _cells(code: str, system: str) -> tuple[str, str]:
    return cell(code.casefold()), cell(system)


def _coding(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    return (_row(value.get("code"), value.get("system")),)


def _concept(value: Any, zone: tzinfo) -> Cells:
    codings = value.get("coding") if isinstance(value, dict) else None
    rows = [
        _row(coding.get("code"), coding.get("system"))
        for coding in (codings if isinstance(codings, list) else ())
        if isinstance(coding, dict)
    ]
    return rows or (_row(None, None),)


def identifier(value: Any, zone: tzinfo) -> Cells:
    """An Identifier or a ContactPoint."""
    if not isinstance(value, dict):
        return ()
    return (_row(value.get("value"), value.get("system")),)


def _word(value: Any, zone: tzinfo) -> Cells:
    return (_row(value, None),) if isinstance(value, str) else ()


def _boolean(value: Any, zone: tzinfo) -> Cells:
    return (_row("true" if value else "false", None),) if isinstance(value, bool) else ()


INDEX: Final[Mapping[str, Any]] = {
    "CodeableConcept": _concept,
    "Coding": _coding,
    "Identifier": identifier,
    "ContactPoint": identifier,
    "boolean": _boolean,
    "code": _word,
    "id": _word,
    "string": _word,
    "uri": _word,
}


@cache
def bound_code(value_set: str) -> Any:
    """Index side of a `code` element: the value set that it is bound to knows the system."""
    systems = {
        code: system
        for system, codes in (required_systems(value_set) or {}).items()
        for code in codes
    }

    def index(value: Any, zone: tzinfo) -> Cells:
        return (_row(value, systems.get(value)),) if isinstance(value, str) else ()

    return index


# ---- match side ---------------------------------------------------------------------------------


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Match:
    found = tuple(alternative(value) for value in values)
    return Match("token", parameter, found, negated=modifier == "not")


def alternative(value: str) -> Alternative:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it)."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) == 1 and parts[0]:
        return (Check("code", "=", cell(parts[0].casefold())),)
    if len(parts) == 2 and any(parts):
        system, code = Check("system", "=", cell(parts[0])), parts[1]
        return (Check("code", "=", cell(code.casefold())), system) if code else (system,)
    raise BadValue(f"{value!r} is not code, system|code, |code or system|")

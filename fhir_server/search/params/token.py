"""Token parameters (https://hl7.org/fhir/R4/search.html#token): codes and identifiers.

Small and capital letters are the same, as the specification recommends where there is doubt; codes
of UCUM, and of a code system of R4 that says it is case-sensitive, are compared as written. A value
without a code has a row of its own ("", ""), so that it is not `:missing`.

`:text` looks at string rows named ``Type.code:text``, `:of-type` at token rows named
``Type.code:of-type`` (code and value of an identifier, system of its type).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from functools import cache, lru_cache
from typing import Any, Final

from fhir_profiles.definitions.tables import required_systems
from fhir_profiles.terminology.catalogue import shipped
from fhir_server.search.params import string
from fhir_server.search.params.coded import above_or_below, in_value_set
from fhir_server.search.params.query_text import BadValue, Reading, cell, split, unescaped
from fhir_server.search.params.unions import any_row, made_of
from fhir_server.search.params.units import UCUM
from fhir_server.search.request import Alternative, Cell, Check, Condition, Match
from fhir_server.search.walkers import compiled

MODIFIERS: Final = ("text", "not", "of-type", "in", "not-in", "above", "below")
TEXT, OF_TYPE = "string:text", "token:of-type"  # tables with what the name of the rows ends in
_WITH_TEXT: Final = frozenset({"CodeableConcept", "Coding", "Identifier"})
# The system that codes of boolean elements have without anybody writing it.
_BOOLEANS: Final = "http://terminology.hl7.org/CodeSystem/special-values"

# ---- index side ---------------------------------------------------------------------------------

Cells = Sequence[tuple[str, tuple[Cell, ...]]]
Row = tuple[str, tuple[str, str]]


def _row(code: Any, system: Any) -> Row:
    coded = code if isinstance(code, str) else ""
    return "token", cells(coded, system if isinstance(system, str) else "")


@lru_cache(maxsize=10_000)
def cells(code: str, system: str) -> tuple[str, str]:
    return cell(code if cased(system) else code.casefold()), cell(system)


@lru_cache(maxsize=4_096)
def cased(system: str) -> bool:
    """Whether it is known that capital letters matter in the codes of a system."""
    if not system:
        return False
    found = shipped().code_system(system)
    return system == UCUM or (found is not None and found.tree.get("caseSensitive") is True)


def _texts(*texts: Any) -> list[Row]:
    """A row for each text; they are compared folded only."""
    plain = (string.folded(text) for text in texts if isinstance(text, str))
    return [(TEXT, (cell(text), "")) for text in dict.fromkeys(plain) if text]


def _coding(value: Any, zone: tzinfo) -> Cells:
    if not isinstance(value, dict):
        return ()
    return [_row(value.get("code"), value.get("system")), *_texts(value.get("display"))]


def _concept(value: Any, zone: tzinfo) -> Cells:
    codings = _codings(value)
    rows = [_row(coding.get("code"), coding.get("system")) for coding in codings]
    texts = [coding["display"] for coding in codings if "display" in coding]
    if isinstance(value, dict) and "text" in value:
        texts.append(value["text"])
    if not rows:
        rows.append(_row(None, None))
    return [*rows, *_texts(*texts)] if texts else rows


def _codings(concept: Any) -> list[dict[str, Any]]:
    codings = concept.get("coding") if isinstance(concept, dict) else None
    listed = codings if isinstance(codings, list) else ()
    return [coding for coding in listed if isinstance(coding, dict)]


def identifier(value: Any, zone: tzinfo) -> Cells:
    """An Identifier or a ContactPoint, without what is said of its type."""
    if not isinstance(value, dict):
        return ()
    return (_row(value.get("value"), value.get("system")),)


def _identifier(value: Any, zone: tzinfo) -> Cells:
    rows = list(identifier(value, zone))
    if not rows or not isinstance(type_ := value.get("type"), dict):
        return rows
    codings, number = _codings(type_), value.get("value")
    if isinstance(number, str) and number:
        rows += [
            (OF_TYPE, _typed(coding["code"], coding.get("system"), number))
            for coding in codings
            if isinstance(coding.get("code"), str)
        ]
    return [*rows, *_texts(type_.get("text"), *(coding.get("display") for coding in codings))]


def _typed(code: str, system: Any, number: str) -> tuple[str, str]:
    plain, where = cells(code, system if isinstance(system, str) else "")
    return cell(f"{plain}|{number.casefold()}"), where


def _word(value: Any, zone: tzinfo) -> Cells:
    return (_row(value, None),) if isinstance(value, str) else ()


def _boolean(value: Any, zone: tzinfo) -> Cells:
    return (_row("true" if value else "false", None),) if isinstance(value, bool) else ()


INDEX: Final[Mapping[str, Any]] = {
    "CodeableConcept": _concept,
    "Coding": _coding,
    "Identifier": _identifier,
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


def match(parameter: str, modifier: str, values: Sequence[str], reading: Reading) -> Condition:
    if modifier in ("text", "of-type"):
        _check_data_types(parameter, modifier, reading)
    if modifier == "text":
        texts = [one for value in values for one in string.alternatives(value, reading)]
        parts = made_of(parameter, reading.definitions)
        return any_row("string", tuple(f"{part}:text" for part in parts), tuple(texts))
    if modifier == "of-type":
        typed = tuple(_of_type(value) for value in values)
        return Match("token", f"{parameter}:of-type", typed)
    found: Iterator[Alternative]
    if modifier in ("in", "not-in"):
        codes = (one for value in values for one in in_value_set(unescaped(value), reading))
        found = (_exactly(code, system or "") for system, code in dict.fromkeys(codes))
    elif modifier in ("above", "below"):
        codes = (one for value in values for one in above_or_below(value, modifier, reading))
        found = (_exactly(code, system or "") for system, code in dict.fromkeys(codes))
    else:
        found = (one for value in values for one in alternatives(value, reading))
    return Match("token", parameter, tuple(found), negated=modifier in ("not", "not-in"))


def _check_data_types(parameter: str, modifier: str, reading: Reading) -> None:
    types = {walk.type for walk in compiled(reading.parameter(parameter).expression)}
    if not types & (_WITH_TEXT if modifier == "text" else {"Identifier"}):
        what = "have no text" if modifier == "text" else "are no identifiers"
        raise BadValue(
            f"the modifier :{modifier} does not apply, as its values ({', '.join(sorted(types))}) "
            f"{what}; :not, :in, :not-in, :above, :below and :missing do"
        )


def _exactly(code: str, system: str) -> Alternative:
    plain, where = cells(code, system)
    return Check("code", "=", plain), Check("system", "=", where)


def alternatives(value: str, reading: Reading) -> Sequence[Alternative]:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it)."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) == 1 and parts[0]:  # in any system, of those where letters matter as written
        codes = dict.fromkeys((parts[0].casefold(), parts[0]))
        return [(Check("code", "=", cell(code)),) for code in codes]
    if len(parts) == 2 and any(parts):
        system, code = "" if parts[0] == _BOOLEANS else parts[0], parts[1]
        return [_exactly(code, system) if code else (Check("system", "=", cell(system)),)]
    raise BadValue(f"{value!r} is not code, system|code, |code or system|")


def alternative(value: str) -> Alternative:
    """Of an identifier that a reference has: its letters never matter."""
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) == 1 and parts[0]:
        return (Check("code", "=", cell(parts[0].casefold())),)
    return alternatives(value, Reading())[0]


def _of_type(value: str) -> Alternative:
    parts = [unescaped(part) for part in split(value, "|")]
    if len(parts) != 3 or not all(parts):
        raise BadValue(
            f"{value!r} is not system|code|value, all three of them: the type of the identifier "
            "and its value"
        )
    plain, where = _typed(parts[1], parts[0], parts[2])
    return Check("code", "=", plain), Check("system", "=", where)

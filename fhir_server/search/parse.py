"""From a query string to a `SearchRequest` (https://hl7.org/fhir/R4/search.html).

Unknown parameters and modifiers are refused (design decision 3), unless the client asked for
lenient handling; a value that cannot be read is refused either way. All complaints about a query
come at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Final, get_args

from fhir_profiles.definitions.tables import resource_types, structure
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_profiles.terminology.catalogue import Terminology
from fhir_server.search import includes
from fhir_server.search.conditions import condition, known
from fhir_server.search.parameters import KINDS, ON_RESOURCE, sort_key
from fhir_server.search.params.date import zoneless
from fhir_server.search.params.query_text import Reading, split
from fhir_server.search.request import (
    CURSOR,
    DEFAULT_COUNT,
    MAX_COUNT,
    Chain,
    Condition,
    Match,
    Part,
    Reverse,
    SearchRequest,
    Sort,
    Summary,
    Total,
)

MAX_PARAMETERS: Final = 60
MAX_INCLUDES: Final = 40
_CHANGING: Final = re.compile(r":(in|not-in|above|below)\b")  # with the terminology
MAX_KEPT: Final = 200  # characters of a value whose meaning is kept
FORMAT: Final = frozenset({"_format", "_pretty"})  # not about what is found


@dataclass
class _Draft:
    types: tuple[str, ...]
    reading: Reading
    always: Reading  # the same without what may be different the next time
    max_count: int
    several: bool = False  # then parameters have to be common to all the types
    conditions: dict[str, list[Condition]] = field(default_factory=dict)
    sorts: dict[str, tuple[Sort, ...]] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    zoneless: bool = False


def parse(
    type_: str | Sequence[str],
    query: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    zone: tzinfo,
    base: str | None = None,
    now: datetime | None = None,
    default_count: int = DEFAULT_COUNT,
    max_count: int = MAX_COUNT,
    terminology: Terminology | None = None,
) -> SearchRequest:
    """Reads decoded name-value pairs of a search in one type, or in several.

    `zone` reads dates without one; `base` is this server's address, so that absolute references to
    it are local; `now` widens `ap` of dates. FhirError (400) names the parameter, why, and what is
    supported; lenient, unknown parameters and modifiers end up in `request.ignored` instead. Of
    several types `_type` selects some. `terminology` knows the codes that :in, :above and :below
    are about; None: what R4 and we define.
    """
    if len(query) > MAX_PARAMETERS:
        raise FhirError(
            Kind.TOO_COSTLY, f"{len(query)} search parameters; at most {MAX_PARAMETERS} are read"
        )
    several = not isinstance(type_, str)
    types = (type_,) if isinstance(type_, str) else tuple(type_)
    errors: list[FhirError] = []
    if several:
        try:
            types = _selected(types, query)
        except FhirError as err:
            errors.append(err)
    reading = Reading(zone, base, now, terminology=terminology)
    always = replace(reading, now=None, terminology=None)
    draft = _Draft(types, reading, always, max_count, several)
    used, ignored, wrong = _read_all(draft, query, lenient)
    errors += wrong
    if not errors:
        errors += _do_not_mix(draft)
    if errors:
        raise _all(errors)
    draft.found.setdefault("count", default_count)
    if draft.found.get("summary") == "count":
        draft.found["count"] = 0
    parts = tuple(
        Part(one, tuple(draft.conditions.get(one, ())), draft.sorts.get(one, ())) for one in types
    )
    return SearchRequest(
        "" if several else types[0],
        conditions=() if several else parts[0].conditions,
        sort=() if several else parts[0].sort,
        used=tuple(used),
        ignored=tuple(ignored),
        zone=zone if draft.zoneless else None,
        parts=parts if several else (),
        base=base,
        **draft.found,
    )


def _read_all(
    draft: _Draft, query: Sequence[tuple[str, str]], lenient: bool
) -> tuple[list[tuple[str, str]], list[str], list[FhirError]]:
    """The pairs that were understood, why others are ignored, and what is wrong with the rest."""
    used: list[tuple[str, str]] = []
    ignored: list[str] = []
    errors: list[FhirError] = []
    for name, value in query:
        if name in FORMAT:
            continue
        try:
            _read(draft, name, value)
        except FhirError as err:
            if lenient and err.kind is Kind.UNKNOWN_PARAMETER:
                ignored.append(str(err))
            else:
                errors.append(err)
        else:
            used.append((name, value))
    return used, ignored, errors


def _selected(types: Sequence[str], query: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Those that `_type` names; all without it. FhirError 400: what it names is not here."""
    given = [value for name, value in query if name == "_type"]
    if not given:
        return tuple(types)
    wanted = dict.fromkeys(word for value in given for word in value.split(","))
    unknown = [word[:80] or "''" for word in wanted if word not in types]
    if unknown or len(given) > 1:
        problem = f"{', '.join(unknown[:10])} cannot be searched here" if unknown else ""
        listed = f"{', '.join(types[:200])}"
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_type: {problem or 'it is there twice; list the types in one'}. Types: {listed}",
        )
    return tuple(wanted)


def _do_not_mix(draft: _Draft) -> list[FhirError]:
    """https://hl7.org/fhir/R4/search.html#summary: a narrative alone brings nothing along."""
    brings = [name for name in ("include", "revinclude") if name in draft.found]
    if draft.found.get("summary") != "text" or not brings:
        return []
    said = f"_{brings[0]}: it cannot be combined with _summary=text; leave one of them out"
    return [FhirError(Kind.BAD_PARAMETER, said)]


def _all(errors: Sequence[FhirError]) -> FhirError:
    issues = [Issue("error", err.kind.code, str(err)) for err in errors]
    return FhirError(errors[0].kind, "; ".join(str(err) for err in errors), issues=issues)


def _read(draft: _Draft, name: str, value: str) -> None:
    word, _, modifier = name.partition(":")
    reader = RESULT.get(word)
    if reader is None:
        if name == "_type" and draft.several:
            return
        found = [_understood(draft, type_, name, value) for type_ in draft.types]
        for type_, (one, zoned) in zip(draft.types, found, strict=True):
            draft.conditions.setdefault(type_, []).append(one)
            draft.zoneless = draft.zoneless or zoned
        return
    if modifier and not (reader is _include and modifier in includes.ITERATE):
        raise FhirError(
            Kind.UNKNOWN_PARAMETER, f"{name}: the modifier :{modifier} is not supported for {word}"
        )
    if not value:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: it has no value; leave it out or give one")
    reader(draft, name, value)


def _understood(draft: _Draft, type_: str, name: str, value: str) -> tuple[Condition, bool]:
    """The condition, and whether the zone matters to it. What is asked is mostly asked again."""
    if len(value) > MAX_KEPT or "ap" in value or _CHANGING.search(name):
        return _understand(type_, name, value, draft.reading)
    return _understand_once(type_, name, value, draft.always)


def _understand(type_: str, name: str, value: str, reading: Reading) -> tuple[Condition, bool]:
    found = condition(type_, name, value, reading)
    return found, _dated(found) and any(map(zoneless, value.split(",")))


_understand_once = lru_cache(maxsize=10_000)(_understand)


def _dated(condition: Condition) -> bool:
    if isinstance(condition, Chain):
        return any(_dated(target) for _, target in condition.targets)
    if isinstance(condition, Reverse):
        return _dated(condition.condition)
    if isinstance(condition, Match):
        columns = {check.column for one in condition.any_of for check in one}
        return condition.table in ("date", "composite") or "updated" in columns
    return any(_dated(one) for alternative in condition.alternatives for one in alternative)


# ---- parameters about the result (https://hl7.org/fhir/R4/search.html#return) --------------------


def _count(draft: _Draft, name: str, value: str) -> None:
    if not value.isascii() or not value.isdecimal():
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: {value!r} is not a whole number from 0 on")
    _once(draft, name, "count", min(int(value[:9]), draft.max_count))


def _sort(draft: _Draft, name: str, value: str) -> None:
    if draft.sorts:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: it is there twice; keep one")
    words = dict.fromkeys(value.split(","))
    keys = {type_: _sort_keys(type_, name, words) for type_ in draft.types}
    for number, word in enumerate(words):
        kinds = {(of_type[number].table, of_type[number].column) for of_type in keys.values()}
        if len(kinds) > 1:
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"{name}: {word} is not of one kind in all the types that are searched; "
                "_lastUpdated and _id are",
            )
    draft.sorts = keys


def _sort_keys(type_: str, name: str, words: Iterable[str]) -> tuple[Sort, ...]:
    keys = []
    for word in words:
        parameter = known(type_, word.removeprefix("-"), name)
        if parameter.code not in ON_RESOURCE and parameter.type not in KINDS:
            raise FhirError(
                Kind.UNKNOWN_PARAMETER,
                f"{name}: {parameter.code} is of type {parameter.type}, which has no order",
            )
        keys.append(sort_key(type_, parameter, word.startswith("-")))
    return tuple(keys)


def _include(draft: _Draft, name: str, value: str) -> None:
    word, _, modifier = name.partition(":")
    field_name = word.removeprefix("_")
    read = includes.revinclude if word == "_revinclude" else includes.include
    earlier = draft.found.get(field_name, ())
    if len(earlier) == MAX_INCLUDES:
        raise FhirError(Kind.TOO_COSTLY, f"{name}: at most {MAX_INCLUDES} of them are followed")
    found = read(draft.types, value, iterate=bool(modifier))
    draft.found[field_name] = tuple(dict.fromkeys((*earlier, found)))


def _one_of(field_name: str, words: Iterable[str]) -> Callable[[_Draft, str, str], None]:
    allowed = tuple(words)

    def read(draft: _Draft, name: str, value: str) -> None:
        if value not in allowed:
            raise FhirError(
                Kind.BAD_PARAMETER, f"{name}: {value!r} is not one of {', '.join(allowed)}"
            )
        _once(draft, name, field_name, value)

    return read


def _elements(draft: _Draft, name: str, value: str) -> None:
    wanted = tuple(dict.fromkeys(split(value, ",")))
    for word in wanted:
        type_, dot, element = word.rpartition(".")
        types = (type_,) if dot else draft.types
        if not any(element in element_names(one) for one in types):
            here = ", ".join(types[:5])
            listed = ", ".join(sorted(element_names(types[0]))) if len(types) == 1 else ""
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"{name}: {here} has no element {element[:80]}"
                + (f". Its elements: {listed}" if listed else ""),
            )
    _once(draft, name, "elements", wanted)


def element_names(type_: str) -> frozenset[str]:
    """Top-level elements of a resource type as `_elements` may name them; none of another type."""
    if type_ not in resource_types():
        return frozenset()
    here = structure(type_)
    return frozenset(element.choice or element.name for element in here.elements.values())


def _cursor(draft: _Draft, name: str, value: str) -> None:
    _once(draft, name, "cursor", value)


def _once(draft: _Draft, name: str, field_name: str, value: Any) -> None:
    if field_name in draft.found:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: it is there twice; keep one")
    draft.found[field_name] = value


RESULT: Final[dict[str, Callable[[_Draft, str, str], None]]] = {
    "_sort": _sort,
    "_count": _count,
    "_include": _include,
    "_revinclude": _include,
    "_total": _one_of("total", get_args(Total)),
    "_elements": _elements,
    "_summary": _one_of("summary", get_args(Summary)),
    CURSOR: _cursor,
}

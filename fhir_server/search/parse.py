"""From a query string to a `SearchRequest` (https://hl7.org/fhir/R4/search.html).

Unknown parameters and modifiers are refused (design decision 3), unless the client asked for
lenient handling; a value that cannot be read is refused either way. All complaints about a query
come at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final, get_args

from fhir_profiles.definitions.tables import structure
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_server.search import includes
from fhir_server.search.conditions import condition, known
from fhir_server.search.parameters import sort_key
from fhir_server.search.params.date import zoneless
from fhir_server.search.params.query_text import Reading, split
from fhir_server.search.request import (
    CURSOR,
    DEFAULT_COUNT,
    MAX_COUNT,
    Chain,
    Condition,
    Match,
    SearchRequest,
    Sort,
    Summary,
    Total,
)

MAX_PARAMETERS: Final = 60
FORMAT: Final = frozenset({"_format", "_pretty"})  # not about what is found


@dataclass
class _Draft:
    """What is known of a request after some of its parameters."""

    type: str
    reading: Reading
    max_count: int
    conditions: list[Condition] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    zoneless: bool = False


def parse(
    type_: str,
    query: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    zone: tzinfo,
    base: str | None = None,
    now: datetime | None = None,
    default_count: int = DEFAULT_COUNT,
    max_count: int = MAX_COUNT,
) -> SearchRequest:
    """Reads decoded name-value pairs.

    `zone` reads dates without one; `base` is this server's address, so that absolute references to
    it are local; `now` widens `ap` of dates. FhirError (400) names the parameter, why, and what is
    supported; lenient, unknown parameters and modifiers end up in `request.ignored` instead.
    """
    if len(query) > MAX_PARAMETERS:
        raise FhirError(
            Kind.TOO_COSTLY, f"{len(query)} search parameters; at most {MAX_PARAMETERS} are read"
        )
    draft = _Draft(type_, Reading(zone, base, now), max_count)
    used: list[tuple[str, str]] = []
    errors: list[FhirError] = []
    ignored: list[str] = []
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
    if errors:
        raise _all(errors)
    draft.found.setdefault("count", default_count)
    if draft.found.get("summary") == "count":
        draft.found["count"] = 0
    return SearchRequest(
        type_,
        conditions=tuple(draft.conditions),
        used=tuple(used),
        ignored=tuple(ignored),
        zone=zone if draft.zoneless else None,
        **draft.found,
    )


def _all(errors: Sequence[FhirError]) -> FhirError:
    issues = [Issue("error", err.kind.code, str(err)) for err in errors]
    return FhirError(errors[0].kind, "; ".join(str(err) for err in errors), issues=issues)


def _read(draft: _Draft, name: str, value: str) -> None:
    word, _, modifier = name.partition(":")
    reader = RESULT.get(word)
    if reader is None:
        found = condition(draft.type, name, value, draft.reading)
        draft.conditions.append(found)
        draft.zoneless = draft.zoneless or (_dated(found) and any(map(zoneless, value.split(","))))
        return
    if modifier:
        raise FhirError(
            Kind.UNKNOWN_PARAMETER, f"{name}: the modifier :{modifier} is not supported for {word}"
        )
    if not value:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: it has no value; leave it out or give one")
    reader(draft, name, value)


def _dated(condition: Condition) -> bool:
    if isinstance(condition, Chain):
        return any(_dated(target) for _, target in condition.targets)
    if isinstance(condition, Match):
        columns = {check.column for one in condition.any_of for check in one}
        return condition.table == "date" or "updated" in columns
    return any(_dated(one) for alternative in condition.alternatives for one in alternative)


# ---- parameters about the result (https://hl7.org/fhir/R4/search.html#return) --------------------


def _count(draft: _Draft, name: str, value: str) -> None:
    if not value.isascii() or not value.isdecimal():
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: {value!r} is not a whole number from 0 on")
    _once(draft, name, "count", min(int(value[:9]), draft.max_count))


def _sort(draft: _Draft, name: str, value: str) -> None:
    keys: list[Sort] = []
    for word in value.split(","):
        code = word.removeprefix("-")
        parameter = known(draft.type, code, name)
        keys.append(sort_key(draft.type, parameter, word.startswith("-")))
    _once(draft, name, "sort", tuple(dict.fromkeys(keys)))


def _include(draft: _Draft, name: str, value: str) -> None:
    field_name = name.removeprefix("_")
    read = includes.revinclude if name == "_revinclude" else includes.include
    earlier = draft.found.get(field_name, ())
    draft.found[field_name] = tuple(dict.fromkeys((*earlier, read(draft.type, value))))


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
    here = structure(draft.type)
    names = {element.choice or element.name for element in here.elements.values()}
    wanted = tuple(dict.fromkeys(split(value, ",")))
    if unknown := [word for word in wanted if word not in names]:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {draft.type} has no element {', '.join(unknown)}. "
            f"Its elements: {', '.join(sorted(names))}",
        )
    _once(draft, name, "elements", wanted)


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

"""Search parameters of a query, with modifier, chain or `_has`, as conditions.

https://hl7.org/fhir/R4/search.html#modifiers, #chaining and #has. Every refusal names the
parameter, says why, and what is supported.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fhir_profiles.definitions.tables import SearchParameter, resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parameters import (
    KINDS,
    ON_RESOURCE,
    full_name,
    presence,
    refused,
    supported,
)
from fhir_server.search.params import date, token
from fhir_server.search.params.query_text import BadValue, Reading, split, unescaped
from fhir_server.search.request import Chain, Check, Condition, Match, Reverse

MAX_VALUES: Final = 500
MAX_LINKS: Final = 8  # of chains and _has in one parameter
MAX_WAYS: Final = 500  # that references without a type make of one parameter
NOT_SERVED: Final = {
    "_text": "use :text of a coded parameter, or :contains of a string",
    "_content": "use :text of a coded parameter, or :contains of a string",
    "_filter": "write the conditions as parameters; alternatives of one are a list with commas",
    "_query": "write the conditions as parameters",
    "_contained": "search for the resource that contains it",
    "_containedType": "search for the resource that contains it",
}
"""Parameters of R4 that are not there, and what can be done instead (501; not_supported.py)."""
FUNCTIONAL_LISTS: Final = (
    "$current-problems $current-medications $current-allergies $current-drug-allergies".split()
)
_LIST: Final = re.compile(r"(?:List/)?([A-Za-z0-9.-]{1,64})")


@dataclass(slots=True)
class _Trail:
    """How a parameter was reached: its name as it was given, links so far, ways opened."""

    name: str
    reading: Reading
    links: int = 0
    ways: list[int] = field(default_factory=lambda: [0])

    def further(self) -> _Trail:
        if self.links == MAX_LINKS:
            raise FhirError(
                Kind.TOO_COSTLY,
                f"{self.name}: chains and _has have at most {MAX_LINKS} links; ask in two steps",
            )
        return replace(self, links=self.links + 1)

    def count(self) -> None:
        self.ways[0] += 1
        if self.ways[0] > MAX_WAYS:
            raise FhirError(
                Kind.TOO_COSTLY,
                f"{self.name}: it leads over references without a type to more than {MAX_WAYS} "
                "kinds of targets; name the types, as in subject:Patient.name",
            )


def condition(type_: str, name: str, value: str, reading: Reading) -> Condition:
    """One name-value pair of a query. FhirError (400): UNKNOWN_PARAMETER, BAD_PARAMETER or
    TOO_COSTLY."""
    return _condition(type_, name, value, _Trail(name, reading))


def _condition(type_: str, here: str, value: str, trail: _Trail) -> Condition:
    """`here` is what is left of the name at this type."""
    if here.startswith("_has:"):
        return _has(type_, here, value, trail)
    link, dot, rest = here.partition(".")
    if dot:
        return _chain(type_, link, rest, value, trail)
    trail.count()
    name = trail.name
    code, _, modifier = here.partition(":")
    if code == "_list" and not modifier:
        return _list(name, value)
    parameter = known(type_, code, name)
    values = _values(name, value)
    if modifier == "missing":
        return _missing(type_, parameter, name, values)
    _check_modifier(parameter, name, modifier)
    try:
        if code in ON_RESOURCE:
            return _on_resource(code, values, trail.reading)
        targets = replace(trail.reading, targets=parameter.targets)
        return KINDS[parameter.type].rules.match(full_name(type_, code), modifier, values, targets)
    except BadValue as err:
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: {err}") from None


def known(type_: str, code: str, name: str) -> SearchParameter:
    """The definition of a parameter that a type can be searched with."""
    parameters = supported(type_)
    if code in parameters:
        return parameters[code]
    if (reason := refused(type_).get(code)) is not None:
        why = reason
    elif code in NOT_SERVED:
        # Whatever the handling: to pass over a filter would be to find what nobody asked for.
        raise FhirError(
            Kind.NOT_IMPLEMENTED,
            f"{name}: {code} in a search is not supported; instead {NOT_SERVED[code]}",
        )
    elif code == "_type":
        why = "_type is for a search over several types, [base]?_type=Patient,Observation"
    elif code == "_has":
        why = "write _has:Type:reference:parameter, as in _has:Observation:patient:code"
    else:
        near = difflib.get_close_matches(code, parameters, n=1)
        why = f"{type_} has no search parameter {code!r}"
        why += f"; did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(sorted(parameters))
    raise FhirError(Kind.UNKNOWN_PARAMETER, f"{name}: {why}. {type_} supports: {listed}")


def _values(name: str, value: str) -> list[str]:
    values = split(value, ",")
    if not all(values):
        what = "one of its values is empty" if any(values) else "it has no value"
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: {what}; leave it out or give one")
    if len(values) > MAX_VALUES:
        raise FhirError(
            Kind.TOO_COSTLY, f"{name}: {len(values)} values; at most {MAX_VALUES} are compared"
        )
    return values


def _check_modifier(parameter: SearchParameter, name: str, modifier: str) -> None:
    """The modifiers of its kind; a reference also takes the types that it may point to."""
    if not modifier:
        return
    own = () if parameter.code in ON_RESOURCE else KINDS[parameter.type].rules.MODIFIERS
    if modifier in own or ("[type]" in own and modifier in _targets(parameter)):
        return
    listed = ", ".join(f":{one}" for one in (*own, "missing"))
    raise FhirError(
        Kind.UNKNOWN_PARAMETER,
        f"{name}: the modifier :{modifier} is not supported for {parameter.code}, "
        f"a parameter of type {parameter.type}. Supported: {listed}",
    )


def _targets(parameter: SearchParameter) -> Sequence[str]:
    return parameter.targets or sorted(resource_types())


def _missing(type_: str, parameter: SearchParameter, name: str, values: Sequence[str]) -> Condition:
    if len(values) != 1 or values[0] not in ("true", "false"):
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: write true or false, not {','.join(values)}")
    missing = values[0] == "true"
    if parameter.code in ON_RESOURCE:  # every resource has both
        return Match("resource", "", ((),), negated=missing)
    return presence(type_, parameter, missing=missing)


def _on_resource(code: str, values: Sequence[str], reading: Reading) -> Match:
    if code == "_id":
        ids = (Check("id", "=", unescaped(value)) for value in values)
        return Match("resource", "", tuple((check,) for check in ids))
    # A moment has no ends that could touch; two alternatives keep SQLite to the index of moments.
    found = [one for value in values for one in date.alternatives(value, reading, touching=False)]
    columns = [tuple(check._replace(column="updated") for check in one) for one in found]
    return Match("resource", "", tuple(columns))


# ---- chains, _has, _list -------------------------------------------------------------------------


def _chain(type_: str, link: str, rest: str, value: str, trail: _Trail) -> Condition:
    """`patient.name=an`, `subject:Patient.name=an`: a condition on what is referred to."""
    name, further = trail.name, trail.further()
    code, _, wanted = link.partition(":")
    parameter = known(type_, code, name)
    if parameter.type != "reference":
        raise FhirError(
            Kind.UNKNOWN_PARAMETER,
            f"{name}: {code} is no reference ({parameter.type}), so nothing can be chained to it",
        )
    _check_modifier(parameter, name, wanted)
    if wanted == "identifier":
        raise FhirError(Kind.UNKNOWN_PARAMETER, f"{name}: write {code}:identifier or {code}.{rest}")
    types = [wanted] if wanted else _most_likely(_targets(parameter), rest)
    targets, failed = [], []
    for target in types:
        try:
            targets.append((target, _condition(target, rest, value, further)))
        except FhirError as err:
            if err.kind is not Kind.UNKNOWN_PARAMETER:
                raise
            failed.append(err)
    if not targets:
        raise failed[0]  # says what is supported there
    logical: tuple[Match, ...] = ()
    if rest == "identifier":
        logical = _logical(full_name(type_, code), wanted, _values(name, value))
    return Chain(full_name(type_, code), tuple(targets), logical)


def _most_likely(types: Sequence[str], rest: str) -> list[str]:
    """Those first for which at least the next link exists: what they complain about helps most."""
    code = re.split("[.:]", rest, maxsplit=1)[0]
    return sorted(types, key=lambda type_: code not in supported(type_))


def _logical(parameter: str, wanted: str, values: Sequence[str]) -> tuple[Match, ...]:
    """The reference has this identifier and, where it says a type, the one that is wanted."""
    found = Match("token", parameter, tuple(token.alternative(one) for one in values))
    if not wanted:
        return (found,)
    types = ((Check("type", "=", wanted),), (Check("type", "=", ""),))
    return found, Match("reference", parameter, types)


def _has(type_: str, here: str, value: str, trail: _Trail) -> Condition:
    """`_has:Observation:patient:code=x`: something refers to the resource and meets a condition."""
    name, further = trail.name, trail.further()
    parts = here.split(":", 3)
    if len(parts) != 4 or not all(parts):
        raise FhirError(
            Kind.UNKNOWN_PARAMETER,
            f"{name}: write _has:Type:reference:parameter, as in _has:Observation:patient:code",
        )
    _, source, code, rest = parts
    if source not in resource_types():
        raise FhirError(
            Kind.UNKNOWN_PARAMETER, f"{name}: R4 has no resource type {source[:80]!r} to refer here"
        )
    parameter = known(source, code, name)
    if parameter.type != "reference" or type_ not in _targets(parameter):
        able = [
            one.code
            for one in supported(source).values()
            if one.type == "reference" and type_ in _targets(one)
        ]
        raise FhirError(
            Kind.UNKNOWN_PARAMETER,
            f"{name}: {source}.{code} is no reference to {type_}; "
            f"these are: {', '.join(sorted(able)) or 'none'}",
        )
    return Reverse(source, full_name(source, code), _condition(source, rest, value, further))


def _list(name: str, value: str) -> Condition:
    """Members of a List are what refers to them under List.item."""
    ids = []
    for one in _values(name, value):
        if one.startswith("$"):
            known_as = "a functional list" if one in FUNCTIONAL_LISTS else "no list of ours"
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"{name}: {one[:80]} is {known_as}; only lists that are stored can be named, by id",
            )
        form = _LIST.fullmatch(one)
        if form is None:
            raise FhirError(Kind.BAD_PARAMETER, f"{name}: {one[:80]!r} is not the id of a List")
        ids.append((Check("id", "=", form[1]),))
    return Reverse("List", full_name("List", "item"), Match("resource", "", tuple(ids)))

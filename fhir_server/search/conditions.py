"""Search parameters of a query, with modifier or chain, as conditions.

https://hl7.org/fhir/R4/search.html#modifiers and #chaining. Every refusal names the parameter, says
why, and what is supported.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fhir_profiles.definitions.tables import SearchParameter, resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parameters import KINDS, ON_RESOURCE, full_name, refused, supported
from fhir_server.search.params import date, token
from fhir_server.search.params.query_text import BadValue, Reading, split, unescaped
from fhir_server.search.request import Chain, Check, Condition, Match

MAX_VALUES: Final = 500
NOT_SERVED: Final = frozenset(
    "_has _text _content _filter _list _query _contained _containedType _type".split()
)


def condition(type_: str, name: str, value: str, reading: Reading) -> Condition:
    """One name-value pair of a query. FhirError (400): UNKNOWN_PARAMETER or BAD_PARAMETER."""
    link, dot, rest = name.partition(".")
    if dot:
        return _chain(type_, name, link, rest, value, reading)
    code, _, modifier = name.partition(":")
    parameter = known(type_, code, name)
    values = _values(name, value)
    if modifier == "missing":
        return _missing(type_, parameter, name, values)
    _check_modifier(parameter, name, modifier)
    try:
        if code in ON_RESOURCE:
            return _on_resource(code, values, reading)
        targets = replace(reading, targets=parameter.targets)
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
        why = f"{code} is not supported by this server"
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
    table = KINDS[parameter.type].table
    return Match(table, full_name(type_, parameter.code), ((),), negated=missing)


def _on_resource(code: str, values: Sequence[str], reading: Reading) -> Match:
    if code == "_id":
        ids = (Check("id", "=", unescaped(value)) for value in values)
        return Match("resource", "", tuple((check,) for check in ids))
    found = [one for value in values for one in date.alternatives(value, reading)]
    columns = [tuple(check._replace(column="updated") for check in one) for one in found]
    return Match("resource", "", tuple(columns))


# ---- chains -------------------------------------------------------------------------------------


def _chain(type_: str, name: str, link: str, rest: str, value: str, reading: Reading) -> Condition:
    """`patient.name=an`, `subject:Patient.name=an`: a condition on what is referred to."""
    code, _, wanted = link.partition(":")
    parameter = known(type_, code, name)
    if parameter.type != "reference":
        raise FhirError(
            Kind.UNKNOWN_PARAMETER,
            f"{name}: {code} is no reference ({parameter.type}), so nothing can be chained to it",
        )
    if "." in rest:
        raise FhirError(
            Kind.UNKNOWN_PARAMETER, f"{name}: chains of more than one link are not supported"
        )
    _check_modifier(parameter, name, wanted)
    if wanted == "identifier":
        raise FhirError(Kind.UNKNOWN_PARAMETER, f"{name}: write {code}:identifier or {code}.{rest}")
    further, _, modifier = rest.partition(":")
    types = [wanted] if wanted else _targets(parameter)
    able = [target for target in types if further in supported(target)]
    if not able:
        known(types[0], further, name)  # says what is supported there
    targets = tuple((target, _linked(target, name, rest, value, reading)) for target in able)
    logical: tuple[Match, ...] = ()
    if further == "identifier" and modifier == "":
        logical = _logical(full_name(type_, code), wanted, _values(name, value))
    return Chain(full_name(type_, code), targets, logical)


def _logical(parameter: str, wanted: str, values: Sequence[str]) -> tuple[Match, ...]:
    """The reference has this identifier and, where it says a type, the one that is wanted."""
    found = Match("token", parameter, tuple(token.alternative(one) for one in values))
    if not wanted:
        return (found,)
    types = ((Check("type", "=", wanted),), (Check("type", "=", ""),))
    return found, Match("reference", parameter, types)


def _linked(target: str, name: str, rest: str, value: str, reading: Reading) -> Condition:
    try:
        return condition(target, rest, value, reading)
    except FhirError as err:
        raise FhirError(err.kind, f"{name}: {err}") from None

"""Which search parameters a type has and which of them are served (search parameter registry).

https://hl7.org/fhir/R4/searchparameter-registry.html; the parameter types are files in `params/`.
`Parameters` is a set of definitions; `R4` is the one that every server begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from fhir_profiles.definitions.tables import SearchParameter, search_parameters
from fhir_profiles.outcomes import FhirError
from fhir_profiles.outcomes import Kind as Trouble
from fhir_server.search.params import (
    composite,
    date,
    number,
    position,
    quantity,
    reference,
    string,
    token,
    uri,
)
from fhir_server.search.params.query_text import Definitions, Reading
from fhir_server.search.params.unions import any_row, made_of
from fhir_server.search.request import Condition, Sort, Table


class ParameterType(Protocol):
    """What a file in `params/` offers. `INDEX`: data type -> function(value, zone) -> rows."""

    INDEX: Mapping[str, Any]
    MODIFIERS: tuple[str, ...]
    match: Callable[[str, str, Sequence[str], Reading], Condition]


class Kind(NamedTuple):
    """A parameter type: its file and the columns that sort it (ascending, descending)."""

    rules: Any  # a ParameterType; a module is no instance of a Protocol with functions for mypy
    table: Table
    columns: tuple[str, str] | None  # None: its values have no order


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "token": Kind(token, "token", ("code", "code")),
        "string": Kind(string, "string", ("value", "value")),
        "date": Kind(date, "date", ("low", "high")),
        "reference": Kind(reference, "reference", ("target", "target")),
        "number": Kind(number, "number", ("low", "high")),
        "quantity": Kind(quantity, "quantity", ("low", "high")),
        "uri": Kind(uri, "uri", ("value", "value")),
        "composite": Kind(composite, "composite", None),
        "special": Kind(position, "position", None),
    }
)
ON_RESOURCE: Final = MappingProxyType({"_id": "id", "_lastUpdated": "updated"})
"""Parameters that are columns of the resource itself, not index rows."""

NEAR: Final = "http://hl7.org/fhir/SearchParameter/Location-near"  # the one special of R4


class Parameters:
    """The parameters of every type, by their definitions.

    `plans` is for `index`: how the types are indexed, made once for these definitions.
    """

    def __init__(self, definitions: Definitions = search_parameters) -> None:
        self.definitions = definitions
        self.plans: dict[str, Any] = {}
        self._supported: dict[str, Mapping[str, SearchParameter]] = {}
        self._refused: dict[str, Mapping[str, str]] = {}

    def supported(self, type_: str) -> Mapping[str, SearchParameter]:
        """The parameters of a type that can be searched with, by code."""
        found = self._supported.get(type_)
        if found is None:
            own, refused = self.definitions(type_), self.refused(type_)
            kept = {code: one for code, one in own.items() if code not in refused}
            found = self._supported[type_] = MappingProxyType(kept)
        return found

    def refused(self, type_: str) -> Mapping[str, str]:
        """The other parameters of a type, with the reason."""
        found = self._refused.get(type_)
        if found is None:
            reasons = {code: _reason(one) for code, one in self.definitions(type_).items()}
            kept = {code: reason for code, reason in reasons.items() if reason}
            found = self._refused[type_] = MappingProxyType(kept)
        return found


def _reason(parameter: SearchParameter) -> str:
    """Why a parameter cannot be served; "" if it can. All of R4 can."""
    if parameter.type == "special" and parameter.url != NEAR:
        return f"{parameter.code} is special, and nothing here knows what it means"
    if parameter.type == "composite":
        try:
            composite.layout(tuple(one.type for one in parameter.components))
        except ValueError as err:
            return f"{parameter.code} cannot be indexed: {err}"
    return ""


R4: Final = Parameters()


def supported(type_: str, parameters: Parameters = R4) -> Mapping[str, SearchParameter]:
    return parameters.supported(type_)


def refused(type_: str, parameters: Parameters = R4) -> Mapping[str, str]:
    return parameters.refused(type_)


def full_name(type_: str, code: str) -> str:
    """What index rows call a parameter. Those of every type keep the type: rows stay together."""
    return f"{type_}.{code}"


def presence(
    type_: str, parameter: SearchParameter, *, missing: bool, parameters: Parameters = R4
) -> Condition:
    """`:missing`: whether the resource has a row of the parameter."""
    name, table = full_name(type_, parameter.code), KINDS[parameter.type].table
    names = made_of(name, parameters.definitions) if table == "composite" else (name,)
    return any_row(table, names, ((),), negated=missing)


def sort_key(type_: str, parameter: SearchParameter, descending: bool) -> Sort:
    """FhirError (400): the values of the parameter have no order."""
    if parameter.code in ON_RESOURCE:
        return Sort("resource", "", ON_RESOURCE[parameter.code], descending)
    kind = KINDS[parameter.type]
    if kind.columns is None:
        raise FhirError(
            Trouble.BAD_PARAMETER,
            f"_sort: {parameter.code} is of type {parameter.type}, whose values have no order; "
            "sort by a parameter of another type",
        )
    column = kind.columns[descending]
    return Sort(kind.table, full_name(type_, parameter.code), column, descending)

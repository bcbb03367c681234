"""Which search parameters a type has and which of them are served (search parameter registry).

https://hl7.org/fhir/R4/searchparameter-registry.html; the parameter types are files in `params/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from fhir_profiles.definitions.tables import SearchParameter, search_parameters
from fhir_server.search.params import date, number, quantity, reference, string, token, uri
from fhir_server.search.params.query_text import Reading
from fhir_server.search.request import Match, Sort, Table


class ParameterType(Protocol):
    """What a file in `params/` offers. `INDEX`: data type -> function(value, zone) -> rows."""

    INDEX: Mapping[str, Any]
    MODIFIERS: tuple[str, ...]
    match: Callable[[str, str, Sequence[str], Reading], Match]


class Kind(NamedTuple):
    """A parameter type: its file and the columns that sort it (ascending, descending)."""

    rules: Any  # a ParameterType; a module is no instance of a Protocol with functions for mypy
    table: Table
    columns: tuple[str, str]


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "token": Kind(token, "token", ("code", "code")),
        "string": Kind(string, "string", ("value", "value")),
        "date": Kind(date, "date", ("low", "high")),
        "reference": Kind(reference, "reference", ("target", "target")),
        "number": Kind(number, "number", ("low", "high")),
        "quantity": Kind(quantity, "quantity", ("low", "high")),
        "uri": Kind(uri, "uri", ("value", "value")),
    }
)
ON_RESOURCE: Final = MappingProxyType({"_id": "id", "_lastUpdated": "updated"})
"""Parameters that are columns of the resource itself, not index rows."""

REFUSED: Final = MappingProxyType(
    {
        "composite": "composite parameters are not supported",
        "special": "special parameters are not supported",
    }
)


@cache
def supported(type_: str) -> Mapping[str, SearchParameter]:
    """The parameters of a type that can be searched with, by code."""
    own = search_parameters(type_)
    return MappingProxyType({code: one for code, one in own.items() if one.type in KINDS})


def refused(type_: str) -> Mapping[str, str]:
    """The other parameters of a type, with the reason."""
    own = search_parameters(type_)
    return {code: REFUSED[one.type] for code, one in own.items() if one.type not in KINDS}


def full_name(type_: str, code: str) -> str:
    """What index rows call a parameter. Those of every type keep the type: rows stay together."""
    return f"{type_}.{code}"


def sort_key(type_: str, parameter: SearchParameter, descending: bool) -> Sort:
    if parameter.code in ON_RESOURCE:
        return Sort("resource", "", ON_RESOURCE[parameter.code], descending)
    kind = KINDS[parameter.type]
    column = kind.columns[descending]
    return Sort(kind.table, full_name(type_, parameter.code), column, descending)

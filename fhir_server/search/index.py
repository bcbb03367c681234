"""From a resource to the rows under which it is found.

All walks of a type are grouped by the member they begin with, so that a resource costs what it
holds and not what it could hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from fhir_profiles.definitions.tables import SearchParameter, resource_types, structure
from fhir_profiles.json_text import Tree
from fhir_server.search.parameters import KINDS, ON_RESOURCE, R4, Parameters, full_name
from fhir_server.search.params import composite, reference, token
from fhir_server.search.params.query_text import Definitions
from fhir_server.search.params.unions import made_of
from fhir_server.search.request import Cell, IndexRow
from fhir_server.search.walkers import DECEASED_TYPE, Step, Walk, compiled, reach

Index = Callable[[Any, tzinfo], Sequence[tuple[str, tuple[Cell, ...]]]]

# Data types that a parameter reaches, but that hold nothing which its kind can compare.
NOT_INDEXED = {
    ("date", "Age"): "an age is no date",
    ("date", "Range"): "a range of ages is no date",
    ("date", "string"): "a date in words is no date",
    ("quantity", "SampledData"): "a series of measurements is no single quantity",
    ("reference", "Attachment"): "an attachment is no resource",
}


class Names(dict[str, tuple[tuple[str, str], ...]]):
    """What an index side calls its rows -> table and name for each of the parameters.

    ``string:text`` are rows of the table "string" that are named ``Type.code:text``. Texts of a
    parameter that is made of others are theirs alone.
    """

    def __init__(self, parameters: Iterable[str], definitions: Definitions) -> None:
        self._parameters, self._definitions = tuple(parameters), definitions

    def __missing__(self, key: str) -> tuple[tuple[str, str], ...]:
        table, colon, word = key.partition(":")
        named = self._parameters
        if key == token.TEXT:
            named = tuple(one for one in named if made_of(one, self._definitions) == (one,))
        self[key] = tuple((table, f"{one}{colon}{word}") for one in named)
        return self[key]


class Source(NamedTuple):
    """From the values of one member to rows, the same rows for each of the parameters."""

    first: Step
    rest: tuple[Step, ...]
    rows: Index
    names: Names


class Plan(NamedTuple):
    """How a type is indexed: sources by the member they begin with, and what is combined."""

    sources: dict[str, tuple[Source, ...]]
    combined: tuple[composite.Combined, ...]


def index_rows(tree: Tree, zone: tzinfo = UTC, parameters: Parameters = R4) -> list[IndexRow]:
    """The rows of a resource, each once. `zone` reads dates that have none."""
    type_ = tree.get("resourceType")
    if type_ not in resource_types():
        return []
    rows: dict[IndexRow, None] = {}
    sources, combined = _plan(parameters, type_)
    made: composite.Made = {}
    for member, value in tree.items():
        for first, rest, index, names in sources.get(member, ()):
            values = reach({member: value}, (first,)) if first.member or first.first else value
            for each in values if isinstance(values, list) else (values,):
                for node in reach(each, rest) if rest else (each,):
                    found = index(node, zone)
                    if combined:
                        made[index, id(node)] = found
                    for key, cells in found:
                        for table, parameter in names[key]:
                            rows[IndexRow(table, parameter, cells)] = None
    for one in combined:
        for together, cells in one.rows(tree, zone, made):
            for parameter in together:
                rows[IndexRow("composite", parameter, cells)] = None
    if type_ == "Patient":
        rows[_deceased(tree)] = None
    return list(rows)


def _plan(parameters: Parameters, type_: str) -> Plan:
    plan = parameters.plans.get(type_)
    if plan is None:
        plan = parameters.plans[type_] = _made(parameters, type_)
    return plan


def _made(parameters: Parameters, type_: str) -> Plan:
    found: dict[tuple[tuple[Step, ...], Index], list[str]] = {}
    composites: dict[str, SearchParameter] = {}
    for code, parameter in parameters.supported(type_).items():
        if code in ON_RESOURCE:
            continue
        name = full_name(type_, code)
        if parameter.type == "composite":
            if made_of(name, parameters.definitions) == (name,):
                composites[name] = parameter
            continue
        for steps, index in _ways(parameter):
            found.setdefault((steps, index), []).append(name)
    members: dict[str, list[Source]] = {}
    for (steps, index), names in found.items():
        source = Source(steps[0], steps[1:], index, Names(names, parameters.definitions))
        members.setdefault(steps[0].name, []).append(source)
    return Plan(
        {member: tuple(sources) for member, sources in members.items()},
        composite.combined(composites, _component),
    )


def _ways(parameter: SearchParameter) -> Iterable[tuple[tuple[Step, ...], Index]]:
    for walk in compiled(parameter.expression):
        index = _index(parameter.type, walk)
        if index is not None:
            yield walk.steps, index


def _index(kind: str, walk: Walk) -> Index | None:
    """The index side for the values of a walk; None where there is nothing to compare."""
    if walk.type == DECEASED_TYPE or (kind, walk.type) in NOT_INDEXED:
        return None
    if walk.target:
        return reference.only(walk.target)
    if kind == "token" and walk.type == "code" and walk.binding:
        return token.bound_code(walk.binding)
    return KINDS[kind].rules.INDEX[walk.type]


def _component(kind: str, walk: Walk) -> Index | None:
    """Components pass over what their type cannot compare: Group.characteristic.value has more."""
    return _index(kind, walk) if walk.type in KINDS[kind].rules.INDEX else None


def _deceased(tree: Tree) -> IndexRow:
    """The one parameter that every patient has a value for: dead as far as this record knows."""
    said = any(
        tree.get(name) not in (None, False) for name in structure("Patient").choices["deceased"]
    )
    return IndexRow("token", full_name("Patient", "deceased"), ("true" if said else "false", ""))

"""From a resource to the rows under which it is found.

All walks of a type are grouped by the member they begin with, so that a resource costs what it
holds and not what it could hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, tzinfo
from functools import cache
from typing import Any, NamedTuple

from fhir_profiles.definitions.tables import resource_types, structure
from fhir_profiles.json_text import Tree
from fhir_server.search.parameters import KINDS, ON_RESOURCE, full_name, supported
from fhir_server.search.params import reference, token
from fhir_server.search.request import Cell, IndexRow
from fhir_server.search.walkers import DECEASED_TYPE, Step, Walk, compiled, reach

Index = Callable[[Any, tzinfo], Iterable[tuple[str, tuple[Cell, ...]]]]

# Data types that a parameter reaches, but that hold nothing which its kind can compare.
NOT_INDEXED = {
    ("date", "Age"): "an age is no date",
    ("date", "Range"): "a range of ages is no date",
    ("date", "string"): "a date in words is no date",
    ("quantity", "SampledData"): "a series of measurements is no single quantity",
    ("reference", "Attachment"): "an attachment is no resource",
}


class Source(NamedTuple):
    """From the values of one member to rows, the same rows for each of the parameters."""

    first: Step
    rest: tuple[Step, ...]
    rows: Index
    parameters: tuple[str, ...]


def index_rows(tree: Tree, zone: tzinfo = UTC) -> list[IndexRow]:
    """The rows of a resource, each once. `zone` reads dates that have none."""
    type_ = tree.get("resourceType")
    if type_ not in resource_types():
        return []
    rows: dict[IndexRow, None] = {}
    sources = _sources(type_)
    for member, value in tree.items():
        for first, rest, index, parameters in sources.get(member, ()):
            values = reach({member: value}, (first,)) if first.member or first.first else value
            for one in values if isinstance(values, list) else (values,):
                for node in reach(one, rest) if rest else (one,):
                    for table, cells in index(node, zone):
                        for parameter in parameters:
                            rows[IndexRow(table, parameter, cells)] = None
    if type_ == "Patient":
        rows[_deceased(tree)] = None
    return list(rows)


@cache
def _sources(type_: str) -> dict[str, tuple[Source, ...]]:
    """By the member a walk begins with."""
    found: dict[tuple[tuple[Step, ...], Index], list[str]] = {}
    for code, parameter in supported(type_).items():
        if code in ON_RESOURCE:
            continue
        for walk in compiled(parameter.expression):
            index = _index(parameter.type, walk)
            if index is not None:
                found.setdefault((walk.steps, index), []).append(full_name(type_, code))
    members: dict[str, list[Source]] = {}
    for (steps, index), parameters in found.items():
        source = Source(steps[0], steps[1:], index, tuple(parameters))
        members.setdefault(steps[0].name, []).append(source)
    return {member: tuple(sources) for member, sources in members.items()}


def _index(kind: str, walk: Walk) -> Index | None:
    """The index side for the values of a walk; None where there is nothing to compare."""
    if walk.type == DECEASED_TYPE or (kind, walk.type) in NOT_INDEXED:
        return None
    if walk.target:
        return reference.only(walk.target)
    if kind == "token" and walk.type == "code" and walk.binding:
        return token.bound_code(walk.binding)
    return KINDS[kind].rules.INDEX[walk.type]


def _deceased(tree: Tree) -> IndexRow:
    """The one parameter that every patient has a value for: dead as far as this record knows."""
    said = any(
        tree.get(name) not in (None, False) for name in structure("Patient").choices["deceased"]
    )
    return IndexRow("token", full_name("Patient", "deceased"), ("true" if said else "false", ""))

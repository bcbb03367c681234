"""Do compiled definitions add up? Counts of R4, every name exists, every path leads on.

https://hl7.org/fhir/R4/resourcelist.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_profiles.definitions.expressions import NotResolved, follow

RESOURCE_TYPES: Final = 146
PRIMITIVE_TYPES: Final = 20
# Required value sets whose codes stand in lists of others (MIME types, ISO 4217, UCUM, LOINC).
UNLISTED: Final = frozenset(
    {
        "http://hl7.org/fhir/ValueSet/currencies",
        "http://hl7.org/fhir/ValueSet/mimetypes",
        "http://hl7.org/fhir/ValueSet/ucum-units",
        "http://loinc.org/vs/LL379-9",
    }
)


class CompileError(Exception):
    """Definitions that cannot be compiled; the message lists every reason."""


def cross_check(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Counts of what there is. CompileError with every name or path that leads nowhere."""
    structures = tables["structures"]["structures"]
    primitives = set(tables["structures"]["primitives"])
    parameters = tables["search_parameters"]["parameters"]
    value_sets = tables["value_sets"]["value_sets"]
    kinds = [entry["kind"] for entry in structures.values()]
    counts = {
        "resource types": kinds.count("resource"),
        "data types": kinds.count("datatype"),
        "backbone elements": kinds.count("backbone"),
        "primitive types": len(primitives),
        "elements": sum(len(entry["elements"]) for entry in structures.values()),
        "search parameters": len(parameters),
        "search expressions": sum(len(one["expressions"]) for one in parameters.values()),
        "value sets": len(value_sets),
    }
    problems = [
        *_wrong_counts(counts),
        *_unknown_names(structures, primitives, tables["structures"]["open_types"]),
        *_unlisted(structures, value_sets),
        *_lost_expressions(parameters, structures),
    ]
    if problems:
        raise CompileError("\n".join(problems))
    return counts


def _wrong_counts(counts: Mapping[str, int]) -> Iterator[str]:
    expected = {"resource types": RESOURCE_TYPES, "primitive types": PRIMITIVE_TYPES}
    for name, number in expected.items():
        if counts[name] != number:
            yield f"there are {counts[name]} {name}; R4 has {number}"


def _unknown_names(
    structures: Mapping[str, Any], primitives: set[str], open_types: str
) -> Iterator[str]:
    types = set(structures) | primitives
    for name, entry in structures.items():
        for leaf, facts in entry["elements"].items():
            used = (open_types if facts["types"] == "*" else facts["types"]).split()
            used += facts.get("targets", "").split()
            used += [facts["content"]] if "content" in facts else []
            for word in used:
                if word not in types:
                    yield f"{name}.{leaf} names {word}, which is not defined"


def _unlisted(structures: Mapping[str, Any], value_sets: Mapping[str, Any]) -> Iterator[str]:
    known = set(value_sets) | UNLISTED
    for name, entry in structures.items():
        for leaf, facts in entry["elements"].items():
            if "binding" in facts and facts["binding"] not in known:
                yield f"{name}.{leaf} requires codes of {facts['binding']}, which are not listed"


def _lost_expressions(
    parameters: Mapping[str, Any], structures: Mapping[str, Any]
) -> Iterator[str]:
    for url, one in parameters.items():
        for word in one.get("targets", "").split():
            if word not in structures:
                yield f"{url} has the target {word}, which is not defined"
        for type_, expression in one["expressions"].items():
            try:
                ends = follow(expression, type_, structures)
                for component in one.get("components", ()):
                    _follow_component(component["expression"], type_, ends, expression, structures)
            except NotResolved as err:
                yield f"{url} for {type_}: {err}"


def _follow_component(
    relative: str, type_: str, ends: set[str], expression: str, structures: Mapping[str, Any]
) -> None:
    """A component starts at what its composite found: a backbone element or the resource."""
    for branch in expression.split(" | "):
        backbone = branch if branch in structures else None
        starts = [backbone] if backbone else sorted(ends)
        for start in starts:
            if "%resource" in relative:
                follow(relative.replace("%resource", type_), type_, structures)
            else:
                follow(relative, start, structures)

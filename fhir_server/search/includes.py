"""`_include` and `_revinclude`: ``Type:parameter[:target type]``, ``Type:*`` or ``*``.

https://hl7.org/fhir/R4/search.html#revinclude. With `:iterate` (once `:recurse`) what was included
is followed as well. `_revinclude=*` is not in the specification; as it means no more than all its
parts together, and what is included is bounded, it is served too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fhir_profiles.definitions.tables import SearchParameter, resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parameters import full_name, supported
from fhir_server.search.request import Include

ITERATE = ("iterate", "recurse")


def include(types: Sequence[str], value: str, *, iterate: bool) -> Include:
    """What the matches refer to."""
    source, parameter, target = _parts("_include", value)
    if source and source not in types and not iterate:
        found = ", ".join(types[:5])
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_include: {value!r} begins at {source}, but this search finds {found}; write "
            f"{types[0]}:…, or _include:iterate={value} to follow what was included",
        )
    names = (full_name(source, parameter.code),) if parameter else ()
    return Include(source, names, target, iterate)


def revinclude(types: Sequence[str], value: str, *, iterate: bool) -> Include:
    """What refers to the matches."""
    source, parameter, target = _parts("_revinclude", value)
    leads = any(_leads(parameter, target, type_) for type_ in types)
    if parameter is not None and not leads and not iterate:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_revinclude: {value!r} does not lead to {', '.join(types[:5])}, "
            "which this search finds",
        )
    names = (full_name(source, parameter.code),) if parameter else ()
    return Include(source, names, target, iterate)


def _leads(parameter: SearchParameter | None, target: str | None, type_: str) -> bool:
    if parameter is None or target not in (None, type_):
        return False
    return not parameter.targets or type_ in parameter.targets


def _parts(name: str, value: str) -> tuple[str, SearchParameter | None, str | None]:
    """Type, parameter and target; no type is `*`, no parameter `Type:*`."""
    if value == "*":
        return "", None, None
    parts = value.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {value[:200]!r} is not Type:parameter or Type:parameter:target, "
            "nor Type:* or *",
        )
    source, code = parts[:2]
    target = parts[2] if len(parts) == 3 else None
    for type_ in (source, target):
        if type_ is not None and type_ not in resource_types():
            raise FhirError(Kind.BAD_PARAMETER, f"{name}: there is no resource type {type_[:80]!r}")
    if code == "*":
        return source, None, target
    parameter = supported(source).get(code)
    if parameter is None or parameter.type != "reference":
        able = sorted(c for c, one in supported(source).items() if one.type == "reference")
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {source} has no reference parameter {code[:80]!r}; it has {', '.join(able)}",
        )
    if target is not None and parameter.targets and target not in parameter.targets:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {source}:{code} does not lead to {target!r}, "
            f"only to {', '.join(parameter.targets)}",
        )
    return source, parameter, target


def leading_to(type_: str) -> frozenset[str]:
    """Full names of the reference parameters that may lead to a type."""
    return frozenset(name for name, targets in _references() if not targets or type_ in targets)


def _references() -> list[tuple[str, tuple[str, ...]]]:
    return [one for source in sorted(resource_types()) for one in references_of(source)]


def references_of(source: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Full names and targets of the reference parameters of a type."""
    return tuple(
        (full_name(source, one.code), one.targets)
        for one in supported(source).values()
        if one.type == "reference"
    )


@cache
def canonical_names() -> tuple[str, ...]:
    """Full names of the parameters that hold the canonical addresses of resources."""
    found = (supported(type_).get("url") for type_ in sorted(resource_types()))
    return tuple(
        full_name(type_, "url")
        for type_, one in zip(sorted(resource_types()), found, strict=True)
        if one is not None and one.type == "uri"
    )

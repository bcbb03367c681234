"""`_include` and `_revinclude`: ``Type:parameter[:target type]``.

https://hl7.org/fhir/R4/search.html#revinclude
"""

from __future__ import annotations

from fhir_profiles.definitions.tables import SearchParameter, resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.parameters import full_name, supported
from fhir_server.search.request import Include


def include(type_: str, value: str) -> Include:
    """What the matches refer to."""
    source, parameter, target = _parts("_include", value)
    if source != type_:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_include: {value!r} begins at {source}, but this search finds {type_}; write "
            f"{type_}:… (includes of included resources are not supported)",
        )
    return Include(source, full_name(source, parameter.code), target)


def revinclude(type_: str, value: str) -> Include:
    """What refers to the matches."""
    source, parameter, target = _parts("_revinclude", value)
    if target not in (None, type_) or (parameter.targets and type_ not in parameter.targets):
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_revinclude: {value!r} does not lead to {type_}, which this search finds",
        )
    return Include(source, full_name(source, parameter.code), target)


def _parts(name: str, value: str) -> tuple[str, SearchParameter, str | None]:
    parts = value.split(":")
    if len(parts) not in (2, 3) or not all(parts):
        raise FhirError(
            Kind.BAD_PARAMETER, f"{name}: {value!r} is not Type:parameter or Type:parameter:target"
        )
    source, code = parts[:2]
    if source not in resource_types():
        raise FhirError(Kind.BAD_PARAMETER, f"{name}: there is no resource type {source!r}")
    parameter = supported(source).get(code)
    if parameter is None or parameter.type != "reference":
        able = sorted(c for c, one in supported(source).items() if one.type == "reference")
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {source} has no reference parameter {code!r}; it has {', '.join(able)}",
        )
    target = parts[2] if len(parts) == 3 else None
    if target is not None and parameter.targets and target not in parameter.targets:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {source}:{code} does not lead to {target!r}, "
            f"only to {', '.join(parameter.targets)}",
        )
    return source, parameter, target

"""Where in a resource: a chain of steps, cheap to extend, written out only for an issue."""

from __future__ import annotations

from typing import Any

from fhir_profiles.json_text import written

Place = tuple[Any, str | int, str]
"""(place above or None, JSON name or index, FHIRPath name); at the top the names are the type's."""


def top(type_: str) -> Place:
    return (None, type_, type_)


def fhirpath(place: Place) -> str:
    """`Patient.contact[0].name`; of a choice its name in FHIRPath: `Observation.value.unit`."""
    steps: list[str | int] = []
    for _, name, path_name in _chain(place):
        steps.append(name if isinstance(name, int) else path_name)
    return written(steps)


def json_path(place: Place) -> tuple[str | int, ...]:
    """`("contact", 0, "name")`, as `json_text.locate` takes it."""
    return tuple(name for _, name, _ in _chain(place)[1:])


def _chain(place: Place) -> list[Place]:
    chain = []
    here: Any = place
    while here is not None:
        chain.append(here)
        here = here[0]
    return chain[::-1]

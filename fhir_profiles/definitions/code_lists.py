"""From value sets and code systems to the codes of required bindings (tables.required_codes).

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError


def code_tables(
    resources: Iterable[Mapping[str, Any]], wanted: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Value set -> code system -> codes, split by spaces; without those listed elsewhere."""
    by_url = {one["url"]: one for one in resources}
    found = {}
    for url in sorted(wanted):
        systems = _expand(url, by_url)
        if systems is not None:
            found[url] = {system: " ".join(codes) for system, codes in systems.items()}
    return found


def _expand(url: str, by_url: Mapping[str, Any]) -> dict[str, list[str]] | None:
    """Codes by system; None if the value set or a system of it is not in the package."""
    if (value_set := by_url.get(url)) is None:
        return None
    compose = value_set["compose"]
    if "exclude" in compose or any("filter" in part for part in compose["include"]):
        raise CompileError(f"{url} excludes or filters codes; the compiler does not know how")
    found: dict[str, list[str]] = {}
    for part in compose["include"]:
        if "valueSet" in part:
            raise CompileError(f"{url} includes another value set; the compiler does not know how")
        system = by_url.get(part["system"], {})
        concepts = part.get("concept") or system.get("concept")
        if not concepts:
            return None
        found.setdefault(part["system"], []).extend(_codes(concepts))
    return found


def _codes(concepts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        code = concept["code"]
        if " " in code:
            raise CompileError(f"the code {code!r} holds a space; tables split at spaces")
        if code not in not_r4.TYPES and not _abstract(concept):
            yield code
        yield from _codes(concept.get("concept", ()))


def _abstract(concept: Mapping[str, Any]) -> bool:
    """A heading in its system, not a code to choose (`question` among the types of items)."""
    return any(
        one["code"] in ("notSelectable", "abstract") and one.get("valueBoolean") is True
        for one in concept.get("property", ())
    )

"""From SearchParameters to the table that `tables.search_parameters` reads.

https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError
from fhir_profiles.definitions.expressions import branches, for_type


def parameter_tables(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """URL -> facts, with the expression of each resource type in normal form."""
    by_url = {one["url"]: one for one in resources}
    for url in not_r4.PARAMETERS:
        if by_url.pop(url, None) is None:
            raise CompileError(f"not_r4.PARAMETERS names {url}, which the package does not have")
    return {
        url: _parameter(one, by_url)
        for url, one in sorted(by_url.items())
        if "expression" in one  # _text, _content and _query have none
    }


def _parameter(one: Mapping[str, Any], by_url: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {"code": one["code"], "name": one["name"], "type": one["type"]}
    if targets := one.get("target"):
        facts["targets"] = " ".join(t for t in targets if t not in not_r4.TYPES)
    facts["expressions"] = {base: for_type(one["expression"], base) for base in one["base"]}
    if components := one.get("component"):
        facts["components"] = [
            {
                "code": by_url[component["definition"]]["code"],
                "type": by_url[component["definition"]]["type"],
                "url": component["definition"],
                "expression": " | ".join(branches(component["expression"])),
            }
            for component in components
        ]
    return facts

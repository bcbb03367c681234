"""What is public of the VN Core profiles that generated data names, in the form of profiles.

Only that is checked, and whoever checks says so (`partial`): the package was not available, and a
server that stores the real profile uses that one. Rules that are inferred only warn, as in
`public_rules`. VN Core FHIR Implementation Guide v0.6.0, Omi HealthTech / VN Core FHIR Community
Initiative, https://hl7.org.vn, CC-BY-4.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles import conformance
from fhir_profiles.json_text import Tree
from fhir_profiles.public_rules import REQUIRED

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
_TAKEN_OVER: Final = frozenset(
    {"vn-addr-province", "lt-consent-period-end", "lt-coverage-subscriber"}
)
"""Constraints of ours that say what a rule of VN Core says, or seems to say by its name."""


@cache
def public_profiles() -> Mapping[str, Mapping[str, Any]]:
    """By canonical URL, in the form of `definitions.differentials.profile_facts`."""
    found = {}
    for name in conformance.PROFILES:
        for url in conformance.claims(name)[1:]:
            found[url] = _public(conformance.profile(name))
    return MappingProxyType(found)


def _public(ours: Tree) -> Mapping[str, Any]:
    type_ = ours["type"]
    names = REQUIRED.get(type_, ((), ""))[0]
    root = {"id": type_, "path": type_, "constraint": list(_constraints(ours))}
    needed = [{"id": f"{type_}.{name}", "path": f"{type_}.{name}", "min": 1} for name in names]
    return {"type": type_, "base": CORE + type_, "elements": [root, *needed], "partial": True}


def _constraints(ours: Tree) -> Iterator[Tree]:
    for one in ours["differential"]["element"][0].get("constraint", ()):
        if one["key"] in _TAKEN_OVER:
            yield {name: one[name] for name in ("key", "severity", "human", "expression")}

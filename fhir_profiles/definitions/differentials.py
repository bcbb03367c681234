"""Differentials without their words: what is checked of an element, and of a whole profile.

https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MAX_SET: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_SIMPLE: Final = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
# Kept by the structure walk itself, on every element there is.
_EVERYWHERE: Final = frozenset({"ele-1", "ext-1"})
_ASKED: Final = frozenset({"id", "path", "sliceName", "slicing", "min", "max", "maxLength"})
_VALUES: Final = ("fixed", "pattern", "minValue", "maxValue")


def element_facts(element: Mapping[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if constraints := _constraints(element):
        facts["constraints"] = constraints
    if (binding := element.get("binding")) and (kept := _binding(binding)):
        facts["binding"] = kept
    if any(_SIMPLE in type_.get("profile", ()) for type_ in element.get("type", ())):
        facts["simple"] = True
    return facts


def _constraints(element: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {name: one[name] for name in ("key", "severity", "human", "expression")}
        for one in element.get("constraint", ())
        if one["key"] not in _EVERYWHERE and "expression" in one
    ]


def _binding(binding: Mapping[str, Any]) -> dict[str, str]:
    """Strength and value sets, if somebody is held to them."""
    largest = [e["valueCanonical"] for e in binding.get("extension", ()) if e["url"] == _MAX_SET]
    strong = binding["strength"] in ("required", "extensible") and "valueSet" in binding
    if not (strong or largest):
        return {}
    kept = {"strength": binding["strength"]}
    if "valueSet" in binding:
        kept["valueSet"] = binding["valueSet"].partition("|")[0]
    if largest:
        kept["largest"] = largest[0].partition("|")[0]
    return kept


def profile_facts(one: Mapping[str, Any]) -> dict[str, Any]:
    """What is checked of a profile or an extension: its differential without words."""
    facts = {
        "type": one["type"],
        "base": one["baseDefinition"],
        "elements": [_stripped(element) for element in one["differential"]["element"]],
    }
    if one.get("context"):
        facts["context"] = [[c["type"], c["expression"]] for c in one["context"]]
    return facts


def _stripped(element: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: value
        for name, value in element.items()
        if name in _ASKED or name.startswith(_VALUES) or name == "contentReference"
    }
    if "type" in element:
        names = ("code", "profile", "targetProfile")
        kept["type"] = [
            {name: type_[name] for name in names if name in type_} for type_ in element["type"]
        ]
    if constraints := _constraints(element):
        kept["constraint"] = constraints
    if "binding" in element and (binding := _binding(element["binding"])):
        kept["binding"] = binding
    if element.get("isModifier"):
        kept["isModifier"] = True
    return kept

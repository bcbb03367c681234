"""A second opinion: compiled structures against the JSON Schema that HL7 made of R4.

https://hl7.org/fhir/R4/json.html#schema. It was made from the same source by another road, and
knows names, which elements repeat, and the codes of required bindings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fhir_profiles.definitions import not_r4

KNOWN: Final[Mapping[str, str]] = {
    "Meta.account": "of the Medplum server",
    "Meta.author": "of the Medplum server",
    "Meta.compartment": "of the Medplum server",
    "Meta.project": "of the Medplum server",
    "OperationOutcome.resource": "of the Medplum server",
    "OperationOutcome.status": "of the Medplum server",
    "Reference.resource": "of the Medplum server",
    "DeviceDefinition.classification": "of R5",
    "HealthcareService.offeredIn": "of R5",
    "ObservationDefinition.publisher": "of R5",
}
"""What this schema has and 4.0.1 has not."""


def schema_differences(
    tables: Mapping[str, Mapping[str, Any]], definitions: Mapping[str, Any]
) -> list[str]:
    """One sentence for each name, repetition or code list on which the two disagree."""
    check = _Comparison(tables, definitions)
    for name, entry in tables["structures"]["structures"].items():
        if entry["kind"] in ("resource", "datatype") and name not in ("Element", "BackboneElement"):
            check.structure(name, name)
    return check.differences


class _Comparison:
    def __init__(
        self, tables: Mapping[str, Mapping[str, Any]], definitions: Mapping[str, Any]
    ) -> None:
        self.structures = tables["structures"]["structures"]
        self.open_types = tables["structures"]["open_types"]
        self.value_sets = tables["value_sets"]["value_sets"]
        self.definitions = definitions
        self.differences: list[str] = []

    def structure(self, name: str, schema: str) -> None:
        """A structure and what is inside it; the schema names the inside as it likes."""
        theirs = {
            key: value
            for key, value in self.definitions[schema]["properties"].items()
            if not key.startswith("_")
            and not (key == "resourceType" and name == schema)
            and f"{name}.{key}" not in KNOWN
        }
        if "modifierExtension" not in self.structures[name]["elements"]:
            # The schema gives it to every part; parts of data types are no BackboneElements.
            theirs.pop("modifierExtension", None)
        ours = dict(_written(self.structures[name]["elements"], self.open_types))
        for key in sorted(set(ours) ^ set(theirs)):
            side = "the tables" if key in ours else "the JSON Schema"
            self.differences.append(f"{name}.{key} is known to {side} alone")
        for key in sorted(set(ours) & set(theirs)):
            self.differences += self._element(f"{name}.{key}", ours[key], theirs[key])
            if ours[key].get("content") == f"{name}.{key}":
                inside = theirs[key].get("items", theirs[key])["$ref"]
                self.structure(f"{name}.{key}", inside.removeprefix("#/definitions/"))

    def _element(
        self, name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
    ) -> Iterator[str]:
        if ("max" in ours) != (theirs.get("type") == "array"):
            yield f"{name}: the tables and the JSON Schema disagree whether it repeats"
        codes = set(theirs.get("items", theirs).get("enum", ())) - set(not_r4.TYPES)
        listed = self.value_sets.get(ours.get("binding") or "", {})
        known = {code for words in listed.values() for code in words.split()}
        if codes and ours.get("binding") and codes != known:
            yield f"{name}: codes that only one of them has: {sorted(codes ^ known)}"


def _written(elements: Mapping[str, Any], open_types: str) -> Iterator[tuple[str, Any]]:
    for leaf, facts in elements.items():
        stem = leaf.removesuffix("[x]")
        if stem == leaf:
            yield leaf, facts
            continue
        for type_ in (open_types if facts["types"] == "*" else facts["types"]).split():
            yield stem + type_[0].upper() + type_[1:], {**facts, "binding": None}

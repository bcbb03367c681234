"""From StructureDefinitions to the table of structures that `tables.structure` reads.

https://hl7.org/fhir/R4/structuredefinition.html. Elements come from the differential of a type,
below those of the type that it specialises; `not_r4` says why not from the snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError

_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE: Final = f"{_PROFILE}structuredefinition-fhir-type"
_OPEN = "Extension.value[x]"  # the element that may have any type

Facts = dict[str, Any]


def structure_tables(resources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Primitive types, types of open choices, structures by name. CompileError: not as listed."""
    definitions = {
        one["type"]: one
        for one in resources
        if one["resourceType"] == "StructureDefinition" and one.get("derivation") != "constraint"
    }
    for name in not_r4.TYPES:
        if definitions.pop(name, None) is None:
            raise CompileError(f"not_r4.TYPES names {name}, which the package does not have")
    compiled = _Compilation(definitions)
    for name in sorted(definitions, key=lambda n: (definitions[n]["kind"], n)):
        if definitions[name]["kind"] != "primitive-type":
            compiled.add(name)
    compiled.refuse_surprises()
    return {
        "primitives": sorted(compiled.primitives),
        "open_types": compiled.open_types,
        "structures": compiled.structures,
    }


class _Compilation:
    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self.definitions = definitions
        self.structures: dict[str, Any] = {}
        self.primitives = {n for n, d in definitions.items() if d["kind"] == "primitive-type"}
        self.open_types = _types(_elements(definitions["Extension"], "differential")[_OPEN])
        self.added: set[str] = set()
        self.removed: set[str] = set()
        self.changed: set[str] = set()

    def add(self, name: str) -> None:
        """A type and the insides of its backbone elements."""
        definition = self.definitions[name]
        resource = definition["kind"] == "resource"
        kind = ("abstract" if definition["abstract"] else "resource") if resource else "datatype"
        self.structures[name] = {"kind": kind, "elements": self._inherited(definition)}
        own = self._own(definition)
        for path, facts in own.items():
            parent, _, leaf = path.rpartition(".")
            if parent not in self.structures:
                outer = own[parent]["types"]  # BackboneElement, or Element in data types
                elements = self._inherited(self.definitions[outer]) | self._facts_of(outer)
                self.structures[parent] = {"kind": "backbone", "elements": elements}
            self.structures[parent]["elements"][leaf] = facts

    def _inherited(self, definition: Mapping[str, Any]) -> Facts:
        base = definition.get("baseDefinition", "").removeprefix(_PROFILE)
        if not base:
            return {}
        return self._inherited(self.definitions[base]) | self._facts_of(base)

    def _facts_of(self, name: str) -> Facts:
        """Own elements of a type, of the first level, by name."""
        own = self._own(self.definitions[name])
        return {path.split(".")[1]: facts for path, facts in own.items() if path.count(".") == 1}

    def _own(self, definition: Mapping[str, Any]) -> dict[str, Facts]:
        """Path -> facts as 4.0.1 has them; notes where the snapshot says otherwise."""
        own = _elements(definition, "differential")
        foreign = {path for path in own if path in not_r4.ADDED}
        own = {path: element for path, element in own.items() if path not in foreign}
        self.added |= foreign
        snapshot = {
            path: element
            for path, element in _elements(definition, "snapshot").items()
            if path in own or element["base"]["path"] == path
        }
        self.added |= {path for path in snapshot if path not in own}
        self.removed |= set(own) - set(snapshot)
        chosen = {}
        for path, element in own.items():
            facts = self._facts(element, own)
            other = self._facts(snapshot[path], own) if path in snapshot else facts
            if facts != other:
                self.changed.add(path)
                right, _ = not_r4.CHANGED.get(path, ("differential", ""))
                facts = facts if right == "differential" else other
            chosen[path] = facts
        return chosen

    def _facts(self, element: Mapping[str, Any], own: Mapping[str, Any]) -> Facts:
        """What `tables.Element` needs of an ElementDefinition; what is usual is left out."""
        path = element["path"]
        facts: Facts = {}
        if "contentReference" in element:
            facts = {"types": "BackboneElement", "content": element["contentReference"].lstrip("#")}
        else:
            types = _types(element)
            facts["types"] = "*" if types == self.open_types else types
            if types in ("BackboneElement", "Element") and any(
                inner.startswith(f"{path}.") for inner in own
            ):
                facts["content"] = path
        if element["min"]:
            facts["min"] = element["min"]
        if element["max"] != "1":
            facts["max"] = "*" if element["max"] == "*" else int(element["max"])
        if targets := _targets(element):
            facts["targets"] = targets
        binding = element.get("binding", {})
        if binding.get("strength") == "required" and "valueSet" in binding:
            facts["binding"] = binding["valueSet"].partition("|")[0]
        if element.get("isSummary"):
            facts["summary"] = True
        return facts

    def refuse_surprises(self) -> None:
        """Differences are exactly those that `not_r4` names, each with its reason."""
        added = {path for path in self.added if path.rpartition(".")[0] not in self.added}
        for words, found, listed in (
            ("ADDED", added, set(not_r4.ADDED)),
            ("REMOVED", self.removed, set(not_r4.REMOVED)),
            ("CHANGED", self.changed, set(not_r4.CHANGED)),
        ):
            if found != listed:
                raise CompileError(
                    f"not_r4.{words}: not listed {sorted(found - listed)}, "
                    f"listed without need {sorted(listed - found)}"
                )


def _elements(definition: Mapping[str, Any], view: str) -> dict[str, Mapping[str, Any]]:
    return {element["path"]: element for element in definition[view]["element"][1:]}


def _types(element: Mapping[str, Any]) -> str:
    if element["path"] == "Resource.id":
        return "id"  # the definition says string, the text of the specification says id
    found = []
    for type_ in element["type"]:
        told = [e["valueUrl"] for e in type_.get("extension", ()) if e["url"] == _FHIR_TYPE]
        found.append(told[0] if told else type_["code"])
    return " ".join(dict.fromkeys(found))


def _targets(element: Mapping[str, Any]) -> str:
    found = [
        profile.removeprefix(_PROFILE)
        for type_ in element.get("type", ())
        if type_["code"] == "Reference"
        for profile in type_.get("targetProfile", ())
        if profile not in not_r4.TARGETS
    ]
    return " ".join(dict.fromkeys(found))

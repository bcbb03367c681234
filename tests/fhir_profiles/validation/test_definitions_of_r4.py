"""R4's own definitions: the tables can be made again, snapshots come out as published, and every
resource in which R4 is published is valid."""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fhir_profiles.definitions import compiler, rule_compiler
from fhir_profiles.definitions.tables import FOLDER
from fhir_profiles.json_text import Tree, parse
from fhir_profiles.snapshots import CORE, differences, snapshot
from fhir_profiles.validation.full import validate
from tests.fhir_profiles.validation.listed import LISTED

INSIDE = "package/dist/fhir/r4/"

# Profiles whose published snapshot differs from what their own differential says.
OTHERWISE = {
    "familymemberhistory-genetic": "elements of the base are missing in the published one",
    "provenance-relevant-history": "the published slice has an older binding",
    "bp": "published insides of value[x] stand on value[x], not on the slice that they are said of",
    "cholesterol": "repeats qty-3 and sqty-1 of the type on one element",
    "hdlcholesterol": "repeats qty-3 and sqty-1 of the type on one element",
    "ldlcholesterol": "repeats qty-3 and sqty-1 of the type on one element",
    "catalog": "Composition.date is missing in the published one",
    "elementdefinition-de": "opens an extension that its differential does not speak of",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here")
    folder = tmp_path_factory.mktemp("definitions")
    subprocess.run(
        [npm, "pack", "--silent", f"{compiler.PACKAGE}@{compiler.VERSION}"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.tgz")
    return found


def resources(package: Path, name: str) -> list[Tree]:
    with tarfile.open(package) as archive:
        stream = archive.extractfile(f"{INSIDE}{name}.json")
        assert stream is not None
        return [entry["resource"] for entry in parse(stream.read())["entry"]]


def test_the_tables_are_what_compiling_gives(package: Path) -> None:
    for name, content in rule_compiler.rule_tables(package).items():
        committed = json.loads(lzma.decompress((FOLDER / name).read_bytes()))
        assert json.loads(json.dumps(content)) == committed, f"{name} is not what compiling gives"


def test_the_tables_are_small() -> None:
    assert sum((FOLDER / name).stat().st_size for name in rule_compiler.FILES) < 60_000


@pytest.mark.spec("profiling.html#snapshot")
def test_snapshots_are_those_that_were_published(package: Path) -> None:
    different = {}
    for file in ("profiles-others", "extension-definitions"):
        for one in resources(package, file):
            ours = snapshot(one["url"])
            found = [
                words
                for words in differences(ours, one["snapshot"]["element"])
                if "System." not in words  # the types of FHIRPath instead of FHIR's
            ]
            if found:
                different[one["id"]] = found
    assert set(different) == set(OTHERWISE)


@pytest.mark.parametrize("name", ["vitalsigns", "bodyweight", "lipidprofile", "triglyceride"])
def test_named_snapshots(package: Path, name: str) -> None:
    (theirs,) = [r for r in resources(package, "profiles-others") if r["id"] == name]
    ours = snapshot(f"{CORE}{name}")
    assert [e["id"] for e in ours] == [e["id"] for e in theirs["snapshot"]["element"]]


OF_R4B = {"SubscriptionStatus"}  # its fhirVersion is 4.3.0


@pytest.mark.parametrize(
    ("file", "least"),
    [
        ("profiles-types", 60),
        ("profiles-resources", 200),
        ("profiles-others", 40),
        ("extension-definitions", 390),
        ("search-parameters", 1300),
        ("valuesets", 1100),
        ("v3-codesystems", 300),
        ("v2-tables", 800),
        ("conceptmaps", 15),
    ],
)
@pytest.mark.spec("validation.html#3.1.5")
def test_what_r4_is_published_in_is_valid(package: Path, file: str, least: int) -> None:
    trees = [tree for tree in resources(package, file) if tree.get("id") not in OF_R4B]
    wrong: list[Any] = []
    for tree in trees:
        issues = validate(tree, terminology=LISTED)
        wrong += [
            (tree.get("id"), str(one)) for one in issues if one.severity in ("error", "fatal")
        ]
    assert len(trees) >= least
    assert wrong == []

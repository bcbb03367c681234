"""`lienthong validate`: files of every kind, what is said of them, and the exit code."""

from __future__ import annotations

import bz2
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke
from tests.fhir_profiles.validation.good import GOOD

DIV = GOOD["PATIENT"]["text"]
GOOD_ONE: dict[str, Any] = {"resourceType": "Patient", "id": "a", "text": DIV}
BAD_ONE = GOOD_ONE | {"id": "b", "telecom": [{"value": "1"}]}
BP = "http://hl7.org/fhir/StructureDefinition/bp"


def write(path: Path, *resources: Any) -> Path:
    lines = [json.dumps(one) for one in resources]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_a_valid_file(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("validate", write(tmp_path / "a.json", GOOD_ONE), "--quiet")
    assert result.exit_code == 0
    assert result.stdout == "1 resources of 1 files: all valid (0 errors, 0 warnings)\n"


def test_a_file_that_is_not(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("validate", write(tmp_path / "b.json", BAD_ONE), "--quiet")
    assert result.exit_code == 1
    first, last = result.stdout.splitlines()
    assert first.startswith(f"{tmp_path}/b.json:1:")
    assert first.endswith(
        ": error: Patient.telecom[0]: A system is required if a value is provided."
        " (cpt-2) [invariant]"
    )
    assert last == "1 resources of 1 files: 1 not valid (1 errors, 0 warnings)"


def test_lines_of_ndjson_keep_their_numbers(invoke: Invoke, tmp_path: Path) -> None:
    file = write(tmp_path / "all.ndjson", GOOD_ONE, GOOD_ONE, BAD_ONE, GOOD_ONE)
    result = invoke("validate", file, "-q")
    assert f"{file}:3:" in result.stdout
    assert "4 resources of 1 files: 1 not valid" in result.stdout


def test_json(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path / "a.json", GOOD_ONE)
    write(tmp_path / "b.json", BAD_ONE)
    result = invoke("validate", tmp_path, "--format", "json", "-q")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert (first["resource"], first["valid"], second["valid"]) == ("Patient/a", True, False)
    assert second["outcome"]["issue"][0]["expression"] == ["Patient.telecom[0]"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 1),
        (("--level", "structure"), 0),
        (("--level", "structure", "--profile", BP), 0),
    ],
)
def test_levels(invoke: Invoke, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    assert invoke("validate", write(tmp_path / "b.json", BAD_ONE), *options).exit_code == code


def test_a_profile(invoke: Invoke, tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", GOOD_ONE)
    result = invoke("validate", file, "--profile", BP, "-q")
    assert result.exit_code == 1
    assert f"{BP} is a profile of Observation, this is a Patient" in result.stdout


def test_packed_files_and_unreadable_ones(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.json.bz2").write_bytes(bz2.compress(json.dumps(GOOD_ONE).encode()))
    (tmp_path / "broken.json.bz2").write_bytes(b"not packed")
    (tmp_path / "half.json").write_text('{"resourceType": "Patient"', "utf-8")
    result = invoke("validate", tmp_path, "-q")
    assert result.exit_code == 1
    assert "broken.json.bz2: error: the file cannot be read" in result.stdout or (
        "broken.json.bz2:1:1: error: the file cannot be read" in result.stdout
    )
    assert "half.json:1:27: error: " in result.stdout
    assert "3 resources of 3 files: 2 not valid" in result.stdout


def test_xml(invoke: Invoke, tmp_path: Path) -> None:
    bad = '<Patient xmlns="http://hl7.org/fhir"><telecom><value value="1"/></telecom></Patient>'
    (tmp_path / "b.xml").write_text(bad, "utf-8")
    (tmp_path / "c.xml").write_text("<Patient", "utf-8")
    result = invoke("validate", tmp_path, "-q")
    assert result.exit_code == 1
    assert "b.xml: error: Patient.telecom[0]: " in result.stdout
    assert "c.xml:1:" in result.stdout


def test_answers_are_checked_against_a_questionnaire_among_the_files(
    invoke: Invoke, tmp_path: Path
) -> None:
    write(tmp_path / "r.json", GOOD["RESPONSE"] | {"item": [{"linkId": "nowhere"}]})
    write(tmp_path / "q.json", GOOD["QUESTIONNAIRE"])
    result = invoke("validate", tmp_path, "-q")
    assert result.exit_code == 1
    assert (
        "QuestionnaireResponse.item[0].linkId: the item 'nowhere' does not exist" in result.stdout
    )


def test_a_profile_among_the_files(invoke: Invoke, tmp_path: Path) -> None:
    url = GOOD["PROFILE"]["url"]
    write(tmp_path / "patient.json", GOOD_ONE)
    write(tmp_path / "profile.json", GOOD["PROFILE"] | {"text": DIV})
    result = invoke("validate", tmp_path / "patient.json", "--profile", url, "-q")
    assert f"the profile {url} is not known here" in result.stdout
    result = invoke(
        "validate", tmp_path / "patient.json", tmp_path / "profile.json", "--profile", url, "-q"
    )
    assert "patient.json:1:1: error: Patient.name: name is needed and missing" in result.stdout


def test_nothing_to_read(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("validate", tmp_path / "nothing.json").exit_code == 2


def test_progress_goes_to_stderr(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("validate", write(tmp_path / "a.json", GOOD_ONE))
    assert "validate: files 1 of 1" in result.stderr
    assert "validate: files" not in result.stdout

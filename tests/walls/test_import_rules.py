"""The contracts of .importlinter hold, and each is able to fail: a planted violation is caught."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.walls.tree import PACKAGES, ROOT, modules

KEPT, BROKEN = "KEPT", "BROKEN"
ROOMS = {"coordinator/services/__init__.py": "", "coordinator/services/cards.py": ""}
CLOCKS_DICE_AND_SOCKETS = [
    "time",
    "random",
    "secrets",
    "uuid",
    "os",
    "socket",
    "asyncio",
    "logging",
]
LIBRARIES = ["fhir", "fastapi", "sqlalchemy", "httpx2", "simpy", "numpy", "numba"]
IMPURE = [*CLOCKS_DICE_AND_SOCKETS, *LIBRARIES, "fhir_profiles", "fhir_server"]


def verdicts(house: Path) -> tuple[dict[str, str], str]:
    """Contract name -> KEPT or BROKEN for the house below this folder, and the linter's words."""
    linter = "from importlinter.cli import lint_imports_command as lint; lint()"
    command = [sys.executable, "-c", linter, "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)
    judged = re.findall(rf"(?m)^(.+) ({KEPT}|{BROKEN})(?: \(|$)", done.stdout)
    return dict(judged), done.stdout + done.stderr


@pytest.fixture
def house(tmp_path):
    """The seven packages without their contents, with the contracts of today: what is planted is
    all that can break one, and the linter reads it in a second."""
    for source in modules(*PACKAGES):
        if source.name != "__init__.py":
            continue
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
    shutil.copyfile(ROOT / ".importlinter", tmp_path / ".importlinter")
    return tmp_path


def plant(house: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text + "\n", encoding="utf-8")


def contract_names() -> list[str]:
    lines = (ROOT / ".importlinter").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("name = ") for line in lines if line.startswith("name = ")]


VIOLATIONS = [
    # contract, what somebody might write one day
    ("the house", {"vietnam/planted.py": "import scenarios"}),
    ("the house", {"fhir_profiles/planted.py": "import fhir_server"}),
    ("the house", {"fhir_server/planted.py": "import hospitals"}),
    ("the house", {"hospitals/planted.py": "import coordinator"}),
    ("the house", {"coordinator/rules/planted.py": "import hospitals"}),
    (
        "rooms of the coordinator",
        {**ROOMS, "coordinator/rules/planted.py": "import coordinator.services.cards"},
    ),
    ("rooms of the coordinator", {"coordinator/attic.py": ""}),
    (
        "outside lienthong, only coordinator.rules may be imported",
        {**ROOMS, "scenarios/planted.py": "import coordinator.services.cards"},
    ),
    ("only lienthong imports hospitals", {"scenarios/planted.py": "import hospitals"}),
    ("rules are pure", {"coordinator/rules/planted.py": "import time"}),
    (
        "rules are pure",
        {
            "coordinator/rules/planted.py": "import vietnam.planted",
            "vietnam/planted.py": "import numpy",
        },
    ),
    ("the simulation knows no FHIR", {"scenarios/planted.py": "import fhir_profiles"}),
    ("the simulation knows no FHIR", {"scenarios/planted.py": "import fhir_server"}),
    ("the simulation knows no FHIR", {"scenarios/planted.py": "import sqlalchemy"}),
    ("one door to fhir.resources", {"hospitals/planted.py": "import fhir.resources"}),
    ("one door to fhir.resources", {"fhir_profiles/planted.py": "import fhir.resources"}),
    (
        "no knots",
        {
            "vietnam/planted_a.py": "import vietnam.planted_b",
            "vietnam/planted_b.py": "import vietnam.planted_a",
        },
    ),
]


IDS = [f"{name}: {[*files.values()][-1] or 'a room without a place'}" for name, files in VIOLATIONS]


@pytest.mark.parametrize(("contract", "files"), VIOLATIONS, ids=IDS)
def test_a_planted_violation_is_caught(house, contract, files):
    plant(house, files)
    found, words = verdicts(house)
    assert found.get(contract) == BROKEN, words


def test_every_contract_has_a_planted_violation():
    assert {contract for contract, _ in VIOLATIONS} == set(contract_names())


def test_the_tree_keeps_every_contract():
    found, words = verdicts(ROOT)
    assert found == dict.fromkeys(contract_names(), KEPT), words


def test_each_impure_import_is_caught_by_name(house):
    plant(house, {"coordinator/rules/planted.py": "\n".join(f"import {name}" for name in IMPURE)})
    found, words = verdicts(house)
    assert found["rules are pure"] == BROKEN
    caught = set(re.findall(r"coordinator\.rules is not allowed to import (\w+):", words))
    assert caught == set(IMPURE), words


ALLOWED = [
    {"scenarios/planted.py": "import coordinator.rules.new", "coordinator/rules/new.py": ""},
    {
        "fhir_profiles/resources.py": "import fhir.resources",
        "hospitals/planted.py": "import fhir_profiles.resources",
    },
    {"scenarios/charts/planted.py": "import fhir_profiles.systems", "fhir_profiles/systems.py": ""},
    {"lienthong/planted.py": "import hospitals, coordinator, scenarios, fhir_server"},
    {**ROOMS, "coordinator/services/planted.py": "import coordinator.rules, fhir_server"},
]


@pytest.mark.parametrize("files", ALLOWED, ids=[next(iter(files)) for files in ALLOWED])
def test_what_the_design_allows_is_allowed(house, files):
    plant(house, files)
    found, words = verdicts(house)
    assert BROKEN not in found.values(), words

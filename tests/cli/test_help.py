"""Help: quick, complete, with examples; docs/reference/cli.md is what the commands say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from lienthong.cli.main import PLANNED, app
from lienthong.cli.reference import reference
from tests.cli.conftest import Invoke

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(typer.main.get_command(app).commands)
HEAVY = ("numba", "numpy", "pyarrow", "pydantic", "simpy", "networkx", "sqlalchemy", "fastapi")


def test_the_reference_page_is_what_the_commands_say() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    assert page == reference(), "python -m lienthong.cli.reference > docs/reference/cli.md"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(invoke: Invoke, command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"Example:  lienthong {command}" in result.stdout


def test_every_command_is_documented_and_none_is_planned() -> None:
    assert set(COMMANDS).isdisjoint(PLANNED)
    for command in COMMANDS:
        assert f"## `lienthong {command}`" in reference()


@pytest.mark.parametrize(
    "code", ["import lienthong.cli.main", "import lienthong"], ids=["command line", "package"]
)
def test_the_front_door_loads_nothing_heavy(code: str) -> None:
    probe = f"{code}; import sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_version(invoke: Invoke) -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("lienthong 0.")

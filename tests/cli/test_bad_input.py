"""Bad input: one message on stderr with place, key and remedy; exit code 2; nothing has run."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import lienthong.runs
from tests.cli.conftest import Engine, Invoke

HUGE = "1" + "0" * 400


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["pilot"], ["pilot", "Did you mean 'pilots'?"]),
        (["nothing-like-it"], ["is not a scenario", "pilots"]),
        (["missing.yaml"], ["missing.yaml", "no such file"]),
        (["pilots", "--set", "look.pul=0.3"], ["look.pul", "look.pull"]),
        (["pilots", "--set", "look.pull"], ["--set", "key=value"]),
        (["pilots", "--set", "look.pull="], ["--set", "key=value"]),
        (["pilots", "--set", "look.pull=0.1", "--set", "look.pull=0.2"], ["look.pull", "twice"]),
        (["pilots", "--set", "look.pull=much"], ["look.pull", "'much' is not a number"]),
        (["pilots", "--set", "look.pull=1e999"], ["look.pull", "is not a number"]),
        (["pilots", "--set", "look.pull=nan"], ["look.pull", "is not a number"]),
        (["pilots", "--set", f"look.pull={HUGE}"], ["look.pull"]),
        (["pilots", "--set", "look.pull=5"], ["look.pull", "at most 1"]),
        (["pilots", "--set", "price.factor=-1"], ["price.factor", "at least 0"]),
        (["pilots", "--set", "accept.forced=-3"], ["accept.forced", "at least -1"]),
        (["pilots", "--set", "backload_days=99999"], ["backload_days"]),
        (["pilots", "--set", "mode=shout"], ["mode", "shout"]),
        (["pilots", "--scale", "0"], ["--scale", "above 0"]),
        (["pilots", "--scale", "1.01"], ["--scale", "at most 1"]),
        (["pilots", "--scale", "-0.1"], ["--scale"]),
        (["pilots", "--scale", "nan"], ["--scale"]),
        (["pilots", "--scale", "1e999"], ["--scale"]),
        (["pilots", "--scale", "half"], ["--scale", "number"]),
        (["pilots", "--jobs", "-1"], ["--jobs"]),
        (["pilots", "--jobs", "0"], ["--jobs"]),
        (["pilots", "--draws", "-1"], ["--draws"]),
        (["pilots", "--draws", "1e999"], ["--draws"]),
        (["pilots", "--replications", "0"], ["--replications"]),
        (["pilots", "--replications", HUGE], ["--replications"]),
        (["pilots", "--seed", HUGE], ["--seed"]),
        (["pilots", "--seed", "x"], ["--seed"]),
        (["pilots", "--resolution", "atoms"], ["--resolution", "population"]),
        (["pilots", "--fast"], ["--fast"]),
        (["pilots", "pilots"], ["pilots", "two scenarios of this name"]),
        ([], ["SCENARIO"]),
    ],
)
def test_run_refuses(invoke: Invoke, engine: Engine, args: list[str], words: list[str]) -> None:
    result = invoke("run", *args)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr
    assert not engine.calls


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: caf\xe9\n", ["s.yaml:1", "UTF-8"]),
        (b"name: [\n", ["s.yaml:"]),
        (b"- a\n- b\n", ["s.yaml", "is not a scenario"]),
        (b"name: x\nname: y\n", ["s.yaml:2", "name"]),
        (b"name: x\nscale: 1e999\n", ["s.yaml:2"]),
        (b"", ["s.yaml"]),
        (b"\x00\x01\x02", ["s.yaml"]),
    ],
    ids=["not UTF-8", "broken YAML", "a list", "key twice", "overflow", "empty", "binary"],
)
def test_scenario_files_that_cannot_be_used(
    invoke: Invoke, engine: Engine, tmp_path: Path, content: bytes, words: list[str]
) -> None:
    (tmp_path / "s.yaml").write_bytes(content)
    result = invoke("run", "s.yaml")
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in result.stderr
    assert not engine.calls


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("network: pilots", "netwrk: pilots", ["s.yaml:", "netwrk", "network"]),
        ("count_from: 2025-02-06", "count_from: someday", ["s.yaml:", "count_from", "someday"]),
        ("count_to: 2025-11-15", "count_to: 2024-11-15", ["s.yaml:", "count_to", "before"]),
        ("mode: pull", "mode: shout", ["s.yaml:", "mode", "shout"]),
    ],
)
def test_a_fault_in_a_scenario_names_line_and_key(
    invoke: Invoke, engine: Engine, tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    from scenarios.scenario import LIBRARY

    text = (LIBRARY / "pilots.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "s.yaml").write_text(text.replace(old, new), encoding="utf-8")
    result = invoke("run", "s.yaml")
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.stderr
    assert not engine.calls


def test_a_folder_is_not_a_scenario_file(invoke: Invoke, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    result = invoke("run", "folder.yaml")
    assert result.exit_code == 2
    assert "folder" in result.stderr


@pytest.mark.parametrize("out", ["taken", "taken/deeper", "/proc/lienthong"])
def test_a_folder_that_cannot_be_written_is_refused_before_the_run(
    invoke: Invoke, engine: Engine, tmp_path: Path, out: str
) -> None:
    (tmp_path / "taken").write_text("a file")
    result = invoke("run", "pilots", "--out", out)
    assert result.exit_code == 2, result.output
    assert "--out" in result.stderr
    assert not engine.calls


def test_a_read_only_folder_is_refused_before_the_run(
    invoke: Invoke, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(lienthong.runs.tempfile, "TemporaryFile", refuse)
    result = invoke("run", "pilots")
    assert result.exit_code == 2
    assert "read-only file system" in result.stderr
    assert "--out" in result.stderr
    assert not engine.calls

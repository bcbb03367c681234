"""`lienthong run`: results on stdout, progress on stderr, files in the folder."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from scenarios.scenario import LIBRARY
from tests.cli.conftest import Engine, Invoke


def test_prints_the_summary_and_writes_the_report(
    invoke: Invoke, engine: Engine, tmp_path: Path
) -> None:
    result = invoke("run", "pilots")
    assert result.exit_code == 0, result.stderr
    assert "of 100 repeats across facilities avoided (ui95" in result.stdout
    page = tmp_path / "runs" / "pilots" / "report.html"
    assert page.read_text(encoding="utf-8").lstrip().startswith("<!doctype html>")
    assert "runs/pilots/report.html" in result.stdout
    assert not list(page.parent.glob("*.part"))


def test_progress_goes_to_stderr_and_stdout_stays_clean(invoke: Invoke, engine: Engine) -> None:
    result = invoke("run", "pilots")
    assert "pilots: draws 0 of 2, 1 s left" in result.stderr
    assert "pilots: draws 2 of 2\n" in result.stderr
    assert "draws 0 of 2" not in result.stdout


def test_quiet_says_nothing_on_stderr(invoke: Invoke, engine: Engine) -> None:
    assert invoke("run", "pilots", "--quiet").stderr == ""


def test_json_is_the_only_thing_on_stdout(invoke: Invoke, engine: Engine) -> None:
    result = invoke("run", "pilots", "--json")
    assert json.loads(result.stdout)["scenario"] == "pilots"


def test_several_scenarios_write_apart_and_print_a_list(
    invoke: Invoke, engine: Engine, tmp_path: Path
) -> None:
    result = invoke("run", "pilots", "pilots-push", "--json", "--out", "here")
    assert [s["scenario"] for s in json.loads(result.stdout)] == ["pilots", "pilots-push"]
    assert (tmp_path / "here" / "pilots-push" / "report.html").exists()


def test_no_control_codes_when_piped(invoke: Invoke, engine: Engine) -> None:
    result = invoke("run", "pilots")
    assert "\x1b" not in result.stdout + result.stderr


def test_options_reach_the_engine(invoke: Invoke, engine: Engine) -> None:
    invoke(
        *("run", "pilots", "--replications", 2, "--draws", 5, "--seed", 7, "--jobs", 1),
        *("--resolution", "visits", "--scale", 0.5, "--out", "x"),
    )
    assert "--seed 7 --scale 0.5 --resolution visits" in engine.calls[0].pop("about")["command"]
    assert engine.calls == [
        {
            "scenario": "pilots",
            "out": Path("x"),
            "replications": 2,
            "draws": 5,
            "seed": 7,
            "jobs": 1,
            "resolution": "visits",
            "scale": 0.5,
        }
    ]


def test_jobs_and_folder_from_the_environment(
    invoke: Invoke, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_JOBS", "3")
    monkeypatch.setenv("LIENTHONG_DATA_DIR", "elsewhere")
    assert invoke("run", "pilots").exit_code == 0
    assert engine.calls[0]["jobs"] == 3
    assert engine.calls[0]["out"] == Path("elsewhere/pilots")


def test_an_environment_variable_that_cannot_be_used_is_named(
    invoke: Invoke, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_JOBS", "many")
    result = invoke("run", "pilots")
    assert result.exit_code == 2
    assert "LIENTHONG_JOBS" in result.stderr
    assert not engine.calls


def test_the_reproduce_line_repeats_what_was_asked(
    invoke: Invoke, engine: Engine, tmp_path: Path
) -> None:
    text = (LIBRARY / "pilots.yaml").read_text(encoding="utf-8")
    (tmp_path / "my own.yaml").write_text(text, encoding="utf-8")
    invoke("run", "my own.yaml", "--set", "look.pull=0.3", "--draws", 4)
    line = engine.calls[0]["about"]["command"]
    words = shlex.split(line)
    assert words[:3] == ["lienthong", "run", "my own.yaml"]
    assert words[-2:] == ["--set", "look.pull=0.3"]
    first = dict(engine.calls[0])
    invoke(*words[1:])
    again = dict(engine.calls[1])
    del first["about"]["started"], again["about"]["started"]
    assert again == first


def test_an_unfinished_run_in_the_folder_is_said(
    invoke: Invoke, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "runs/pilots/.parts").mkdir(parents=True)
    result = invoke("run", "pilots")
    assert result.exit_code == 0
    assert "runs/pilots: an unfinished run lies here" in result.stderr

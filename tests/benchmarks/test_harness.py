"""Rows do the work they claim, on the same visits; figures themselves are not tested.

The compiled rows are left out: compiling costs a minute, and tests/scenarios plays that engine.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.machine import describe
from benchmarks.workload import Workload, workload

INTERPRETED = [row for row in run.rows() if not row.name.startswith("population")]


@pytest.fixture(scope="module")
def small() -> Workload:
    return workload(40)


def test_visits_are_in_order_of_time(small: Workload) -> None:
    minutes = [visit.minute for visit in small.visits]
    assert len(small.persons) == 40
    assert minutes == sorted(minutes)
    assert small.orders > len(minutes) > 40


@pytest.mark.parametrize("row", INTERPRETED, ids=lambda row: row.name)
def test_every_row_plays_all_visits_in_each_of_its_worlds(small: Workload, row: run.Row) -> None:
    worlds = 2 if "both worlds" in row.name else 1
    assert row.play(small) == worlds * len(small.visits)


def test_the_floor_is_measured_in_the_same_rounds(small: Workload) -> None:
    calls: list[str] = []

    def row(name: str) -> run.Row:
        return run.Row(name, lambda _work: calls.append(name) or 1)

    found = run.measure(small, 3, [row(run.FLOOR), row("other")])
    assert calls == [run.FLOOR, "other"] * 4, "one untimed pass, then rounds in turn"
    assert found[0]["ratio_to_floor"] == 1
    assert run.table(found).count("\n") == 2


def test_figures_name_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    monkeypatch.setattr(sys, "argv", ["run", "--persons", "20", "--json", str(path)])
    monkeypatch.setattr(run, "rows", lambda: INTERPRETED)
    run.main()
    figures = json.loads(path.read_text(encoding="utf-8"))
    machine, now = figures["machine"], describe()
    assert machine.keys() == now.keys()
    assert {k: v for k, v in machine.items() if k != "measured"} == {
        k: v for k, v in now.items() if k != "measured"
    }
    assert [r["row"] for r in figures["rows"]] == [row.name for row in INTERPRETED]
    assert "x floor" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--rounds", "2"], ["--persons", "0"]])
def test_too_few_rounds_or_persons_are_refused(
    monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", *wrong])
    with pytest.raises(SystemExit):
        run.main()

"""A command line whose engine is a stand-in that answers at once with the made-up summary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

import lienthong.runs
from lienthong.cli.main import app
from tests.report.example import example_summary

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    return lambda *args: runner.invoke(app, [str(arg) for arg in args])


class Engine:
    """Stands in for run_scenario; keeps what it was asked, raises what it is told to."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.error: BaseException | None = None
        self.world0 = "51bb07c3d2e4"

    def __call__(self, scenario: Any, *, out: Path | None, progress: Any, **options: Any) -> Any:
        self.calls.append({"scenario": scenario.name, "out": out, **options})
        for done in (0, 1, 2):
            if progress is not None:
                progress(SimpleNamespace(stage="draws", done=done, total=2, estimate="1 s left"))
        if self.error is not None:
            raise self.error
        summary = example_summary() | {"scenario": scenario.name, "title": scenario.title}
        summary["provenance"]["world0_hash"] = self.world0
        if out is not None:
            (out / "summary.json").write_bytes(orjson.dumps(summary))
        return SimpleNamespace(summary=summary, out=out, ledger_path=None)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The stand-in, in the place of the real engine."""
    stand_in = Engine()
    monkeypatch.setattr(lienthong.runs, "run_scenario", stand_in)
    return stand_in

"""`lienthong compare`: side by side, or refused with the keys that differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Engine, Invoke
from tests.report.example import example_summary


def write(folder: Path, **changes: object) -> Path:
    """A finished run in `folder`: the example with some changes."""
    summary = example_summary() | changes
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    better = example_summary()["measures"]
    better["repeats_avoided"] = {**better["repeats_avoided"], "mean": 20_000.0}
    better["repeats_avoided_share"] = {**better["repeats_avoided_share"], "mean": 0.0118}
    return write(tmp_path / "a"), write(tmp_path / "b", scenario="better", measures=better)


def test_side_by_side_with_differences(invoke: Invoke, runs: tuple[Path, Path]) -> None:
    result = invoke("compare", *runs)
    assert result.exit_code == 0, result.stderr
    assert "\x1b" not in result.stdout
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    changes = {line[1]: line[-2].strip() for line in lines if len(line) > 3}
    assert changes["Repeats avoided"] == "+5\u202f725"
    assert changes["Share of repeats avoided"] == "+0.31\u202fpp"


def test_as_json(invoke: Invoke, runs: tuple[Path, Path]) -> None:
    content = json.loads(invoke("compare", *runs, "--json").stdout)
    assert content["runs"] == ["pilots", "better"]
    row = content["measures"]["repeats_avoided"]
    assert row["means"] == [14275.0, 20000.0]
    assert row["changes"] == [5725.0]


def test_other_seed_is_allowed_and_said(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("compare", write(tmp_path / "a"), write(tmp_path / "b", seed=2))
    assert result.exit_code == 0
    assert "seed differs (1, 2)" in result.stdout


def test_other_worlds_are_refused_and_the_keys_named(invoke: Invoke, tmp_path: Path) -> None:
    provenance = example_summary()["provenance"]
    provenance["world0_hash"] = "0123456789ab"
    provenance["world0_inputs"] = {"network": "pilots", "count_from": "2025-03-01", "price.x": 1}
    other = write(tmp_path / "b", provenance=provenance)
    result = invoke("compare", write(tmp_path / "a"), other)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "count_from, price.x" in result.stderr


def test_scenarios_of_other_worlds_are_refused_before_they_run(
    invoke: Invoke, engine: Engine, tmp_path: Path
) -> None:
    from scenarios.scenario import LIBRARY

    text = (LIBRARY / "pilots.yaml").read_text(encoding="utf-8")
    changed = text.replace("name: pilots", "name: other").replace("2025-11-15", "2025-11-14")
    (tmp_path / "other.yaml").write_text(changed, encoding="utf-8")
    result = invoke("compare", "pilots", "other.yaml")
    assert result.exit_code == 2
    assert "count_to" in result.stderr
    assert not engine.calls


def test_scenarios_are_run_first(invoke: Invoke, engine: Engine) -> None:
    result = invoke("compare", "pilots", "pilots-push", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert [call["scenario"] for call in engine.calls] == ["pilots", "pilots-push"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no finished run"),
        (b"", "is not JSON"),
        (b'{\n"a": \n}', "summary.json:3"),
        (b"[1]", "is not the summary of a run"),
        (b"\xff\xfe", "is not"),
        (b"[" * 100_000, "is not JSON"),
        (b"{}", "is not the summary of a run"),
    ],
    ids=["no file", "empty", "broken", "a list", "not UTF-8", "deep", "no measures"],
)
def test_what_is_not_a_run_is_refused(
    invoke: Invoke, tmp_path: Path, content: bytes | None, words: str
) -> None:
    (tmp_path / "b").mkdir()
    if content is not None:
        (tmp_path / "b" / "summary.json").write_bytes(content)
    result = invoke("compare", write(tmp_path / "a"), tmp_path / "b")
    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_one_run_alone_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("compare", write(tmp_path / "a"))
    assert result.exit_code == 2
    assert "Name two" in result.stderr

"""A run gives the same numbers on any number of processes, and after an interruption."""

from __future__ import annotations

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from scenarios.experiments.run import Progress, run_scenario
from scenarios.scenario import load_scenario
from tests.scenarios.worlds import study

SIZE = {"replications": 2, "draws": 3, "seed": 5, "scale": 0.5}
TASKS = SIZE["replications"] + SIZE["draws"]


def run(out: Path, jobs: int = 1, progress=None):
    """summary.json as it was written, without the time it took."""
    result = run_scenario(
        load_scenario("tiny-two-hospitals"), jobs=jobs, out=out, progress=progress, **SIZE
    )
    summary = orjson.loads((out / "summary.json").read_bytes())
    assert result.ledger_path == out / "orders.parquet"
    assert summary["provenance"].pop("elapsed_s") >= 0
    return summary


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """(summary, ledger) of an undisturbed run on one process."""
    out = tmp_path_factory.mktemp("alone")
    return run(out), pq.read_table(out / "orders.parquet")


def test_two_processes_give_the_same_numbers(alone, tmp_path):
    assert run(tmp_path, jobs=2) == alone[0]
    assert pq.read_table(tmp_path / "orders.parquet").equals(alone[1])


@pytest.mark.parametrize("after", range(1, TASKS))
def test_an_interrupted_run_goes_on_where_it_stopped(alone, tmp_path, after):
    def impatient(progress: Progress) -> None:
        if progress.total == TASKS and progress.done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=impatient)
    assert not (tmp_path / "summary.json").exists()
    kept = sorted(path.name for path in (tmp_path / ".parts").glob("*.done"))
    assert len(kept) == after

    told: list[int] = []
    summary = run(tmp_path, progress=lambda p: told.append(p.done) if p.total == TASKS else None)
    assert told == list(range(after, TASKS + 1))  # nothing was computed twice
    assert summary == alone[0]
    assert pq.read_table(tmp_path / "orders.parquet").equals(alone[1])
    assert not (tmp_path / ".parts").exists()


def test_parts_of_another_run_are_not_used(alone, tmp_path):
    """What was kept belongs to a scenario, seed and size; another one starts from nothing."""

    def impatient(progress: Progress) -> None:
        if progress.total == TASKS and progress.done == 2:
            raise KeyboardInterrupt

    other = load_scenario("tiny-two-hospitals", {"look.flag": "0.1"})
    with pytest.raises(KeyboardInterrupt):
        run_scenario(other, jobs=1, out=tmp_path, progress=impatient, **SIZE)
    assert run(tmp_path) == alone[0]


def test_the_seed_decides(alone, tmp_path):
    size = {**SIZE, "seed": 6, "draws": 0}
    other = run_scenario(load_scenario("tiny-two-hospitals"), jobs=1, **size).summary
    assert other["measures"]["orders"]["mean"] != alone[0]["measures"]["orders"]["mean"]


def test_counts_are_scaled_to_the_population(alone):
    summary, ledger = alone
    plan = study("tiny-two-hospitals")
    assert summary["population"] == plan.population == 6000
    assert summary["persons"] == 3000
    first = ledger.num_rows  # the ledger holds the first replication, unscaled
    assert summary["measures"]["orders"]["mean"] == pytest.approx(2 * first, rel=0.1)
    by_class = summary["classes"]["with_sharing"]
    assert sum(by_class.values()) == pytest.approx(summary["measures"]["orders"]["mean"])

"""The tasks of a run, done in worker processes, each kept on disk as soon as it is finished."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.engines.tally import Tally
from scenarios.experiments.breakdown import Breakdown, Cuts, add_breakdowns, add_flows, pair_flows
from scenarios.experiments.simulate import BOTH_WORLDS, WITH_PERFECT_GATES, simulate
from scenarios.plan import compile_plan
from scenarios.scenario import Scenario

Array = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """One run of all sampled persons: replication r at central values, or parameter draw d."""

    kind: str  # "replication" or "draw"
    number: int
    scenario: Scenario
    values: Mapping[str, float]
    seed: int
    scale: float
    resolution: str
    ledger: Path | None = None  # folder that gets the ledger blocks of this task

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number:04d}"


@dataclass(frozen=True)
class Done:
    """What one task left: its sums, and for replications the cuts of its ledger."""

    tally: Tally
    breakdown: Breakdown
    flows: Array


def do(task: Task) -> Done:
    """Run one task. Replications also run the twelve perfect-gate arms and cut their ledger."""
    central = task.kind == "replication"
    plan = compile_plan(task.scenario, task.values, task.seed, task.number if central else 0)
    if task.resolution == "visits":
        from scenarios.experiments.simulate_visits import simulate_visits as engine
    else:
        engine = simulate
    if not central:
        return Done(engine(plan, task.scale, BOTH_WORLDS).tally, {}, np.zeros((0, 4)))
    cuts = Cuts(plan)
    count = 0

    def on_block(rows: Array) -> tuple[Breakdown, Array]:
        nonlocal count
        if task.ledger is not None:
            _write_whole(task.ledger / f"ledger-{count:05d}.npy", lambda f: np.save(f, rows))
            count += 1
        return cuts.breakdown(rows), pair_flows(plan, rows)

    counted = engine(plan, task.scale, WITH_PERFECT_GATES, on_block)
    return Done(
        counted.tally,
        add_breakdowns(block[0] for block in counted.blocks),
        add_flows(block[1] for block in counted.blocks),
    )


def _write_whole(path: Path, write: Callable[[Any], None]) -> None:
    """A file appears under its name only when it is complete."""
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        write(stream)
    part.replace(path)


def _keep(task: Task, folder: Path) -> str:
    done = do(task)
    _write_whole(folder / f"{task.name}.done", lambda f: pickle.dump(tuple(_plain(done)), f))
    return task.name


def _plain(done: Done) -> Iterator[Any]:
    yield tuple(done.tally)
    yield done.breakdown
    yield done.flows


def read_done(task: Task, folder: Path) -> Done | None:
    """The kept outcome of a task, or None if it was not finished."""
    path = folder / f"{task.name}.done"
    try:
        with path.open("rb") as stream:
            tally, breakdown, flows = pickle.load(stream)  # our own file, in the run's own folder
    except FileNotFoundError:
        return None
    return Done(Tally(*tally), breakdown, flows)


def _quiet_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle


def run_tasks(
    tasks: list[Task], folder: Path, jobs: int, on_done: Callable[[int, int], None]
) -> None:
    """Run what is not finished yet on `jobs` processes; an interruption keeps finished tasks."""
    waiting = [task for task in tasks if not (folder / f"{task.name}.done").exists()]
    finished = len(tasks) - len(waiting)
    on_done(finished, len(tasks))
    if jobs == 1 or len(waiting) == 1:
        for task in waiting:
            _keep(task, folder)
            finished += 1
            on_done(finished, len(tasks))
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_quiet_worker)
    try:
        running: set[Future[str]] = set()
        queue = iter(waiting)
        for task in queue:
            running.add(pool.submit(_keep, task, folder))
            if len(running) >= 2 * jobs:
                break
        while running:
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                future.result()
                finished += 1
                on_done(finished, len(tasks))
                following = next(queue, None)
                if following is not None:
                    running.add(pool.submit(_keep, following, folder))
    except BaseException:
        # unfinished tasks are not kept, so nobody waits for them: Ctrl-C ends at once
        for worker in list(pool._processes.values()):
            worker.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""One scenario against its counterfactual: replications, draws, summary.json and ledger."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from coordinator.rules.gates import Gate
from scenarios.experiments.ledger import write_ledger
from scenarios.experiments.simulate import LEDGER_ROWS, simulate
from scenarios.experiments.summary import summarise
from scenarios.experiments.tasks import Done, Task, cores, read_done, run_tasks
from scenarios.parameters import central, latin_hypercube
from scenarios.plan import Plan, compile_plan, input_hashes
from scenarios.scenario import Scenario, fingerprint
from vietnam.datafiles import InputError

PERSONS_PER_SECOND = 200_000  # both worlds on one core, measured; only used for the estimate
ARM_FACTOR = 1.5  # a replication runs twelve more arms and cuts its ledger
VISIT_PERSONS_PER_SECOND = 1_000
SECONDS_PER_BED_AND_DAY = 5e-4  # both worlds: 8 s a day and world for the pilots' 31,000 beds
BYTES_PER_WORKER = 400e6
LEDGER_BYTES_PER_PERSON = 14 * 16 * 8  # about 14 orders in a year, 16 columns
PARTS = ".parts"


@dataclass(frozen=True)
class Progress:
    """Where a run stands: `done` of `total` tasks of a stage, and the time left in words."""

    stage: str
    done: int
    total: int
    estimate: str = ""


@dataclass(frozen=True)
class Result:
    """A finished run: the content of summary.json, and where its files are."""

    summary: dict[str, Any]
    out: Path | None
    ledger_path: Path | None


@dataclass(frozen=True)
class Need:
    """What a run will take, estimated before it starts."""

    seconds: float
    memory_bytes: float
    disk_bytes: float

    def words(self) -> str:
        return (
            f"about {_duration(self.seconds)}, {_bytes(self.memory_bytes)} of memory, "
            f"{_bytes(self.disk_bytes)} of disk"
        )


def estimate(
    plan: Plan, scale: float, replications: int, draws: int, jobs: int, resolution: str
) -> Need:
    """Time, memory and disk of a run, from measured speed; rough, to a factor of two."""
    persons = max(1, round(plan.population * scale))
    work = persons * (draws + replications * ARM_FACTOR) / PERSONS_PER_SECOND
    if resolution == "visits":
        # without the compiled shortcut every perfect-gate arm is played
        work = persons * (draws + replications * (len(Gate) + 1) / 2) / VISIT_PERSONS_PER_SECOND
        if persons == plan.population:  # queues, with everybody else's orders in them
            beds = sum(f.beds for f in plan.network.facilities)
            work += (draws + replications) * plan.days * beds * SECONDS_PER_BED_AND_DAY
    ledger = persons * LEDGER_BYTES_PER_PERSON
    return Need(
        seconds=35.0 + work / min(jobs, replications + draws),
        memory_bytes=jobs * (BYTES_PER_WORKER + 2 * LEDGER_ROWS * 16 * 8)
        + (persons * 3000.0 * jobs if resolution == "visits" else 0.0),
        disk_bytes=1.3 * ledger,
    )


def run_scenario(
    scenario: Scenario,
    *,
    replications: int = 8,
    draws: int = 32,
    seed: int = 1,
    jobs: int | None = None,
    resolution: str = "population",
    scale: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    out: str | Path | None = None,
    about: Mapping[str, str] | None = None,
) -> Result:
    """Run a scenario with its counterfactual and write summary.json and orders.parquet to `out`.

    `about` goes into the provenance: what only the front door knows, `command` and `started`.

    Finished tasks are kept in `out/.parts`, so an interrupted run goes on where it stopped. The
    same scenario, seed and size give the same numbers on any number of processes. Raises InputError
    for sizes that do not fit this machine, before anything is computed.
    """
    begun = time.monotonic()
    tick = progress or (lambda _: None)
    scale = scenario.scale if scale is None else scale
    jobs = jobs or cores()
    _check(replications=replications, draws=draws, seed=seed, jobs=jobs, scale=scale)
    plan = compile_plan(scenario, central(scenario.resolved), seed, 0)
    need = estimate(plan, scale, replications, draws, jobs, resolution)
    folder = Path(out) if out is not None else None
    _refuse_what_does_not_fit(need, folder, scenario.name)
    tick(Progress("compiling the engine (once a machine, about half a minute)", 0, 1, need.words()))
    simulate(plan, 1.0 / plan.population)
    with TemporaryDirectory() as spare:
        tasks = _tasks(scenario, seed, replications, draws, scale, resolution)
        parts = _parts(folder or Path(spare), plan, tasks)
        tasks = [
            Task(**{**vars(t), "ledger": parts}) if t.name == "replication-0000" else t
            for t in tasks
        ]
        run_tasks(tasks, parts, jobs, _timed(tick, begun))
        done = [read_done(task, parts) for task in tasks]
        finished = [d for d in done if d is not None]
        ledger = None
        if folder is not None:
            ledger = folder / "orders.parquet"
            write_ledger(plan, sorted(parts.glob("ledger-*.npy")), ledger)
        summary = _summary(
            plan, finished, replications, draws, seed, scale, resolution, time.monotonic() - begun
        )
        summary["provenance"] |= about or {}
        if folder is not None:
            _write(folder / "summary.json", summary)
            shutil.rmtree(parts)
    return Result(summary, folder, ledger)


def _tasks(
    scenario: Scenario, seed: int, replications: int, draws: int, scale: float, resolution: str
) -> list[Task]:
    middle = central(scenario.resolved)
    drawn = latin_hypercube(scenario.resolved, draws, seed) if draws else []
    task = partial(Task, scenario=scenario, seed=seed, scale=scale, resolution=resolution)
    return [
        *(task("replication", r, values=middle) for r in range(replications)),
        *(task("draw", d, values=values) for d, values in enumerate(drawn)),
    ]


def _check(*, replications: int, draws: int, seed: int, jobs: int, scale: float) -> None:
    rows = (
        ("--replications", replications, 1, 10_000),
        ("--draws", draws, 0, 100_000),
        ("--seed", seed, 0, 2**32 - 1),
        ("--jobs", jobs, 1, 4096),
    )
    for key, value, low, high in rows:
        if not low <= value <= high:
            raise InputError("run", None, key, f"{value} is out of range", f"use {low} to {high}")
    if not 0.0 < scale <= 1.0:
        raise InputError("run", None, "--scale", f"{scale} is out of range", "use above 0, up to 1")


def _refuse_what_does_not_fit(need: Need, folder: Path | None, name: str) -> None:
    memory = _memory_free()
    if memory and need.memory_bytes > memory:
        problem = f"does not fit: {need.words()}, and {_bytes(memory)} of memory are free"
        raise InputError(name, None, "", problem, "lower --jobs or --scale")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if need.disk_bytes > free:
            problem = f"does not fit: {need.words()}, and {_bytes(free)} of disk are free"
            raise InputError(name, None, "--out", problem, "lower --scale or name another folder")


def _memory_free() -> float:
    """Bytes of memory that can still be used; 0 where the system does not tell."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return 0.0


def _parts(folder: Path, plan: Plan, tasks: list[Task]) -> Path:
    """Folder of finished tasks; what another run left there is cleared away."""
    parts = folder / PARTS
    stamp = fingerprint(
        [
            _version(),
            input_hashes(plan.scenario, plan.network)[0],
            tasks[0].seed,
            tasks[0].scale,
            tasks[0].resolution,
            len([t for t in tasks if t.kind == "draw"]),
        ]
    )
    mark = parts / "stamp"
    if parts.exists() and not (mark.exists() and mark.read_text() == stamp):
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    mark.write_text(stamp)
    return parts


def _timed(tick: Callable[[Progress], None], begun: float) -> Callable[[int, int], None]:
    first: list[tuple[int, float]] = []

    def on_done(done: int, total: int) -> None:
        now = time.monotonic()
        if not first:
            first.append((done, now))
        count = done - first[0][0]
        left = (now - first[0][1]) / count * (total - done) if count else 0.0
        words = f"{_duration(left)} left" if count else ""
        tick(Progress("running replications and parameter draws", done, total, words))

    return on_done


def _bytes(number: float) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e8 else f"{number / 1e6:.1f} MB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _version() -> str:
    try:
        return version("lienthong")
    except PackageNotFoundError:
        return "0+source"


def _summary(
    plan: Plan,
    done: list[Done],
    replications: int,
    draws: int,
    seed: int,
    scale: float,
    resolution: str,
    elapsed: float,
) -> dict[str, Any]:
    summary = summarise(plan, done[:replications], done[replications:], scale)
    everything, world_0 = input_hashes(plan.scenario, plan.network)
    summary |= {
        "seed": seed,
        "replications": replications,
        "draws": draws,
        "resolution": resolution,
        "scale": scale,
    }
    summary["provenance"] |= {
        "version": _version(),
        "input_hash": everything,
        "world0_hash": world_0,
        "scenario": plan.scenario.model_dump(mode="json"),
        "world0_inputs": plan.scenario.world_0_inputs(),
        "seed": seed,
        "started": "",
        "command": (
            f"lienthong run {plan.scenario.name} --replications {replications} --draws {draws} "
            f"--seed {seed} --scale {scale:g} --resolution {resolution}"
        ),
        "elapsed_s": round(elapsed, 1),
        "machine": f"{platform.machine()} {platform.system()}, {cores()} cores, "
        f"Python {platform.python_version()}",
    }
    return summary


def _write(path: Path, content: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))
    part.replace(path)

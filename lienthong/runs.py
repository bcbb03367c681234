"""`run`: one scenario with its counterfactual, and the files that a run leaves behind."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.experiments.run import Result, run_scenario
from scenarios.report.html import render
from scenarios.report.maps import Place
from scenarios.scenario import Scenario, load_scenario
from vietnam.datafiles import InputError
from vietnam.facilities import load_network


class Planned(NamedTuple):
    """A scenario, named as it was asked for, that can be read, and the folder for its run."""

    asked: str
    scenario: Scenario
    folder: Path


def plan(
    names: Sequence[str], sets: Mapping[str, str], out: Path | None, data_dir: Path
) -> list[Planned]:
    """Read every scenario and claim every folder before the first one runs.

    InputError: a scenario that cannot be used, two of one name, a folder that cannot be written.
    """
    scenarios = [load_scenario(name, sets) for name in names]
    seen: set[str] = set()
    for scenario in scenarios:
        if scenario.name in seen:
            problem = "two scenarios of this name would write to one folder"
            raise InputError(
                "SCENARIO", None, scenario.name, problem, "Rename one, or run it apart"
            )
        seen.add(scenario.name)
    planned = []
    for asked, scenario in zip(names, scenarios, strict=True):
        folder = data_dir / scenario.name if out is None else out
        if out is not None and len(scenarios) > 1:
            folder = out / scenario.name
        planned.append(Planned(asked, scenario, claim(folder)))
    return planned


def claim(folder: Path) -> Path:
    """Make sure that `folder` exists and can be written; InputError says why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (FileExistsError, NotADirectoryError):
        problem = "there is a file in its place"
        raise InputError(str(folder), None, "--out", problem, "Name a folder") from None
    except OSError as error:
        problem = f"the folder cannot be written ({(error.strerror or str(error)).lower()})"
        remedy = "Choose another folder with --out"
        raise InputError(str(folder), None, "--out", problem, remedy) from None
    return folder


def run(
    scenario: Scenario | str | Path,
    *,
    sets: Mapping[str, str] | None = None,
    replications: int = 8,
    draws: int = 32,
    seed: int = 1,
    jobs: int | None = None,
    resolution: str = "population",
    scale: float | None = None,
    out: str | Path | None = None,
    progress: Callable[..., None] | None = None,
) -> Result:
    """Run one scenario (a library name, a YAML path or a Scenario) against its counterfactual.

    `scale` is a share of persons in (0, 1]; None takes the scenario's. With `out` the folder gets
    summary.json, Parquet ledgers and report.html. InputError for anything that cannot be used.
    """
    asked = scenario.name if isinstance(scenario, Scenario) else str(scenario)
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(str(scenario), sets or {})
    elif sets:
        raise InputError("run", None, "sets", "a Scenario is already resolved", "Pass its name")
    folder = None if out is None else claim(Path(out))
    scale = scenario.scale if scale is None else scale
    about = {
        "command": command(asked, sets or {}, replications, draws, seed, resolution, scale),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    result = run_scenario(
        scenario,
        replications=replications,
        draws=draws,
        seed=seed,
        jobs=jobs,
        resolution=resolution,
        scale=scale,
        progress=progress,
        out=folder,
        about=about,
    )
    if folder is not None:
        write_report(result.summary, places(scenario.network), folder / "report.html")
    return result


def command(
    asked: str,
    sets: Mapping[str, str],
    replications: int,
    draws: int,
    seed: int,
    resolution: str,
    scale: float,
) -> str:
    """The command line that gives the same numbers again, on any number of processes."""
    words = ["lienthong", "run", asked, "--replications", replications, "--draws", draws]
    words += ["--seed", seed, "--scale", f"{scale:g}", "--resolution", resolution]
    for key, value in sets.items():
        words += ["--set", f"{key}={value}"]
    return shlex.join(str(word) for word in words)


def places(network: str) -> dict[str, Place]:
    """Where the facilities of a network stand, by code; `elsewhere` stands nowhere."""
    return {
        facility.code: Place(facility.latitude, facility.longitude, facility.tier)
        for facility in load_network(network).facilities
        if facility.tier != "elsewhere"
    }


def write_report(summary: Mapping[str, Any], where: Mapping[str, Place], path: Path) -> None:
    """Write the page beside its place and move it there: a full disk leaves no half page."""
    page = render(summary, where)
    draft = path.with_suffix(".html.part")
    try:
        draft.write_text(page, encoding="utf-8")
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise

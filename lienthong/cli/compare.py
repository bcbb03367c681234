"""`lienthong compare`: finished runs, or scenarios that are run first, side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lienthong.cli.options import (
    AsJson,
    Debug,
    Draws,
    Jobs,
    Quiet,
    Replications,
    Scale,
    Seed,
    check_scale,
)

if TYPE_CHECKING:
    from lienthong.comparison import Row

BRIEF = "Put runs side by side."
EPILOG = "Example:  lienthong compare runs/pilots runs/pilots-push"

Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN", help="Folders of finished runs; or scenarios, run first."),
]


def compare(
    run: Runs,
    replications: Replications = 8,
    draws: Draws = 32,
    seed: Seed = 1,
    jobs: Jobs = None,
    scale: Scale = None,
    json_: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Put two or more runs side by side, measure by measure, against the first.

    Refused, naming the differing keys, when the worlds without sharing are not the same. The
    options of a run count only for scenarios that have to be run first.
    """
    from lienthong import comparison, runs
    from lienthong.cli.progress import watching
    from lienthong.settings import load_settings

    settings = load_settings()
    finished: list[str | Path] = []
    waiting = [name for name in run if not is_finished(name)]
    planned = runs.plan(waiting, {}, None, settings.data_dir) if waiting else []
    comparison.refuse_different_scenarios([item.scenario for item in planned])
    made = iter(planned)
    for name in run:
        if is_finished(name):
            finished.append(name)
            continue
        item = next(made)
        with watching(item.scenario.name, quiet=quiet) as tick:
            runs.run(
                item.asked,
                replications=replications,
                draws=draws,
                seed=seed,
                jobs=jobs or settings.jobs,
                scale=check_scale(scale),
                out=item.folder,
                progress=tick,
            )
        finished.append(item.folder)
    result = comparison.compare(*finished)
    if json_:
        import orjson

        rows = {"runs": result.names, "notes": result.notes, "measures": _rows(result.rows)}
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    from scenarios.report import terminal

    terminal.print_comparison(result.names, result.rows, result.notes, sys.stdout)


def is_finished(name: str) -> bool:
    """A folder or a .json file is meant as a finished run, anything else as a scenario."""
    path = Path(name)
    return path.is_dir() or path.suffix == ".json"


def _rows(rows: Sequence[Row]) -> dict[str, Any]:
    return {row.measure: {k: v for k, v in row._asdict().items() if k != "measure"} for row in rows}

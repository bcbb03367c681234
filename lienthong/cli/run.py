"""`lienthong run`: scenarios against their own world without sharing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from lienthong.cli.options import (
    AsJson,
    Debug,
    Detail,
    Draws,
    Jobs,
    Names,
    Out,
    Quiet,
    Replications,
    Resolution,
    Scale,
    Seed,
    Sets,
    check_scale,
    parse_sets,
)

if TYPE_CHECKING:
    from scenarios.experiments.run import Result

BRIEF = "Run scenarios against the same world without sharing."
EPILOG = "Example:  lienthong run pilots pilots-push --scale 0.02 --set look.pull=0.2 --out runs/a"


def run(
    scenario: Names,
    replications: Replications = 8,
    draws: Draws = 32,
    seed: Seed = 1,
    jobs: Jobs = None,
    resolution: Detail = Resolution.population,
    scale: Scale = None,
    set_: Sets = None,
    out: Out = None,
    json_: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run scenarios with their counterfactual; print the summary, write report.html beside it.

    Writes summary.json, Parquet ledgers and report.html. Ctrl-C keeps finished draws: the same
    command goes on from there. With one scenario --json prints its summary, with several a list.
    """
    from lienthong import runs
    from lienthong.cli.progress import watching
    from lienthong.settings import load_settings

    settings = load_settings()
    options: dict[str, Any] = {
        "replications": replications,
        "draws": draws,
        "seed": seed,
        "jobs": jobs or settings.jobs,
        "resolution": resolution.value,
        "scale": check_scale(scale),
    }
    sets = parse_sets(set_)
    planned = runs.plan(scenario, sets, out, settings.data_dir)
    results: list[Result] = []
    for item in planned:
        if (item.folder / ".parts").exists() and not quiet:
            words = "an unfinished run lies here; the same command goes on, another starts anew"
            typer.echo(f"{item.folder}: {words}", err=True)
        with watching(item.scenario.name, quiet=quiet) as tick:
            made = runs.run(item.asked, sets=sets, out=item.folder, progress=tick, **options)
            results.append(made)
        if not json_:
            _print(results[-1])
    if json_:
        typer.echo(_json([result.summary for result in results]))


def _print(result: Result) -> None:
    from scenarios.report import terminal

    terminal.print_summary(result.summary, sys.stdout)
    if result.out is not None:
        typer.echo(f"\nReport   {result.out}/report.html")
        typer.echo(f"Numbers  {result.out}/summary.json")
        typer.echo(f"Stories  lienthong explain {result.out} --sample 3")


def _json(summaries: Sequence[dict[str, Any]]) -> str:
    import orjson

    content = summaries[0] if len(summaries) == 1 else list(summaries)
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()

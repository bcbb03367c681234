"""`lienthong scenarios`: the library."""

from __future__ import annotations

import textwrap

import typer

from lienthong.cli.options import AsJson, Debug

BRIEF = "List the scenario library."
EPILOG = "Example:  lienthong scenarios"


def scenarios(json_: AsJson = False, debug: Debug = False) -> None:
    """List the scenarios that come with lienthong, each with the question that it asks."""
    from scenarios.scenario import library, load_scenario

    loaded = [load_scenario(name) for name in library()]
    if json_:
        import orjson

        rows = [{"name": s.name, "title": s.title, "why": s.why.strip()} for s in loaded]
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for scenario in loaded:
        typer.echo(f"{scenario.name}\n  {scenario.title}")
        typer.echo(textwrap.indent(textwrap.fill(" ".join(scenario.why.split()), 92), "    "))
        typer.echo()
    typer.echo("Run one with `lienthong run NAME`, read one with `lienthong show NAME`.")

"""`lienthong show`: one scenario resolved, each parameter with its source."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lienthong.cli.options import AsJson, Debug, Sets, parse_sets

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

BRIEF = "Show a scenario, each parameter with its source."
EPILOG = "Example:  lienthong show pilots --set look.pull=0.3"

Name = Annotated[str, typer.Argument(metavar="SCENARIO", help="Library name or YAML file.")]


def show(scenario: Name, set_: Sets = None, json_: AsJson = False, debug: Debug = False) -> None:
    """Show a scenario as it would run: dates, modes, law, and every parameter with its source.

    Parameters that the scenario or --set changes are marked with *.
    """
    from scenarios.scenario import load_scenario

    loaded = load_scenario(scenario, parse_sets(set_))
    if json_:
        typer.echo(_json(loaded))
        return
    from scenarios.report import terminal

    terminal.print_scenario(loaded, sys.stdout)


def _json(scenario: Scenario) -> str:
    import orjson

    rows = [
        {
            "name": p.name,
            "value": p.value,
            "low": p.low,
            "high": p.high,
            "distribution": p.distribution,
            "unit": p.unit,
            "source": p.source,
            "assumption": p.assumption,
            "changed": p.name in scenario.parameters,
        }
        for p in scenario.resolved.values()
    ]
    content = {**scenario.model_dump(mode="json"), "resolved": rows}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()

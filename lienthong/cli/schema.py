"""`lienthong schema`: the JSON Schemas of the files that people write and read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from lienthong.cli.options import Debug

BRIEF = "Print the JSON Schema of a file."
EPILOG = "Example:  lienthong schema scenario > scenario.schema.json"


class Kind(StrEnum):
    """A file with a published shape."""

    scenario = "scenario"
    network = "network"
    summary = "summary"


def schema(kind: Annotated[Kind, typer.Argument(help="Which file.")], debug: Debug = False) -> None:
    """Print the JSON Schema (draft 2020-12) of a scenario, a network or a summary.json.

    An editor with YAML support completes keys when the first line of a scenario reads
    `# yaml-language-server: $schema=scenario.schema.json`.
    """
    import orjson

    typer.echo(orjson.dumps(_content(kind), option=orjson.OPT_INDENT_2).decode())


def _content(kind: Kind) -> dict[str, Any]:
    if kind is Kind.scenario:
        from scenarios.schemas import scenario_schema

        return scenario_schema()
    if kind is Kind.network:
        from vietnam.facilities import write_schema

        return write_schema()
    from scenarios.schemas import summary_schema

    return summary_schema()

"""`lienthong explain`: single orders of a finished run told step by step in both worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.exits import bad_input
from lienthong.cli.options import AsJson, Debug

BRIEF = "Tell single orders step by step, in both worlds."
EPILOG = "Example:  lienthong explain runs/pilots --sample 4"

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Order = Annotated[str | None, typer.Option(metavar="ID", help="One order, as --sample names it.")]
Sample = Annotated[
    int | None, typer.Option(min=1, max=1000, help="So many orders: avoided, lost, needed, unsafe.")
]


def explain(
    run: Run,
    order: Order = None,
    sample: Sample = None,
    json_: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell what happened to single orders, without and with sharing, gate by gate.

    Without --order and --sample three orders are told: one avoided, one lost, one needed.
    """
    if order is not None and sample is not None:
        raise bad_input("explain", "--order", "cannot go with --sample", "Give one of the two")
    from lienthong import stories

    told = stories.one(run, order) if order is not None else stories.sample(run, sample or 3)
    if json_:
        import orjson

        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2, default=str).decode())
        return
    from scenarios.report import tale

    for row in told:
        typer.echo("\n".join(tale.tell(row)) + "\n")

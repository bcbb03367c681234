"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.exits import bad_input

Names = Annotated[
    list[str], typer.Argument(metavar="SCENARIO", help="Library names or YAML files.")
]
Replications = Annotated[
    int, typer.Option(min=1, max=10_000, help="Repetitions with other chance; ci95 comes of them.")
]
Draws = Annotated[
    int, typer.Option(min=0, max=100_000, help="Draws of all parameters; ui95 comes of them.")
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Same seed, same persons and same chance.")
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, max=4096, help="Processes to use. [default: LIENTHONG_JOBS, else all]"),
]
Scale = Annotated[
    float | None,
    typer.Option(
        help="Share of persons to simulate, above 0 and at most 1; counts are scaled back."
        " [default: what the scenario says]"
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Another value for one key; may be repeated."),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder to write to. [default: runs/SCENARIO]"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


class Resolution(StrEnum):
    """Which engine computes the persons."""

    population = "population"
    visits = "visits"


Detail = Annotated[
    Resolution,
    typer.Option(help="population: compiled, fast; visits: every visit a process, with queues."),
]


def parse_sets(sets: Sequence[str] | None) -> dict[str, str]:
    """`KEY=VALUE` texts as a dict; InputError for a text without `=` or a key given twice."""
    table: dict[str, str] = {}
    for item in sets or ():
        key, sign, value = item.partition("=")
        key, value = key.strip(), value.strip()
        if not sign or not key or not value:
            raise bad_input("--set", "", f"{item[:60]!r} is not key=value", _SET_EXAMPLE)
        if key in table:
            raise bad_input("--set", key, "is given twice", "Keep one of the two")
        table[key] = value
    return table


_SET_EXAMPLE = "Write for example --set look.pull=0.3"


def check_scale(scale: float | None) -> float | None:
    """A scale above 0 and at most 1; InputError otherwise (also for `nan` and `inf`)."""
    if scale is not None and not 0 < scale <= 1:
        raise bad_input(
            "--scale", "", f"{scale:g} is not a share of persons", "Use above 0, at most 1"
        )
    return scale

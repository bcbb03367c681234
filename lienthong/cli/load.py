"""`lienthong load`: FHIR files into a server."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lienthong.cli.exits import ExitCode
from lienthong.cli.options import AsJson, Debug, Quiet

if TYPE_CHECKING:
    from lienthong.load import Failure, Loaded

BRIEF = "Load FHIR files into a server, each content once."
EPILOG = "Example:  lienthong load exports/ --to http://localhost:8000/hospitals/99001/fhir"
TOLD: Final = 20  # failures of one file that are told; all are in the manifest

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Files (.json .ndjson .gz .bz2 .zip) or folders."),
]
To = Annotated[str, typer.Option("--to", metavar="URL", help="Base of the FHIR server.")]
ManifestFile = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        metavar="FILE",
        help="Where to remember what arrived. [default: .lienthong-load-*.jsonl beside the data]",
    ),
]
Again = Annotated[bool, typer.Option("--again", help="Send also what arrived before.")]


def load(
    paths: Paths,
    to: To,
    manifest: ManifestFile = None,
    again: Again = False,
    json_: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Load FHIR R4 JSON: transactions and batches as they are, other resources under their ids.

    Folders are read in name order. What arrived is remembered, so that the same command goes on
    after an interruption and sends nothing twice. A failure is named (file, entry or line,
    reason), the next file goes on, and the exit code is 1.
    """
    from lienthong import load as loading
    from lienthong.cli.progress import watching

    try:
        with watching("load", quiet=quiet) as tick:
            loaded = loading.load(
                paths, to, manifest=manifest, again=again, progress=tick, on_failure=_Told()
            )
    except loading.Unreachable as err:
        print(f"lienthong: {err}", file=sys.stderr)
        raise typer.Exit(ExitCode.FAILED) from None
    typer.echo(_json(loaded) if json_ else summary(loaded))
    if loaded.failed:
        raise typer.Exit(ExitCode.FAILED)


class _Told:
    """Failures on stderr, of each file the first ones."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, failure: Failure) -> None:
        self._seen[failure.file] += 1
        if self._seen[failure.file] <= TOLD:
            print(f"lienthong: {failure}", file=sys.stderr)
        elif self._seen[failure.file] == TOLD + 1:
            words = "more failures; the manifest holds them all"
            print(f"lienthong: {failure.file}: {words}", file=sys.stderr)


def summary(loaded: Loaded) -> str:
    """One line: how much, how fast, what was there already, what failed."""
    speed = loaded.resources / loaded.seconds if loaded.seconds else 0.0
    words = (
        f"{loaded.resources:,} resources of {loaded.files - loaded.unchanged} files loaded"
        f" in {loaded.seconds:.1f} s ({speed:,.0f} a second)"
    )
    if loaded.unchanged:
        words += f"; {loaded.unchanged} files had arrived before"
    if loaded.failed:
        words += f"; {loaded.failed:,} resources failed"
    return words


def _json(loaded: Loaded) -> str:
    import orjson

    return orjson.dumps(asdict(loaded), option=orjson.OPT_INDENT_2).decode()

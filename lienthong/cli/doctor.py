"""`lienthong doctor`: a broken set-up explained, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lienthong.cli.exits import ExitCode, bad_input
from lienthong.cli.options import AsJson, Debug

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lienthong.doctor.findings import Finding

BRIEF = "Explain a broken set-up: machine, folder, running network."
EPILOG = "Example:  lienthong doctor --data runs/live/pilots"
DEFAULT_URL = "http://127.0.0.1:8000"


def doctor(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder of a network. [default: every one below runs/live]"
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"A network that runs. [default: {DEFAULT_URL}]"),
    ] = None,
    json_: AsJson = False,
    debug: Debug = False,
) -> None:
    """Look at Python, libraries, disk, stores, audit trails and the network that runs.

    Every row is ok, a warning or broken, with what to do about it. Nothing is changed, and no
    person's data is shown. Exit 0: nothing is broken. Exit 1: something is.
    """
    from lienthong.doctor.findings import Level

    if url is not None and not url.startswith(("http://", "https://")):
        raise bad_input("--url", "", f"{url!r} is no address", f"Write e.g. {DEFAULT_URL}")
    if data is not None and not data.exists():
        raise bad_input("--data", "", f"{data}: no such folder", "Name the folder of a network")
    found: list[Finding] = []
    for finding in _look(data, url):
        found.append(finding)
        if not json_:
            _say(finding)
    if json_:
        _say_json(found)
    if any(finding.level is Level.broken for finding in found):
        raise typer.Exit(int(ExitCode.FAILED))


def _look(data: Path | None, url: str | None) -> Iterator[Finding]:
    """The machine first: what the rest is looked at with may be what is broken."""
    from lienthong.doctor import machine
    from lienthong.doctor.findings import Level

    yield machine.python()
    libraries = list(machine.libraries())
    yield from libraries
    if any(finding.level is Level.broken for finding in libraries):
        return
    import asyncio

    from lienthong.doctor import folder, running
    from lienthong.settings import load_settings

    below = load_settings().data_dir / "live"
    for one in [data] if data is not None else sorted(below.glob("*/")) or [below]:
        yield from machine.room(one)
        if (one / "stores").exists() or (one / "network.json").exists():
            yield from folder.network_folder(one)
    address = (url or DEFAULT_URL).rstrip("/")
    yield from asyncio.run(running.network(address, asked_for=url is not None))


def _say(finding: Finding) -> None:
    typer.echo(f"{finding.level:<8} {finding.what:<14} {finding.words}")
    if finding.remedy:
        typer.echo(f"{'':<8} {'':<14} {finding.remedy}.")


def _say_json(found: list[Finding]) -> None:
    from dataclasses import asdict

    import orjson

    rows = [asdict(finding) for finding in found]
    typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())

"""`lienthong up`: hospitals and coordinator of a scenario, live over FHIR, with their people."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lienthong.cli.exits import bad_input
from lienthong.cli.options import Debug, Jobs, Quiet, Seed, Sets, parse_sets

if TYPE_CHECKING:
    from lienthong.server import Running

BRIEF = "Start the hospitals and the coordination service of a scenario."
EPILOG = """Example:  lienthong up pilots --port 8000 --as-of 2025-11-15

Then:  curl http://127.0.0.1:8000/readyz   lienthong people"""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Auth(StrEnum):
    """Whether callers have to prove who they are."""

    on = "on"
    off = "off"


class Feed(StrEnum):
    """Who tells the record locator of new results."""

    auto = "auto"
    manual = "manual"


Named = Annotated[str, typer.Argument(help="A library name or a YAML file.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Data = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where stores are kept. [default: runs/live/SCENARIO]"),
]
Database = Annotated[
    str | None,
    typer.Option(metavar="URL", help="A database instead of files, one schema a node."),
]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="Care time, which stands until it is moved; `now` follows the wall."
        " [default: the last morning of the scenario]",
    ),
]
Persons = Annotated[
    int, typer.Option(min=0, max=1_000_000, help="People with results at two hospitals or more.")
]
Feeding = Annotated[
    Feed, typer.Option(help="manual: hospitals tell nobody of results by themselves.")
]
Deadline = Annotated[
    float, typer.Option(min=0.05, max=60, help="Seconds a hospital has to answer.")
]
Proof = Annotated[Auth | None, typer.Option(help="off on loopback; nothing else is built yet.")]
PublicUrl = Annotated[str | None, typer.Option(metavar="URL", help="The address that links show.")]
Open = Annotated[bool, typer.Option("--open", help="Open the address in a browser.")]


def up(
    scenario: Named = "pilots",
    port: Port = 8000,
    host: Host = "127.0.0.1",
    data: Data = None,
    database: Database = None,
    as_of: AsOf = None,
    persons: Persons = 2050,
    feed: Feeding = Feed.auto,
    deadline: Deadline = 3.0,
    auth: Proof = None,
    public_url: PublicUrl = None,
    open_: Open = False,
    seed: Seed = 1,
    sets: Sets = None,
    jobs: Jobs = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Start the network of a scenario: every hospital a FHIR endpoint, the coordinator between.

    The first start loads the scenario's people (progress on stderr and at /readyz); later ones go
    on where the last one stopped. Ctrl-C ends it; nothing that was accepted is lost.
    """
    _check(auth, host)
    from lienthong.live.plan import LivePlan, Place
    from lienthong.server import Running, Start
    from lienthong.settings import load_settings
    from scenarios.scenario import load_scenario

    settings = load_settings()
    live = LivePlan(load_scenario(scenario, parse_sets(sets)), seed)
    wall = as_of == "now"
    running = Running(
        Start(
            live=live,
            place=Place(data or settings.data_dir / "live" / live.scenario.name, database),
            host=host,
            port=port,
            public_url=public_url,
            as_of=live.moment(as_of) if as_of and not wall else None,
            wall=wall,
            persons=persons,
            publish=feed is Feed.auto,
            deadline=deadline,
            jobs=jobs or settings.jobs or 0,
        )
    )
    _serve(running, quiet, open_)


def _serve(running: Running, quiet: bool, open_: bool) -> None:
    import structlog

    from lienthong.cli.progress import watching

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with watching(running.start.live.scenario.name, quiet=quiet) as tick:
        running.progress = tick
        if not quiet:
            running.on_ready = lambda: _say(running)
        if open_:
            typer.launch(running.start.url)
        running.run()


def _say(running: Running) -> None:
    url, now = running.start.url, running.network.clock.now()
    typer.echo(f"ready: {url}  coordinator {url}/fhir  hospitals {url}/hospitals/CODE/fhir")
    typer.echo(f"care time {now.isoformat()}; people to try: lienthong people")
    typer.echo("Ctrl-C ends it")


def _check(auth: Auth | None, host: str) -> None:
    if auth is Auth.on:
        raise bad_input(
            "--auth",
            "",
            "authorisation is not built yet",
            "Leave it out: on loopback everybody on this machine is let in",
        )
    if host not in LOOPBACK:
        raise bad_input(
            "--host",
            "",
            f"{host} can be reached from other machines, and authorisation is not built yet",
            "Listen on 127.0.0.1",
        )

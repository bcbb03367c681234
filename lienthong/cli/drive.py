"""`lienthong drive`: persons of a scenario replayed over HTTP, compared verdict by verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lienthong.cli.exits import ExitCode
from lienthong.cli.options import AsJson, Debug, Quiet, Seed, Sets, parse_sets

if TYPE_CHECKING:
    from lienthong.drive.run import Driven

BRIEF = "Replay persons of a scenario against a running network, verdict by verdict."
EPILOG = """Example:  lienthong drive drive-coverage --url http://127.0.0.1:8000 --visits 200

Before:  lienthong up drive-coverage --as-of 2024-06-04 --persons 0 --feed manual --deadline 0.5"""


def drive(
    scenario: Annotated[str, typer.Argument(help="A library name or a YAML file.")],
    url: Annotated[str, typer.Option(help="The network, as `lienthong up` printed it.")],
    visits: Annotated[int, typer.Option(min=1, help="Replay at least so many visits.")] = 2000,
    elsewhere: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Order lines with an earlier result elsewhere. [default: half of the visits]",
        ),
    ] = None,
    each: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of every verdict and reason at least so many. [default: visits / 100]"
        ),
    ] = None,
    look_at: Annotated[int, typer.Option(min=1, help="Persons to choose from.")] = 3000,
    seed: Seed = 1,
    sets: Sets = None,
    json_: AsJson = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Replay persons of a scenario over HTTP: the live service must decide as the simulation did.

    Exit 0: every order line is equal. Exit 1: the first ten differences with both sets of facts.
    """
    import httpx2

    from lienthong.cli.progress import watching
    from lienthong.drive.choose import Wanted
    from lienthong.drive.run import drive as replay
    from lienthong.drive.wire import WireError
    from lienthong.live.plan import LivePlan
    from scenarios.scenario import load_scenario

    live = LivePlan(load_scenario(scenario, parse_sets(sets)), seed)
    wanted = Wanted(
        visits,
        visits // 2 if elsewhere is None else elsewhere,
        visits // 100 if each is None else each,
        look_at,
    )
    with (
        watching(live.scenario.name, quiet=quiet) as tick,
        httpx2.Client(base_url=url, timeout=60.0) as http,
    ):
        try:
            done = replay(live, http, wanted, progress=tick)
        except (WireError, httpx2.HTTPError) as error:
            typer.echo(f"lienthong: the replay ended: {error}", err=True)
            raise typer.Exit(int(ExitCode.FAILED)) from None
    typer.echo(_json(done) if json_ else _text(done))
    if not done.equal:
        raise typer.Exit(int(ExitCode.FAILED))


def _text(done: Driven) -> str:
    from lienthong.drive.compare import SHOWN

    found, chosen = done.verdicts, done.chosen
    rows = [
        f"{len(chosen.stories)} persons, {chosen.visits} visits, {found.lines} order lines"
        f" ({chosen.elsewhere} with an earlier result elsewhere)",
        f"{done.events} events, {done.requests} requests, {done.seconds:.0f} s"
        f" ({chosen.visits / max(done.seconds, 1e-9):.1f} visits a second)",
        f"decided by the service {found.decided}, enacted without a decision {found.enacted}",
        f"results of other persons looked at and not linked {found.strangers}",
        "",
        "verdict or reason                order lines",
        *(f"{name:32} {count:11}" for name, count in sorted(found.codes.items())),
        "",
        f"fewer than {done.each}: "
        + (", ".join(f"{name} {count}" for name, count in done.rare.items()) or "none"),
        "not in the model (known people show them): " + ", ".join(done.never),
        "",
    ]
    if done.equal:
        return "\n".join([*rows, f"equal: {found.lines} of {found.lines} order lines"])
    lines = len({difference.order for difference in found.differences})
    rows.append(f"NOT EQUAL: {lines} of {found.lines} order lines differ; the first {SHOWN}:")
    for difference in found.differences[:SHOWN]:
        rows += _difference(difference)
    return "\n".join(rows)


def _difference(difference: Any) -> list[str]:
    rows = [
        f"  {difference.order}  {difference.what}",
        f"    simulation  {difference.expected}",
        f"    service     {difference.found}",
    ]
    if difference.facts_expected is not None or difference.facts_found is not None:
        rows.append(f"    facts of the simulation  {difference.facts_expected}")
        rows.append(f"    facts of the service     {difference.facts_found}")
    return rows


def _json(done: Driven) -> str:
    import dataclasses

    import orjson

    content = {
        "equal": done.equal,
        "persons": len(done.chosen.stories),
        "visits": done.chosen.visits,
        "order_lines": done.verdicts.lines,
        "elsewhere": done.chosen.elsewhere,
        "decided": done.verdicts.decided,
        "enacted": done.verdicts.enacted,
        "requests": done.requests,
        "seconds": round(done.seconds, 1),
        "codes": dict(sorted(done.verdicts.codes.items())),
        "rare": done.rare,
        "not_in_the_model": done.never,
        "left_out": done.chosen.left_out,
        "differences": [dataclasses.asdict(d) for d in done.verdicts.differences[:10]],
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2, default=str).decode()

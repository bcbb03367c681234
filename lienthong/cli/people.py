"""`lienthong people`: the test persons that every live network holds, and the calls they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lienthong.cli.exits import bad_input
from lienthong.cli.options import AsJson, Debug

if TYPE_CHECKING:
    import datetime as dt

    from lienthong.live.plan import LivePlan

BRIEF = "List the known people, each with a story and ready curl lines."
EPILOG = """Example:  lienthong people

Then:  lienthong people kp-01 | curl -s -d @- http://127.0.0.1:8000/cds-services/vn-result-reuse"""
WIDTH = 92
SCENARIO = "pilots"
URL = "http://127.0.0.1:8000"

Key = Annotated[
    str | None,
    typer.Argument(metavar="KEY", help="One person, e.g. kp-01: print the call of their order."),
]


def people(
    key: Key = None,
    scenario: Annotated[
        str, typer.Option(help="Whose network: a library name or file.")
    ] = SCENARIO,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="DATE",
            help="The moment with which `lienthong up` was started."
            " [default: the last morning of the scenario]",
        ),
    ] = None,
    url: Annotated[str, typer.Option(metavar="URL", help="Where the network listens.")] = URL,
    json_: AsJson = False,
    debug: Debug = False,
) -> None:
    """List 24 test persons who are the same in every network: story, hospitals, verdict, curl.

    With KEY: the CDS Hooks call of the order that is being written for this person, as JSON for
    `curl -d @-`; the answer is the card that the ordering doctor sees.
    """
    from lienthong.live.plan import LivePlan
    from scenarios.scenario import load_scenario

    if not url.startswith(("http://", "https://")):
        raise bad_input("--url", "", f"{url!r} is no address", "Write e.g. http://127.0.0.1:8000")
    live = LivePlan(load_scenario(scenario), 1)
    moment = live.moment(as_of) if as_of else live.last_morning
    if key is not None:
        typer.echo(_call(key, live, moment, url))
        return
    _list(live, moment, url.rstrip("/"), _options(scenario, as_of, url), json_)


def _call(key: str, live: LivePlan, moment: dt.datetime, url: str) -> str:
    from fhir_profiles.json_text import dump
    from scenarios.charts.known_casting import NoSuchFacility
    from scenarios.charts.known_people import draft_call
    from scenarios.charts.known_stories import known_person

    person = known_person(key)
    try:
        call = draft_call(person, live.plan, moment, url)
    except NoSuchFacility as error:
        remedy = "Take another --scenario or --as-of"
        raise bad_input("KEY", "", str(error), remedy) from None
    if call is None:
        remedy = "`lienthong people` says where their transfer slip is"
        raise bad_input("KEY", "", f"{person.key} has no order", remedy)
    return dump(call).decode()


def _options(scenario: str, as_of: str | None, url: str) -> str:
    """What else the command that prints a call must say."""
    import shlex

    said = [("--scenario", scenario, SCENARIO), ("--as-of", as_of, None), ("--url", url, URL)]
    return "".join(
        f" {name} {shlex.quote(value)}"
        for name, value, default in said
        if value is not None and value != default
    )


def _list(live: LivePlan, moment: dt.datetime, url: str, options: str, as_json: bool) -> None:
    from lienthong.known_people_page import told
    from scenarios.charts.known_casting import NoSuchFacility
    from scenarios.charts.known_stories import known_people

    rows, missing = [], []
    for person in known_people():
        try:
            rows.append(told(person, live, moment, url, options))
        except NoSuchFacility as error:
            missing.append(str(error))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for row in rows:
        typer.echo("\n".join(_lines(row)) + "\n")
    for words in missing:
        typer.echo(f"Left out: {words}.")


def _lines(row: Mapping[str, Any]) -> list[str]:
    """One person as people read it."""
    import textwrap

    name = f"{row['name']}, born {row['birth']}"
    lines = [row["key"], f"  {row['title_vi']} | {row['title_en']}", f"  {name}"]
    lines.append(textwrap.indent(textwrap.fill(row["story"], WIDTH - 4), "    "))
    for entry in row["registrations"]:
        numbers = ", ".join(entry["numbers"]) or "no number"
        lines.append(f"  {entry['part']:<8} {entry['hospital']} {entry['hospital_name']}")
        lines.append(f"           Patient/{entry['patient']}  {numbers}")
    if row["verdict"] is not None:
        reasons = ", ".join(row["reasons"]) or "nobody looks at it"
        lines.append(f"  verdict  {row['verdict']} ({reasons})")
    return [*lines, *(f"  {line}" for line in row["curl"])]

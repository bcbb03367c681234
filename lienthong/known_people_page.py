"""docs/reference/known-people.md, written from the stories; and what `lienthong people` prints.

python -m lienthong.known_people_page > docs/reference/known-people.md
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from coordinator.rules.decision import WORDS, Verdict
from coordinator.services.facts_from_fhir import identifiers, record_number
from lienthong.live.plan import LivePlan
from scenarios.charts.known_people import chart_of, scene_of
from scenarios.charts.known_stories import Expected, KnownPerson, known_people
from scenarios.scenario import load_scenario

URL: Final = "http://127.0.0.1:8000"
SERVICE: Final = "/cds-services/vn-result-reuse"
HEAD: Final = """# Known people

*This page is written by `python -m lienthong.known_people_page`; a test compares it with the
stories.*

{count} test persons who are the same under every seed and scenario: names, numbers and stories do
not change, only the days move with the moment at which a network is started. One person, one story.
They are in every live network; facilities that a network lacks are replaced by others that play the
same part, and a story that it cannot hold is left out. All of them are made up: their CCCD begin
with 999, which belongs to no place.

`lienthong people` prints them with ready `curl` lines, `lienthong people KEY` the call of an order:

<!-- not run: needs the network that `lienthong up` starts -->
```console
lienthong people kp-01 | curl -s -d @- {url}{service}
```

Below: the scenario `{scenario}` on {day}. *Verdict* is what the coordinator decides about the
order, in brackets why for the first result of the story ([rulebook](rulebook.md)); the decision log
(`GET /admin/decisions`) has both. Under the two drafts of the regulation only {drafts} differs.
"""


@dataclass(frozen=True)
class Shown:
    """One registration of a story: where, under which record number, with which numbers."""

    part: str
    facility: str
    name: str
    patient: str
    numbers: tuple[str, ...]


def shown(person: KnownPerson, live: LivePlan, as_of: dt.datetime) -> list[Shown]:
    """The registrations of a story in the order in which they are told. NoSuchFacility."""
    scene = scene_of(person, live.plan, as_of)
    held = chart_of(person, live.plan, as_of).hospitals
    return [
        Shown(
            part,
            facility.code,
            facility.names.at(as_of.date()),
            patient["id"],
            _numbers(patient),
        )
        for part, facility in scene.cast.items()
        for patient in held[facility.code]
        if patient["resourceType"] == "Patient"
    ]


def _numbers(patient: dict[str, Any]) -> tuple[str, ...]:
    own = record_number(patient)
    return tuple(
        f"{system.rpartition('/')[2].upper()} {value}"
        for system, value in identifiers(patient)
        if f"{system}|{value}" != own
    )


def told(
    person: KnownPerson, live: LivePlan, as_of: dt.datetime, url: str, options: str = ""
) -> dict[str, Any]:
    """A story as plain values; `options` belong to the command that prints its call.

    NoSuchFacility: the network cannot hold it.
    """
    registrations = shown(person, live, as_of)
    expected = person.expected(live.policies.at(as_of.date()).recognition_rule)
    first = registrations[0]
    base = f"{url}/hospitals/{first.facility}/fhir"
    lines = [f"curl -s {base}/Patient/{first.patient}"]
    if person.order is not None:
        lines.append(f"lienthong people {person.key}{options} | curl -s -d @- {url}{SERVICE}")
    if person.slip is not None:
        lines.append(f"curl -s '{base}/Task?patient=Patient/{first.patient}'")
    return {
        "key": person.key,
        "title_vi": person.title_vi,
        "title_en": person.title_en,
        "story": " ".join(person.story.split()),
        "name": person.name,
        "birth": str(person.birth),
        "registrations": [
            {
                "part": r.part,
                "hospital": r.facility,
                "hospital_name": r.name,
                "patient": r.patient,
                "numbers": list(r.numbers),
            }
            for r in registrations
        ],
        "verdict": None if expected is None else expected.code,
        "reasons": None if expected is None else expected.reasons,
        "curl": lines,
    }


def page() -> str:
    """The whole page, at the moment at which `lienthong up` starts by default."""
    live = LivePlan(load_scenario("pilots"), 1)
    as_of = live.last_morning
    drafts = [f"`{p.key}`" for p in known_people() if p.under_drafts is not None]
    head = HEAD.format(
        count=len(known_people()),
        url=URL,
        service=SERVICE,
        scenario=live.scenario.name,
        day=f"{as_of:%d %B %Y}",
        drafts=", ".join(drafts),
    )
    parts = [_section(person, live, as_of) for person in known_people()]
    return "\n".join([head, *_overview(), *parts])


def _overview() -> Iterator[str]:
    yield "| key | story | verdict |"
    yield "|---|---|---|"
    for person in known_people():
        link = f"[`{person.key}`](#{person.key})"
        yield f"| {link} | {person.title_en} | {_verdict(person.verdict)} |"
    yield ""


def _verdict(expected: Expected | None) -> str:
    if expected is None:
        return "no order"
    return f"{expected.code} ({', '.join(expected.reasons) or 'nobody looks at it'})"


def _section(person: KnownPerson, live: LivePlan, as_of: dt.datetime) -> str:
    rows = "\n".join(
        f"| {r.part} | {r.facility} {r.name} | `{r.patient}` | {', '.join(r.numbers) or 'none'} |"
        for r in shown(person, live, as_of)
    )
    lines = [
        f"## {person.key}",
        "",
        f"**{person.title_vi}** — {person.name}, {person.sex}, born {person.birth}.",
        " ".join(person.story.split()),
        "",
        "| part | hospital | Patient | numbers |",
        "|---|---|---|---|",
        rows,
        "",
        f"Verdict: {_verdict(person.verdict)}.",
    ]
    if person.verdict is not None:
        words = WORDS[Verdict[person.verdict.code]]
        lines[-1] += f" {words.en}."
    if person.under_drafts is not None:
        lines.append(f"Under the drafts: {_verdict(person.under_drafts)}.")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(page(), end="")

"""A replay from end to end: check both sides, choose persons, play them, compare the log."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from coordinator.rules.decision import Verdict
from lienthong.drive.choose import PRODUCIBLE, Chosen, Wanted, choose
from lienthong.drive.compare import Verdicts, compare, truth
from lienthong.drive.events import events
from lienthong.drive.wire import Tamper, Wire, WireError
from lienthong.live.plan import LivePlan
from lienthong.live.seeding import Stage, Tick
from vietnam.datafiles import InputError

PAGE: Final = 2000
LOGS: Final = ("decisions", "feedback")
FIRST_MORNING: Final = 9 * 60  # minute at which `--as-of DATE` puts the clock


@dataclass(frozen=True)
class Driven:
    """What a replay did and found."""

    chosen: Chosen
    verdicts: Verdicts
    events: int
    requests: int
    seconds: float
    each: int

    @property
    def equal(self) -> bool:
        return self.verdicts.equal

    @property
    def rare(self) -> dict[str, int]:
        """Codes seen less often than asked for, with their counts."""
        codes = self.verdicts.codes
        return {c.name: codes[c.name] for c in sorted(PRODUCIBLE) if codes[c.name] < self.each}

    @property
    def never(self) -> list[str]:
        """Codes that no facts of the model lead to: stories of known people show them."""
        return [c.name for c in Verdict if c not in PRODUCIBLE and not self.verdicts.codes[c.name]]


def drive(
    live: LivePlan,
    http: httpx2.Client,
    wanted: Wanted,
    *,
    tamper: Tamper | None = None,
    progress: Tick | None = None,
) -> Driven:
    """Replays persons against the network behind `http` and compares verdict by verdict.

    InputError: the network was not started for this (another scenario or seed, a clock that has
    gone too far). WireError: it refused something that a hospital's software may send.
    """
    tick = progress or (lambda stage: None)
    check(live, provenance(http))
    chosen = choose(
        live.book, wanted, lambda done, total: tick(Stage("choosing persons", done, total))
    )
    tick(Stage("choosing persons", wanted.look_at, wanted.look_at))
    plan = events(live.book, chosen.stories)
    before = {kind: _last(http, kind) for kind in LOGS}
    wire, started = Wire(live.book, http, tamper), time.monotonic()
    for i, event in enumerate(plan, start=1):
        wire.play(event)
        if i % 50 == 0 or i == len(plan):
            tick(Stage("events", i, len(plan)))
    seconds = time.monotonic() - started
    log = rows_of(http, "decisions", before["decisions"])
    key = truth(live.book, chosen.stories)
    verdicts = compare(chosen.stories, log, wire.refused, live.policies.version, key)
    verdicts.add_uncarded(wire.uncarded)
    verdicts.add_feedback(wire.said, rows_of(http, "feedback", before["feedback"]))
    verdicts.codes.update({code.name: count for code, count in wire.behaviour.items()})
    return Driven(chosen, verdicts, len(plan), wire.requests, seconds, wanted.each)


def provenance(http: httpx2.Client) -> Mapping[str, Any]:
    """What the network says it was made from."""
    address = str(http.base_url)
    try:
        answer = http.get("/admin/provenance")
    except httpx2.HTTPError as error:
        problem = f"nobody answers ({type(error).__name__})"
        raise InputError(address, None, "--url", problem, "Start it with `lienthong up`") from None
    if answer.status_code != 200:
        problem = f"this is no network of lienthong ({answer.status_code})"
        raise InputError(address, None, "--url", problem, "Name the address that `up` printed")
    found: Mapping[str, Any] = answer.json()
    return found


def check(live: LivePlan, found: Mapping[str, Any]) -> None:
    """The network must be of this scenario and seed, its clock before everything that is played."""
    start = f"lienthong up {live.scenario.name} --seed {live.seed} --as-of {live.plan.start}"
    remedy = f"Start it anew: {start} --persons 0 --feed manual --deadline 0.5 --data DIR"
    for key, mine in (("hash", live.hash), ("seed", live.seed)):
        if found.get(key) != mine:
            problem = f"the network has {key} {found.get(key)!r}, this scenario has {mine!r}"
            raise InputError("--url", None, key, problem, remedy)
    if not found.get("stepped") or found.get("publish"):
        problem = "its clock follows the wall, or its hospitals publish by themselves"
        raise InputError("--url", None, "", problem, remedy)
    now = dt.datetime.fromisoformat(str(found["now"]))
    if live.timeline.minute(now) > FIRST_MORNING:
        problem = f"its clock stands at {now:%Y-%m-%d %H:%M}, after the first visits"
        raise InputError("--url", None, "clock", problem, remedy)


def rows_of(http: httpx2.Client, kind: str, after: int) -> Iterator[Mapping[str, Any]]:
    """The decision log, or what was said of cards, from a row on, page by page."""
    while True:
        answer = http.get(f"/admin/{kind}", params={"after": after, "limit": PAGE})
        if answer.status_code != 200:
            raise WireError(f"GET /admin/{kind}: {answer.status_code} {answer.text[:300]}")
        rows: Sequence[Mapping[str, Any]] = answer.json()["rows"]
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["seq"]


def _last(http: httpx2.Client, kind: str) -> int:
    """The newest row of a log before a replay begins."""
    return max((row["seq"] for row in rows_of(http, kind, 0)), default=0)

"""A network that runs, asked over HTTP: is it ready, who answers and how fast, what is set."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from lienthong.doctor.findings import Finding, broken, ok, warning
from lienthong.wiring import VERSION

DEADLINE: Final = 3.0  # seconds of machine time; a node that is silent on purpose takes them all
AT_ONCE: Final = 2  # more would measure the queue
SLOW: Final = 2.0  # seconds; the first request to a hospital opens it


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request: seconds, or what is wrong."""

    seconds: float
    problem: str = ""
    body: Any = None


async def network(url: str, *, asked_for: bool) -> list[Finding]:
    """`asked_for`: the address was given, so somebody has to answer there."""
    async with httpx2.AsyncClient(base_url=url, timeout=DEADLINE) as http:
        health = await _get(http, "/healthz")
        if health.problem == "nobody listens":
            return [_nobody(url, asked_for)]
        if health.problem or not isinstance(health.body, Mapping) or "version" not in health.body:
            words = f"something else answers at {url} ({health.problem or 'no network of ours'})"
            return [broken("network", words, "End it, or choose another --port and --url")]
        ready = await _get(http, "/readyz")
        if ready.problem and isinstance(ready.body, Mapping):
            words = f"{url} is not ready: {ready.body.get('problem', ready.problem)}"
            return [warning("network", words, "Wait; /readyz tells how far it is")]
        found = [ok("network", f"{url} is ready ({_ms(ready.seconds)})")]
        if health.body["version"] != VERSION:
            words = f"it is version {health.body['version']}, this is {VERSION}"
            found.append(warning("version", words, "Start it again with this version"))
        return [*found, *await _clock(http), *await _nodes(http)]


def _nobody(url: str, asked_for: bool) -> Finding:
    words = f"nobody listens at {url}"
    if asked_for:
        return broken("network", words, "Start it: lienthong up")
    return ok("network", f"{words}; `lienthong up` can have the port")


async def _clock(http: httpx2.AsyncClient) -> list[Finding]:
    heard = await _get(http, "/admin/clock")
    if heard.problem:
        return [broken("clock", heard.problem, "Look at what the network printed")]
    how = "stands until it is moved" if heard.body["stepped"] else "follows the wall"
    return [ok("clock", f"care time {heard.body['now']}, {how}")]


# ---- who answers ---------------------------------------------------------------------------------
async def _nodes(http: httpx2.AsyncClient) -> list[Finding]:
    """The coordination service and every hospital; a fault that was set explains a silence."""
    faults = (await _get(http, "/admin/faults")).body or {}
    states: Mapping[str, str] = faults.get("faults", {})
    index = await _get(http, "/")
    if index.problem:
        return [broken("network", index.problem, "Look at what the network printed")]
    codes = sorted(index.body["hospitals"])
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(path: str) -> Heard:
        async with gate:
            return await _get(http, path)

    service, *heard = await asyncio.gather(
        ask("/fhir/metadata"), *(ask(f"/hospitals/{code}/fhir/metadata") for code in codes)
    )
    found = [_coordinator(service, states)]
    found += _hospitals(dict(zip(codes, heard, strict=True)), states)
    for node, state in sorted(states.items()):
        words = f"{node} is {state} because somebody set it"
        found.append(
            warning("fault", words, f'POST /admin/faults {{"node": "{node}", "state": "ok"}}')
        )
    return found


def _coordinator(heard: Heard, states: Mapping[str, str]) -> Finding:
    if not heard.problem:
        return ok("coordinator", f"answers in {_ms(heard.seconds)}")
    if "coordinator" in states:
        return warning("coordinator", f"does not answer: {heard.problem}", "See the fault below")
    return broken("coordinator", f"does not answer: {heard.problem}", "Look at what it printed")


def _hospitals(heard: Mapping[str, Heard], states: Mapping[str, str]) -> list[Finding]:
    well = {code: one for code, one in heard.items() if not one.problem}
    found = [ok("hospitals", _times(well, len(heard)))]
    for code, one in heard.items():
        if one.problem and code in states:
            words = f"does not answer: {one.problem}"
            found.append(warning(f"hospital {code}", words, "See the fault below"))
        elif one.problem:
            words = f"does not answer: {one.problem}"
            remedy = "lienthong doctor --data DIR looks at its store; the network's log says more"
            found.append(broken(f"hospital {code}", words, remedy))
        elif one.seconds > SLOW:
            words = f"took {_ms(one.seconds)}"
            found.append(warning(f"hospital {code}", words, "See what else this machine does"))
    return found


def _times(well: Mapping[str, Heard], of: int) -> str:
    if not well:
        return f"0 of {of} answer"
    median = statistics.median(one.seconds for one in well.values())
    slowest = max(well, key=lambda code: well[code].seconds)
    return (
        f"{len(well)} of {of} answer, in {_ms(median)} (median), the slowest, {slowest}, in"
        f" {_ms(well[slowest].seconds)}"
    )


async def _get(http: httpx2.AsyncClient, path: str) -> Heard:
    begun = time.monotonic()
    try:
        answer = await http.get(path)
    except httpx2.ConnectError:
        return Heard(time.monotonic() - begun, "nobody listens")
    except httpx2.TimeoutException:
        return Heard(time.monotonic() - begun, f"silent for {DEADLINE:g} s")
    except httpx2.HTTPError as error:
        return Heard(time.monotonic() - begun, f"no HTTP ({type(error).__name__})")
    took = time.monotonic() - begun
    try:
        body = answer.json()
    except ValueError:
        return Heard(took, f"HTTP {answer.status_code}, no JSON")
    problem = "" if answer.is_success else f"HTTP {answer.status_code}"
    return Heard(took, problem, body)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"

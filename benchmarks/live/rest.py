"""Read, search, create and transaction over HTTP beside their floors; the loop's lag."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.live import resources
from benchmarks.live.figures import Figure, Row, Say, measure, plain
from benchmarks.live.floors import floor, make_file
from benchmarks.live.generator import Generator, Load, Sample, request
from benchmarks.live.node import cells_of, copy, fill, node
from benchmarks.live.processes import Served

READ_FLOOR: Final = "floor: route + SELECT"
LOGGED_FLOOR: Final = "floor: route + SELECT + appended row"
CREATE_FLOOR: Final = "floor: parse + INSERT with index rows"
SLOW: Final = (
    "/fhir/Observation?subject:Patient.name:contains=s&_sort=-date&_count=1000&_total=accurate"
)
DIFFERENT: Final = 2000  # bodies and addresses that a load goes through in turn


@dataclass(frozen=True)
class Setting:
    """What all loads of a run share. `patients` is made smaller by tests."""

    seconds: float
    rounds: int
    patients: int


@dataclass(frozen=True)
class Servers:
    """The floor and our server without and with an audit trail, over the same bytes."""

    floor: Served
    quiet: Served
    audited: Served


def started(stack: ExitStack, scratch: Path, patients: int) -> Servers:
    """All of them, loaded and running until the stack ends."""
    stored = fill(scratch / "quiet", resources.everything(patients))
    copy(scratch / "quiet", scratch / "audited")
    make_file(scratch / "floor.db", stored)
    cells = cells_of(resources.observation("p-0", 0))
    return Servers(
        stack.enter_context(Served(floor, str(scratch / "floor.db"), cells)),
        stack.enter_context(Served(node, str(scratch / "quiet"), False)),
        stack.enter_context(Served(node, str(scratch / "audited"), True)),
    )


def run(
    names: Collection[str], setting: Setting, scratch: Path, generator: Generator, say: Say
) -> dict[str, list[Figure]]:
    """The figures of each benchmark that was asked for."""
    found: dict[str, list[Figure]] = {}
    with ExitStack() as stack:
        servers = started(stack, scratch, setting.patients)
        rows = [row for make in MAKERS if make in names for row in MAKERS[make](servers, setting)]
        if rows:
            unique = list({row.name: row for row in rows}.values())
            say(f"{len(unique)} rows, {setting.rounds} rounds of {setting.seconds:g} s each")
            warm(unique, generator)
            found["rest"] = measure(unique, generator, setting.rounds, say)
        if "lag" in names:
            found["lag"] = lag(servers.quiet, setting, generator, say)
    return found


def warm(rows: list[Row], generator: Generator) -> None:
    """Each row for a moment, not counted: statements are compiled, caches filled."""
    for row in rows:
        load = row.load
        generator.play(Load(load.address, load.requests, 0.5, 2, load.expected))


# ---- rows ----------------------------------------------------------------------------------------


def _addresses(patients: int) -> Iterator[str]:
    """Results in an order that jumps through the store."""
    total = patients * 20
    for number in range(min(total, DIFFERENT)):
        at = number * 7919 % total
        yield f"Observation/p-{at // 20}-{at % 20}"


def reads(servers: Servers, setting: Setting) -> list[Row]:
    def load(server: Served, base: str) -> Load:
        paths = [f"{base}/{path}" for path in _addresses(setting.patients)]
        return Load(server.address, [request("GET", path) for path in paths], setting.seconds)

    return [
        Row(READ_FLOOR, load(servers.floor, "/fhir"), servers.floor),
        Row(LOGGED_FLOOR, load(servers.floor, "/logged"), servers.floor, READ_FLOOR),
        Row("read by id", load(servers.quiet, "/fhir"), servers.quiet, READ_FLOOR),
        Row("read by id, audited", load(servers.audited, "/fhir"), servers.audited, LOGGED_FLOOR),
    ]


def searches(servers: Servers, setting: Setting) -> list[Row]:
    code = f"{resources.systems.LOINC}|{resources.CODES[0][0]}"
    requests = [
        request(
            "GET",
            f"/fhir/Observation?patient=Patient/p-{n * 7 % setting.patients}&code={code}&_count=10",
        )
        for n in range(min(setting.patients, DIFFERENT))
    ]

    def load(server: Served) -> Load:
        return Load(server.address, requests, setting.seconds)

    name = "search by patient and code"
    return [
        reads(servers, setting)[0],
        Row(name, load(servers.quiet), servers.quiet, READ_FLOOR),
        Row(f"{name}, audited", load(servers.audited), servers.audited, READ_FLOOR),
    ]


def creates(servers: Servers, setting: Setting) -> list[Row]:
    bodies = [resources.new_observation(n) for n in range(DIFFERENT)]
    requests = [request("POST", "/fhir/Observation", body) for body in bodies]

    def load(server: Served) -> Load:
        return Load(server.address, requests, setting.seconds, expected=(201,))

    return [
        Row(CREATE_FLOOR, load(servers.floor), servers.floor),
        Row("create", load(servers.quiet), servers.quiet, CREATE_FLOOR),
        Row("create, audited", load(servers.audited), servers.audited, CREATE_FLOOR),
    ]


def transactions(servers: Servers, setting: Setting) -> list[Row]:
    bodies = [resources.new_transaction(n) for n in range(DIFFERENT)]
    requests = [request("POST", "/fhir", body) for body in bodies]

    def load(server: Served) -> Load:
        return Load(server.address, requests, setting.seconds)

    name = "transaction of 4"
    return [
        creates(servers, setting)[0],
        Row(name, load(servers.quiet), servers.quiet, CREATE_FLOOR),
        Row(f"{name}, audited", load(servers.audited), servers.audited, CREATE_FLOOR),
    ]


MAKERS: Final = {
    "read": reads,
    "search": searches,
    "create": creates,
    "transaction": transactions,
}


# ---- lag -----------------------------------------------------------------------------------------


def lag(server: Served, setting: Setting, generator: Generator, say: Say) -> list[Figure]:
    """Reads alone, then beside one slow search after the other, while a timer watches the loop."""
    row = reads(Servers(server, server, server), setting)[2]
    slow = Load(server.address, [request("GET", SLOW)], setting.seconds, 1)
    beside: dict[str, list[tuple[Sample, list[float]]]] = {"alone": [], "beside a slow search": []}
    searched: list[Sample] = []
    for number in range(1, setting.rounds + 1):
        say(f"round {number} of {setting.rounds}: lag of the loop")
        for case, samples in beside.items():
            server.lags()
            loads = [row.load] if case == "alone" else [row.load, slow]
            sample, *others = generator.play(*loads)
            samples.append((sample, sorted(server.lags())))
            searched += others
    found = [
        plain("slow search: 1,000 of all", "ms", [s.quantile(0.5) for s in searched]),
    ]
    for case, samples in beside.items():
        found.append(_reads_figure(case, [sample for sample, _ in samples]))
        found.append(_lag_figure(case, [lags for _, lags in samples]))
    found[-2]["ratio"] = round(found[-2]["median"] / found[1]["median"], 3)
    return found


def _reads_figure(case: str, samples: list[Sample]) -> Figure:
    return plain(
        f"reads {case}",
        "requests/s",
        [sample.rate for sample in samples],
        p50_ms=round(median(sample.quantile(0.5) for sample in samples), 2),
        p99_ms=round(median(sample.quantile(0.99) for sample in samples), 2),
    )


def _lag_figure(case: str, lags: list[list[float]]) -> Figure:
    """Milliseconds that a timer of 1 ms came late: median and p99 over rounds, worst of all."""
    return plain(
        f"loop lag {case} (worst: slowest)",
        "ms",
        [each[-1] for each in lags],
        p50_ms=round(median(each[len(each) // 2] for each in lags), 2),
        p99_ms=round(median(each[round(0.99 * (len(each) - 1))] for each in lags), 2),
    )

"""Read, search, create and transaction over HTTP beside their floors; the loop's lag."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.live import peer, resources
from benchmarks.live.databases import Database
from benchmarks.live.figures import Figure, Row, Say, measure, plain
from benchmarks.live.generator import Generator, Load, Sample, request
from benchmarks.live.node import cells_of, fill, node, stored
from benchmarks.live.processes import Served
from benchmarks.live.tokens import TOKEN

READ_FLOOR: Final = "floor: route + SELECT"
LOGGED_FLOOR: Final = "floor: route + token + SELECT + appended row"
CREATE_FLOOR: Final = "floor: parse + INSERT with index rows"
AUDITED: Final = ", token and audit"
READ: Final = "read by id"
SEARCH: Final = "search by patient and code"
CREATE: Final = "create"
TRANSACTION: Final = "transaction of 4"
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
    peer: Path | None = None  # virtual environment of the other server


@dataclass(frozen=True)
class Servers:
    """The floor and our server without and with token and audit trail, over the same bytes."""

    floor: Served
    quiet: Served
    audited: Served


def started(stack: ExitStack, database: Database, patients: int) -> Servers:
    """All of them, loaded and running until the stack ends."""
    place = database.place("quiet")
    fill(place, resources.everything(patients))
    again = database.copied("quiet", "audited")
    if again is None:
        fill(again := database.place("audited"), resources.everything(patients))
    cells = cells_of(resources.observation("p-0", 0))
    return Servers(
        stack.enter_context(database.floor(stored(place), cells)),
        stack.enter_context(Served(node, *place, False)),
        stack.enter_context(Served(node, *again, True)),
    )


def run(
    names: Collection[str],
    setting: Setting,
    database: Database,
    scratch: Path,
    generator: Generator,
    say: Say,
) -> dict[str, list[Figure]]:
    """The figures of each benchmark that was asked for."""
    found: dict[str, list[Figure]] = {}
    with ExitStack() as stack:
        servers = started(stack, database, setting.patients)
        rows = [row for make in MAKERS if make in names for row in MAKERS[make](servers, setting)]
        if "peer" in names:
            rows += against_peer(servers, setting, stack, scratch, found, say)
        if rows:
            unique = list({row.name: row for row in rows}.values())
            say(f"{len(unique)} rows, {setting.rounds} rounds of {setting.seconds:g} s each")
            warm(unique, generator)
            found["rest"], both = peer.compared(measure(unique, generator, setting.rounds, say))
            if both:
                found["peer"] = both
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
    def load(server: Served, base: str, token: str = "") -> Load:
        paths = [f"{base}/{path}" for path in _addresses(setting.patients)]
        requests = [request("GET", path, token=token) for path in paths]
        return Load(server.address, requests, setting.seconds)

    logged, audited = (load(servers.floor, "/logged", TOKEN), load(servers.audited, "/fhir", TOKEN))
    return [
        Row(READ_FLOOR, load(servers.floor, "/fhir"), servers.floor),
        Row(LOGGED_FLOOR, logged, servers.floor, READ_FLOOR),
        Row(READ, load(servers.quiet, "/fhir"), servers.quiet, READ_FLOOR),
        Row(READ + AUDITED, audited, servers.audited, LOGGED_FLOOR),
    ]


def searches(servers: Servers, setting: Setting) -> list[Row]:
    code = f"{resources.systems.LOINC}|{resources.CODES[0][0]}"
    paths = [
        f"/fhir/Observation?patient=Patient/p-{n * 7 % setting.patients}&code={code}&_count=10"
        for n in range(min(setting.patients, DIFFERENT))
    ]
    floors = reads(servers, setting)[:1]
    return [*floors, *_two(servers, setting, SEARCH, [("GET", path, b"") for path in paths])]


def creates(servers: Servers, setting: Setting) -> list[Row]:
    bodies = [resources.new_observation(n) for n in range(DIFFERENT)]
    asked = [("POST", "/fhir/Observation", body) for body in bodies]
    requests = [request(*one) for one in asked]
    load = Load(servers.floor.address, requests, setting.seconds, expected=(201,))
    floor = Row(CREATE_FLOOR, load, servers.floor)
    return [floor, *_two(servers, setting, CREATE, asked, CREATE_FLOOR, 201)]


def transactions(servers: Servers, setting: Setting) -> list[Row]:
    asked = [("POST", "/fhir", resources.new_transaction(n)) for n in range(DIFFERENT)]
    floor = creates(servers, setting)[0]
    return [floor, *_two(servers, setting, TRANSACTION, asked, CREATE_FLOOR)]


def _two(
    servers: Servers,
    setting: Setting,
    name: str,
    asked: list[tuple[str, str, bytes]],
    floor: str = READ_FLOOR,
    expected: int = 200,
) -> list[Row]:
    """The same requests without and with token and audit trail."""

    def row(name: str, server: Served, token: str) -> Row:
        requests = [request(*one, token=token) for one in asked]
        load = Load(server.address, requests, setting.seconds, expected=(expected,))
        return Row(name, load, server, floor)

    return [row(name, servers.quiet, ""), row(name + AUDITED, servers.audited, TOKEN)]


def against_peer(
    servers: Servers,
    setting: Setting,
    stack: ExitStack,
    scratch: Path,
    found: dict[str, list[Figure]],
    say: Say,
) -> list[Row]:
    """Our rows and those of the other server; why there are none stands in `found`."""
    assert setting.peer is not None
    others = []
    try:
        for number, name in enumerate((peer.NAME, peer.BARE)):
            say(f"{name}: installing if need be, starting, filling")
            other = peer.Peer(setting.peer, scratch / f"peer-{number}", name)
            others.append(stack.enter_context(other))
            other.fill(resources.everything(setting.patients))
    except peer.Missing as missing:
        found["peer"] = peer.absent(str(missing))
        return []
    ours = [
        row
        for make in (reads, searches, transactions)
        for row in make(servers, setting)
        if row.name in (READ, SEARCH, TRANSACTION)
    ]
    return [*ours, *(row for other in others for row in peer.rows(other, ours))]


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

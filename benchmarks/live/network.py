"""A live network in a process of its own: the replay of persons, the CDS call, start and reset."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2

from benchmarks.live.cds_calls import calls
from benchmarks.live.figures import Figure, Say, plain
from benchmarks.live.generator import CONNECTIONS, Generator, Load, Sample
from benchmarks.live.processes import PATIENCE, SPAWN, cpu_seconds, memory_mb, peak_mb, size_mb
from lienthong.drive.choose import Wanted
from lienthong.drive.run import Driven, drive
from lienthong.live.plan import LivePlan, Place
from lienthong.server import Running, Start
from scenarios.scenario import load_scenario

SCENARIO: Final = "drive-coverage"
LOOK_AT: Final = 3000
PINGS: Final = 2000


class Live:
    """`with Live(folder) as network`: the network of the replay's scenario, without people."""

    def __init__(self, folder: Path) -> None:
        self._mine, theirs = SPAWN.Pipe()
        # Not a daemon: loading starts processes of its own.
        self._process = SPAWN.Process(target=_live, args=(theirs, str(folder)))

    def __enter__(self) -> Self:
        self._process.start()
        if not self._mine.poll(PATIENCE):
            raise RuntimeError("the network of the benchmark did not start")
        self.url = str(self._mine.recv())
        assert self._process.pid is not None
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGTERM)
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 80)


def plan() -> LivePlan:
    return LivePlan(load_scenario(SCENARIO), 1)


def _live(pipe: Connection, folder: str) -> None:
    live = plan()
    running = Running(
        Start(
            live=live,
            place=Place(Path(folder)),
            port=0,
            persons=0,
            known=False,
            publish=False,
            as_of=live.moment(str(live.plan.start)),
            deadline=1.0,
        )
    )
    running.on_ready = lambda: pipe.send(running.start.url)
    running.run()


# ---- drive and CDS -------------------------------------------------------------------------------


@dataclass
class Replays:
    """What replays did, round by round; CPU in seconds."""

    done: list[Driven]
    server: list[float]
    client: list[float]
    pings: list[float]  # of the floor: requests a second


def run(
    names: Collection[str],
    visits: int,
    seconds: float,
    rounds: int,
    scratch: Path,
    generator: Generator,
    say: Say,
) -> dict[str, list[Figure]]:
    """A fresh network each round: `drive` replays persons, then `cds` asks about their orders."""
    replays, asked = Replays([], [], [], []), {1: list[Sample](), CONNECTIONS: list[Sample]()}
    live, cpu, memory = plan(), {1: list[float](), CONNECTIONS: list[float]()}, 0.0
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: {visits} visits of {SCENARIO}")
        with Live(scratch / f"live-{number}") as network:
            _replay(network, live, visits, replays)
            if "cds" in names:
                requests = calls(network.url)
                for connections, samples in asked.items():
                    before = cpu_seconds(network.pid)
                    load = Load(network.address, requests, seconds, connections)
                    samples += generator.play(load)
                    used = cpu_seconds(network.pid) - before
                    cpu[connections].append(1000 * used / max(samples[-1].done, 1))
            memory = peak_mb(network.pid)
    found: dict[str, list[Figure]] = {}
    if "drive" in names:
        found["drive"] = _drive_figures(replays, memory)
    if "cds" in names:
        found["cds"] = [_cds_figure(n, asked[n], cpu[n]) for n in asked]
    return found


def _replay(network: Live, live: LivePlan, visits: int, replays: Replays) -> None:
    wanted = Wanted(visits, visits // 2, visits // 100, LOOK_AT)
    with httpx2.Client(base_url=network.url, timeout=60.0) as http:
        begun = time.perf_counter()
        for _ in range(PINGS):
            http.get("/healthz")
        replays.pings.append(PINGS / (time.perf_counter() - begun))
        before, mine = cpu_seconds(network.pid), time.process_time()
        done = drive(live, http, wanted)
        replays.server.append(cpu_seconds(network.pid) - before)
        replays.client.append(time.process_time() - mine)
    replays.done.append(done)


def _drive_figures(replays: Replays, memory: float) -> list[Figure]:
    pings = median(replays.pings)
    rates = [done.requests / done.seconds for done in replays.done]
    last = replays.done[-1]
    wrong = sum(len(done.verdicts.differences) for done in replays.done)
    return [
        plain("floor: GET /healthz by the same client", "requests/s", replays.pings),
        plain(
            "drive: requests",
            "requests/s",
            rates,
            floor="floor: GET /healthz by the same client",
            ratio=round(median(rates) / pings, 3),
            cpu_ms=round(1000 * median(replays.server) / last.requests, 3),
            peak_mb=round(memory),
        ),
        plain(
            "drive: visits",
            "visits/s",
            [done.chosen.visits / done.seconds for done in replays.done],
            visits=last.chosen.visits,
            requests=last.requests,
            # Speed of a wrong replay says nothing; `lienthong drive` tells what differs.
            unexpected={"differences": wrong} if wrong else {},
        ),
        plain("drive: server CPU", "s", replays.server),
        plain("drive: client CPU, choosing included", "s", replays.client),
    ]


def _cds_figure(connections: int, samples: list[Sample], cpu: list[float]) -> Figure:
    unexpected = sum(sum(sample.unexpected.values()) for sample in samples)
    return plain(
        f"CDS call, {connections} connection{'s' if connections > 1 else ''}",
        "requests/s",
        [sample.rate for sample in samples],
        p50_ms=round(median(sample.quantile(0.5) for sample in samples), 2),
        p99_ms=round(median(sample.quantile(0.99) for sample in samples), 2),
        cpu_ms=round(median(cpu), 3),
        unexpected={"other than 200": unexpected} if unexpected else {},
    )


# ---- start and reset -----------------------------------------------------------------------------


def starts(scenario: str, persons: int, rounds: int, scratch: Path, say: Say) -> list[Figure]:
    """`lienthong up`, as users start it: an empty folder, reset, a second start."""
    seen: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        seen.setdefault(name, []).append(value)

    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: lienthong up {scenario}")
        folder = scratch / f"up-{number}"
        with _up(scenario, persons, folder) as (url, pid, seconds):
            note("cold start", seconds)
            note("memory after a cold start", memory_mb(pid))
            code = next(iter(httpx2.get(url, timeout=60).json()["hospitals"]))
            note("reset of one hospital", _reset(url, {"hospital": code}))
            note("reset of the network", _reset(url, {}))
        note("on disk", size_mb(folder))
        with _up(scenario, persons, folder) as (_, pid, seconds):
            note("warm start", seconds)
            note("memory after a warm start", memory_mb(pid))
    units = {"memory after a cold start": "MB", "memory after a warm start": "MB", "on disk": "MB"}
    return [plain(name, units.get(name, "s"), values) for name, values in seen.items()]


@contextmanager
def _up(scenario: str, persons: int, folder: Path) -> Iterator[tuple[str, int, float]]:
    """Address, process and seconds until /readyz said 200."""
    port = _free_port()
    command = [sys.executable, "-m", "lienthong", "up", scenario, "--quiet"]
    command += ["--port", str(port), "--data", str(folder), "--persons", str(persons)]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while not _is_ready(url):
                if process.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.02)
            yield url, process.pid, time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGINT)


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def _reset(url: str, what: dict[str, Any]) -> float:
    begun = time.perf_counter()
    httpx2.post(f"{url}/admin/reset", json=what, timeout=120).raise_for_status()
    return time.perf_counter() - begun


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port

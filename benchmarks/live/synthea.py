"""Bundles that Synthea made, sent over HTTP in turn, beside a bare insert of the same rows."""

from __future__ import annotations

import bz2
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, Final

import orjson

from benchmarks.live.figures import Figure, Say, plain
from benchmarks.live.generator import Generator, Load, request
from benchmarks.live.node import TENANT, node
from benchmarks.live.processes import Served, cpu_seconds, peak_mb
from benchmarks.live.tokens import TOKEN
from fhir_server.store.open import open_store

LOGGED: Final = "Synthea load, token and audit"
FLOOR: Final = "floor: bare bulk insert of the same rows"
Rows = dict[str, list[tuple[Any, ...]]]


def bundles(folder: Path) -> list[bytes]:
    """In name order, since later ones refer to earlier ones."""
    return [bz2.decompress(path.read_bytes()) for path in sorted(folder.glob("*.json.bz2"))]


def entries(bodies: list[bytes]) -> int:
    return sum(len(orjson.loads(body)["entry"]) for body in bodies)


def run(folder: Path, rounds: int, scratch: Path, generator: Generator, say: Say) -> list[Figure]:
    """Entries a second: floor, without and with an audit trail, in turn."""
    bodies = bundles(folder)
    count = entries(bodies)
    rates: dict[str, list[float]] = {FLOOR: [], "Synthea load": [], LOGGED: []}
    used: dict[str, list[float]] = {name: [] for name in rates}
    peaks: dict[str, float] = {}
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}: Synthea, {count:,} entries in {len(bodies)} bundles")
        for name in [*list(rates)[1:], FLOOR]:
            if name == FLOOR:
                seconds, cpu = _inserted(rows_of(scratch / "synthea"), scratch / "bare")
            else:
                at = scratch / ("audited" if name == LOGGED else "synthea")
                seconds, cpu, peak = _loaded(bodies, at, name == LOGGED, generator)
                peaks[name] = max(peak, peaks.get(name, 0))
            rates[name].append(count / seconds)
            used[name].append(1000 * cpu / count)
        for name in ("synthea", "audited", "bare"):
            shutil.rmtree(scratch / name)
    floor_rate, floor_cpu = median(rates[FLOOR]), median(used[FLOOR])
    found = []
    for name, values in rates.items():
        figure = plain(name, "entries/s", values, cpu_ms=round(median(used[name]), 3))
        if name != FLOOR:
            figure |= {
                "floor": FLOOR,
                "ratio": round(median(values) / floor_rate, 3),
                "cpu_ratio": round(floor_cpu / median(used[name]), 3),
                "peak_mb": round(peaks[name]),
            }
        found.append(figure)
    return found


def _loaded(
    bodies: list[bytes], folder: Path, audited: bool, generator: Generator
) -> tuple[float, float, float]:
    """Seconds on the wall and of the server's processor; the most memory it had."""
    token = TOKEN if audited else ""
    requests = [request("POST", "/fhir", body, token) for body in bodies]
    with Served(node, f"sqlite:{folder}", TENANT, audited) as server:
        before = cpu_seconds(server.pid)
        (sample,) = generator.play(Load(server.address, requests, None, 1))
        if sample.unexpected or sample.done != len(bodies):
            raise RuntimeError(f"Synthea's bundles were not taken: {dict(sample.unexpected)}")
        return sample.seconds, cpu_seconds(server.pid) - before, peak_mb(server.pid)


def rows_of(folder: Path) -> Rows:
    """All rows of all tables of a store."""
    with closing(sqlite3.connect(folder / f"{TENANT}.db")) as connection:
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in _tables()}


def _inserted(rows: Rows, folder: Path) -> tuple[float, float]:
    """The same rows into an empty store, table by table, in one transaction."""
    open_store(f"sqlite:{folder}", TENANT).close()
    with closing(sqlite3.connect(folder / f"{TENANT}.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = NORMAL")
        begun, before = time.perf_counter(), time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        for name, found in rows.items():
            if found:
                marks = ", ".join("?" * len(found[0]))
                connection.executemany(f"INSERT INTO {name} VALUES ({marks})", found)
        connection.execute("COMMIT")
        return time.perf_counter() - begun, time.process_time() - before


def _tables() -> Iterator[str]:
    from fhir_server.store.tables import metadata

    for table in metadata.sorted_tables:
        if table.name != "setting":  # an empty store has its own
            yield table.name

"""World-visits per second of each engine beside the bare SimPy loop, rounds interleaved.

    python -m benchmarks.run --persons 4000 --rounds 5 --json figures.json

A world-visit is one visit in one world: an engine that plays both worlds counts its visits twice.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engines import engine_rows
from benchmarks.machine import describe
from benchmarks.visits_floor import desks, floor
from benchmarks.workload import Workload, workload

FLOOR = "bare SimPy loop (floor)"


@dataclass(frozen=True)
class Row:
    """``play`` does the work once and returns the world-visits it did."""

    name: str
    play: Callable[[Workload], int]


def rows() -> list[Row]:
    """The floor first; then the desks alone; then every engine there is."""
    return [
        Row(FLOOR, floor),
        Row("SimPy with scenarios.desks", desks),
        *(Row(name, play) for name, play in engine_rows()),
    ]


def measure(work: Workload, rounds: int, chosen: list[Row]) -> list[dict[str, Any]]:
    """One untimed pass each (compiling, caches), then ``rounds`` rounds of all rows in turn."""
    done = {row.name: row.play(work) for row in chosen}
    seconds: dict[str, list[float]] = {row.name: [] for row in chosen}
    for _ in range(rounds):
        for row in chosen:
            start = time.perf_counter()
            row.play(work)
            seconds[row.name].append(time.perf_counter() - start)
    floor_rate = done[FLOOR] / median(seconds[FLOOR])
    found = []
    for row in chosen:
        rates = [done[row.name] / s for s in seconds[row.name]]
        found.append(
            {
                "row": row.name,
                "world_visits": done[row.name],
                "per_second": round(median(rates)),
                "slowest": round(min(rates)),
                "fastest": round(max(rates)),
                "ratio_to_floor": round(median(rates) / floor_rate, 3),
            }
        )
    return found


def table(found: list[dict[str, Any]]) -> str:
    head = f"{'row':<34}{'world-visits':>13}{'median /s':>13}{'slowest':>13}{'fastest':>13}"
    lines = [f"{head}{'x floor':>9}"]
    lines += [
        f"{r['row']:<34}{r['world_visits']:>13,}{r['per_second']:>13,}{r['slowest']:>13,}"
        f"{r['fastest']:>13,}{r['ratio_to_floor']:>9.2f}"
        for r in found
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persons", type=int, default=2000, help="persons of the pilots to play")
    parser.add_argument("--rounds", type=int, default=3, help="at least 3")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    if asked.rounds < 3:
        parser.error("--rounds: fewer than 3 rounds say nothing on a shared machine")
    if asked.persons < 1:
        parser.error("--persons: at least 1")
    machine = describe()
    work = workload(asked.persons)
    print(f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}")
    print(f"{len(work.persons):,} persons, {len(work.visits):,} visits, {work.orders:,} orders")
    found = measure(work, asked.rounds, rows())
    print(table(found))
    if asked.json:
        figures = {
            "machine": machine,
            "persons": len(work.persons),
            "visits": len(work.visits),
            "orders": work.orders,
            "rounds": asked.rounds,
            "rows": found,
        }
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

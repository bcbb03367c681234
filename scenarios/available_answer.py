"""P(answer before the deadline | link class, hour, load), measured by playing it (model.md 4).

The population engine does not play queries: it compares the draw of gate 7 with this table.
``python -m scenarios.available_answer --write`` makes ``available_answer.csv`` again, byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from bisect import bisect_right
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from simpy import Environment, Event

from scenarios import draws
from scenarios.coordinator_desk import (
    COORDINATOR_FILE,
    LINK_CLASSES,
    MINUTE_MS,
    CoordinatorDesk,
    QueryPlan,
    load_query_plan,
)
from vietnam.datafiles import InputError, read_csv

ANSWER_FILE = Path(__file__).with_name("available_answer.csv")
LOADS = (0.05, 0.5, 0.8, 0.9, 0.95, 1.1)
SEED = 20251122
QUERIES = 2000  # asked per link class, hour level and load
RUNS = 8  # independent runs that share them
VERSION = 2  # raised when the way of measuring changes
_SLOTS = 64  # draws kept apart for one query


@dataclass(frozen=True)
class AvailableAnswer:
    """``probability``: float64 [link class 4, hour 24, load 6]; axes LINK_CLASSES, 0..23, LOADS.

    Both ends are taken to have the link class; for a pair use the weaker one. Outages are apart.
    """

    probability: NDArray[np.float64]

    def lookup(self, link_class: int, hour: int, load: float = 0.0) -> float:
        """Straight line between the loads measured; beyond them the first or last value."""
        row = self.probability[link_class, hour]
        right = bisect_right(LOADS, load)
        if right in (0, len(LOADS)):
            return float(row[min(right, len(LOADS) - 1)])
        share = (load - LOADS[right - 1]) / (LOADS[right] - LOADS[right - 1])
        return float(row[right - 1] + share * (row[right] - row[right - 1]))


def load_available_answer(path: str | Path = ANSWER_FILE) -> AvailableAnswer:
    """The shipped table or one of the same form. InputError: cells missing, twice, not in 0..1."""
    rows = read_csv(
        path,
        {
            "link_class": LINK_CLASSES.index,
            "hour": _hour,
            "load": _load,
            "answered": int,
            "asked": int,
        },
    )
    table = np.full((len(LINK_CLASSES), 24, len(LOADS)), -1.0)
    for row in rows:
        key = f"{LINK_CLASSES[row['link_class']]} {row['hour']} {LOADS[row['load']]}"
        cell = (row["link_class"], row["hour"], row["load"])
        if table[cell] >= 0:
            raise InputError(str(path), None, key, "this row is there twice", "Keep one of them")
        if not 0 <= row["answered"] <= row["asked"] or row["asked"] == 0:
            raise InputError(
                str(path), None, key, "answered is not between 0 and asked", "Correct the counts"
            )
        table[cell] = row["answered"] / row["asked"]
    if (table < 0).any():
        c, h, load = np.argwhere(table < 0)[0]
        key = f"{LINK_CLASSES[c]} {h} {LOADS[load]}"
        raise InputError(str(path), None, key, "this row is missing", "Write the file again")
    table.setflags(write=False)
    return AvailableAnswer(table)


def _hour(text: str) -> int:
    return range(24).index(int(text))


def _load(text: str) -> int:
    return LOADS.index(float(text))


# --- measuring ----------------------------------------------------------------------------------


def measure(
    plan: QueryPlan, hour: int, load: float, queries: int = QUERIES, runs: int = RUNS
) -> list[int]:
    """Answered in time, by link class, of ``queries`` queries each, in one hour of the day."""
    each = [_one_run(plan, hour, load, queries // runs, run) for run in range(runs)]
    return [sum(column) for column in zip(*each, strict=True)]


def _one_run(plan: QueryPlan, hour: int, load: float, queries: int, run: int) -> list[int]:
    """Load = first attempts a minute (ours and others') x mean service / workers.

    Retries come on top. Ours are spread evenly over five minutes, or longer if they would be more
    than the load; the load begins five minutes before, with an empty queue.
    """
    env = Environment(initial_time=(24 + hour) * 60)
    coordinator = CoordinatorDesk(env, plan)
    answered = [0] * len(LINK_CLASSES)
    number = len(LINK_CLASSES) * queries
    a_minute = load * plan.workers * MINUTE_MS / plan.service.mean()
    window = max(5.0, number / a_minute)
    entity = 100 * hour + LOADS.index(load)

    def draw(stream: int, occurrence: int) -> float:
        key = 2 * run + stream
        return float(draws.uniform(SEED, key, draws.QUERY_LATENCY, entity, occurrence))

    def ask(ordinal: int) -> Generator[Event, Any, None]:
        link = LINK_CLASSES[ordinal % len(LINK_CLASSES)]
        slots = ordinal * _SLOTS
        if (yield from coordinator.query(link, link, lambda slot: draw(0, slots + slot))):
            answered[ordinal % len(LINK_CLASSES)] += 1

    def ours() -> Generator[Event, Any, None]:
        yield env.timeout(5)
        for ordinal in range(number):
            env.process(ask(ordinal))
            yield env.timeout(window / number)

    def others() -> Generator[Event, Any, None]:
        rate, ordinal = a_minute - number / window, 0
        while rate > 1e-9:
            yield env.timeout(-math.log1p(-draw(1, 2 * ordinal)) / rate)
            coordinator.occupy(draw(1, 2 * ordinal + 1))
            ordinal += 1

    env.process(others())
    env.process(ours())
    env.run(until=env.now + 5 + window + plan.deadline / MINUTE_MS + 0.001)
    return answered


def text_of(plan: QueryPlan) -> str:
    """The lines of the file below its notice; hours with equal factors share a measurement."""
    lines = ["link_class,hour,load,answered,asked"]
    counts = {
        (factor, load): measure(plan, plan.busy.index(factor), load)
        for factor in sorted(set(plan.busy))
        for load in LOADS
    }
    for place, link in enumerate(LINK_CLASSES):
        for hour in range(24):
            for load in LOADS:
                answered = counts[plan.busy[hour], load][place]
                lines.append(f"{link},{hour},{load},{answered},{QUERIES}")
    return "\n".join(lines) + "\n"


def notice(plan_text: str) -> str:
    """What made the table, under which assumptions."""
    digest = hashlib.sha256(plan_text.encode()).hexdigest()[:16]
    lines = [
        "P(answer before the deadline) = answered / asked; model.md section 4.",
        "Made by: python -m scenarios.available_answer --write",
        f"Seed {SEED}, table version {VERSION}, coordinator_desk.yaml sha256 {digest}.",
        "Both ends of a query have the link class. Load counts first attempts; retries come on",
        "top, so from about 0.95 on a burst can tip the queue over: nearly all answers are late",
        f"until the load falls. Mean of {RUNS} runs of five minutes, five minutes after its start.",
        "Outages are calendars of the scenario and come on top.",
        "ASSUMPTION: all times and losses are those of scenarios/coordinator_desk.yaml.",
    ]
    return "".join(f"# {line}\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--write", action="store_true", help="measure again and write the table")
    if parser.parse_args().write:
        text = notice(COORDINATOR_FILE.read_text(encoding="utf-8")) + text_of(load_query_plan())
        ANSWER_FILE.write_text(text, encoding="utf-8", newline="\n")
    else:
        parser.print_help()


if __name__ == "__main__":
    main()

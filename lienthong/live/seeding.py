"""Loads the people of a scenario: charts rendered and stored by several processes, with progress.

First every process renders lives into files by hospital, then every process loads hospitals. Both
halves go through `Store.load`, which makes the same index rows as a create.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from fhir_profiles.json_text import dump, parse
from fhir_server.store.open import open_store
from fhir_server.store.port import Document
from lienthong.live.plan import LivePlan, Place
from scenarios.charts.directory import directory, own_directory
from scenarios.charts.known_people import KnownChart, charts
from scenarios.charts.life_chart import chart, wanderers
from scenarios.scenario import Scenario

COORDINATOR = "coordinator"
CHUNK = 40  # persons rendered by one task
LOOK_BACK_DAYS = 90  # how far back a chart goes: the longest measurement window
MOST_ORDERS = 8  # of a person in that time: long stays would make half of all resources
ZONE = dt.timezone(dt.timedelta(hours=7))
Tick = Callable[[Any], None]


class Stage(NamedTuple):
    """Progress as `cli.progress` shows it."""

    stage: str
    done: int
    total: int
    estimate: str = ""


@dataclass(frozen=True)
class Seeding:
    """What is loaded into an empty network; persons None: only the directory."""

    live: LivePlan
    place: Place
    as_of: dt.datetime
    persons: int
    known: bool = True
    jobs: int = 0

    def run(self, progress: Tick | None = None) -> int:
        """Everything, in a few seconds; how many resources."""
        self.place.folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=self.place.folder, prefix=".seeding-"))
        try:
            return self._run(scratch, progress or (lambda stage: None))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _people(self, since: int, until: int) -> list[int]:
        if not self.persons:
            return []
        return list(wanderers(self.live.plan, self.persons, since, until, MOST_ORDERS))

    def _run(self, scratch: Path, tick: Tick) -> int:
        until = self.live.timeline.minute(self.as_of)
        since = until - LOOK_BACK_DAYS * 1440
        people = self._people(since, until)
        base = (self.live.scenario, self.live.seed, str(scratch), since, until)
        chunks = [(*base, people[i : i + CHUNK], i) for i in range(0, len(people), CHUNK)]
        codes = [COORDINATOR, *(f.code for f in self.live.groups)]
        stores = [
            (
                self.live.scenario,
                self.live.seed,
                self.place.url,
                str(scratch),
                c,
                self.as_of,
                self.known,
            )
            for c in codes
        ]
        jobs = self.jobs or min(8, os.cpu_count() or 1)
        loaded = 0
        with _workers(jobs if len(people) > CHUNK else 1, self.live) as work:
            for i, _ in enumerate(work(_render, chunks), start=1):
                tick(Stage("persons", min(i * CHUNK, len(people)), len(people)))
            for i, count in enumerate(work(_load, stores), start=1):
                loaded += count
                tick(Stage("hospitals", i, len(stores)))
        return loaded


Work = Callable[[Callable[[Any], int], Sequence[Any]], Iterator[int]]


@contextmanager
def _workers(jobs: int, live: LivePlan) -> Iterator[Work]:
    """Maps tasks over processes; a small load stays here, where the plan is compiled already."""
    if jobs == 1:
        _cached[live.scenario.model_dump_json(), live.seed] = live
        yield map
        return
    with _deaf_to_ctrl_c(), multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield pool.imap_unordered


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Ctrl-C of a terminal reaches every process; those started here are ended by this one."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # is inherited
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_cached: dict[tuple[str, int], LivePlan] = {}


def _live(scenario: Scenario, seed: int) -> LivePlan:
    """A process compiles the plan once."""
    key = (scenario.model_dump_json(), seed)
    if key not in _cached:
        _cached[key] = LivePlan(scenario, seed)
    return _cached[key]


def _render(task: tuple[Scenario, int, str, int, int, Sequence[int], int]) -> int:
    """Lives of some persons, appended to one file a hospital and process."""
    scenario, seed, scratch, since, until, people, _ = task
    live = _live(scenario, seed)
    lines: dict[str, list[bytes]] = {}
    for person in people:
        made = chart(live.book, person, since, until)
        for group, held in made.hospitals.items():
            code = live.plan.network.facilities[group].code
            lines.setdefault(code, []).extend(map(dump, held))
        lines.setdefault(COORDINATOR, []).extend(map(dump, made.coordinator))
    for code, found in lines.items():
        with (Path(scratch) / f"{code}.{os.getpid()}.ndjson").open("ab") as file:
            file.write(b"\n".join(found) + b"\n")
    return len(people)


def _load(task: tuple[Scenario, int, str, str, str, dt.datetime, bool]) -> int:
    """One store: its directory entries, the charts that were rendered, the known people."""
    scenario, seed, url, scratch, code, as_of, known = task
    live = _live(scenario, seed)
    store = open_store(url, code, zone=ZONE)
    try:
        count = store.load(_documents(live, Path(scratch), code, as_of, known), at=as_of)
        store.snapshot()
    finally:
        store.close()
    return count


def _documents(
    live: LivePlan, scratch: Path, code: str, as_of: dt.datetime, known: bool
) -> Iterator[Document]:
    own = directory(live.plan) if code == COORDINATOR else own_directory(live.plan, code)
    for tree in own:
        yield Document(tree, dump(tree))
    for path in sorted(scratch.glob(f"{code}.*.ndjson")):
        with path.open("rb") as file:
            for line in file:
                yield Document(parse(line), line.rstrip(b"\n"))
    if known:
        made = _known(live, as_of)
        for tree in made.coordinator if code == COORDINATOR else made.hospitals.get(code, []):
            yield Document(tree, dump(tree))


_told: dict[tuple[str, dt.datetime], KnownChart] = {}


def _known(live: LivePlan, as_of: dt.datetime) -> KnownChart:
    """Charts of the known people; a process makes them once, not for every hospital."""
    key = (live.hash, as_of)
    if key not in _told:
        _told[key] = charts(live.plan, as_of)
    return _told[key]

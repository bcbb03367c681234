"""What a live network is made from: a scenario at its central values, a seed, an address.

The same values that a simulation runs on become the directory, the policies and the charts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from coordinator.services.policies import Policies
from scenarios.care import regulations_of
from scenarios.charts.times import ZONE, Timeline
from scenarios.gates import GateBook
from scenarios.parameters import central
from scenarios.plan import Plan, compile_plan, input_hashes
from scenarios.scenario import Scenario
from vietnam.datafiles import InputError
from vietnam.places import Facility

MORNING = dt.time(9, 0)


@dataclass(frozen=True)
class LivePlan:
    """One scenario with one seed, replication 0, as every part of the live network sees it."""

    scenario: Scenario
    seed: int

    @cached_property
    def plan(self) -> Plan:
        return compile_plan(self.scenario, central(self.scenario.resolved), self.seed, 0)

    @cached_property
    def book(self) -> GateBook:
        return GateBook(self.plan)

    @property
    def timeline(self) -> Timeline:
        return Timeline(self.plan.start)

    @cached_property
    def hash(self) -> str:
        """Short hash of all inputs; two sides that differ in it have nothing to compare."""
        return input_hashes(self.scenario, self.plan.network)[0]

    @cached_property
    def policies(self) -> Policies:
        """The dated regulations of the scenario, as the rulebook is handed them."""
        rows = self.scenario.regulations
        sets = regulations_of(self.scenario)
        return Policies(
            tuple((row.since, regulation) for row, regulation in zip(rows, sets, strict=True)),
            validity_position=self.plan.values["publish.validity_position"],
        )

    @cached_property
    def groups(self) -> tuple[Facility, ...]:
        """Record keepers: every one is a hospital node."""
        keepers = self.plan.network.record_groups
        elsewhere = self.plan.network.elsewhere.code
        by_code = self.plan.network.by_code
        return tuple(by_code[code] for code in keepers if code != elsewhere)

    def members(self, group: str) -> list[Facility]:
        """Facilities that write into the record of this group, the keeper first."""
        codes = self.plan.network.record_groups[group]
        return [self.plan.network.by_code[code] for code in sorted(codes, key=lambda c: c != group)]

    @property
    def last_morning(self) -> dt.datetime:
        """The default care time: the last morning of the count, when most has happened."""
        return dt.datetime.combine(self.scenario.count_to, MORNING, ZONE)

    def moment(self, text: str) -> dt.datetime:
        """`--as-of`: a day (its morning) or a moment within the study. InputError else."""
        try:
            if len(text) <= 10:
                moment = dt.datetime.combine(dt.date.fromisoformat(text), MORNING, ZONE)
            else:
                moment = dt.datetime.fromisoformat(text)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=ZONE)
        except ValueError:
            problem = f"{text!r} is no date"
            raise InputError("--as-of", None, "", problem, "Write e.g. 2025-11-15") from None
        first, last = self.timeline.moment(0), self.timeline.moment(self.plan.days * 1440)
        if not first <= moment <= last:
            raise InputError(
                "--as-of",
                None,
                "",
                f"{text} lies outside the time of {self.scenario.name}",
                f"Choose a day from {first:%Y-%m-%d} to {last - dt.timedelta(days=1):%Y-%m-%d}",
            )
        return moment


@dataclass(frozen=True)
class Place:
    """Where a network keeps its stores, and the note of what it was made from."""

    folder: Path
    database: str | None = None

    @property
    def url(self) -> str:
        """The address that `open_store` takes."""
        return self.database or f"sqlite:{self.folder / 'stores'}"

    @property
    def note(self) -> Path:
        return self.folder / "network.json"

    def write_note(self, note: Mapping[str, Any]) -> None:
        """Whole or not at all."""
        scratch = self.note.with_suffix(".tmp")
        scratch.write_bytes(orjson.dumps(note, option=orjson.OPT_INDENT_2))
        scratch.replace(self.note)

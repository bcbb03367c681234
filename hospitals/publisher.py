"""The publisher: turns outbox rows into pointers at the coordination service, at least once.

A row is settled when the service has what it says, or when there is no hope (dead letter). Failed
attempts are rows too, so a restart goes on where it stopped. When results may be told is care time
(the facility's date); how long to wait after a failure is machine time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from fhir_profiles import systems
from fhir_profiles.json_text import Tree, parse
from fhir_profiles.outcomes import FhirError
from fhir_server.client import FhirClient, Written
from fhir_server.clock import Clock, instant
from fhir_server.search.parse import parse as parse_search
from fhir_server.store.port import Row, Store, Version, Writer
from hospitals.outbox import OUTBOX, REPORT, Outbox
from hospitals.pointers import (
    STATUSES,
    business_identifier,
    pointer_of,
    regions_of,
    registration_of,
)

ATTEMPT: Final = "pointer-attempt"
DEAD: Final = "pointer-dead"
HOPELESS: Final = frozenset({400, 404, 405, 410, 413, 415, 422})  # will be refused again
AT_ONCE: Final = 500  # rows looked at in one go


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of machine time. `attempts`: after so many a row is a dead letter."""

    attempts: int = 10
    first_wait: float = 0.5
    longest_wait: float = 60.0
    look_again: float = 0.5
    deadline: float = 5.0

    def wait(self, attempts: int) -> float:
        """After so many failures."""
        return min(self.longest_wait, self.first_wait * 2.0 ** (attempts - 1))


@dataclass(frozen=True, slots=True)
class Drained:
    """What one pass did: rows told, failed (to be tried again), given up, and not due yet."""

    told: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0


@dataclass(slots=True)
class _Work:
    """One resource to tell about, with all rows that ask for it."""

    key: str
    facility: str
    seqs: list[int]
    attempts: int = 0


class Publisher:
    """Of one hospital; one at a time may run. `coordinator` is a client of the service's base."""

    def __init__(
        self,
        outbox: Outbox,
        store: Store,
        coordinator: FhirClient,
        clock: Clock,
        *,
        pace: Pace = Pace(),
        machine_time: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox, self._store, self._clock = outbox, store, clock
        self._coordinator, self._pace, self._machine_time = coordinator, pace, machine_time
        self._not_before: dict[str, float] = {}  # by key, machine time
        self._fed: dict[str, bytes] = {}  # registrations that the service got in this pass
        # What the outbox had promised when its last row was seen to be there.
        self._looked_at: tuple[int, int] | None = None
        self._try_at: float | None = None
        self._begins_at: datetime | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if self.has_work():
                await self.drain()
            await asyncio.sleep(self._pace.look_again)

    def has_work(self) -> bool:
        """Whether a pass may find something: rows that came since, or whose time has come."""
        again, begins = self._try_at, self._begins_at
        return (
            self._looked_at != self._outbox.promised
            or (again is not None and again <= self._machine_time())
            or (begins is not None and begins <= self._clock.now())
        )

    async def drain(self) -> Drained:
        """One pass over everything that is due now, oldest first."""
        counts = dict.fromkeys(("told", "failed", "dead", "waiting"), 0)
        self._fed.clear()
        works, counts["waiting"] = await asyncio.to_thread(self._due)
        for work in works:
            counts[await self._settle(work)] += 1
        self._try_at = min(self._not_before.values(), default=None)
        return Drained(**counts)

    async def revive(self) -> int:
        """Dead letters go back into the outbox with all their attempts; how many they were."""
        dead = await asyncio.to_thread(self._rows, DEAD)
        now = self._clock.now()

        def again(writer: Writer) -> None:
            for row in dead:
                facility = orjson.loads(row.data)["facility"].encode()
                self._outbox.promise(writer.append(OUTBOX, row.key, facility, at=now))
            writer.settle(DEAD, [row.seq for row in dead])

        await asyncio.wrap_future(self._store.write(again))
        return len(dead)

    # ---- what is due -----------------------------------------------------------------------------
    def _due(self) -> tuple[list[_Work], int]:
        now, ticks = self._clock.now(), self._machine_time()
        promised = self._outbox.promised  # before the rows are read: it may not be committed yet
        failures: dict[str, int] = {}
        for attempt in self._rows(ATTEMPT):
            failures[attempt.key] = failures.get(attempt.key, 0) + 1
        works: dict[str, _Work] = {}
        days: list[datetime] = []
        rows = self._rows(OUTBOX)
        keys = {row.key for row in rows}
        self._not_before = {k: at for k, at in self._not_before.items() if k in keys}
        for row in rows:
            facility = row.data.decode()
            begins = self._outbox.begins(facility)
            if begins is not None and begins > now:
                days.append(begins)
            elif self._not_before.get(row.key, ticks) <= ticks:
                attempts = failures.get(row.key, 0)
                work = works.setdefault(row.key, _Work(row.key, facility, [], attempts))
                work.seqs.append(row.seq)
        if self._looked_at != promised:
            _, last = promised
            there = last == 0 or any(row.seq == last for row in rows)
            self._looked_at = promised if there else None
        self._begins_at = min(days, default=None)
        return list(works.values()), len(rows) - sum(len(work.seqs) for work in works.values())

    def _rows(self, kind: str) -> list[Row]:
        found: list[Row] = []
        while True:
            after = found[-1].seq if found else 0
            page = self._store.rows(kind, after=after, limit=AT_ONCE, unsettled=True)
            found += page
            if len(page) < AT_ONCE:
                return found

    # ---- one resource ----------------------------------------------------------------------------
    async def _settle(self, work: _Work) -> str:
        try:
            await self._tell(work.key)
        except ValueError as error:
            return await self._give_up(work, str(error))
        except (LookupError, TypeError, AttributeError) as error:  # not checked when it was stored
            return await self._give_up(work, f"{work.key} is out of shape: {error!r}")
        except FhirError as error:
            work.attempts += 1
            if error.status in HOPELESS or work.attempts >= self._pace.attempts:
                return await self._give_up(work, error.diagnostics)
            return await self._try_again(work, error.diagnostics)
        await self._write(work, done=True)
        self._not_before.pop(work.key, None)
        return "told"

    async def _try_again(self, work: _Work, problem: str) -> str:
        wait = self._pace.wait(work.attempts)
        self._not_before[work.key] = self._machine_time() + wait
        await self._write(work, done=False, note=(ATTEMPT, problem))
        return "failed"

    async def _give_up(self, work: _Work, problem: str) -> str:
        self._not_before.pop(work.key, None)
        await self._write(work, done=True, note=(DEAD, problem))
        return "dead"

    async def _write(self, work: _Work, *, done: bool, note: tuple[str, str] | None = None) -> None:
        now = self._clock.now()

        def settle(writer: Writer) -> None:
            if done:
                writer.settle(OUTBOX, work.seqs)
                attempts = writer.rows(ATTEMPT, key=work.key, unsettled=True)
                if attempts:
                    writer.settle(ATTEMPT, [row.seq for row in attempts])
            if note is not None:
                kind, problem = note
                told = {
                    "problem": problem,
                    "attempts": work.attempts,
                    "facility": work.facility,
                }
                writer.append(kind, work.key, orjson.dumps(told), at=now)

        await asyncio.wrap_future(self._store.write(settle))

    async def _tell(self, key: str) -> None:
        """FhirError: not now, or refused. ValueError: there is nothing that could be told."""
        type_, _, id_ = key.partition("/")
        version = self._store.read(type_, id_)
        if type_ == "Patient":
            if version is not None and not version.deleted:
                await self._feed(parse(version.body))
        elif version is not None:
            await self._point(version)

    # ---- registrations ---------------------------------------------------------------------------
    async def _feed(self, patient: Tree) -> None:
        group = self._outbox.group
        told = registration_of(patient, group, self._patient)
        number = business_identifier(told, systems.mrn(group))
        if number is None:
            raise ValueError(f"Patient/{patient['id']} has no identifier of {systems.mrn(group)}")
        digest = orjson.dumps(told, default=str)
        if self._fed.get(number["value"]) != digest:
            await self._put(told, number, keep=())
            self._fed[number["value"]] = digest

    def _patient(self, reference: str) -> Tree | None:
        return self._read("Patient", reference.rpartition("/")[2]) if reference else None

    def _read(self, type_: str, id_: str) -> Tree | None:
        version = self._store.read(type_, id_)
        return None if version is None or version.deleted else parse(version.body)

    # ---- pointers --------------------------------------------------------------------------------
    async def _point(self, version: Version) -> None:
        report = self._last_words(version)
        if report is None or report.get("status") not in STATUSES:
            return  # back to preliminary since: what it says when it is final goes out then
        patient = self._patient(report.get("subject", {}).get("reference", ""))
        if patient is None:
            raise ValueError(f"{REPORT}/{version.id} has no Patient here")
        published = instant(self._clock.now())
        pointer = pointer_of(report, patient, self._outbox.group, published, self._regions(report))
        await self._feed(patient)
        # The first publication stays the date: a correction does not make a result younger.
        await self._put(pointer, pointer["masterIdentifier"], keep=("date",))

    def _last_words(self, version: Version) -> Tree | None:
        """The report; one that was deleted is a report in error."""
        if not version.deleted:
            return parse(version.body)
        before = self._store.vread(REPORT, version.id, version.version - 1)
        if before is None or before.deleted:
            return None
        return {**parse(before.body), "status": "entered-in-error"}

    def _regions(self, report: Tree) -> list[Tree]:
        """Body regions, as the order and the studies of a report name them."""
        links = [*report.get("basedOn", ()), *report.get("imagingStudy", ())]
        found = [self._linked(link) for link in links]
        return regions_of(resource for resource in found if resource is not None)

    def _linked(self, link: Mapping[str, Any]) -> Tree | None:
        """What a reference leads to here; an order may be known by its number only."""
        type_, _, id_ = str(link.get("reference", "")).partition("/")
        if id_:
            return self._read(type_, id_)
        number = link.get("identifier", {})
        if not number.get("system") or not number.get("value"):
            return None
        request = parse_search("ServiceRequest", [("identifier", _token(number))], zone=UTC)
        matches = self._store.search(request).matches
        return parse(matches[0].body) if matches else None

    async def _put(self, resource: Tree, number: Mapping[str, str], keep: Sequence[str]) -> None:
        """Creates it, or brings the one that is there up to date but for the elements to `keep`."""
        query, deadline = urlencode({"identifier": _token(number)}), self._pace.deadline
        written = await self._coordinator.create(resource, if_none_exist=query, deadline=deadline)
        if written.created:
            return
        there = await self._there(written)
        kept = {name: there[name] for name in keep if name in there}
        wanted = {**resource, **kept}
        same = {name: value for name, value in there.items() if name not in ("id", "meta")}
        if same != wanted:
            changed = {**wanted, "id": written.id}
            version = there.get("meta", {}).get("versionId")
            await self._coordinator.update(changed, if_match=version, deadline=deadline)

    async def _there(self, written: Written) -> Tree:
        if written.tree is not None:
            return written.tree
        return await self._coordinator.read(written.type, written.id, deadline=self._pace.deadline)


def _token(number: Mapping[str, str]) -> str:
    """An identifier as a search reads it."""
    value = number["value"]
    for sign in "\\|,$":
        value = value.replace(sign, f"\\{sign}")
    return f"{number['system']}|{value}"

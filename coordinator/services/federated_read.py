"""Reads at several hospitals at once, each with a deadline, all together with another.

Whom to ask is decided elsewhere (locator, consents); here only addresses of the directory are
called. A hospital that fails is an answer too: what is missing is said, never passed over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import httpx2

from coordinator.services.directory import Directory
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.client import FhirClient
from fhir_server.guard import REQUESTER

AT_ONCE: Final = 50  # ids in one search, so that its address stays short
PAGE: Final = 200
State = Literal["answered", "unavailable", "silent", "refused"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds: for one hospital, and for all of them together."""

    hospital: float = 3.0
    total: float = 8.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a hospital said: `silent` did not answer in time, `unavailable` cannot answer now,
    `refused` did not want to or answered what is no FHIR."""

    group: str
    state: State
    resources: tuple[Tree, ...]
    problem: str
    elapsed_ms: float


class FederatedRead:
    """Asks hospitals through `http`; `headers` go with every question, `extra` with one."""

    def __init__(
        self,
        directory: Directory,
        http: httpx2.AsyncClient,
        deadlines: Deadlines = Deadlines(),
        headers: Mapping[str, str] = {REQUESTER: "coordinator"},
    ) -> None:
        self._directory, self._http = directory, http
        self._deadlines, self._headers = deadlines, headers

    async def reports(
        self, wanted: Mapping[str, Sequence[str]], extra: Mapping[str, str] | None = None
    ) -> dict[str, Answered]:
        """DiagnosticReports (references by record group) with Observations and ImagingStudies."""
        questions = {group: self._reports_of(names) for group, names in wanted.items()}
        return await self._ask_all(questions, extra or {})

    async def resource(self, group: str, reference: str) -> Answered:
        """One resource, "Type/id", of one hospital."""
        type_, _, id_ = reference.partition("/")

        async def read(client: FhirClient) -> list[Tree]:
            return [await client.read(type_, id_, deadline=self._deadlines.hospital)]

        return (await self._ask_all({group: read}, {}))[group]

    # ---- one hospital ----------------------------------------------------------------------------
    def _reports_of(self, references: Sequence[str]) -> Question:
        return lambda client: self._reports(client, references)

    async def _reports(self, client: FhirClient, references: Iterable[str]) -> list[Tree]:
        ids = [reference.rpartition("/")[2] for reference in references]
        include = [("_include", "DiagnosticReport:result")]
        found = await self._search(client, "DiagnosticReport", ids, include)
        studies = {
            reference["reference"].rpartition("/")[2]: None
            for resource in found
            for reference in resource.get("imagingStudy", ())
            if reference.get("reference", "").startswith("ImagingStudy/")
        }
        return found + await self._search(client, "ImagingStudy", list(studies))

    async def _search(
        self,
        client: FhirClient,
        type_: str,
        ids: Sequence[str],
        extra: Sequence[tuple[str, str]] = (),
    ) -> list[Tree]:
        found: dict[tuple[str, str], Tree] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = ",".join(ids[start : start + AT_ONCE])
            params = [("_id", some), ("_count", str(PAGE)), *extra]
            async for page in client.pages(type_, params, deadline=self._deadlines.hospital):
                for resource in (*page.matches, *page.included):
                    name = str(resource.get("resourceType")), str(resource.get("id"))
                    found[name] = resource
        return list(found.values())

    # ---- all of them -----------------------------------------------------------------------------
    async def _ask_all(
        self, questions: Mapping[str, Question], extra: Mapping[str, str]
    ) -> dict[str, Answered]:
        started = time.perf_counter()
        tasks = {
            group: asyncio.create_task(self._ask(group, question, extra))
            for group, question in questions.items()
        }
        if tasks:
            try:
                await asyncio.wait(tasks.values(), timeout=self._deadlines.total)
            finally:  # also when the caller gave up
                late = [task for task in tasks.values() if not task.done()]
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
        problem = f"no answer within the {self._deadlines.total:g} s that all hospitals have"
        elapsed = (time.perf_counter() - started) * 1000
        return {
            group: Answered(group, "silent", (), problem, elapsed)
            if task.cancelled()
            else task.result()
            for group, task in tasks.items()
        }

    async def _ask(self, group: str, question: Question, extra: Mapping[str, str]) -> Answered:
        started = time.perf_counter()
        state: State = "answered"
        resources: Sequence[Tree] = ()
        problem = ""
        try:
            async with asyncio.timeout(self._deadlines.hospital):
                resources = await question(self._client(group, extra))
        except TimeoutError:
            state, problem = "silent", f"no answer within {self._deadlines.hospital:g} s"
        except FhirError as error:
            state, problem = _state(error), error.diagnostics
        elapsed = (time.perf_counter() - started) * 1000
        return Answered(group, state, tuple(resources), problem, elapsed)

    def _client(self, group: str, extra: Mapping[str, str]) -> FhirClient:
        entry = self._directory.entry(group)
        if entry is None or entry.address is None:
            raise FhirError(Kind.UNAVAILABLE, f"hospital {group} has no address in the directory")
        return FhirClient(entry.address, self._http, headers={**self._headers, **extra})


Question = Callable[[FhirClient], Awaitable[Sequence[Tree]]]


def _state(error: FhirError) -> State:
    if error.kind is Kind.GATEWAY_TIME_OUT:
        return "silent"
    return "refused" if error.status < 500 else "unavailable"

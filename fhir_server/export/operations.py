"""`$export` and the addresses that follow from it (https://hl7.org/fhir/uv/bulkdata/export.html).

POST/GET [base]/$export, Patient/$export, Group/[id]/$export   202, Content-Location
GET      [base]/$export-status?job=                            202, then 200 with the manifest
DELETE   [base]/$export-status?job=                            202: cancelled, files removed
GET      [base]/$export-file?job=&file=                        one NDJSON file
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_server.answers import Answer, http_date, told
from fhir_server.clock import Clock
from fhir_server.export.jobs import Job, Jobs, Work, failure, manifest
from fhir_server.export.request import NDJSON, request_of, search_of
from fhir_server.export.selection import Selection, group_members
from fhir_server.guard import Caller
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.store.port import Store

_UV: Final = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
_OWN: Final = "https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-status-request"
RETRY_AFTER: Final = "1"  # seconds; most exports of a mock hospital take no longer


@dataclass(frozen=True, slots=True)
class Export:
    """The operations of one server's exports. `close` them with the server."""

    jobs: Jobs
    needs_token: bool = False

    def operations(self) -> Sequence[Operation]:
        kinds: list[tuple[str, Level, str]] = [
            ("", "system", "export"),
            ("Patient", "type", "patient-export"),
            ("Group", "instance", "group-export"),
        ]
        kicks = [
            Operation("$export", on, level, self._kick_off, f"{_UV}/{name}", ("GET", "POST"))
            for on, level, name in kinds
        ]
        status = Operation("$export-status", "", "system", self._status, _OWN, ("GET", "DELETE"))
        files = Operation("$export-file", "", "system", self._file, _OWN, ("GET",), media=NDJSON)
        return [*kicks, status, files]

    async def _kick_off(self, call: OperationCall) -> Answer:
        request = request_of(call)
        if request.level == "Group":
            await call.in_pool(group_members, call.store, request.group)
        url = "/".join(part for part in (call.base, call.type, call.id, "$export") if part)
        if call.query:
            url += "?" + urlencode(call.query, safe=":/,?=")
        job = await call.in_pool(self.jobs.start, request, call.caller, url, call.base)
        answer = told(202, [Issue("information", "informational", "the export has begun")])
        answer.headers["Content-Location"] = f"{call.base}/$export-status?job={job.id}"
        return answer

    async def _status(self, call: OperationCall) -> Answer:
        job = await call.in_pool(self.jobs.find, _one(call, "job"), call.caller)
        if call.method == "DELETE":
            await call.in_pool(self.jobs.cancel, job)
            return told(202, [Issue("information", "informational", "the export is cancelled")])
        if job.state == "running":
            headers = {"X-Progress": self.jobs.progress(job), "Retry-After": RETRY_AFTER}
            return Answer(202, headers=headers)
        if job.state == "failed":
            return Answer(500, tree=failure(job))
        headers = {"Expires": http_date(self.jobs.expires(job))}
        body = json.dumps(manifest(job, self.needs_token)).encode()
        return Answer(200, body, headers=headers, media="application/json")

    async def _file(self, call: OperationCall) -> Answer:
        job = await call.in_pool(self.jobs.find, _one(call, "job"), call.caller)
        body = await call.in_pool(self.jobs.content, job, _one(call, "file"))
        return Answer(200, body, media=NDJSON)


def _one(call: OperationCall, name: str) -> str:
    given = [value for key, value in call.query if key == name]
    if len(given) != 1:
        raise FhirError(Kind.MISSING_PARAMETER, f"the address needs {name}=, exactly once")
    return given[0]


def exports(
    folder: Path,
    store_for: Callable[[Caller], Store],
    clock: Clock,
    zone: tzinfo,
    *,
    needs_token: bool = False,
    leads: bool = True,
) -> Export:
    """Exports that keep their files in this folder and see what their callers see.

    `needs_token`: whether the server lets nobody in who does not prove who they are. `leads` off:
    another process of this server writes, until `jobs.lead` is called.
    """

    def work_of(job: Job) -> Work:
        at, request = datetime.fromisoformat(job.at), job.request
        searches = [search_of(text, zone, job.base, at) for text in request.filters]
        selection = Selection(store_for(job.caller), request, searches, zone)
        return Work(selection.types(), selection.lines)

    return Export(Jobs(folder, work_of, clock, leads=leads), needs_token)

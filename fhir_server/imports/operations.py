"""`$import` and the addresses that follow from it (https://github.com/smart-on-fhir/bulk-import).

POST    [base]/$import                       202, Content-Location
GET     [base]/$import-status?job=           202, then 200 with what came of each file
DELETE  [base]/$import-status?job=           202: stopped and forgotten; what is stored stays
GET     [base]/$import-errors?job=&file=     OperationOutcomes as NDJSON
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_server.answers import Answer, http_date, told
from fhir_server.audit import AuditSink
from fhir_server.call import OnWrite, Watcher
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock
from fhir_server.guard import Caller
from fhir_server.imports.jobs import Jobs, failure, manifest
from fhir_server.imports.request import NDJSON, inputs_of
from fhir_server.imports.storing import Target
from fhir_server.operations import Operation, OperationCall
from fhir_server.options import Options
from fhir_server.store.port import Store

DEFINITION: Final = "https://github.com/smart-on-fhir/bulk-import/blob/master/import-manifest.md"
RETRY_AFTER: Final = "1"  # seconds


@dataclass(frozen=True, slots=True)
class Import:
    """The operations of one server's imports. `close` the jobs with the server."""

    jobs: Jobs
    sources: Sequence[str]
    capabilities: Capabilities

    def operations(self) -> Sequence[Operation]:
        return [
            Operation("$import", "", "system", self._kick_off, DEFINITION, affects_state=True),
            Operation("$import-status", "", "system", self._status, DEFINITION, ("GET", "DELETE")),
            Operation("$import-errors", "", "system", self._errors, DEFINITION, ("GET",)),
        ]

    def _refuses(self, type_: str) -> bool:
        capabilities = self.capabilities
        return type_ not in capabilities.served or capabilities.refuses(type_, "update")

    async def _kick_off(self, call: OperationCall) -> Answer:
        inputs = inputs_of(call, self.sources, self._refuses)
        job = await call.in_pool(self.jobs.start, inputs, call.caller, call.base)
        answer = told(202, [Issue("information", "informational", "the import has begun")])
        answer.headers["Content-Location"] = f"{call.base}/$import-status?job={job.id}"
        return answer

    async def _status(self, call: OperationCall) -> Answer:
        job = await call.in_pool(self.jobs.find, _one(call, "job"), call.caller)
        if call.method == "DELETE":
            await call.in_pool(self.jobs.cancel, job)
            said = "the import is stopped; what it has stored stays"
            return told(202, [Issue("information", "informational", said)])
        if job.state == "running":
            headers = {"X-Progress": self.jobs.progress(job), "Retry-After": RETRY_AFTER}
            return Answer(202, headers=headers)
        if job.state == "failed":
            return Answer(500, tree=failure(job))
        headers = {"Expires": http_date(self.jobs.expires(job))}
        body = json.dumps(manifest(job)).encode()
        return Answer(200, body, headers=headers, media="application/json")

    async def _errors(self, call: OperationCall) -> Answer:
        job = await call.in_pool(self.jobs.find, _one(call, "job"), call.caller)
        body = await call.in_pool(self.jobs.errors, job, _one(call, "file"))
        return Answer(200, body, media=NDJSON)


def _one(call: OperationCall, name: str) -> str:
    given = [value for key, value in call.query if key == name]
    if len(given) != 1:
        raise FhirError(Kind.MISSING_PARAMETER, f"the address needs {name}=, exactly once")
    return given[0]


def imports(
    folder: Path,
    store_for: Callable[[Caller], Store],
    clock: Clock,
    capabilities: Capabilities,
    options: Options,
    *,
    sources: Sequence[str],
    audit: AuditSink | None = None,
    on_write: OnWrite | None = None,
    watcher: Watcher | None = None,
) -> Import:
    """Imports that keep their files in this folder and write what their callers may write.

    `sources` are the addresses below which files are fetched (`https://files.example/fhir/`);
    without any, every import is refused. The rest is what the server itself was given.
    """
    target = Target(store_for, clock, audit, on_write, watcher)
    return Import(Jobs(folder, target, options), tuple(sources), capabilities)

"""Imports on their way: one after the other in a thread, their files in folders.

https://github.com/smart-on-fhir/bulk-import. `job.json` says what is asked; how far it is stands in
the store, in the commit of the resources themselves: a process that dies stores none twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

import msgspec

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_server.clock import instant
from fhir_server.guard import Caller
from fhir_server.imports.fetching import Cancelled, NotFetched, fetch
from fhir_server.imports.lines import Line, Reading
from fhir_server.imports.request import Input
from fhir_server.imports.storing import Mark, Target
from fhir_server.options import Options

State = Literal["running", "complete", "failed"]

KEPT: Final = timedelta(hours=24)  # how long it can be asked what came of an import
MAX_JOBS: Final = 20  # that have not ended; the next one is told to wait
TOGETHER: Final = 200  # lines of one commit: others write in between
MAX_WRONG: Final = 1_000  # lines of a file that are wrong before the rest is left alone
_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one file: resources stored, and lines (or the file itself) that were not."""

    stored: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Job:
    """One import. `results` are those of the files that are finished."""

    id: str
    caller: Caller
    url: str
    base: str
    at: str
    inputs: tuple[Input, ...]
    state: State = "running"
    results: tuple[Result, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "caller": [self.caller.id, self.caller.purpose, self.caller.name],
            "url": self.url,
            "base": self.base,
            "at": self.at,
            "inputs": [[one.type, one.url] for one in self.inputs],
            "state": self.state,
            "results": [[one.stored, one.wrong] for one in self.results],
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Job:
        parts = dict(given)
        parts["caller"] = Caller(*given["caller"])
        parts["inputs"] = tuple(Input(*one) for one in given["inputs"])
        parts["results"] = tuple(Result(*one) for one in given["results"])
        return cls(**parts)


@dataclass(slots=True)
class _Running:
    """What only this process knows of a job."""

    progress: str = "waiting"
    cancelled: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """The imports of one server. Those that an earlier process left unfinished go on at once."""

    def __init__(self, folder: Path, target: Target, options: Options) -> None:
        self._folder, self._target, self._options = folder, target, options
        self._running: dict[str, _Running] = {}
        self._pool = ThreadPoolExecutor(1, "import")
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for job in self._all():
            if job.state == "running":
                self._begin(job)

    def start(self, inputs: tuple[Input, ...], caller: Caller, base: str) -> Job:
        """FhirError 429: too many have not ended yet."""
        self._forget_old()
        if len(self._running) >= MAX_JOBS:
            raise FhirError(
                Kind.THROTTLED, f"{MAX_JOBS} imports are on their way; wait until one has ended"
            )
        at = instant(self._target.clock.now())
        job = Job(uuid4().hex, caller, f"{base}/$import", base, at, inputs)
        (self._folder / job.id).mkdir()
        self._save(job)
        self._begin(job)
        return job

    def find(self, id_: str, caller: Caller) -> Job:
        """FhirError 404: there is none, or it is somebody else's."""
        job = self._read(id_) if _ID.fullmatch(id_) else None
        if job is None or job.caller.id != caller.id:
            raise FhirError(
                Kind.NOT_FOUND,
                "there is no such import; it was cancelled, or is over for more than a day",
            )
        return job

    def progress(self, job: Job) -> str:
        running = self._running.get(job.id)
        return running.progress if running else job.state

    def cancel(self, job: Job) -> None:
        """Stops a job and forgets it; what it has stored stays."""
        running = self._running.get(job.id)
        if running is not None:
            running.cancelled.set()
        shutil.rmtree(self._folder / job.id, ignore_errors=True)

    def errors(self, job: Job, number: str) -> bytes:
        """OperationOutcomes for what was wrong in a file. FhirError 404: nothing was."""
        try:
            wrong = number.isdecimal() and job.results[int(number[:6])].wrong
            if wrong:
                return self._path(job, int(number), "errors").read_bytes()
        except (IndexError, FileNotFoundError):
            pass
        raise FhirError(Kind.NOT_FOUND, f"the import has no errors of a file {number[:20]!r}")

    def expires(self, job: Job) -> datetime:
        return datetime.fromisoformat(job.at) + KEPT

    def close(self) -> None:
        """Stops; what is unfinished goes on in the next process."""
        for running in list(self._running.values()):
            running.cancelled.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    # ---- state -----------------------------------------------------------------------------------

    def _path(self, job: Job, number: int, kind: str) -> Path:
        return self._folder / job.id / f"{kind}.{number}.ndjson"

    def _all(self) -> list[Job]:
        found = (self._read(path.name) for path in sorted(self._folder.iterdir()))
        return [job for job in found if job is not None]

    def _read(self, id_: str) -> Job | None:
        try:
            return Job.from_json(json.loads((self._folder / id_ / "job.json").read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _save(self, job: Job) -> None:
        """FileNotFoundError: the job was cancelled meanwhile."""
        path = self._folder / job.id / "job.json"
        part = path.with_suffix(".part")
        part.write_bytes(json.dumps(job.to_json()).encode())
        part.replace(path)

    def _forget_old(self) -> None:
        for job in self._all():
            if job.state != "running" and self.expires(job) < self._target.clock.now():
                shutil.rmtree(self._folder / job.id, ignore_errors=True)

    # ---- the work --------------------------------------------------------------------------------

    def _begin(self, job: Job) -> None:
        with self._lock:
            self._running[job.id] = _Running()
        self._pool.submit(self._run, job)

    def _run(self, job: Job) -> None:
        running = self._running[job.id]
        try:
            mark = self._target.mark(job.caller, job.id)
            for number in range(len(job.results), len(job.inputs)):
                result = self._file(job, number, mark, running)
                job = replace(job, results=(*job.results, result))
                self._save(job)
                self._path(job, number, "input").unlink(missing_ok=True)
            self._save(replace(job, state="complete"))
        except (Cancelled, FileNotFoundError):
            pass  # its folder is gone, or the next process goes on with it
        except Exception as err:  # a job that dies says so instead of running for ever
            said = str(err) if isinstance(err, FhirError) else type(err).__name__
            self._failed(job, f"the import stopped: {said}")
        finally:
            folder = self._folder / job.id
            if not (folder / "job.json").exists():  # what was written while it was taken away
                shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                del self._running[job.id]

    def _failed(self, job: Job, problem: str) -> None:
        with suppress(FileNotFoundError):  # cancelled meanwhile
            self._save(replace(job, state="failed", problem=problem))

    def _file(self, job: Job, number: int, mark: Mark, running: _Running) -> Result:
        asked, path = job.inputs[number], self._path(job, number, "input")
        running.progress = f"file {number + 1} of {len(job.inputs)}"
        if mark.file != number:
            mark = Mark(number)
        errors = self._path(job, number, "errors")
        with errors.open("ab") as out:
            out.truncate(mark.errors)  # what was said about lines that will be read again
            try:
                fetch(asked.url, path, running.cancelled.is_set)
            except NotFetched as err:
                _say(out, FhirError(Kind.BAD_GATEWAY, f"{asked.url[:200]}: {err}"))
                return Result(mark.stored, mark.wrong + 1)
            reading = Reading(asked.type, self._options.validation, self._options.max_body)
            with path.open("rb") as file:
                lines = reading.lines(file, mark.line, mark.end)
                while some := list(islice(lines, TOGETHER)):
                    if running.cancelled.is_set():
                        raise Cancelled
                    mark = self._store(job, some, mark, out)
                    running.progress = f"file {number + 1} of {len(job.inputs)}, line {mark.line}"
                    if mark.wrong >= MAX_WRONG:
                        problem = f"{MAX_WRONG} lines are wrong; the rest of the file is not read"
                        _say(out, FhirError(Kind.TOO_COSTLY, problem))
                        break
        return Result(mark.stored, mark.wrong)

    def _store(self, job: Job, lines: list[Line], mark: Mark, out: Any) -> Mark:
        """Lines into the store; where one of them is refused there, each by itself."""
        before = out.seek(0, os.SEEK_END)
        after = mark
        for line in lines:
            if line.error is not None:
                _say(out, line.error, line.number)
            after = msgspec.structs.replace(
                after,
                line=line.number,
                end=line.end,
                stored=after.stored + (line.document is not None),
                wrong=after.wrong + (line.error is not None),
            )
        after = msgspec.structs.replace(after, errors=_synced(out))
        try:
            self._target.put(job.caller, job.id, lines, after)
            return after
        except FhirError as err:
            out.truncate(before)
            if err.status >= 500:
                raise
            if len(lines) == 1:
                return self._store(job, [replace(lines[0], document=None, error=err)], mark, out)
        for line in lines:
            mark = self._store(job, [line], mark, out)
        return mark


def _say(out: Any, err: FhirError, line: int | None = None) -> None:
    where = f"line {line}: " if line else ""
    issues = [replace(issue, diagnostics=where + issue.diagnostics) for issue in err.issues[:20]]
    out.write(json_text.dump(outcome(issues)) + b"\n")


def _synced(out: Any) -> int:
    out.flush()
    os.fsync(out.fileno())
    size: int = out.seek(0, os.SEEK_END)
    return size


def manifest(job: Job) -> dict[str, Any]:
    """What came of an import, file by file."""
    pairs = list(enumerate(zip(job.inputs, job.results, strict=True)))
    address = f"{job.base}/$import-errors?job={job.id}&file="
    return {
        "transactionTime": job.at,
        "request": job.url,
        "output": [
            {"type": given.type, "inputUrl": given.url, "count": came.stored}
            for _, (given, came) in pairs
        ],
        "error": [
            {
                "type": "OperationOutcome",
                "inputUrl": given.url,
                "url": f"{address}{number}",
                "count": came.wrong,
            }
            for number, (given, came) in pairs
            if came.wrong
        ],
    }


def failure(job: Job) -> dict[str, Any]:
    return outcome([Issue("fatal", Kind.INTERNAL.code, job.problem)])

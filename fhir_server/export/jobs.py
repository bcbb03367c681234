"""Exports on their way: one after the other in a thread, their state in files.

https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-export-operation-request-flow. A job is a
folder: `job.json` says how far it is, and each file beside it is written under another name first,
so that a process that dies loses no more than the file it was writing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Literal
from uuid import uuid4

from fhir_profiles.outcomes import FhirError, Kind, outcome
from fhir_server.clock import Clock, instant
from fhir_server.export.request import Request
from fhir_server.guard import Caller

State = Literal["running", "complete", "failed"]
Lines = Callable[["Job"], "Work"]

KEPT: Final = timedelta(hours=24)  # how long the files of a finished export can be fetched
FILE_LINES: Final = 10_000  # resources in one file: 10-20 MB, so that a client can go on after one
MAX_JOBS: Final = 20  # that have not ended; the next kick-off is told to wait
_ID: Final = re.compile(r"[0-9a-f]{32}")
_FILE: Final = re.compile(r"[A-Za-z]+\.\d+\.ndjson")


@dataclass(frozen=True, slots=True)
class File:
    type: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Job:
    """One export. `at` is the transaction time; `done` are the types that are finished."""

    id: str
    caller: Caller
    url: str
    base: str
    at: str
    request: Request
    state: State = "running"
    done: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "caller": [self.caller.id, self.caller.purpose, self.caller.name],
            "url": self.url,
            "base": self.base,
            "at": self.at,
            "request": self.request.to_json(),
            "state": self.state,
            "done": self.done,
            "files": [[file.type, file.name, file.count] for file in self.files],
            "problem": self.problem,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Job:
        parts = dict(given)
        parts["caller"] = Caller(*given["caller"])
        parts["request"] = Request.from_json(given["request"])
        parts["done"] = tuple(given["done"])
        parts["files"] = tuple(File(*file) for file in given["files"])
        return cls(**parts)


@dataclass(frozen=True, slots=True)
class Work:
    """What a job has to write: the types, and the lines of each."""

    types: list[str]
    lines: Callable[[str], Iterator[bytes]]


@dataclass(slots=True)
class _Running:
    """What only this process knows of a job."""

    progress: str = "waiting"
    cancelled: threading.Event = field(default_factory=threading.Event)


class _Cancelled(Exception):
    """Ends the writing of a job."""


class Jobs:
    """The exports of one server. `work_of` says what a job has to write, as its caller sees it.

    Jobs that an earlier process left unfinished go on at once. Of several processes over one folder
    one leads: it writes what any of them has been asked for (`adopt`), and all find what is there.
    """

    def __init__(self, folder: Path, work_of: Lines, clock: Clock, *, leads: bool = True) -> None:
        self._folder, self._work_of, self._clock = folder, work_of, clock
        self._leads = leads
        self._running: dict[str, _Running] = {}
        self._pool = ThreadPoolExecutor(1, "export")
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.adopt()

    def lead(self) -> None:
        """This process writes from now on: the one that did so before has ended."""
        self._leads = True
        self.adopt()

    def follow(self) -> None:
        """Another process writes from now on; what was under way here goes on there."""
        self._leads = False
        self._stop_writing()

    def adopt(self) -> None:
        """Begins what is unfinished and not under way here, if this process leads."""
        if self._leads:
            for id_ in self._ids():
                self._begin(id_)

    def start(self, request: Request, caller: Caller, url: str, base: str) -> Job:
        """FhirError 429: too many have not ended yet."""
        if self._unfinished() >= MAX_JOBS:
            raise FhirError(
                Kind.THROTTLED, f"{MAX_JOBS} exports are on their way; wait until one has ended"
            )
        job = Job(uuid4().hex, caller, url, base, instant(self._clock.now()), request)
        (self._folder / job.id).mkdir()
        self._save(job)
        if self._leads:
            self._begin(job.id)
        return job

    def find(self, id_: str, caller: Caller) -> Job:
        """FhirError 404: there is none, or it is somebody else's."""
        job = self._read(id_) if _ID.fullmatch(id_) else None
        if job is None or job.caller.id != caller.id:
            raise FhirError(
                Kind.NOT_FOUND,
                "there is no such export; it was cancelled, or is over for more than a day",
            )
        return job

    def progress(self, job: Job) -> str:
        running = self._running.get(job.id)
        return running.progress if running else f"{len(job.done)} types are written"

    def cancel(self, job: Job) -> None:
        """Stops a job, or removes what it wrote."""
        running = self._running.get(job.id)
        if running is not None:
            running.cancelled.set()
        # Under another name first: whichever process writes finds its folder gone, and ends.
        gone = self._folder / f"{job.id}.gone"
        with suppress(FileNotFoundError):
            (self._folder / job.id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def content(self, job: Job, name: str) -> bytes:
        """FhirError 404: no such file."""
        if not _FILE.fullmatch(name) or name not in {file.name for file in job.files}:
            raise FhirError(Kind.NOT_FOUND, f"the export has no file {name[:80]!r}")
        try:
            return (self._folder / job.id / name).read_bytes()
        except FileNotFoundError:
            raise FhirError(Kind.NOT_FOUND, "the export was cancelled") from None

    def expires(self, job: Job) -> datetime:
        return datetime.fromisoformat(job.at) + KEPT

    def close(self) -> None:
        """Stops writing; what is unfinished goes on in the next process."""
        self._stop_writing()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _stop_writing(self) -> None:
        for running in list(self._running.values()):
            running.cancelled.set()

    # ---- state -----------------------------------------------------------------------------------
    def _ids(self) -> list[str]:
        names = sorted(path.name for path in self._folder.iterdir())
        return [name for name in names if _ID.fullmatch(name)]

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

    def _unfinished(self) -> int:
        """How many there are; forgets those that ended long ago."""
        count = 0
        for job in filter(None, map(self._read, self._ids())):
            count += job.state == "running"
            if job.state != "running" and self.expires(job) < self._clock.now():
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
        return count

    # ---- writing ---------------------------------------------------------------------------------
    def _begin(self, id_: str) -> None:
        """Unless it is under way. Its state is read after that is known, so that nothing that ends
        in this moment is begun again."""
        with self._lock:
            if id_ in self._running:
                return
            job = self._read(id_)
            if job is not None and job.state == "running":
                self._running[id_] = _Running()
                self._pool.submit(self._write, job)

    def _write(self, job: Job) -> None:
        running = self._running[job.id]
        try:
            self._save(replace(self._written(job, running), state="complete"))
        except (_Cancelled, FileNotFoundError):
            pass  # its folder is gone, or the next process goes on with it
        except FhirError as err:
            self._save(replace(job, state="failed", problem=str(err)))
        except Exception as err:  # a job that dies says so instead of running for ever
            said = f"the export stopped: {type(err).__name__}"
            self._save(replace(job, state="failed", problem=said))
        finally:
            with self._lock:
                del self._running[job.id]

    def _written(self, job: Job, running: _Running) -> Job:
        work = self._work_of(job)
        for number, type_ in enumerate(work.types):
            running.progress = f"{100 * number // len(work.types)}% ({type_})"
            if type_ not in job.done:
                files = self._files(job, type_, work.lines(type_), running)
                job = replace(job, done=(*job.done, type_), files=(*job.files, *files))
                self._save(job)
        return job

    def _files(self, job: Job, type_: str, lines: Iterator[bytes], running: _Running) -> list[File]:
        files: list[File] = []
        for first in lines:
            name = f"{type_}.{len(files) + 1}.ndjson"
            path = self._folder / job.id / name
            part, count = path.with_suffix(".part"), 0
            with part.open("wb") as out:
                for line in chain((first,), islice(lines, FILE_LINES - 1)):
                    if running.cancelled.is_set():
                        raise _Cancelled
                    out.write(line)
                    count += 1
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
            files.append(File(type_, name, count))
        return files


def manifest(job: Job, needs_token: bool) -> dict[str, Any]:
    """What a finished export consists of, for its client."""
    address = f"{job.base}/$export-file?job={job.id}&file="
    return {
        "transactionTime": job.at,
        "request": job.url,
        "requiresAccessToken": needs_token,
        "output": [
            {"type": file.type, "url": address + file.name, "count": file.count}
            for file in job.files
        ],
        "deleted": [],
        "error": [],
    }


def failure(job: Job) -> dict[str, Any]:
    return outcome(FhirError(Kind.INTERNAL, job.problem).issues)

"""The one writer of a store: a queue, a thread, and commits of what has come together.

Work that waits is committed together, at most 64 pieces or what comes within 5 ms; work that comes
alone is committed at once. Each piece has its savepoint. The thread starts with the first piece of
work and ends when there has been none for a while, so that a hundred idle stores cost nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fhir_server.store.database import Connection, Database
from fhir_server.store.port import Row
from fhir_server.store.refusals import closed

T = TypeVar("T")
TOGETHER: Final = 64
SECONDS: Final = 0.005
IDLE: Final = 5.0  # seconds until a writer without work lets go of thread and connection


@dataclass(frozen=True, slots=True)
class Job:
    """`alone`: outside of any transaction (snapshot, restore)."""

    work: Callable[[Connection], Any]
    answer: Future[Any]
    alone: bool = False


class Commits:
    """Takes work from any thread and does it in one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # of the two below
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connection: Connection | None = None  # the thread's own
        # The last application row of each kind, as the thread's transaction sees it.
        self.tails: dict[str, Row] = {}
        self._stamp: int | None = None

    def submit(self, work: Callable[[Connection], T], *, alone: bool = False) -> Future[T]:
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # what was accepted is done
        with self._lock:
            if self._closed:
                answer.set_exception(closed())
                return answer
            self._queue.put(Job(work, answer, alone))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
        return answer

    def close(self) -> None:
        """Finishes what was accepted."""
        with self._lock:
            self._closed = True
            thread = self._thread
            if thread is not None:
                self._queue.put(None)
        if thread is not None:
            thread.join()

    # ---- in the thread ---------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                while job is not None and not job.alone:
                    job = self._group(job)
                if job is not None:
                    self._alone(job)
        finally:
            self._let_go()

    def _next(self) -> Job | None:
        """Waits for work; None: there is none and the thread ends."""
        while True:
            try:
                return self._queue.get(timeout=IDLE)
            except queue.Empty:
                with self._lock:
                    if self._queue.empty():
                        self._thread = None
                        return None

    def _own(self) -> Connection:
        if self._connection is None:
            self._connection = self._database.open_writer()
        return self._connection

    def _let_go(self) -> None:
        """Ends the connection; what it had begun is undone, a broken one does not stay."""
        connection, self._connection = self._connection, None
        self._forget_tails()
        if connection is not None:
            connection.close()

    def _check_tails(self, connection: Connection) -> None:
        """Within a transaction: what was known of the last rows counts if nobody else wrote."""
        stamp = self._database.stamp(connection)
        if stamp is None or stamp != self._stamp:
            self.tails.clear()
        self._stamp = stamp

    def _forget_tails(self) -> None:
        self.tails.clear()
        self._stamp = None

    def _alone(self, job: Job) -> None:
        self._forget_tails()
        try:
            value = job.work(self._own())
        except Exception as err:
            self._let_go()
            job.answer.set_exception(self._database.failure(err))
        else:
            job.answer.set_result(value)

    def _group(self, first: Job) -> Job | None:
        """One transaction; returns the job behind it if that is not for this transaction."""
        taken: list[Job] = []
        done: list[tuple[Job, Any]] = []
        job: Job | None = first
        until = time.monotonic() + SECONDS
        try:
            connection = self._own()
            connection.execute(self._database.begin)
            self._check_tails(connection)
            while job is not None and not job.alone:
                taken.append(job)
                self._one(connection, job, done)
                job = None
                if len(done) < TOGETHER and time.monotonic() < until:
                    job = self._waiting()
            connection.execute("COMMIT")
        except Exception as err:
            self._database.names.forget()
            self._let_go()
            error = self._database.failure(err)
            for failed in taken or [first]:
                if not failed.answer.done():
                    failed.answer.set_exception(error)
            return job if job is not None and job.alone else None
        for finished, value in done:
            finished.answer.set_result(value)
        return job

    def _waiting(self) -> Job | None:
        try:
            job = self._queue.get_nowait()
        except queue.Empty:
            return None
        if job is None:  # the end: once more, for `_next`
            self._queue.put(None)
        return job

    def _one(self, connection: Connection, job: Job, done: list[tuple[Job, Any]]) -> None:
        connection.execute("SAVEPOINT work")
        try:
            value = job.work(connection)
        except BaseException as err:
            connection.execute("ROLLBACK TO SAVEPOINT work")
            connection.execute("RELEASE SAVEPOINT work")
            self._database.names.forget()
            self.tails.clear()
            job.answer.set_exception(
                self._database.failure(err) if isinstance(err, Exception) else err
            )
        else:
            connection.execute("RELEASE SAVEPOINT work")
            done.append((job, value))

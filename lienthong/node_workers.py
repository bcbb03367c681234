"""The processes of a node: started together over one listening socket, started again if one dies.

The parent answers nothing. It ends its workers when it is told to stop, and they end by themselves
when it is gone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

from lienthong.node import GRACE_SECONDS, NodeStart, serve

PATIENCE: Final = GRACE_SECONDS + 3.0  # seconds after which a worker that does not end is killed
SHORT_LIFE: Final = 2.0  # seconds; one that died sooner is not started again at once
PREPARED: Final = "forkserver" in multiprocessing.get_all_start_methods()
"""Workers are forks of a process that has imported everything and opened nothing: they start in a
fraction of a second and share the memory of it. Elsewhere (Windows) each begins anew."""

_CONTEXT: Final[Any] = multiprocessing.get_context("forkserver" if PREPARED else "spawn")
if PREPARED:
    _CONTEXT.set_forkserver_preload(["lienthong.node_workers"])


@dataclass
class _Worker:
    process: BaseProcess
    ready: Connection
    begun: float


class WorkersFailed(Exception):
    """A worker ended before it was ready."""


class Workers:
    """Runs them; `pids` are those that live."""

    def __init__(
        self, start: NodeStart, listening: socket.socket, on_ready: Callable[[], None]
    ) -> None:
        self._start, self._listening, self._on_ready = start, listening, on_ready
        self._workers: list[_Worker] = []
        self._woken, self._wake = _CONTEXT.Pipe(duplex=False)
        self._stopping = False

    @property
    def pids(self) -> list[int]:
        return [worker.process.pid or 0 for worker in self._workers]

    def stop(self) -> None:
        """From any thread or signal handler."""
        self._stopping = True
        self._wake.send_bytes(b".")

    def run(self) -> None:
        """Until it is told to stop. WorkersFailed: one of the first did not come up."""
        with self._signals():
            try:
                self._workers = [self._new() for _ in range(self._start.workers)]
                self._await_first()
                while not self._stopping:
                    self._tend()
            finally:
                self._end()

    def _new(self) -> _Worker:
        ready, told = _CONTEXT.Pipe(duplex=False)
        arguments = (self._start, self._listening, told)
        process = _CONTEXT.Process(target=_work, args=arguments, name="node worker")
        process.start()
        told.close()
        return _Worker(process, ready, time.monotonic())

    def _await_first(self) -> None:
        waiting = {worker.ready: worker for worker in self._workers}
        while waiting and not self._stopping:
            for one in wait([*waiting, self._woken]):
                worker = waiting.pop(one, None)  # type: ignore[call-overload]  # a Connection
                if worker is not None and not _said(worker.ready):
                    raise WorkersFailed("a worker ended before it was ready")
        if not self._stopping:
            self._on_ready()

    def _tend(self) -> None:
        """Waits until one dies and starts another in its place."""
        ended = wait([*(worker.process.sentinel for worker in self._workers), self._woken])
        for number, worker in enumerate(self._workers):
            if worker.process.sentinel in ended and not self._stopping:
                worker.process.join()
                code = worker.process.exitcode
                print(f"lienthong: a worker ended ({code}), another one starts", file=sys.stderr)
                if time.monotonic() - worker.begun < SHORT_LIFE:
                    self._woken.poll(SHORT_LIFE)
                if not self._stopping:
                    self._workers[number] = self._new()

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + PATIENCE
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def told(*_: Any) -> None:
            self.stop()

        before = {s: signal.signal(s, told) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _said(ready: Connection) -> bool:
    try:
        return bool(ready.recv_bytes())
    except EOFError:
        return False


def _work(start: NodeStart, listening: socket.socket, ready: Connection) -> None:
    """The whole life of a worker."""
    # Ctrl-C reaches every process of the terminal; the parent tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(stop: Callable[[], None]) -> None:
        def until_gone() -> None:
            parent.join()
            stop()

        threading.Thread(target=until_gone, name="parent", daemon=True).start()

    def say() -> None:
        ready.send_bytes(b"ready")
        ready.close()

    serve(start, listening, say, watch)

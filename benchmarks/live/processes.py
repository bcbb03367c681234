"""Servers under load, each an ASGI app in a process of its own: CPU, memory, lag of the loop."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Protocol, Self

import uvicorn
from starlette.types import ASGIApp

SPAWN: Final = multiprocessing.get_context("spawn")
PATIENCE: Final = 120  # seconds that a server may take to start
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_TIMER: Final = 0.001

App = Callable[..., ASGIApp]


class Server(Protocol):
    """What a row needs to know of a server, whoever started it."""

    address: tuple[str, int]
    pid: int


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int) -> float:
    """Memory of a process that is in RAM."""
    return _status(pid, "VmRSS:")


def peak_mb(pid: int) -> float:
    """The most that a process had in RAM since `forget_peak`."""
    return _status(pid, "VmHWM:")


def forget_peak(pid: int) -> None:
    """Where the kernel allows it (https://docs.kernel.org/filesystems/proc.html, clear_refs)."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _status(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def size_mb(folder: Path) -> float:
    """What the files below a folder hold."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


class Served:
    """`with Served(make, *args)`: the app that `make(*args)` gives, on a free port."""

    def __init__(self, make: App, *args: Any) -> None:
        self._mine, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(theirs, make, args), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        if not self._mine.poll(PATIENCE):
            raise RuntimeError("a server of the benchmark did not start")
        self.address: tuple[str, int] = ("127.0.0.1", self._mine.recv())
        assert self._process.pid is not None
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._mine.send("stop")
        self._process.join(20)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def lags(self) -> list[float]:
        """How many milliseconds late the timer of the loop was, each time since this was asked."""
        self._mine.send("lags")
        found: list[float] = self._mine.recv()
        return found


# ---- in the server's process ---------------------------------------------------------------------


def _serve(pipe: Connection, make: App, args: tuple[Any, ...]) -> None:
    config = uvicorn.Config(make(*args), log_level="warning", access_log=False, lifespan="off")
    # The loop that uvicorn would choose by itself (uvloop), as `lienthong up` runs on.
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(pipe, uvicorn.Server(config)))


async def _run(pipe: Connection, server: uvicorn.Server) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    lags: list[float] = []
    timer = asyncio.create_task(_timer(lags))
    threading.Thread(target=_answer, args=(pipe, server, lags), daemon=True).start()
    # Connections wait in the listening socket until the loop takes them.
    pipe.send(listening.getsockname()[1])
    await server.serve(sockets=[listening])
    timer.cancel()


async def _timer(lags: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _TIMER
        await asyncio.sleep(_TIMER)
        lags.append((loop.time() - due) * 1000)


def _answer(pipe: Connection, server: uvicorn.Server, lags: list[float]) -> None:
    while pipe.recv() == "lags":
        found = lags[:]
        del lags[: len(found)]
        pipe.send(found)
    server.should_exit = True

"""Networks that really run: in a thread of this process, or as a process of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx2

from lienthong.live.plan import LivePlan, Place
from lienthong.server import Running, Start
from scenarios.scenario import load_scenario

SCENARIO = "drive-coverage"
PERSONS = 20


@lru_cache
def plan(scenario: str = SCENARIO) -> LivePlan:
    """The scenario with seed 1, compiled once for all tests."""
    return LivePlan(load_scenario(scenario), 1)


def start(folder: Path, **options: Any) -> Start:
    """What `lienthong up drive-coverage --port 0 --persons 20 --jobs 1 --data FOLDER` starts."""
    return Start(plan(), Place(folder), **{"port": 0, "persons": PERSONS, "jobs": 1, **options})


@contextmanager
def in_thread(folder: Path, **options: Any) -> Iterator[Running]:
    """A network on a real socket, served by a thread of this process."""
    running = Running(start(folder, **options))
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            running.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=serve, name="network", daemon=True)
    thread.start()
    try:
        while not running.ready and thread.is_alive():
            thread.join(0.02)
        if failures:
            raise failures[0]
        yield running
    finally:
        running.stop()
        thread.join(10)
        assert not thread.is_alive(), "the network did not stop"


class Up:
    """`lienthong up` as a process, the way a shell starts it."""

    def __init__(self, folder: Path, *args: object, environment: dict[str, str]) -> None:
        words = ["up", SCENARIO, "--port", "0", "--persons", PERSONS, "--data", folder, *args]
        self._err = (folder.parent / f"{folder.name}.err").open("w+")
        self._begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lienthong", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=self._err,
            text=True,
            env=environment,
            cwd=folder.parent,
            start_new_session=True,  # a Ctrl-C of whoever runs the tests is not for it
        )

    def ready(self) -> str:
        """Waits until it says so; its address."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ready: "):
                self.seconds = time.monotonic() - self._begun
                return line.split()[1]
        raise AssertionError(f"it ended: {self.process.wait()} {self.said()}")

    def alive(self) -> bool:
        return self.process.poll() is None

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Sends the signal; exit code and seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(60)
        return code, time.monotonic() - begun

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return Path(self._err.name).read_text(encoding="utf-8")

    def __enter__(self) -> Up:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._err.close()


def environment(cache: Path) -> dict[str, str]:
    """Of a process under test: compiled modules are kept, so that a start is not all compiling."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(cache), "NO_COLOR": "1"}


def port_in_reserve() -> int:
    """A port that was free a moment ago, for who has to know it before anybody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def stop(process: subprocess.Popen[Any]) -> int:
    """Ctrl-C; the exit code."""
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def until_ready(url: str, alive: Callable[[], bool] = lambda: True) -> Iterator[httpx2.Response]:
    """The answers of /readyz up to the first 200, from the moment at which somebody listens."""
    with httpx2.Client() as http:
        while True:
            assert alive(), "it ended before it was ready"
            try:
                answer = http.get(f"{url}/readyz", timeout=60)
            except httpx2.ConnectError:
                time.sleep(0.05)
                continue
            yield answer
            if answer.status_code == 200:
                return
            time.sleep(0.05)

"""Real servers on loopback, in threads of this process: for what only a socket can show."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class Running:
    """A uvicorn server in a thread of its own."""

    def __init__(self, app: ASGIApp, **options: object) -> None:
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="critical", lifespan="off", **options)
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Running:
        self.socket.listen(64)  # who connects before the loop runs is served as soon as it does
        self._thread.start()
        return self

    def _run(self) -> None:
        asyncio.run(self.server.serve(sockets=[self.socket]))

    def ask_to_stop(self) -> None:
        self.server.should_exit = True

    def ended(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def stop(self) -> None:
        self.ask_to_stop()
        if not self.ended(10):
            raise AssertionError("the server did not stop within 10 s")


@contextmanager
def served(app: ASGIApp, **options: object) -> Iterator[Running]:
    running = Running(app, **options).start()
    try:
        yield running
    finally:
        running.stop()

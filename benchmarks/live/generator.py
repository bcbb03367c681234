"""The load generator: requests made beforehand, sent over kept-alive sockets by another process.

One loop over plain sockets, about 25 µs a request, so that what is measured is the server.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Self

from benchmarks.live.processes import SPAWN

CONNECTIONS: Final = 8
OVERDUE: Final = 60.0  # seconds after the end for which an answer is still waited
NO_ANSWER: Final = 0  # counted as a status


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` are whole HTTP requests, sent in turn; without `seconds` each of them once."""

    address: tuple[str, int]
    requests: Sequence[bytes]
    seconds: float | None
    connections: int = CONNECTIONS
    expected: tuple[int, ...] = (200,)


@dataclass(slots=True)
class Sample:
    """What came of a load. `unexpected` counts answers by status; 0: none came."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)  # of every expected answer, sorted
    unexpected: Counter[int] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        return len(self.milliseconds)

    @property
    def rate(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the answers came."""
        last = len(self.milliseconds) - 1
        return self.milliseconds[round(share * last)] if last >= 0 else 0.0


def request(method: str, path: str, body: bytes = b"", token: str = "") -> bytes:
    """One HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "accept: application/fhir+json"]
    if token:
        lines.append(f"authorization: Bearer {token}")
    if body:
        lines += ["content-type: application/fhir+json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Generator:
    """`with Generator() as generator`: a process that plays loads."""

    def __init__(self) -> None:
        self._mine, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_generate, args=(theirs,), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mine.send(None)
        self._process.join(20)

    def play(self, *loads: Load) -> list[Sample]:
        """All of them at the same time."""
        self._mine.send(loads)
        found: list[Sample] | Exception = self._mine.recv()
        if isinstance(found, Exception):
            raise found
        return found


# ---- in the generator's process ------------------------------------------------------------------


def _generate(pipe: Connection) -> None:
    while (loads := pipe.recv()) is not None:
        try:
            pipe.send(play(loads))
        except OSError as error:
            pipe.send(error)


def play(loads: Sequence[Load]) -> list[Sample]:
    """Plays loads side by side, all in this thread."""
    selector = selectors.DefaultSelector()
    tracks = [_Track(load) for load in loads]
    for track in tracks:
        for _ in range(min(track.load.connections, track.left())):
            _Line(track, selector).send()
    while any(track.open for track in tracks):
        for key, _ in selector.select(1.0):
            key.data.receive()
        now = time.perf_counter()
        for track in tracks:
            if track.open and now > track.until + OVERDUE:
                track.give_up()
    selector.close()
    return [track.sample for track in tracks]


class _Track:
    """One load on its way."""

    def __init__(self, load: Load) -> None:
        self.load, self.sample, self.sent = load, Sample(), 0
        self.begun = time.perf_counter()
        self.until = self.begun + (3600.0 if load.seconds is None else load.seconds)
        self.open: list[_Line] = []

    def left(self) -> int:
        """How many requests there are still to be sent."""
        every = len(self.load.requests)
        return every - self.sent if self.load.seconds is None else every

    def next(self) -> bytes | None:
        if self.left() <= 0 or time.perf_counter() >= self.until:
            return None
        self.sent += 1
        return self.load.requests[(self.sent - 1) % len(self.load.requests)]

    def note(self, status: int, took: float) -> None:
        sample = self.sample
        if status in self.load.expected:
            sample.milliseconds.append(took * 1000)
        else:
            sample.unexpected[status] += 1
        sample.seconds = time.perf_counter() - self.begun

    def give_up(self) -> None:
        for line in self.open[:]:
            self.note(NO_ANSWER, 0.0)
            line.close()

    def ended(self, line: Any) -> None:
        self.open.remove(line)
        if not self.open:
            self.sample.milliseconds.sort()


class _Line:
    """One connection: a request, its answer, the next request."""

    def __init__(self, track: _Track, selector: selectors.BaseSelector) -> None:
        self.track, self.selector = track, selector
        self.socket = self._connect()
        track.open.append(self)

    def _connect(self) -> socket.socket:
        made = socket.create_connection(self.track.load.address, 30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(made, selectors.EVENT_READ, self)
        return made

    def send(self) -> None:
        following = self.track.next()
        if following is None:
            self.close()
            return
        self.came, self.length, self.status = b"", -1, NO_ANSWER
        self.begun = time.perf_counter()
        self.socket.sendall(following)

    def receive(self) -> None:
        part = self.socket.recv(1 << 18)
        if not part:  # the server hung up in the middle of an answer
            self.track.note(NO_ANSWER, 0.0)
            self.selector.unregister(self.socket)
            self.socket.close()
            self.socket = self._connect()
            self.send()
            return
        self.came = self.came + part if self.came else part
        if self.length < 0:
            self._head()
        if 0 <= self.length <= len(self.came):
            self.track.note(self.status, time.perf_counter() - self.begun)
            self.send()

    def _head(self) -> None:
        """Status and length of the answer, as soon as its head is complete."""
        end = self.came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.came[:end].lower()
        self.status = int(head[9:12])
        _, _, behind = head.partition(b"\r\ncontent-length:")
        self.length = end + 4 + (int(behind.split(b"\r\n", 1)[0]) if behind else 0)

    def close(self) -> None:
        self.selector.unregister(self.socket)
        self.socket.close()
        self.track.ended(self)

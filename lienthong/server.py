"""Starts and stops a live network: its port, what is loaded first, where its clock stands."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import uvicorn

from coordinator.services.federated_read import Deadlines
from fhir_server.clock import Clock, SteppedClock, WallClock
from lienthong.live.plan import LivePlan, Place
from lienthong.live.seeding import Seeding
from lienthong.wiring import VERSION, Network
from vietnam.datafiles import InputError

GRACE_SECONDS = 3  # an answer that is under way when Ctrl-C is pressed


@dataclass(frozen=True)
class Start:
    """How a network is started. `as_of` None: the last morning of the scenario, or, in a folder
    that was used before, where the clock stood; `wall`: the clock is the wall's."""

    live: LivePlan
    place: Place
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    as_of: dt.datetime | None = None
    wall: bool = False
    persons: int = 2100
    known: bool = True
    publish: bool = True
    deadline: float = 3.0
    jobs: int = 0

    @property
    def url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"


def note_of(place: Place) -> dict[str, Any]:
    """What a folder's network was made from; {} for an empty one. InputError: it is damaged."""
    if not place.note.exists():
        return {}
    try:
        note: dict[str, Any] = orjson.loads(place.note.read_bytes())
        dt.datetime.fromisoformat(note["now"])
    except (ValueError, KeyError, TypeError) as error:
        problem = f"the note of this network cannot be read ({error})"
        raise InputError(str(place.note), None, "", problem, "Use another --data DIR") from None
    return note


def check(start: Start, note: dict[str, Any]) -> None:
    """InputError: the folder holds another network than the one that is asked for."""
    if not note:
        return
    asked = {"scenario": start.live.scenario.name, "hash": start.live.hash, "seed": start.live.seed}
    for key, value in asked.items():
        if note.get(key) != value:
            raise InputError(
                str(start.place.folder),
                None,
                key,
                f"this folder holds {key} {note.get(key)!r}, asked for is {value!r}",
                "Name another folder with --data, or delete this one",
            )
    now = dt.datetime.fromisoformat(note["now"])
    if start.as_of is not None and start.as_of < now:
        raise InputError(
            "--as-of",
            None,
            "",
            f"the clock of this folder stands at {now.isoformat()} and moves forward only",
            "Leave --as-of out, or name another folder with --data",
        )


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; InputError says that the port is taken or the address is not ours."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        taken = error.errno == errno.EADDRINUSE
        problem = (
            f"port {port} of {host} is in use" if taken else f"{host}:{port}: {error.strerror}"
        )
        remedy = "Choose another --port, or end what listens there"
        raise InputError("--port", None, "", problem, remedy) from None
    return found


def clock_of(start: Start, note: dict[str, Any]) -> Clock:
    """Where care time begins."""
    if start.wall:
        return WallClock()
    kept = dt.datetime.fromisoformat(note["now"]) if note else start.live.last_morning
    return SteppedClock(start.as_of or kept)


class Running:
    """A network with its server; `wait` returns when it has stopped."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.progress: Callable[[Any], None] | None = None
        self.on_ready: Callable[[], None] | None = None
        self.note = note_of(start.place)
        check(start, self.note)
        self._socket = bind(start.host, start.port)
        if start.port == 0:
            self.start = start = replace(start, port=self._socket.getsockname()[1])
        clock = clock_of(start, self.note)
        deadlines = Deadlines(start.deadline, start.deadline + 5.0)
        (start.place.folder / "stores").mkdir(parents=True, exist_ok=True)
        self.failure: BaseException | None = None
        if not self.note:
            self._clear()
        self.network = Network(
            start.live, start.place, clock, start.url, publish=start.publish, deadlines=deadlines
        )
        config = uvicorn.Config(
            self.network.app,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Server(config)

    def _clear(self) -> None:
        """What an interrupted loading left; the note is written last, so nothing here is used."""
        if self.start.place.database is None:
            for path in (self.start.place.folder / "stores").iterdir():
                path.unlink()

    def run(self) -> None:
        """Serves until it is told to stop (Ctrl-C, SIGTERM or `stop`)."""
        loading = threading.Thread(target=self._load, name="loading", daemon=True)
        loading.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.network.close()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self._server.should_exit = True

    @property
    def ready(self) -> bool:
        return self._server.started and not self.network.problem

    def _load(self) -> None:
        """Loads an empty network; whatever goes wrong ends the server with its reason."""
        try:
            if not self.note:
                self._seed()
            self.network.warm()
            self.network.problem = ""
            if self.on_ready:
                self.on_ready()
        except BaseException as error:
            self.failure = error
            self.stop()

    def _seed(self) -> None:
        start = self.start
        begun = self.network.clock.now()
        Seeding(start.live, start.place, begun, start.persons, start.known, start.jobs).run(
            self._tick
        )
        note = {
            "version": VERSION,
            "scenario": start.live.scenario.name,
            "hash": start.live.hash,
            "seed": start.live.seed,
            "loaded_as_of": begun.isoformat(),
            "persons": start.persons,
            "now": begun.isoformat(),
        }
        start.place.note.write_bytes(orjson.dumps(note, option=orjson.OPT_INDENT_2))

    def _tick(self, stage: Any) -> None:
        self.network.progress = {"stage": stage.stage, "done": stage.done, "of": stage.total}
        if self.progress:
            self.progress(stage)


class _Server(uvicorn.Server):
    """Takes Ctrl-C on the main thread only, so that a test can run it in another."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {s: signal.signal(s, self._told) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _told(self, *_: Any) -> None:
        self.should_exit = True

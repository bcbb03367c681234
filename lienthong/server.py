"""Starts and stops a live network: its port, what is loaded first, where its clock stands."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import re
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn

from coordinator.services.federated_read import Deadlines
from fhir_profiles.outcomes import FhirError
from fhir_server.clock import Clock, SteppedClock, WallClock
from fhir_server.store.open import open_store
from lienthong.live.folder_lock import FolderLock
from lienthong.live.plan import LivePlan, Place
from lienthong.live.seeding import COORDINATOR, ZONE, Seeding
from lienthong.wiring import VERSION, Network
from vietnam.datafiles import InputError

STORE_FILES: Final = ("*.db", "*.db-wal", "*.db-shm", "*.snapshot", "*.new", ".*.db.*")
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
    persons: int = 2050
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
        if dt.datetime.fromisoformat(note["now"]).tzinfo is None:
            raise ValueError("its clock has no zone")
        if not {"version", "scenario", "hash", "seed"} <= note.keys():
            raise ValueError("it does not say what was loaded")
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


def check_database(place: Place) -> None:
    """InputError: `--database` names nothing that could be used. Said before anything is made."""
    if place.database is None:
        return
    try:
        if place.database.startswith("memory"):
            raise InputError(
                place.database, None, "", "keeps nothing", "Leave it out: files are the default"
            )
        open_store(place.database, COORDINATOR, zone=ZONE).close()
    except InputError as error:
        address = re.sub(r"//[^/@]*@", "//***@", error.file)  # a password is nobody's business
        raise InputError("--database", None, address, error.problem, error.remedy) from None


def bind(host: str, port: int) -> socket.socket:
    """The listening socket; InputError says that the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio switches Nagle off: 40 ms a request on some loops.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(2048)  # from now on the port is ours, and who is early waits
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
        check_database(start.place)
        self._lock = FolderLock(start.place.folder)
        self._take_folder()
        try:
            self._socket = bind(start.host, start.port)
        except BaseException:
            self._lock.free()
            raise
        if start.port == 0:
            self.start = start = replace(start, port=self._socket.getsockname()[1])
        clock = clock_of(start, self.note)
        deadlines = Deadlines(start.deadline, start.deadline + 5.0)
        self.failure: BaseException | None = None
        self.network = Network(
            start.live, start.place, clock, start.url, publish=start.publish, deadlines=deadlines
        )
        config = uvicorn.Config(
            self.network.app,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = Server(config, self.network.faults.release)

    def _take_folder(self) -> None:
        """InputError: it cannot be written, or another process serves it."""
        folder = self.start.place.folder
        try:
            (folder / "stores").mkdir(parents=True, exist_ok=True)
            self._lock.take()
        except OSError as error:
            problem = f"the folder cannot be used ({error.strerror or error})"
            remedy = "Name another folder with --data, or change its permissions"
            raise InputError(str(folder), None, "", problem, remedy) from None
        if not self.note:
            self._clear(folder)

    def _clear(self, folder: Path) -> None:
        """What an interrupted loading left; the note is written last, so nothing here is used."""
        for scratch in folder.glob(".seeding-*"):
            shutil.rmtree(scratch, ignore_errors=True)
        if self.start.place.database is None:
            for ending in STORE_FILES:
                for path in (folder / "stores").glob(ending):
                    path.unlink()

    def run(self) -> None:
        """Serves until it is told to stop (Ctrl-C, SIGTERM or `stop`)."""
        loading = threading.Thread(target=self._load, name="loading", daemon=True)
        loading.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.network.close()
            self._lock.free()
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
        except FhirError as error:  # of a store that was opened and turned out to be broken
            remedy = (
                "`lienthong doctor --data DIR` says which; restore it, or start in a new folder"
            )
            place = str(self.start.place.folder)
            self.failure = InputError(place, None, "", error.diagnostics, remedy)
            self.stop()
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
        start.place.write_note(note)

    def _tick(self, stage: Any) -> None:
        self.network.progress = {"stage": stage.stage, "done": stage.done, "of": stage.total}
        if self.progress:
            self.progress(stage)


class Server(uvicorn.Server):
    """Takes Ctrl-C on the main thread only, so that a test can run it in another.

    `let_go` ends what would wait for ever; it is called until all answers are given.
    """

    def __init__(self, config: uvicorn.Config, let_go: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._let_go = let_go

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        async def again() -> None:
            while True:
                self._let_go()
                await asyncio.sleep(0.1)

        letting_go = asyncio.create_task(again())
        try:
            await super().shutdown(sockets)
        finally:
            letting_go.cancel()

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

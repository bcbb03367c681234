"""The nearest other FHIR server in Python, `sekmet-fhir` of PyPI, in the same rounds as ours.

It is installed into a virtual environment of its own and started as `sekmet serve` starts it, by
uvicorn with uvloop, only without access log. Twice: with its own settings, and with those that its
manual advises for load, without the log of all traffic and without simulator.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

import httpx2

from benchmarks.live.figures import Figure, Row
from benchmarks.live.generator import Load
from benchmarks.live.processes import PATIENCE
from benchmarks.live.resources import Tree
from fhir_profiles.json_text import dump

PACKAGE: Final = "sekmet-fhir==0.1.1"
NAME: Final = "sekmet-fhir"
BARE: Final = "sekmet-fhir without log and simulator"
INSTALLING: Final = 600  # seconds
TOGETHER: Final = 100  # resources of one transaction of the filling
SETTINGS: Final = """\
base_url: http://127.0.0.1:{port}/fhir
host: 127.0.0.1
port: {port}
data_dir: {folder}/data
"""
BARE_SETTINGS: Final = "log_inbound: false\nsimulator: {enabled: false}\n"
APP: Final = ("-m", "uvicorn", "sekmet.main:app_factory", "--factory")
QUIET: Final = ("--no-access-log", "--log-level", "warning")


class Missing(RuntimeError):
    """It cannot be installed or started; the text says why."""


def installed(venv: Path) -> Path:
    """Its Python, installed where it is not there yet. Missing: it cannot be."""
    python = venv / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
        pip = [sys.executable, "-m", "pip", "--python", str(python)]
        try:
            _run([*pip, "install", "--quiet", "--disable-pip-version-check", PACKAGE])
        except Missing:
            python.unlink()  # so that the next run tries again
            raise
    return python


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.CalledProcessError as err:
        lines = (err.stderr or err.stdout or "").strip().splitlines()
        raise Missing(lines[-1] if lines else f"pip ended with {err.returncode}") from err
    except (OSError, subprocess.TimeoutExpired) as err:
        raise Missing(str(err)) from err


class Peer:
    """`with Peer(venv, folder, NAME) as peer`: running, empty, on a free port."""

    def __init__(self, venv: Path, folder: Path, name: str) -> None:
        self._venv, self._folder, self.name = venv, folder, name

    def __enter__(self) -> Self:
        python = installed(self._venv)
        self._folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.address = ("127.0.0.1", port)
        settings = self._folder / "settings.yaml"
        text = SETTINGS.format(port=port, folder=self._folder)
        text += BARE_SETTINGS if self.name == BARE else ""
        settings.write_text(text, encoding="utf-8")
        log = self._folder / "log"
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                [python, *APP, "--host", "127.0.0.1", "--port", str(port), *QUIET],
                env=os.environ | {"SEKMET_CONFIG": str(settings)},
                cwd=self._folder,
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        self.pid = self._process.pid
        try:
            self._wait(log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise Missing(lines[-1] if lines else "it ended at once")
            try:
                if httpx2.get(f"{self.base}/metadata", timeout=5).status_code == 200:
                    return
            except httpx2.HTTPError:
                time.sleep(0.1)
        raise Missing(f"it did not answer within {PATIENCE} s")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def base(self) -> str:
        return "http://{}:{}/fhir".format(*self.address)

    def fill(self, trees: Iterable[Tree]) -> None:
        """By transactions of PUT, under the ids that they have. Missing: it does not take them."""
        headers = {"content-type": "application/fhir+json"}
        with httpx2.Client(timeout=PATIENCE) as http:
            for body in _transactions(trees):
                answer = http.post(self.base, content=body, headers=headers)
                if answer.status_code != 200:
                    raise Missing(f"it answers {answer.status_code} to a transaction of PUT")


def _transactions(trees: Iterable[Tree]) -> Iterator[bytes]:
    left = iter(trees)
    while part := list(islice(left, TOGETHER)):
        entries: list[dict[str, Any]] = [
            {
                "resource": tree,
                "request": {"method": "PUT", "url": f"{tree['resourceType']}/{tree['id']}"},
            }
            for tree in part
        ]
        yield dump({"resourceType": "Bundle", "type": "transaction", "entry": entries})


def rows(peer: Peer, ours: Sequence[Row]) -> list[Row]:
    """The very same requests to the other server."""
    return [
        Row(
            f"{peer.name}: {row.name}",
            Load(peer.address, row.load.requests, row.load.seconds, expected=row.load.expected),
            peer,
        )
        for row in ours
    ]


def compared(found: Sequence[Figure]) -> tuple[list[Figure], list[Figure]]:
    """Our figures; those that the other server has too, each of its own with how many times as
    fast ours is."""
    ours = [figure for figure in found if not figure["row"].startswith(NAME)]
    both: list[Figure] = []
    for own in ours:
        theirs = [one for one in found if is_of(one["row"], own["row"])]
        if theirs:
            both.append({key: value for key, value in own.items() if "ratio" not in key})
        for one in theirs:
            times = round(own["median"] / one["median"], 1) if one["median"] else None
            cpu = round(one["cpu_ms"] / own["cpu_ms"], 1) if own["cpu_ms"] else None
            both.append({**one, "beside": own["row"], "times": times, "cpu_times": cpu})
    return ours, both


def is_of(row: str, ours: str) -> bool:
    """Whether a row is the other server's for one of ours."""
    return row in (f"{NAME}: {ours}", f"{BARE}: {ours}")


def absent(why: str) -> list[Figure]:
    """The row of a server that could not be asked."""
    return [{"row": f"{NAME}: not measured ({why})", "unit": ""}]

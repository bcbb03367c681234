"""`lienthong doctor`: each thing is broken on purpose, and a row says so with a remedy."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from fhir_profiles import systems
from fhir_profiles.outcomes import FhirError, Kind
from lienthong.cli.main import app
from lienthong.doctor import machine
from lienthong.doctor.folder import PATIENCE
from lienthong.server import Running
from tests.live.running import in_thread, plan, port_in_reserve
from tests.live.test_up_refuses import cut_short, foreign, newer, scrambled, text_file

pytestmark = pytest.mark.xdist_group("live network")
FIRST, SECOND = (facility.code for facility in plan().groups[:2])
CopyOf = Callable[[str], Path]
Rows = list[dict[str, str]]


@pytest.fixture(autouse=True)
def _nobody_at_the_usual_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs on this machine at the moment."""
    monkeypatch.setattr("lienthong.cli.doctor.DEFAULT_URL", f"http://127.0.0.1:{port_in_reserve()}")


def doctor(*args: object) -> tuple[int, Rows]:
    result = CliRunner().invoke(app, ["doctor", *map(str, args), "--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    rows: Rows = json.loads(result.stdout)
    assert all(bool(row["remedy"]) == (row["level"] != "ok") for row in rows)
    assert result.exit_code == any(row["level"] == "broken" for row in rows)
    return result.exit_code, rows


def not_ok(rows: Rows) -> list[tuple[str, str]]:
    return [(row["level"], row["what"]) for row in rows if row["level"] != "ok"]


def words_of(rows: Rows, what: str) -> str:
    return " ".join(row["words"] for row in rows if row["what"] == what)


# ---- nothing is wrong ----------------------------------------------------------------------------
def test_a_sound_folder_without_a_network(seeded: Path) -> None:
    code, rows = doctor("--data", seeded)
    assert (code, not_ok(rows)) == (0, [])
    assert [row["what"] for row in rows] == [
        "python", "libraries", "folder", "network.json", "stores", "audit trails", "network",
    ]  # fmt: skip
    assert "drive-coverage, seed 1, care time 2025-11-30" in words_of(rows, "network.json")
    nodes = len(plan().groups) + 1
    assert f"{nodes} of {nodes} sound" in words_of(rows, "stores")


def test_it_changes_nothing(seeded: Path) -> None:
    def state() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in seeded.rglob("*") if path.is_file()}

    before = state()
    doctor("--data", seeded)
    assert state() == before


def test_a_running_network(network: Running, http: httpx2.Client) -> None:
    http.get(f"/hospitals/{FIRST}/fhir/Patient?_count=1")
    code, rows = doctor("--data", network.start.place.folder, "--url", network.start.url)
    assert (code, not_ok(rows)) == (0, [])
    assert "is ready" in words_of(rows, "network")
    assert "stands until it is moved" in words_of(rows, "clock")
    count = len(plan().groups)
    assert f"{count} of {count} answer" in words_of(rows, "hospitals")
    assert "by process" in words_of(rows, "served")
    assert int(words_of(rows, "audit trails").split()[0]) >= 1


def test_people_read_rows(seeded: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--data", str(seeded)])
    assert result.exit_code == 0
    assert result.stdout.startswith("ok       python ")
    assert "\nok       stores " in result.stdout


# ---- the machine ---------------------------------------------------------------------------------
Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("free", "level"), [(50_000_000, "broken"), (500_000_000, "warning"), (5e9, "ok")]
)
def test_room_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: Usage(1e12, 0, free))
    (found,) = machine.room(tmp_path / "not" / "there" / "yet")
    assert (found.level, found.what) == (level, "folder")
    assert "GB free" in found.words


def test_a_folder_that_is_a_file_or_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    (found,) = machine.room(tmp_path / "file" / "net")
    assert (found.level, found.remedy) == ("broken", "Name another folder with --data")
    monkeypatch.setattr(machine.os, "access", lambda path, mode: False)
    (found,) = machine.room(tmp_path)
    assert found.level == "broken"
    assert "cannot be written" in found.words


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.python().level == "ok"
    monkeypatch.setattr(machine.sys, "version_info", (3, 10, 1))
    assert machine.python().level == "broken"


def test_a_library_that_does_not_load_ends_the_look(
    seeded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "simpy", None)
    code, rows = doctor("--data", seeded)
    assert code == 1
    assert not_ok(rows) == [("broken", "library")]
    assert "simpy cannot be imported" in words_of(rows, "library")
    assert rows[-1]["what"] == "library"


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "requires", lambda name: ["nothing-like-it>=1", "numpy>=2"])
    (found,) = machine.libraries()
    assert (found.level, found.words) == ("broken", "nothing-like-it is not installed")


# ---- the folder ----------------------------------------------------------------------------------
def change_note(folder: Path, **changes: object) -> None:
    path = folder / "network.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change_audit(folder: Path) -> None:
    """Somebody makes an access look like somebody else's."""
    with in_thread(folder) as network:
        for _ in range(3):
            httpx2.get(f"{network.start.url}/hospitals/{FIRST}/fhir/Patient?_count=1")
    with closing(sqlite3.connect(store(folder), isolation_level=None)) as file:
        row = file.execute("SELECT data FROM application_row WHERE kind = 'audit' AND seq = 2")
        (data,) = row.fetchone()
        changed = data.replace(b"anonymous", b"anonymoux")
        assert changed != data
        file.execute(
            "UPDATE application_row SET data = ? WHERE kind = 'audit' AND seq = 2", (changed,)
        )


def row_of(folder: Path, kind: str) -> None:
    """Something that the hospital still has to tell, or has given up."""
    with closing(sqlite3.connect(store(folder), isolation_level=None)) as file:
        file.execute(
            "INSERT INTO application_row (kind, seq, key, at, settled, data)"
            " VALUES (?, 900, 'DiagnosticReport/x', 0, 0, x'7b7d')",
            (kind,),
        )


def store(folder: Path) -> Path:
    return folder / "stores" / f"{FIRST}.db"


BREAKS: list[tuple[Callable[[Path], Any], tuple[str, str], str]] = [
    (lambda f: text_file(store(f)), ("broken", f"store {FIRST}"), "no SQLite file"),
    (lambda f: cut_short(store(f)), ("broken", f"store {FIRST}"), "damaged"),
    (lambda f: scrambled(store(f)), ("broken", f"store {FIRST}"), "damaged"),
    (lambda f: foreign(store(f)), ("broken", f"store {FIRST}"), "no store of this program"),
    (lambda f: newer(store(f)), ("broken", f"store {FIRST}"), "a newer program wrote it"),
    (lambda f: store(f).unlink(), ("broken", f"store {FIRST}"), "would start empty"),
    (change_audit, ("broken", f"audit {FIRST}"), "row 2 of its audit trail"),
    (lambda f: row_of(f, "pointer"), ("warning", "outbox"), f"1 of them wait ({FIRST} 1)"),
    (lambda f: row_of(f, "pointer-dead"), ("warning", "outbox"), "were given up"),
    (lambda f: (f / "network.json").write_text("{"), ("broken", "network.json"), "cannot be read"),
    (lambda f: (f / "network.json").unlink(), ("warning", "network.json"), "no network was loaded"),
    (lambda f: change_note(f, version="0.0.1"), ("warning", "version"), "version 0.0.1 loaded it"),
    (lambda f: change_note(f, hash="0"), ("warning", "scenario"), "when it was loaded"),
    (lambda f: change_note(f, scenario="mine"), ("warning", "scenario"), "not in the library"),
]  # fmt: skip
NAMES = (
    "text file, cut short, scrambled, foreign, newer, missing, audit changed, waiting, dead letter,"
    " half a note, no note, other version, other values, other scenario"
).split(", ")


@pytest.mark.parametrize(("spoil", "row", "words"), BREAKS, ids=NAMES)
def test_what_is_broken_in_a_folder_is_found_and_nothing_else(
    copy_of: CopyOf, spoil: Callable[[Path], Any], row: tuple[str, str], words: str
) -> None:
    folder = copy_of("net")
    spoil(folder)
    _, rows = doctor("--data", folder)
    assert not_ok(rows) == [row]
    assert words in words_of(rows, row[1])


def test_a_store_that_another_process_has_locked(
    copy_of: CopyOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PATIENCE <= 5
    monkeypatch.setattr("lienthong.doctor.folder.PATIENCE", 0.05)
    folder = copy_of("net")
    with closing(sqlite3.connect(store(folder), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        _, rows = doctor("--data", folder)
        other.execute("ROLLBACK")
    assert not_ok(rows) == [("broken", f"store {FIRST}")]
    assert "locked" in words_of(rows, f"store {FIRST}")


def test_nobody_is_named(copy_of: CopyOf) -> None:
    folder = copy_of("net")
    change_audit(folder)
    row_of(folder, "pointer-dead")
    result = CliRunner().invoke(app, ["doctor", "--data", str(folder)])
    assert result.exit_code == 1
    for number in ("999168001001", "Nguyễn", systems.CCCD, "DiagnosticReport/x"):
        assert number not in result.output


# ---- the running network -------------------------------------------------------------------------
@contextmanager
def fault(http: httpx2.Client, node: str, state: str) -> Iterator[None]:
    http.post("/admin/faults", json={"node": node, "state": state})
    try:
        yield
    finally:
        http.post("/admin/faults", json={"node": node, "state": "ok"})


@pytest.mark.parametrize(
    ("node", "state", "row", "words"),
    [
        (SECOND, "unavailable", ("warning", f"hospital {SECOND}"), "HTTP 503"),
        (SECOND, "silent", ("warning", f"hospital {SECOND}"), "silent for"),
        ("coordinator", "unavailable", ("warning", "coordinator"), "HTTP 503"),
    ],
)
def test_a_fault_that_was_set_is_a_warning(
    network: Running,
    http: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    node: str,
    state: str,
    row: tuple[str, str],
    words: str,
) -> None:
    monkeypatch.setattr("lienthong.doctor.running.DEADLINE", 0.5)
    with fault(http, node, state):
        code, rows = doctor("--data", tmp_path, "--url", network.start.url)
    assert code == 0
    assert not_ok(rows) == [row, ("warning", "fault")]
    assert words in words_of(rows, row[1])
    assert f"{node} is {state}" in words_of(rows, "fault")


def test_a_hospital_whose_store_broke_is_broken(copy_of: CopyOf, tmp_path: Path) -> None:
    """Nobody set a fault: the hospital has none of its own that would explain it."""
    folder = copy_of("net")
    with in_thread(folder) as network:
        network.network._codes["00000"] = network.network._codes[FIRST]
        network.network.hospital = refusing(network.network.hospital)  # type: ignore[method-assign]
        code, rows = doctor("--data", tmp_path, "--url", network.start.url)
    assert code == 1
    assert not_ok(rows) == [("broken", "hospital 00000")]
    assert "HTTP 503" in words_of(rows, "hospital 00000")


def refusing(hospital: Callable[[str], Any]) -> Callable[[str], Any]:
    def made(code: str) -> Any:
        if code == "00000":
            raise FhirError(Kind.UNAVAILABLE, "its store cannot be opened")
        return hospital(code)

    return made


def test_nobody_listens(tmp_path: Path) -> None:
    code, rows = doctor("--data", tmp_path, "--url", f"http://127.0.0.1:{port_in_reserve()}")
    assert code == 1
    assert not_ok(rows) == [("broken", "network")]
    assert "nobody listens" in words_of(rows, "network")


class Other(BaseHTTPRequestHandler):
    """A program that has taken the port before."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>my blog</html>")

    def log_message(self, *_: object) -> None:
        """Silent."""


def test_something_else_listens(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        code, rows = doctor("--data", tmp_path, "--url", url)
        server.shutdown()
        thread.join(10)
    assert code == 1
    assert not_ok(rows) == [("broken", "network")]
    assert "something else answers" in words_of(rows, "network")


def test_a_network_that_is_still_loading(network: Running, tmp_path: Path) -> None:
    network.network.problem = "the network is being loaded"
    try:
        code, rows = doctor("--data", tmp_path, "--url", network.start.url)
    finally:
        network.network.problem = ""
    assert (code, not_ok(rows)) == (0, [("warning", "network")])
    assert "being loaded" in words_of(rows, "network")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--url", "localhost:8000"], ["--url", "Write e.g. http://127.0.0.1"]),
        (["--data", "no/such/folder"], ["--data", "no such folder"]),
    ],
)
def test_wrong_words(args: list[str], words: list[str]) -> None:
    result = CliRunner().invoke(app, ["doctor", *args])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert [word for word in words if word not in result.stderr] == []

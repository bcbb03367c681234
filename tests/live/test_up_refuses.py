"""`lienthong up` that cannot start: one line with place and remedy, exit 2, nothing touched."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from lienthong.cli.main import app
from lienthong.server import Running
from tests.live.running import in_thread, plan

pytestmark = pytest.mark.xdist_group("live network")
SCENARIO = plan().scenario.name
FIRST, SECOND = (facility.code for facility in plan().groups[:2])
Break = Callable[[Path], None]


def refused(*args: object) -> str:
    """What `up` says when it refuses: one line, exit code 2, nothing on stdout."""
    result = CliRunner().invoke(app, ["up", *map(str, args)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["pilot"], ["Did you mean 'pilots'?"]),
        (["no-such-thing"], ["is not a scenario", SCENARIO]),
        ([SCENARIO, "--auth", "on"], ["--auth", "not built yet", "Leave it out"]),
        ([SCENARIO, "--auth", "maybe"], ["--auth", "maybe"]),
        ([SCENARIO, "--host", "0.0.0.0"], ["--host", "other machines", "127.0.0.1"]),
        ([SCENARIO, "--host", "::"], ["--host", "other machines"]),
        ([SCENARIO, "--port", "70000"], ["--port", "65535"]),
        ([SCENARIO, "--persons", "-1"], ["--persons"]),
        ([SCENARIO, "--deadline", "0"], ["--deadline"]),
        ([SCENARIO, "--set", "nothing=1"], ["nothing"]),
        ([SCENARIO, "--as-of", "someday"], ["--as-of", "'someday' is no date", "2025-11-15"]),
        ([SCENARIO, "--as-of", "1999-01-01"], ["--as-of", "lies outside", "Choose a day from"]),
    ],
    ids=lambda words: " ".join(words) if words[0] == SCENARIO else "",
)
def test_wrong_words(tmp_path: Path, args: list[str], words: list[str]) -> None:
    said = refused(*args, "--data", tmp_path / "net")
    assert [word for word in words if word not in said] == []
    assert not (tmp_path / "net").exists()


def test_a_database_that_there_is_not(tmp_path: Path) -> None:
    for url, words in [
        ("mysql://x", "sqlite:FOLDER"),
        ("memory:", "keeps nothing"),
    ]:
        said = refused(SCENARIO, "--data", tmp_path / "net", "--port", 0, "--database", url)
        assert f"--database: {url}: " in said
        assert words in said


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "net").write_text("my thesis")
    said = refused(SCENARIO, "--data", tmp_path / "net", "--port", 0)
    assert "the folder cannot be used" in said
    assert "--data" in said
    assert (tmp_path / "net").read_text() == "my thesis"


# ---- another network is there --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["tiny-two-hospitals"], ["this folder holds scenario", SCENARIO, "--data"]),
        ([SCENARIO, "--seed", "2"], ["this folder holds seed 1, asked for is 2", "--data"]),
        ([SCENARIO, "--set", "consent.denied=0.06"], ["this folder holds hash", "--data"]),
        ([SCENARIO, "--as-of", "2025-06-01"], ["--as-of", "stands at 2025-11-30", "forward only"]),
    ],
    ids=["scenario", "seed", "values", "the past"],
)
def test_a_folder_of_another_network(seeded: Path, args: list[str], words: list[str]) -> None:
    before = (seeded / "network.json").read_bytes()
    said = refused(*args, "--data", seeded, "--port", 0)
    assert [word for word in words if word not in said] == []
    assert (seeded / "network.json").read_bytes() == before


def test_a_folder_that_is_served_by_another_process(network: Running) -> None:
    said = refused(SCENARIO, "--data", network.start.place.folder, "--port", 0)
    assert "serves this folder already" in said
    assert "name another folder with --data" in said


def test_a_port_that_is_taken(network: Running, tmp_path: Path) -> None:
    said = refused(SCENARIO, "--data", tmp_path / "net", "--port", network.start.port)
    assert f"port {network.start.port} of 127.0.0.1 is in use" in said
    assert "Choose another --port" in said
    assert httpx2.get(f"{network.start.url}/readyz").status_code == 200


# ---- what is there is damaged --------------------------------------------------------------------
NOTE = {
    "version": "0.1.0",
    "scenario": SCENARIO,
    "hash": plan().hash,
    "seed": 1,
    "now": "2025-11-30T02:00:00+00:00",
}


@pytest.mark.parametrize(
    "note",
    [
        "",
        "{",
        "[]",
        "null",
        json.dumps({k: v for k, v in NOTE.items() if k != "now"}),
        json.dumps({k: v for k, v in NOTE.items() if k != "seed"}),
        json.dumps({**NOTE, "now": "yesterday"}),
        json.dumps({**NOTE, "now": "2025-11-30T02:00:00"}),
        json.dumps({**NOTE, "now": 5}),
    ],
    ids=["empty", "half", "a list", "null", "no clock", "no seed", "no date", "no zone", "number"],
)
def test_a_damaged_note(tmp_path: Path, note: str) -> None:
    """Stores without their note are not thrown away: perhaps the note can be mended."""
    folder = tmp_path / "net"
    (folder / "stores").mkdir(parents=True)
    (folder / "stores" / f"{FIRST}.db").write_bytes(b"precious")
    (folder / "network.json").write_text(note)
    said = refused(SCENARIO, "--data", folder, "--port", 0)
    assert "network.json: the note of this network cannot be read" in said
    assert "--data" in said
    assert (folder / "stores" / f"{FIRST}.db").read_bytes() == b"precious"


def text_file(path: Path) -> None:
    path.write_text("this was a spreadsheet\n" * 400)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")


def scrambled(path: Path) -> None:
    """SQLite still knows the file and its tables; the pages where resources begin are noise."""
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (size,) = store.execute("PRAGMA page_size").fetchone()
        roots = store.execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'resource'")
        pages = [number for (number,) in roots.fetchall()]
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * size)
            file.write(b"\xa5" * size)


@pytest.mark.parametrize(
    ("store", "broken", "words"),
    [
        (FIRST, text_file, ["damaged or no SQLite file"]),
        (FIRST, cut_short, ["damaged or no SQLite file"]),
        (FIRST, foreign, ["this is no store of this program"]),
        (FIRST, newer, ["a newer program wrote it (tables 9999"]),
        ("coordinator", text_file, ["damaged or no SQLite file"]),
        ("coordinator", scrambled, ["cannot be used", "malformed", "lienthong doctor"]),
    ],
    ids=lambda value: getattr(value, "__name__", value if isinstance(value, str) else ""),
)
def test_a_broken_database(
    copy_of: Callable[[str], Path], store: str, broken: Break, words: list[str]
) -> None:
    folder = copy_of("net")
    path = folder / "stores" / f"{store}.db"
    assert path.exists()
    broken(path)
    said = refused(SCENARIO, "--data", folder, "--port", 0, "--quiet")
    assert f"{store}.db" in said
    assert [word for word in words if word not in said] == []


def test_a_store_that_breaks_later_answers_503_and_the_others_go_on(
    copy_of: Callable[[str], Path],
) -> None:
    folder = copy_of("net")
    scrambled(folder / "stores" / f"{FIRST}.db")
    with in_thread(folder) as network, httpx2.Client(base_url=network.start.url) as http:
        answer = http.get(f"/hospitals/{FIRST}/fhir/Patient")
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["code"]) == (503, "transient")
        assert http.get(f"/hospitals/{SECOND}/fhir/Patient").status_code == 200

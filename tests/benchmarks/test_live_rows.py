"""Sizes, the other server and the aims: the code of every row runs; no figure is tested."""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import httpx2
import pytest

from benchmarks.live import __main__ as command
from benchmarks.live import aims, databases, page, peer, rest, sizes
from benchmarks.live.figures import Figure
from benchmarks.live.generator import Generator
from benchmarks.live.node import fill, node
from benchmarks.live.processes import Served
from benchmarks.live.resources import everything, given, taken
from benchmarks.live.tokens import TOKEN, Tokens
from tests.fhir_server.store.stores import KINDS, SERVER

OURS_AS_THEIRS = """
import sys
sys.path[:0] = {path!r}
from benchmarks.live.node import fill, node

def app_factory():
    return node({url!r}, "node", False)
"""


def quiet(text: str) -> None:
    """Nobody listens."""


# ---- sizes ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_search_is_measured_at_every_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run itself ends where a search does not find what it should."""
    figures, where = tmp_path / "figures.json", tmp_path / "speed.md"
    where.write_text(f"{page.BEGIN}\n{page.END}\n", encoding="utf-8")
    arguments = ["--sizes", "200,400", "--rounds", "1", "--seconds", "0.1", "--json", str(figures)]
    command.main(["sizes", *arguments, "--page", str(where)])
    found = json.loads(figures.read_text(encoding="utf-8"))["groups"]["sizes"]
    filled = [figure for figure in found if "search" not in figure]
    assert [figure["size"] for figure in filled] == [200, 400]
    assert all(figure["size_mb"] > 0 and figure["median"] > 0 for figure in filled)
    searched = [figure for figure in found if "search" in figure]
    assert len(searched) == 2 * len(sizes.SEARCHES)
    assert all(figure["median"] > 0 for figure in searched)
    assert {figure["to_smallest"] for figure in searched if figure["size"] == 200} == {1.0}
    assert "| chained subject.identifier | 10 |" in where.read_text(encoding="utf-8")
    assert "filling 200" in capsys.readouterr().out


def test_a_search_that_finds_something_else_is_not_measured(tmp_path: Path) -> None:
    wrong = sizes.Search("identifier", lambda n: "Observation?identifier=nobody", 1)
    place = databases.Sqlite(tmp_path).place("200")
    fill(place, everything(1))
    with Served(node, *place, False) as server, pytest.raises(RuntimeError, match="200, 0 entries"):
        sizes._verify(wrong, 1, server)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "memory"])
def test_a_database_has_the_same_rows_and_keeps_nothing(kind: str, tmp_path: Path) -> None:
    setting = rest.Setting(seconds=0.1, rounds=1, patients=2)
    with Generator() as generator, databases.chosen(kind, tmp_path) as database:
        found = rest.run(["read", "create"], setting, database, tmp_path, generator, quiet)
        found["sizes"] = sizes.run([200], 0.1, 1, database, generator, quiet)
        assert database.size_mb("200") > 0
    assert len(found["rest"]) == 7
    for figure in [*found["rest"], *found["sizes"]]:
        assert figure["median"] > 0, figure
        assert not figure.get("unexpected"), figure
    if isinstance(database, databases.Postgresql):
        from benchmarks.live.floor_postgres import connected

        with connected(SERVER, "public") as connection:
            left = {row[0] for row in connection.execute("SELECT nspname FROM pg_namespace")}
        assert database.made
        assert not database.made & left


def test_without_a_named_postgresql_the_run_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(databases.VARIABLE, raising=False)
    with pytest.raises(LookupError, match=r"\.ci/postgres"):
        databases.chosen("postgresql", tmp_path)


def test_names_and_times_of_patients_are_their_own() -> None:
    names = [given(number) for number in range(0, 200_000, 7)]
    assert len(set(names)) == len(names)
    assert {len(name) for name in names} == {8}, "so none begins another"
    assert taken(0, 19) < taken(1, 0) == "2000-01-01T00:20:00Z"


@pytest.mark.parametrize(
    ("text", "found"),
    [("10k,100k,1m", [10_000, 100_000, 1_000_000]), ("2k, 500", [500, 2000]), ("1K", [1000])],
)
def test_sizes_as_they_are_written(text: str, found: list[int]) -> None:
    assert sizes.numbers(text) == found
    assert [sizes.label(size) for size in (10_000, 1_000_000, 250)] == ["10 k", "1 M", "250"]


# ---- tokens --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (f"Bearer {TOKEN}", "benchmark"),
        (f"bearer {TOKEN}", "benchmark"),
        (f"Basic {TOKEN}", None),
        (f"Bearer {TOKEN}x", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_known_token_names_somebody(header: str | None, subject: str | None) -> None:
    assert Tokens().subject(header) == subject


def test_the_audited_server_wants_the_token(tmp_path: Path) -> None:
    with Served(node, f"sqlite:{tmp_path}", "node", True) as server:
        url = "http://{}:{}/fhir/Patient/a".format(*server.address)
        known = {"authorization": f"Bearer {TOKEN}"}
        statuses = [httpx2.get(url).status_code, httpx2.get(url, headers=known).status_code]
    assert statuses == [401, 404]


# ---- the other server ----------------------------------------------------------------------------


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """An environment in which the other server is one of ours, under the other's name."""
    package = tmp_path / "site" / "sekmet"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    source = OURS_AS_THEIRS.format(path=[os.getcwd()], url=f"sqlite:{tmp_path / 'theirs'}")
    (package / "main.py").write_text(source, encoding="utf-8")
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH={tmp_path / "site"} exec {sys.executable} "$@"\n', encoding="utf-8"
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return tmp_path / "venv"


@pytest.mark.slow
def test_all_rows_of_one_server_and_of_the_other(tmp_path: Path, venv: Path) -> None:
    said: list[str] = []
    setting = rest.Setting(seconds=0.2, rounds=1, patients=2, peer=venv)
    database = databases.Sqlite(tmp_path)
    names = [*rest.MAKERS, "peer", "lag"]
    with Generator() as generator:
        found = rest.run(names, setting, database, tmp_path, generator, said.append)
    rows = {figure["row"]: figure for figure in found["rest"]}
    assert set(rows) == {
        rest.READ_FLOOR,
        rest.LOGGED_FLOOR,
        rest.CREATE_FLOOR,
        *(
            f"{name}{audited}"
            for name in (rest.READ, rest.SEARCH, rest.CREATE, rest.TRANSACTION)
            for audited in ("", rest.AUDITED)
        ),
    }
    assert [figure["row"] for figure in found["peer"]] == [
        name
        for ours in (rest.READ, rest.SEARCH, rest.TRANSACTION)
        for name in (ours, f"{peer.NAME}: {ours}", f"{peer.BARE}: {ours}")
    ]
    for figure in [*rows.values(), *found["peer"], *found["lag"]]:
        assert figure["median"] > 0, figure
        assert not figure.get("unexpected"), figure
    assert {rows[name]["floor"] for name in rows if "floor" in rows[name]} == {
        rest.READ_FLOOR,
        rest.LOGGED_FLOOR,
        rest.CREATE_FLOOR,
    }
    assert [figure["times"] > 0 for figure in found["peer"] if "times" in figure] == [True] * 6
    assert len(aims.verdicts(found)) == len(aims.RATIOS) - 1 + 6, "all but Synthea's and sizes"
    settings = [(tmp_path / f"peer-{n}" / "settings.yaml").read_text() for n in range(2)]
    assert ["log_inbound: false" in text for text in settings] == [False, True]
    assert any("round 1 of 1" in text for text in said)


def test_a_server_that_cannot_be_installed_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    setting = rest.Setting(seconds=0.2, rounds=1, patients=2, peer=tmp_path / "venv")
    found: dict[str, list[Figure]] = {}
    with ExitStack() as stack:
        servers = cast("rest.Servers", None)  # nobody gets as far as to ask them
        assert not rest.against_peer(servers, setting, stack, tmp_path, found, quiet)
    (row,) = found["peer"]
    assert "sekmet-fhir: not measured" in row["row"]
    assert "No matching distribution" in row["row"]
    assert not (tmp_path / "venv" / "bin" / "python").exists(), "the next run tries again"


@pytest.mark.parametrize(
    ("source", "why"),
    [("raise SystemExit('no licence')", "no licence"), ("def app_factory(): 1 / 0", "division")],
)
def test_a_server_that_does_not_start_says_why(
    tmp_path: Path, venv: Path, source: str, why: str
) -> None:
    (tmp_path / "site" / "sekmet" / "main.py").write_text(source, encoding="utf-8")
    with pytest.raises(peer.Missing, match=why), peer.Peer(venv, tmp_path / "p", peer.NAME):
        pass


# ---- aims and page -------------------------------------------------------------------------------

ABOUT = {
    "machine": {"measured": "2026-01-01", "cpu": "a cpu", "cores": 2, "system": "Linux",
                "python": "3.11", "packages": {"uvicorn": "1"}},
    "commit": "abc", "rounds": 3, "seconds": 30.0, "connections": 8, "observations": 10_000,
    "visits": 200, "load_average": [0.1, 2.0],
}  # fmt: skip


def figure(row: str, **more: object) -> dict[str, object]:
    return {"row": row, "unit": "requests/s", "median": 100.0, **more}


def searched(name: str, size: int, times: float) -> dict[str, object]:
    return figure(
        f"{name}, {size}", search=name, selective=True, finds=1, size=size, p99_ms=1.0,
        to_smallest=times,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "measured", "met"),
    [
        ({"rest": [figure(rest.READ, floor="floor: x", ratio=0.7)]}, "0.70", True),
        ({"rest": [figure(rest.READ, floor="floor: x", ratio=0.699)]}, "0.70", False),
        ({"rest": [figure(rest.CREATE, floor="floor: x", ratio=0.51)]}, "0.51", True),
        ({"synthea": [figure("Synthea load", floor="floor: x", ratio=0.1)]}, "0.10", False),
        (
            {"peer": [figure(rest.READ), figure("sekmet-fhir: read by id", times=5.1)]},
            "5.1",
            True,
        ),
        ({"sizes": [searched("name", 10, 1.0), searched("name", 20, 1.6)]}, "1.60", False),
        (
            {"sizes": [searched("a", 10, 1.0), searched("a", 20, 1.1), searched("b", 20, 1.3)]},
            "1.30",
            True,
        ),
    ],
)
def test_an_aim_is_met_or_not(groups: dict, measured: str, met: bool) -> None:
    (verdict,) = aims.verdicts(groups)
    assert (verdict.measured, verdict.met) == (measured, met)


def test_what_was_not_measured_has_no_verdict() -> None:
    assert aims.verdicts({"rest": [figure(rest.READ)], "peer": peer.absent("no net")}) == []


def test_several_runs_are_chapters_of_one_page() -> None:
    first = {
        **ABOUT,
        "store": "SQLite",
        "groups": {"rest": [figure(rest.READ, floor="floor: x", ratio=0.5)]},
    }
    filling = figure("filling", size=10, seconds=1.0, size_mb=3)
    second = {
        **ABOUT,
        "store": "PostgreSQL",
        "groups": {"sizes": [filling, searched("name", 10, 1.0)]},
    }
    text = page.render([first, second])
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "## Measured: requests to one server, SQLite",
        "### SQLite: Aims",
        "### SQLite: Requests to one server",
        "## Measured: the same searches at different sizes, PostgreSQL",
        "### PostgreSQL: The same searches at different sizes",
    ]
    assert "| read by id beside *x* | ≥ 0.7 | 0.50 |  | **no** |" in text
    assert "| 10 Observations | 100.0 | 1.0 | 3 |" in text

"""The harness of benchmarks.live does what its figures claim; no figure is tested."""

from __future__ import annotations

import bz2
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.live import __main__ as command
from benchmarks.live import page, rest, synthea
from benchmarks.live.cds_calls import calls
from benchmarks.live.databases import Sqlite
from benchmarks.live.figures import Row, measure, plain, text_table
from benchmarks.live.floors import floor, make_file
from benchmarks.live.generator import Generator, Load, Sample, play, request
from benchmarks.live.node import cells_of, fill, stored
from benchmarks.live.processes import Served, cpu_seconds, forget_peak, memory_mb, peak_mb
from benchmarks.live.resources import everything, new_transaction, observation, patient
from benchmarks.live.tokens import TOKEN
from fhir_profiles.json_text import dump, parse
from fhir_profiles.validation.structure import check
from tests.benchmarks.small_apps import echo, hospital

# ---- generator and servers -----------------------------------------------------------------------


def test_without_seconds_each_request_is_sent_once() -> None:
    requests = [request("POST", f"/{n}", b"x" * n * 5000) for n in range(40)]
    with Served(echo) as server:
        (sample,) = play([Load(server.address, requests, None, 3)])
    assert sample.done == 40
    assert not sample.unexpected
    assert sample.milliseconds == sorted(sample.milliseconds)


def test_with_seconds_requests_are_sent_in_turn_until_they_are_over() -> None:
    requests = [request("GET", "/there"), request("GET", "/missing")]
    with Served(echo) as server, Generator() as generator:
        good, bad = generator.play(
            Load(server.address, requests, 0.3), Load(server.address, requests, 0.3, 1, (404,))
        )
    assert good.done > 20
    assert abs(good.unexpected[404] - good.done) <= 8, "every second answer, up to 8 on their way"
    assert bad.done >= 10
    assert set(bad.unexpected) == {200}


def test_a_server_that_is_not_there_is_said() -> None:
    with Served(echo) as server:
        address = server.address
    with Generator() as generator, pytest.raises(ConnectionRefusedError):
        generator.play(Load(address, [request("GET", "/")], 0.1))


def test_a_server_tells_its_cpu_memory_and_lag() -> None:
    with Served(echo) as server:
        before = cpu_seconds(server.pid)
        play([Load(server.address, [request("GET", "/")], 0.5)])
        assert cpu_seconds(server.pid) > before
        assert peak_mb(server.pid) >= memory_mb(server.pid) > 10
        forget_peak(server.pid)
        assert peak_mb(server.pid) > 10
        assert server.lags()
        assert len(server.lags()) < 500, "each lag is told once"


def test_quantiles_of_a_sample() -> None:
    sample = Sample(2.0, [float(n) for n in range(1, 102)])
    assert (sample.rate, sample.quantile(0.5), sample.quantile(0.99)) == (50.5, 51.0, 100.0)
    assert Sample().rate == Sample().quantile(0.5) == 0.0


# ---- what is sent --------------------------------------------------------------------------------


def test_made_resources_are_valid() -> None:
    made = [patient(7), observation("p-7", 3), parse(new_transaction(5))]
    assert [check(parse(dump(tree))) for tree in made] == [[], [], []]
    assert len(list(everything(3))) == 3 * 21


def test_the_create_floor_writes_as_many_index_rows(tmp_path: Path) -> None:
    tree = observation("p-0", 0)
    place = Sqlite(tmp_path).place("node")
    fill(place, [tree])
    make_file(tmp_path / "floor.db", stored(place))
    with closing(sqlite3.connect(tmp_path / "node" / "node.db")) as ours:
        names = ours.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        tables = [name for (name,) in names if name.startswith("index_")]
        rows = sum(ours.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables)
    create = request("POST", "/fhir/Observation", dump(tree))
    with Served(floor, str(tmp_path / "floor.db"), cells_of(tree)) as server:
        (made,) = play([Load(server.address, [create] * 3, None, 1, (201,))])
        asked = [
            request("GET", "/fhir/Observation/p-0-0"),
            request("GET", "/logged/Observation/p-0-0", token=TOKEN),
            request("GET", "/logged/Observation/p-0-0", token=TOKEN[:-1]),
        ]
        (read,) = play([Load(server.address, asked, None, 1)])
    assert (made.done, read.done) == (3, 2)
    assert read.unexpected == {401: 1}
    with closing(sqlite3.connect(tmp_path / "floor.db")) as bare:
        counts = [
            bare.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("resource", "found", "log")
        ]
    assert counts == [4, 3 * rows, 1]
    assert rows > 10


# ---- whole benchmarks, tiny ----------------------------------------------------------------------


def test_rounds_take_all_rows_in_turn(tmp_path: Path) -> None:
    order: list[str] = []
    with Served(echo) as server, Generator() as generator:
        load = Load(server.address, [request("GET", "/")], 0.05)
        rows = [Row("floor", load, server), Row("other", load, server, "floor")]
        found = measure(rows, generator, 2, order.append)
    assert [text.rpartition(" ")[2] for text in order] == ["floor", "other"] * 2
    assert found[1]["floor"] == "floor"
    assert found[1]["ratio"] > 0
    assert "ratio" not in found[0]


def test_synthea_bundles_and_the_bare_insert_of_their_rows(tmp_path: Path) -> None:
    for n in range(2):
        (tmp_path / f"{n}.json.bz2").write_bytes(bz2.compress(new_transaction(n)))
    scratch = tmp_path / "scratch"
    with Generator() as generator:
        found = synthea.run(tmp_path, 1, scratch, generator, lambda text: None)
    assert [figure["row"] for figure in found] == [
        synthea.FLOOR,
        "Synthea load",
        synthea.LOGGED,
    ]
    assert all(figure["median"] > 0 for figure in found)
    assert synthea.entries(synthea.bundles(tmp_path)) == 8


def test_bundles_that_are_refused_end_the_benchmark(tmp_path: Path) -> None:
    wrong = b'{"resourceType": "Bundle", "type": "transaction", "entry": [{}]}'
    (tmp_path / "0.json.bz2").write_bytes(bz2.compress(wrong))
    with Generator() as generator, pytest.raises(RuntimeError, match="not taken"):
        synthea.run(tmp_path, 1, tmp_path / "scratch", generator, lambda text: None)


# ---- CDS calls -----------------------------------------------------------------------------------


def test_an_order_becomes_a_cds_call() -> None:
    with Served(hospital, 3) as server:
        url = "http://{}:{}".format(*server.address)
        (made,) = calls(url)
    head, _, body = made.partition(b"\r\n\r\n")
    call = json.loads(body)
    assert head.startswith(b"POST /cds-services/vn-result-reuse HTTP/1.1")
    assert call["fhirServer"] == f"{url}/hospitals/99001/fhir"
    assert call["context"]["draftOrders"]["entry"][0]["resource"]["status"] == "draft"
    assert (call["prefetch"]["patient"]["id"], call["context"]["encounterId"]) == ("p-1", "e-1")


@pytest.mark.parametrize("known", [0, 2])
def test_a_network_without_whole_orders_cannot_be_asked_about_them(known: int) -> None:
    with (
        Served(hospital, known) as server,
        pytest.raises(RuntimeError, match="drive persons first"),
    ):
        calls("http://{}:{}".format(*server.address))


# ---- a live network ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_is_driven_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.live import network  # compiles kernels; the other tests need none

    monkeypatch.setattr(network, "LOOK_AT", 300)
    monkeypatch.setattr(network, "PINGS", 20)
    with Generator() as generator:
        found = network.run(["drive", "cds"], 5, 0.2, 1, tmp_path, generator, lambda text: None)
    visits = next(figure for figure in found["drive"] if figure["row"] == "drive: visits")
    assert visits["visits"] >= 5
    assert visits["requests"] > visits["visits"]
    for figure in [*found["drive"], *found["cds"]]:
        assert figure["median"] > 0, figure
        assert not figure.get("unexpected"), figure
    assert all(figure["p50_ms"] <= figure["p99_ms"] for figure in found["cds"])


@pytest.mark.proof
def test_a_network_is_started_twice_and_reset(tmp_path: Path) -> None:
    from benchmarks.live import network

    found = network.starts("drive-coverage", 0, 1, tmp_path, lambda text: None)
    assert {figure["row"]: figure["unit"] for figure in found} == {
        "cold start": "s",
        "warm start": "s",
        "reset of one hospital": "s",
        "reset of the network": "s",
        "on disk": "MB",
        "memory after a cold start": "MB",
        "memory after a warm start": "MB",
    }
    assert all(figure["median"] > 0 for figure in found)


# ---- the command ---------------------------------------------------------------------------------


def test_the_command_writes_json_and_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures, where = tmp_path / "figures.json", tmp_path / "speed.md"
    where.write_text(f"# Speed\n\n{page.BEGIN}\nold\n{page.END}\n\nafter\n", encoding="utf-8")
    arguments = ["--rounds", "1", "--seconds", "0.1", "--patients", "2"]
    command.main(["read", *arguments, "--json", str(figures), "--page", str(where)])
    result = json.loads(figures.read_text(encoding="utf-8"))
    assert list(result["groups"]) == ["rest"]
    assert result["machine"]["cores"]
    written = where.read_text(encoding="utf-8")
    assert "old" not in written
    assert written.startswith("# Speed\n")
    assert written.endswith("\n\nafter\n")
    assert f"| {rest.READ_FLOOR} |" in written
    command.main(["--from", str(figures), "--page", str(where)])
    assert where.read_text(encoding="utf-8") == written, "the same figures, the same page"
    assert "× floor" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["reed"], "no such benchmark"),
        (["--rounds", "0"], "--rounds"),
        (["--seconds", "-1"], "--seconds"),
        (["--sizes", "10k,many"], "'many' is no size"),
        (["--sizes", "5"], "at least 20"),
        (["synthea", "--store", "postgresql"], "SQLite only"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert problem in capsys.readouterr().err


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    where = tmp_path / "speed.md"
    where.write_text("# Speed\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no lines"):
        page.write(where, [])


def test_answers_that_must_not_come_are_said() -> None:
    row = plain("create", "requests/s", [3.0, 1.0, 2.0], unexpected={"500": 2})
    assert (row["median"], row["slowest"], row["fastest"]) == (2.0, 1.0, 3.0)
    assert "UNEXPECTED: create: {'500': 2}" in text_table([row])
    assert plain("start", "s", [3.0, 1.0, 2.0])["slowest"] == 3.0

"""The command line as a shell sees it: a real process, a real engine, real signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

import lienthong
from scenarios.schemas import summary_schema

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--scale", "0.0003", "--replications", "2", "--draws", "2", "--jobs", "1"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("real engine")]


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "lienthong", *map(str, args)]


def call(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*args), capture_output=True, text=True, cwd=ROOT, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small real run of the pilots."""
    out = tmp_path_factory.mktemp("run")
    done = call("run", "pilots", *SMALL, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "of 100 repeats across facilities avoided" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    return out


def test_a_real_run_leaves_its_three_files_and_nothing_else(run: Path) -> None:
    assert sorted(path.name for path in run.iterdir()) == [
        "orders.parquet",
        "report.html",
        "summary.json",
    ]


def test_a_real_summary_fits_its_schema(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_bytes())
    validator = jsonschema.Draft202012Validator(summary_schema())
    assert [f"{e.json_path}: {e.message}" for e in validator.iter_errors(summary)] == []
    assert summary["provenance"]["started"]


def test_the_ledger_adds_up_to_the_orders_of_one_replication(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_bytes())
    rows = pq.ParquetFile(run / "orders.parquet").metadata.num_rows
    up = summary["population"] / summary["persons"]
    low, high = summary["measures"]["orders"]["ci95"]
    assert low <= rows * up <= high


def test_real_orders_are_told(run: Path) -> None:
    done = call("explain", run, "--sample", 3, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told) == 3
    again = call("explain", run, "--order", told[0]["order"])
    assert told[0]["when"] in again.stdout


def test_the_public_api_gives_the_same_numbers_as_the_command(run: Path, tmp_path: Path) -> None:
    assert set(lienthong.__all__) <= set(dir(lienthong))
    result = lienthong.run(
        "pilots", scale=0.0003, replications=2, draws=2, jobs=1, out=tmp_path / "api"
    )
    assert isinstance(result, lienthong.Result)
    assert (tmp_path / "api" / "report.html").exists()
    told = json.loads((run / "summary.json").read_bytes())
    assert result.summary["measures"] == told["measures"]
    assert result.summary["provenance"]["command"] == told["provenance"]["command"]
    rows = lienthong.compare(result, run).rows
    assert all(row.changes == (0.0,) for row in rows if row.means[0] is not None)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = lienthong.nothing


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(tmp_path: Path) -> None:
    args = ["run", "pilots", *SMALL[:2], "--replications", "1", "--draws", "5", "--jobs", "1"]
    parts = tmp_path / ".parts"
    with subprocess.Popen(
        command(*args, "--out", tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        while process.poll() is None and len(list(parts.glob("*.done"))) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith(
        "lienthong: interrupted; what is finished is kept, the same command goes on from there\n"
    )
    assert "Traceback" not in err
    kept = len(list(parts.glob("*.done")))
    assert kept >= 2
    assert not (tmp_path / "summary.json").exists()
    again = call(*args, "--out", tmp_path)
    assert again.returncode == 0
    assert f"draws {kept} of 6" in again.stderr
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--help"], 0),
        (["scenarios"], 0),
        (["run", "pilot"], 2),
        (["run", "pilots", "--scale", "2"], 2),
        (["sweep"], 2),
    ],
)
def test_exit_codes(args: list[str], code: int) -> None:
    done = call(*args)
    assert done.returncode == code
    assert (done.stdout == "") == (code != 0)
    assert (done.stderr == "") == (code == 0)


def test_a_reader_that_goes_away_is_no_error() -> None:
    with subprocess.Popen(
        command("show", "pilots"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_help_is_quick() -> None:
    """Half a second is the promise; the quickest of five tries is what the machine can do."""
    tries = []
    for _ in range(5):
        begun = time.perf_counter()
        call("--help")
        tries.append(time.perf_counter() - begun)
    assert min(tries) < 0.5

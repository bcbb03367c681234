"""`lienthong explain`: orders of a finished run told step by step."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Invoke
from tests.report.example import example_summary

LOST_AT_11 = 1 << 10 | 1 << 11
#     person visit order class_with             gate needed failed
ROWS = [
    (10, 2, 0, "first", 0, False, 0, None),
    (10, 3, 1, "shared_reused", 0, False, 0, "99003"),
    (11, 4, 0, "lost.11", 11, False, LOST_AT_11, "99003"),
    (12, 1, 2, "needed_performed", 0, True, 0, "99004"),
    (13, 1, 0, "unsafe_missed_change", 0, True, 0, "99004"),
    (14, 9, 3, "lost.1", 1, False, 1, "99004"),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "summary.json").write_text(json.dumps(example_summary()), encoding="utf-8")
    rows = [
        {
            "person": person,
            "visit": visit,
            "order": order,
            "minute": 1440 * 36 + 492,
            "test": "CT",
            "facility": "99001",
            "tier": "central",
            "class_without": "first" if prior is None else "performed_repeat",
            "class_with": order_class,
            "gate": gate,
            "needed": needed,
            "failed": failed,
            "prior_facility": prior,
            "prior_age_minutes": None if prior is None else 9 * 1440,
        }
        for person, visit, order, order_class, gate, needed, failed, prior in ROWS
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "orders.parquet")
    return folder


def test_a_lost_order_is_told_gate_by_gate(invoke: Invoke, run: Path) -> None:
    result = invoke("explain", run, "--order", "11.4.0")
    assert result.exit_code == 0, result.stderr
    for words in (
        "2025-03-14 08:12: CT ordered at Bệnh viện Bạch Mai (central).",
        "An earlier result lies at Bệnh viện Đa khoa tỉnh Bắc Ninh; it is 9 days old.",
        "not clinically needed",
        "performed again: an avoidable repeat across facilities.",
        "10 Result recognised           open",
        "11 Clinician looked            closed   <- lost here",
        "12 Clinician accepted          closed",
        "lost at gate 11, clinician looked (Bác sĩ đã xem).",
    ):
        assert words in result.stdout


def test_a_sample_takes_each_kind_in_turn(invoke: Invoke, run: Path) -> None:
    told = json.loads(invoke("explain", run, "--sample", 4, "--json").stdout)
    assert [row["class_with"].split(".")[0] for row in told] == [
        "shared_reused",
        "lost",
        "needed_performed",
        "unsafe_missed_change",
    ]


def test_a_sample_larger_than_the_run_gives_what_there_is(invoke: Invoke, run: Path) -> None:
    told = json.loads(invoke("explain", run, "--sample", 50, "--json").stdout)
    assert sorted(row["order"] for row in told) == [
        "10.3.1",
        "11.4.0",
        "12.1.2",
        "13.1.0",
        "14.9.3",
    ]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--order", "99.1.1"], "no such order"),
        (["--order", "x"], "PERSON.VISIT.ORDER"),
        (["--order", "1.2"], "PERSON.VISIT.ORDER"),
        (["--order", "1" * 50 + ".1.1"], "no such order"),
        (["--order", "1.1.1", "--sample", "2"], "Give one of the two"),
        (["--sample", "0"], "--sample"),
        (["--sample", "x"], "--sample"),
    ],
)
def test_refused(invoke: Invoke, run: Path, args: list[str], words: str) -> None:
    result = invoke("explain", run, *args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr


def test_a_run_without_its_ledger_is_refused(invoke: Invoke, run: Path) -> None:
    (run / "orders.parquet").unlink()
    result = invoke("explain", run)
    assert result.exit_code == 2
    assert "orders.parquet" in result.stderr


def test_a_ledger_that_is_no_ledger_is_refused(invoke: Invoke, run: Path) -> None:
    (run / "orders.parquet").write_bytes(b"not parquet")
    result = invoke("explain", run)
    assert result.exit_code == 2
    assert "not a Parquet file" in result.stderr

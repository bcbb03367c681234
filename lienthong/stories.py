"""Single orders of a finished run, read from its Parquet ledger for `lienthong explain`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lienthong.comparison import Summary, read_summary
from scenarios.experiments import retell
from scenarios.report import tale
from vietnam.datafiles import InputError

LEDGER: Final = "orders.parquet"
REMEDY: Final = "Name the folder of a finished run, for example runs/pilots"


def one(run: Path, order: str) -> list[dict[str, Any]]:
    """The order of that ID as `tale.tell` wants it; InputError if there is none."""
    summary, ledger = _open(run)
    person, visit, number = _parse(order)
    table = ledger.read()
    found = table.filter(
        pc.and_(
            pc.equal(table["person"], person),
            pc.and_(pc.equal(table["visit"], visit), pc.equal(table["order"], number)),
        )
    ).slice(0, 1)
    if not found.num_rows:
        problem = "this run has no such order in its count period"
        raise InputError(str(run), None, f"--order {order}", problem, "`--sample 5` names some")
    return _told(found.to_pylist(), summary)


def sample(run: Path, count: int) -> list[dict[str, Any]]:
    """`count` orders, in turn avoided, lost, needed and unsafe, spread evenly over the ledger.

    The same run always gives the same orders; fewer are given where the run has no more.
    """
    summary, ledger = _open(run)
    classes = ledger.read(columns=["class_with"])["class_with"].cast(pa.string()).to_pylist()
    rows: dict[str, list[int]] = {kind: [] for kind in tale.KINDS}
    for index, name in enumerate(classes):
        kind = tale.kind_of(name)
        if kind is not None:
            rows[kind].append(index)
    chosen = _in_turn(rows, count)
    table = ledger.read().take(chosen)
    return _told(table.to_pylist(), summary)


def _in_turn(rows: Mapping[str, list[int]], count: int) -> list[int]:
    """One of each kind after the other; within a kind evenly spread."""
    waiting = {kind: _spread(found, count) for kind, found in rows.items()}
    chosen: list[int] = []
    while len(chosen) < count and any(waiting.values()):
        for kind in waiting:
            if waiting[kind] and len(chosen) < count:
                chosen.append(waiting[kind].pop(0))
    return chosen


def _spread(found: list[int], count: int) -> list[int]:
    wanted = min(count, len(found))
    return [found[(2 * i + 1) * len(found) // (2 * wanted)] for i in range(wanted)]


def _open(run: Path) -> tuple[Summary, pq.ParquetFile]:
    summary = read_summary(run)
    file = (run if run.is_dir() else run.parent) / LEDGER
    try:
        return summary, pq.ParquetFile(file)
    except FileNotFoundError:
        problem = f"there is no ledger here ({LEDGER})"
        raise InputError(str(run), None, "", problem, REMEDY) from None
    except pa.ArrowInvalid:
        raise InputError(str(file), None, "", "is not a Parquet file", REMEDY) from None


def _parse(order: str) -> tuple[int, int, int]:
    """`person.visit.order`, as stories name orders."""
    parts = order.split(".")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
        numbers = [int(part[:18]) for part in parts]
        return numbers[0], numbers[1], numbers[2]
    problem = f"{order[:40]!r} is not PERSON.VISIT.ORDER"
    raise InputError("--order", None, "", problem, "`--sample 5` names some")


def _told(rows: list[dict[str, Any]], summary: Summary) -> list[dict[str, Any]]:
    """Stories of ledger rows; the reference engine adds why each gate was closed, where it can."""
    plan = retell.plan_of_run(summary)
    stories = []
    for row in rows:
        story = _story(row, summary)
        if plan is not None:
            story["reasons"] = retell.reasons(plan, row["person"], [row["order"]]).get(row["order"])
        stories.append(story)
    return stories


def _story(row: Mapping[str, Any], summary: Summary) -> dict[str, Any]:
    labels = {code: item["label"] for code, item in summary["by_facility"].items()}
    tests = {key: item["label"] for key, item in summary["by_test"].items()}
    start = date.fromisoformat(summary["count_period"]["from"])
    when = datetime.combine(start, time()) + timedelta(minutes=row["minute"])
    gate = row["gate"]
    return {
        "order": f"{row['person']}.{row['visit']}.{row['order']}",
        "person": row["person"],
        "visit": row["visit"],
        "when": f"{when:%Y-%m-%d %H:%M}",
        "test": tests.get(row["test"], row["test"]),
        "facility": labels.get(row["facility"], row["facility"]),
        "tier": row["tier"],
        "needed": row["needed"],
        "class_without": row["class_without"],
        "class_with": row["class_with"],
        "gate": gate,
        "failed": _closed(row),
        "prior_facility": labels.get(row["prior_facility"], row["prior_facility"]),
        "prior_age_minutes": row["prior_age_minutes"],
    }


def _closed(row: Mapping[str, Any]) -> list[int] | None:
    """Numbers of the closed gates, from the ledger's bits (bit g - 1 stands for gate g)."""
    bits = row.get("failed")
    return None if bits is None else [gate for gate in range(1, 13) if bits >> (gate - 1) & 1]

"""From samples to figures: medians over rounds, ratios to a floor, tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.live.generator import Generator, Load, Sample
from benchmarks.live.processes import Server, cpu_seconds, forget_peak, peak_mb

Figure = dict[str, Any]
Say = Callable[[str], None]


@dataclass
class Row:
    """One kind of request to one server. `floor` names the row it is compared with."""

    name: str
    load: Load
    server: Server
    floor: str = ""
    samples: list[Sample] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # milliseconds of the server, for each request
    peaks: list[float] = field(default_factory=list)  # megabytes of the server

    def measure(self, generator: Generator) -> None:
        forget_peak(self.server.pid)
        before = cpu_seconds(self.server.pid)
        (sample,) = generator.play(self.load)
        used = cpu_seconds(self.server.pid) - before
        self.samples.append(sample)
        self.peaks.append(peak_mb(self.server.pid))
        self.cpu.append(1000 * used / max(sample.done, 1))

    @property
    def rate(self) -> float:
        return median(sample.rate for sample in self.samples)


def measure(rows: Sequence[Row], generator: Generator, rounds: int, say: Say) -> list[Figure]:
    """Rounds of all rows in turn, so that a slow minute of the machine hits all of them."""
    for number in range(1, rounds + 1):
        for row in rows:
            say(f"round {number} of {rounds}: {row.name}")
            row.measure(generator)
    by_name = {row.name: row for row in rows}
    return [_figure(row, by_name.get(row.floor)) for row in rows]


def _figure(row: Row, floor: Row | None) -> Figure:
    rates = [sample.rate for sample in row.samples]
    unexpected = sum((sample.unexpected for sample in row.samples), Counter())
    figure: Figure = {
        "row": row.name,
        "unit": "requests/s",
        "median": round(median(rates), 1),
        "slowest": round(min(rates), 1),
        "fastest": round(max(rates), 1),
        "p50_ms": round(median(s.quantile(0.50) for s in row.samples), 2),
        "p99_ms": round(median(s.quantile(0.99) for s in row.samples), 2),
        "cpu_ms": round(median(row.cpu), 3),
        "peak_mb": round(max(row.peaks)),
        "unexpected": {str(status): count for status, count in unexpected.items()},
    }
    if floor is not None:
        figure["floor"] = floor.name
        figure["ratio"] = round(row.rate / floor.rate, 3) if floor.rate else None
        used = median(row.cpu)
        figure["cpu_ratio"] = round(median(floor.cpu) / used, 3) if used else None
    return figure


def plain(name: str, unit: str, values: Sequence[float], **more: Any) -> Figure:
    """A figure that is no rate of requests: seconds, megabytes, visits a second."""
    return {
        "row": name,
        "unit": unit,
        "median": round(median(values), 2),
        "slowest": round((max if unit == "s" else min)(values), 2),
        "fastest": round((min if unit == "s" else max)(values), 2),
        **more,
    }


COLUMNS = (
    ("median", "median"),
    ("slowest", "slowest"),
    ("fastest", "fastest"),
    ("ratio", "× floor"),
    ("cpu_ratio", "× floor, CPU"),
    ("times", "ours ×"),
    ("cpu_times", "ours ×, CPU"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("cpu_ms", "CPU ms"),
    ("peak_mb", "peak MB"),
    ("to_smallest", "× smallest"),
)


def cells(figure: Figure, columns: Sequence[tuple[str, str]]) -> list[str]:
    """A figure as the cells of a table row."""
    texts = [f"{figure['row']}", figure["unit"]]
    for key, _ in columns:
        value = figure.get(key)
        texts.append("" if value is None else f"{value:,}")
    return texts


def shown(found: Sequence[Figure]) -> list[tuple[str, str]]:
    """The columns in which any of these has something to say."""
    return [column for column in COLUMNS if any(figure.get(column[0]) for figure in found)]


def text_table(found: Sequence[Figure]) -> str:
    """For a terminal."""
    columns = shown(found)
    head = ["row", "unit", *(title for _, title in columns)]
    rows = [head, *(cells(figure, columns) for figure in found)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    return "\n".join([*lines, *unexpected(found)])


def unexpected(found: Sequence[Figure]) -> list[str]:
    """What must not happen under load, said beside the figures."""
    return [f"UNEXPECTED: {f['row']}: {f['unexpected']}" for f in found if f.get("unexpected")]


def markdown_table(found: Sequence[Figure]) -> str:
    """For a page."""
    columns = shown(found)
    head = ["row", "unit", *(title for _, title in columns)]
    lines = [f"| {' | '.join(head)} |", f"|---|---|{'---:|' * len(columns)}"]
    lines += [f"| {' | '.join(cells(figure, columns))} |" for figure in found]
    return "\n".join([*lines, *(f"\n{line}" for line in unexpected(found))])

"""What was aimed at, row by row, and what came of it (issue C of the project, part C2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from benchmarks.live import rest

PEER: Final = 5.0  # times as fast as the other server
SIZES: Final = 1.5  # times as long as in the smallest store, at most


class Verdict(NamedTuple):
    aim: str
    wanted: str
    measured: str
    by_cpu: str
    met: bool


RATIOS: Final = (
    ("rest", rest.READ, 0.7),
    ("rest", rest.READ + rest.AUDITED, 0.7),
    ("rest", rest.CREATE, 0.5),
    ("rest", rest.SEARCH, 0.25),
    ("rest", rest.TRANSACTION, 0.2),
    ("synthea", "Synthea load", 0.3),
)


def verdicts(groups: dict[str, list[dict[str, Any]]]) -> list[Verdict]:
    """Of the rows that were measured; a row that was not has none."""
    return [*_ratios(groups), *_times(groups.get("peer", ())), *_sizes(groups.get("sizes", ()))]


def _ratios(groups: dict[str, list[dict[str, Any]]]) -> Iterator[Verdict]:
    for group, row, wanted in RATIOS:
        for figure in groups.get(group, ()):
            if figure["row"] == row and figure.get("ratio") is not None:
                yield Verdict(
                    f"{row} beside *{figure['floor'].removeprefix('floor: ')}*",
                    f"≥ {wanted:g}",
                    f"{figure['ratio']:.2f}",
                    "" if (cpu := figure.get("cpu_ratio")) is None else f"{cpu:.2f}",
                    figure["ratio"] >= wanted,
                )


def _times(found: Any) -> Iterator[Verdict]:
    for figure in found:
        if (times := figure.get("times")) is None:
            continue
        name, _, row = figure["row"].partition(": ")
        cpu = figure.get("cpu_times")
        yield Verdict(
            f"{row} beside {name}",
            f"≥ {PEER:g}",
            f"{times:.1f}",
            f"{cpu:.1f}" if cpu else "",
            times >= PEER,
        )


def _sizes(found: Any) -> Iterator[Verdict]:
    """Of each size that is not the smallest, the search that suffers most."""
    searches = [figure for figure in found if figure.get("selective")]
    sizes = sorted({figure["size"] for figure in searches})
    for size in sizes[1:]:
        worst = max((f for f in searches if f["size"] == size), key=lambda f: f["to_smallest"])
        yield Verdict(
            f"selective searches at {size:,} beside {sizes[0]:,}, the worst: {worst['search']}",
            f"≤ {SIZES:g}",
            f"{worst['to_smallest']:.2f}",
            "",
            worst["to_smallest"] <= SIZES,
        )

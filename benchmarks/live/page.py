"""The tables of docs/reference/live-speed.md, written between two marks: no figure is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.live.aims import verdicts
from benchmarks.live.figures import Figure, markdown_table

BEGIN: Final = "<!-- measured: python -m benchmarks.live --page -->"
END: Final = "<!-- end of measured -->"
TITLES: Final = {
    "rest": "Requests to one server",
    "peer": "Beside sekmet-fhir 0.1.1",
    "lag": "The loop under a slow search",
    "synthea": "Synthea",
    "sizes": "The same searches at different sizes",
    "drive": "Replay",
    "cds": "CDS call",
    "start": "Start and reset",
}
Result = dict[str, Any]


def render(results: Sequence[Result]) -> str:
    """What stands between the marks: one chapter for each run."""
    parts = [render_one(result, several=len(results) > 1) for result in results]
    return "\n\n".join(parts)


def render_one(result: Result, *, several: bool = False) -> str:
    """One run: on what, the aims, a table for each group."""
    where = result.get("store", "SQLite")
    lines = [f"## Measured: {_what(result)}, {where}", ""] if several else []
    lines.append(_about(result, where))
    if found := verdicts(result["groups"]):
        lines += ["", "### Aims", "", _aims(found)]
    for group, figures in result["groups"].items():
        table = TABLES.get(group, markdown_table)
        lines += ["", f"### {TITLES[group]}", "", table(figures)]
    text = "\n".join(lines)
    # A page must not have the same heading twice.
    return text.replace("\n### ", f"\n### {where}: ") if several else text


def _what(result: Result) -> str:
    return ", ".join(TITLES[group].lower() for group in result["groups"])


def _about(result: Result, where: str) -> str:
    machine = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    return (
        f"Measured {machine['measured']} at commit `{result['commit']}` on {machine['cpu']},"
        f" {machine['cores']} cores, {machine['system']}, Python {machine['python']}, {where}"
        f" ({packages}); {result['rounds']} rounds of {result['seconds']:g} s,"
        f" {result['connections']} connections, {result['observations']:,} Observations,"
        f" {result['visits']} visits. Load average of the machine before and after:"
        f" {' and '.join(map(str, result['load_average']))}."
    )


def _aims(found: Any) -> str:
    lines = ["| aim | wanted | measured | by CPU | met |", "|---|---:|---:|---:|---|"]
    lines += [
        f"| {one.aim} | {one.wanted} | {one.measured} | {one.by_cpu} | {_yes(one.met)} |"
        for one in found
    ]
    return "\n".join(lines)


def _yes(met: bool) -> str:
    return "yes" if met else "**no**"


def sizes_table(figures: Sequence[Figure]) -> str:
    """A row for each search, a column for each size; how the stores were filled."""
    sizes = sorted({figure["size"] for figure in figures})
    searched = [figure for figure in figures if "search" in figure]
    by_key = {(figure["search"], figure["size"]): figure for figure in searched}
    head = ["search", "finds"]
    head += [f"{size:,}: p50 ms" for size in sizes] + [f"{size:,}: p99 ms" for size in sizes]
    head += [f"× {sizes[0]:,}, {size:,}" for size in sizes[1:]]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for search in dict.fromkeys(figure["search"] for figure in searched):
        row = [by_key[search, size] for size in sizes]
        finds = f"{row[0]['finds']}" if row[0]["selective"] else "much"
        cells = [search, finds]
        cells += [f"{one['median']:,.2f}" for one in row] + [f"{one['p99_ms']:,.2f}" for one in row]
        cells += [f"{one['to_smallest']:.2f}" for one in row[1:]]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| filling | resources/s | s | MB on disk |", "|---|---:|---:|---:|"]
    lines += [
        f"| {f['size']:,} Observations | {f['median']:,} | {f['seconds']:,} | {f['size_mb']:,} |"
        for f in figures
        if "search" not in f
    ]
    return "\n".join(lines)


TABLES: Final[dict[str, Callable[[Sequence[Figure]], str]]] = {"sizes": sizes_table}


def write(page: Path, results: Sequence[Result]) -> None:
    """Replaces what stands between the marks. ValueError: the page has no marks."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN!r} and {END!r} to write between")
    page.write_text(f"{before}{BEGIN}\n\n{render(results)}\n\n{END}{after}", encoding="utf-8")

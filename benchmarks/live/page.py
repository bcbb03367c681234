"""The tables of docs/reference/live-speed.md, written between two marks: no figure is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benchmarks.live.figures import markdown_table

BEGIN: Final = "<!-- measured: python -m benchmarks.live --page -->"
END: Final = "<!-- end of measured -->"
TITLES: Final = {
    "rest": "Requests to one server",
    "lag": "The loop under a slow search",
    "synthea": "Synthea",
    "drive": "Replay",
    "cds": "CDS call",
    "start": "Start and reset",
}


def render(result: dict[str, Any]) -> str:
    """What stands between the marks."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    lines = [
        f"Measured {machine['measured']} at commit `{result['commit']}` on {machine['cpu']},"
        f" {machine['cores']} cores, {machine['system']}, Python {machine['python']}"
        f" ({packages}); {result['rounds']} rounds of {result['seconds']:g} s,"
        f" {result['connections']} connections, {result['observations']:,} Observations,"
        f" {result['visits']} visits. Load average of the machine before and after:"
        f" {' and '.join(map(str, result['load_average']))}.",
    ]
    for group, found in result["groups"].items():
        lines += ["", f"### {TITLES[group]}", "", markdown_table(found)]
    return "\n".join(lines)


def write(page: Path, result: dict[str, Any]) -> None:
    """Replaces what stands between the marks. ValueError: the page has no marks."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN!r} and {END!r} to write between")
    page.write_text(f"{before}{BEGIN}\n\n{render(result)}\n\n{END}{after}", encoding="utf-8")

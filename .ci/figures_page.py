"""docs/reference/speed.md from docs/figures/speed.json, so that no figure is typed by hand.

python .ci/figures_page.py [COMMIT]     COMMIT is noted in the figures first (make proof does so)
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs/figures/speed.json"
PAGE = ROOT / "docs/reference/speed.md"

HEAD = """# Speed

A *world-visit* is one visit in one world. Each row plays the same persons of the pilots; the rows
take turns within each round, so that a busy moment of the machine hits all of them. The floor is a
bare SimPy loop with the same queues and nothing else: what is slower than the floor pays for the
model, what is faster is compiled. `make proof` measures anew and writes this page.
"""


def render(figures: dict) -> str:
    machine = figures["machine"]
    lines = [
        HEAD,
        f"Measured {machine['measured']} at commit {figures.get('commit', 'unknown')} on"
        f" {machine['cpu']}, {machine['cores']} cores, {machine['system']},"
        f" Python {machine['python']};"
        f" {figures['persons']:,} persons, {figures['visits']:,} visits,"
        f" {figures['orders']:,} orders, {figures['rounds']} rounds.",
        "",
        "| row | world-visits a second (median) | slowest | fastest | times the floor |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {row['row']} | {row['per_second']:,} | {row['slowest']:,} | {row['fastest']:,}"
        f" | {row['ratio_to_floor']:.2f} |"
        for row in figures["rows"]
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    if len(sys.argv) > 1 and sys.argv[1]:
        figures["commit"] = sys.argv[1]
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(render(figures), encoding="utf-8")


if __name__ == "__main__":
    main()

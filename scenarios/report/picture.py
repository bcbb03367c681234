"""One SVG of a run for a README or a slide: the headline and the waterfall, in one file.

python -m scenarios.report.picture runs/pilots/summary.json > docs/images/pilots.svg
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import orjson

from scenarios.report import figures, sections, story
from scenarios.report.sections import Summary

# The page's colours, spelt out: an image cannot ask its reader for light or dark.
STYLE: Final = """
text { font-family: 'Be Vietnam Pro', 'Segoe UI', 'Noto Sans', sans-serif; fill: #17212b;
  font-size: 14px; }
.head { font-size: 27px; font-weight: 700; } .sub { font-size: 15px; fill: #566370; }
.value { font-weight: 600; } .paper { fill: #fbfbf9; } .connector { stroke: #dfe3e6; }
.c-total { fill: #0b6b74; } .c-lost { fill: #c98a2b; } .c-good { fill: #12806a; }
"""
TOP: Final = 132
ROWS: Final = 14 * 30 + 8
SIZE: Final = f'width="{figures.WIDTH}" height="{ROWS}"'


def picture(summary: Summary) -> str:
    """The headline with both intervals, and what each gate took away, as one SVG document."""
    head = sections.headline(summary)
    body = sections.leaks(summary)["figure"]
    height = TOP + ROWS + 16
    lines = [
        figures.text(16, 44, f"{head['avoided']} of 100 repeats across facilities avoided", "head"),
        figures.text(16, 72, f"ui95 {head['ui95']}; ci95 {head['ci95']}", "sub"),
        figures.text(
            16, 94, f"{head['reachable']} reachable today · scale {summary['scale']:g}", "sub"
        ),
        figures.text(16, 116, f"{summary['scenario']} · {story.period(summary)}", "sub"),
    ]
    inner = str(body).replace("<svg ", f'<svg x="0" y="{TOP}" {SIZE} ', 1)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {figures.WIDTH} {height}">'
        f"<style>{STYLE}</style>"
        + figures.rect(0, 0, figures.WIDTH, height, "paper")
        + "".join(lines)
        + inner
        + "</svg>\n"
    )


if __name__ == "__main__":
    sys.stdout.write(picture(orjson.loads(Path(sys.argv[1]).read_bytes())))

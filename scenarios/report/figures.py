"""Inline SVG pictures of a summary; no script, colours come from the page's style sheet.

Every function returns safe markup: text that comes from outside is escaped here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from scenarios.report import numbers

WIDTH: Final = 960


class Bar(NamedTuple):
    """One row of a waterfall: a label, where the bar starts, how long it is, its colour class."""

    label: str
    start: float
    length: float
    kind: str
    text: str


class Part(NamedTuple):
    """One piece of a stacked bar."""

    label: str
    value: float
    kind: str


def picture(title: str, description: str, body: str, height: float, width: int = WIDTH) -> Markup:
    """An SVG that a screen reader announces by its title and description."""
    return Markup(  # every text in `body` was escaped where it was made
        f'<svg role="img" viewBox="0 0 {width} {height:.0f}" class="figure">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """One line of text; `kind` names a class of the style sheet."""
    place = f'x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    """A rectangle; `tip` is shown by browsers when pointed at."""
    inner = f"<title>{escape(tip)}</title>" if tip else ""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'class="{kind}">{inner}</rect>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def waterfall(title: str, bars: Sequence[Bar]) -> Markup:
    """From what could be avoided, gate by gate, down to what was avoided.

    A bar too short to be seen is drawn two pixels wide, so that nothing that is not zero vanishes.
    """
    left, right, step = 268, 130, 30
    span = WIDTH - left - right
    top = max((bar.start + bar.length for bar in bars), default=0) or 1
    rows: list[str] = []
    for index, bar in enumerate(bars):
        y = index * step + 6
        x = left + span * bar.start / top
        width = span * bar.length / top
        if bar.length > 0:
            width = max(width, 2)
        if index:
            rows.append(line(x + width, y - 12, x + width, y, "connector"))
        rows.append(text(left - 14, y + 14, bar.label, "label", "end"))
        rows.append(rect(x, y, width, 19, f"bar {bar.kind}", f"{bar.label}: {bar.text}"))
        rows.append(text(WIDTH - 4, y + 14, bar.text, "value", "end"))
    words = "; ".join(f"{bar.label} {bar.text}" for bar in bars)
    return picture(title, words, "".join(rows), len(bars) * step + 8)


def stacked(title: str, rows: Sequence[tuple[str, Sequence[Part]]]) -> Markup:
    """Bars of equal total on one scale, each cut into parts."""
    left, step = 150, 54
    span = WIDTH - left - 4
    total = max((sum(part.value for part in parts) for _, parts in rows), default=0) or 1
    body: list[str] = []
    for index, (label, parts) in enumerate(rows):
        y, x = index * step + 4, float(left)
        body.append(text(left - 14, y + 25, label, "label", "end"))
        for part in parts:
            width = span * part.value / total
            share = numbers.percent(part.value / total)
            body.append(rect(x, y, width, 40, f"bar {part.kind}", f"{part.label}: {share}"))
            if width > 62:
                body.append(text(x + width / 2, y + 25, share, "inside", "middle"))
            x += width
    words = "; ".join(
        f"{label}: " + ", ".join(f"{part.label} {numbers.count(part.value)}" for part in parts)
        for label, parts in rows
    )
    return picture(title, words, "".join(body), len(rows) * step)


def columns(title: str, items: Sequence[tuple[str, float]], kind: str, unit: str) -> Markup:
    """One column an item (a month), with its value on top and a baseline at zero."""
    height, base, width = 190, 158, 470
    top = max((value for _, value in items), default=0) or 1
    low = min(0.0, *(value for _, value in items)) if items else 0.0
    scale = 118 / (top - low)
    step = (width - 20) / max(len(items), 1)
    zero = base + low * scale
    body = [line(4, zero, width - 4, zero, "axis")]
    for index, (label, value) in enumerate(items):
        x = 10 + index * step + step * 0.14
        tall = abs(value) * scale
        y = zero - tall if value >= 0 else zero
        words = numbers.quantity(value, unit)
        if value:
            body.append(rect(x, y, step * 0.72, max(tall, 1), f"bar {kind}", f"{label}: {words}"))
        middle = x + step * 0.36
        body.append(text(middle, y - 6, words, "tiny", "middle"))
        body.append(text(middle, height - 10, label, "tiny soft", "middle"))
    words = "; ".join(f"{label} {numbers.quantity(value, unit)}" for label, value in items)
    return picture(title, words, "".join(body), height, width)


class Axis(NamedTuple):
    """A horizontal axis at height `y` from `bottom` to `top` (shares)."""

    y: float
    bottom: float
    top: float

    def at(self, value: float) -> float:
        left, right = 12, WIDTH - 40
        return left + (right - left) * (value - self.bottom) / (self.top - self.bottom)

    def ticks(self) -> list[str]:
        marks = []
        for step in range(5):
            value = self.bottom + (self.top - self.bottom) * step / 4
            x = self.at(value)
            marks.append(line(x, self.y + 14, x, self.y + 20, "axis"))
            anchor = "start" if step == 0 else "middle"
            marks.append(text(x, self.y + 36, numbers.percent(value), "tiny soft", anchor))
        return marks


def whisker(
    title: str,
    mean: float | None,
    ui95: Sequence[float | None] | None,
    ci95: Sequence[float | None] | None,
    ceiling: float | None,
) -> Markup:
    """The headline share with both intervals on an axis that starts at nothing.

    The light band is what could be reached today at most. Where the intervals are too small to be
    seen beside it, a second axis shows them enlarged.
    """
    bands = [
        (bounds, kind, size)
        for bounds, kind, size in ((ui95, "ui", 6), (ci95, "ci", 18))
        if bounds is not None and numbers.known(bounds)
    ]
    ends = [float(end) for bounds, _, _ in bands for end in bounds if end is not None]
    shown = [*ends, *([mean] if mean is not None else [])]
    axes = [_axis(56, [*shown, *([ceiling] if ceiling is not None else [])])]
    if shown and ceiling and 0 < max(shown) < 0.06 * axes[0].top:
        axes.append(_axis(150, shown))
    body: list[str] = []
    for number, axis in enumerate(axes):
        body.append(rect(12, axis.y - 13, WIDTH - 52, 26, "track"))
        if ceiling:
            right = min(axis.at(ceiling), WIDTH - 40)
            body.append(rect(axis.at(0), axis.y - 13, right - axis.at(0), 26, "reachable"))
        if ceiling and number == 0:
            words = f"reachable {numbers.percent(ceiling)}"
            body.append(_above(axis.at(ceiling), axis.y - 22, words))
        if number == 1:
            words = f"enlarged {axes[0].top / axis.top:.0f} times"
            body.append(text(12, axis.y - 22, words, "tiny soft"))
        for bounds, kind, size in bands:
            low, high = (axis.at(float(end)) for end in bounds if end is not None)
            body.append(rect(low, axis.y - size / 2, max(high - low, 1.5), size, kind))
        if mean is not None:
            place = f'cx="{axis.at(mean):.1f}" cy="{axis.y:.1f}"'
            body.append(f'<circle {place} r="4.5" class="dot"/>')
        body += axis.ticks()
    words = (
        f"mean {numbers.percent(mean)}, ui95 {numbers.interval(ui95, 'share')}, "
        f"ci95 {numbers.interval(ci95, 'share')}, reachable {numbers.percent(ceiling)}"
    )
    return picture(title, words, "".join(body), axes[-1].y + 42)


def _axis(y: float, values: Sequence[float]) -> Axis:
    """An axis that holds all values and zero, and ends at a plain number."""
    low = min([*values, 0.0])
    return Axis(y, -_round_up(-low) if low < 0 else 0.0, _round_up(max([*values, 1e-7])))


def _above(x: float, y: float, words: str) -> str:
    anchor = "end" if x > WIDTH * 0.75 else "start" if x < WIDTH * 0.1 else "middle"
    return text(x, y, words, "tiny soft", anchor)


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8, 10 times a power of ten: axes end at a plain number."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    for step in (1, 2, 4, 6, 8, 10):
        if value <= step * power * (1 + 1e-9):
            return step * power
    return value


def spread(title: str, points: Sequence[tuple[str, float]]) -> Markup:
    """Quantiles of a gap in days on one axis (a box: p25 to p75, whiskers p10 and p90)."""
    at_days = dict(points)
    top = _round_up(max([*at_days.values(), 1.0]))
    left, right, middle, width = 12, 440, 34, 470

    def at(days: float) -> float:
        return left + (right - left) * days / top

    body = [line(at(at_days["p10"]), middle, at(at_days["p90"]), middle, "whisker")]
    box = at(at_days["p75"]) - at(at_days["p25"])
    body.append(rect(at(at_days["p25"]), middle - 14, max(box, 1), 28, "box"))
    p50 = at(at_days["p50"])
    body.append(line(p50, middle - 14, p50, middle + 14, "median"))
    median = f"median {numbers.count(at_days['p50'])} d"
    body.append(text(max(p50, 50), middle - 20, median, "tiny", "middle"))
    body.append(line(left, 66, right, 66, "axis"))
    for step in range(5):
        days = top * step / 4
        body.append(line(at(days), 62, at(days), 70, "axis"))
        anchor = "start" if step == 0 else "middle"
        body.append(text(at(days), 84, f"{numbers.count(days)} d", "tiny soft", anchor))
    words = ", ".join(f"{name} {numbers.count(days)} days" for name, days in points)
    return picture(title, words, "".join(body), 92, width)

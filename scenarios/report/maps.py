"""A map of facilities and of the largest flows between them; north and south apart.

Outlines are those before 1 July 2025, by which the residents of the pilots are counted. They are
illustrative; the windows show the facilities and no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from scenarios.report import figures, numbers
from scenarios.report.provinces import Ring, outlines, short

NORTH_OF: Final = 16.0  # degrees; the pilots lie far on either side
PANEL: Final = 470
LABELS: Final = 6


class Place(NamedTuple):
    """Where a facility stands (degrees, WGS 84) and its tier."""

    latitude: float
    longitude: float
    tier: str


class Window(NamedTuple):
    """A frame of degrees and the scale that puts it on a panel."""

    west: float
    north: float
    scale: float
    squeeze: float  # a degree of longitude in degrees of latitude
    height: float

    def at(self, longitude: float, latitude: float) -> tuple[float, float]:
        x = (longitude - self.west) * self.squeeze * self.scale
        return x, (self.north - latitude) * self.scale


def draw(summary: Mapping[str, Any], places: Mapping[str, Place]) -> list[tuple[str, Markup]]:
    """A picture for the north and one for the south, as far as there are facilities."""
    made = []
    for name, north in (("North", True), ("South", False)):
        here = {code: p for code, p in places.items() if (p.latitude >= NORTH_OF) is north}
        if here:
            made.append((name, _panel(name, summary, here)))
    return made


def _panel(name: str, summary: Mapping[str, Any], places: Mapping[str, Place]) -> Markup:
    home = {short(row["label"]) for row in summary["by_province"].values()}
    window = _window(places)
    body = [figures.rect(0, 0, PANEL, window.height, "sea")]
    shapes = {
        province: rings
        for province, rings in outlines().items()
        if any(_touches(ring, window) for ring in rings)
    }
    for province, rings in shapes.items():
        body.append(_outline(rings, window, "home" if province in home else "land"))
    body += _flows(summary, places, window)
    body += _facilities(summary, places, window)
    body += [
        _label(window, max(rings, key=len), province)
        for province, rings in shapes.items()
        if province in home
    ]
    words = f"{len(places)} facilities; lines are flows of avoidable repeats"
    return figures.picture(
        f"{name}: facilities and flows", words, "".join(body), window.height, PANEL
    )


def _window(places: Mapping[str, Place]) -> Window:
    latitudes = [place.latitude for place in places.values()]
    longitudes = [place.longitude for place in places.values()]
    margin = 0.12
    south, north = min(latitudes) - margin, max(latitudes) + margin
    west, east = min(longitudes) - margin, max(longitudes) + margin
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = PANEL / ((east - west) * squeeze)
    height = (north - south) * scale
    if not 300 <= height <= 560:  # a frame that is neither a strip nor a tower
        wanted = min(max(height, 300), 560)
        if wanted > height:
            north += (wanted - height) / scale / 2
        else:
            scale *= wanted / height
            west -= (PANEL / scale / squeeze - (east - west)) / 2
        height = wanted
    return Window(west, north, scale, squeeze, height)


def _touches(ring: Ring, window: Window) -> bool:
    points = [window.at(*point) for point in ring]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return max(xs) > 0 and min(xs) < PANEL and max(ys) > 0 and min(ys) < window.height


def _outline(rings: Sequence[Ring], window: Window, kind: str) -> str:
    parts = []
    for ring in rings:
        points = " ".join("{:.1f},{:.1f}".format(*window.at(*point)) for point in ring)
        parts.append(f"M{points}Z")
    return f'<path d="{"".join(parts)}" class="{kind}"/>'


def _label(window: Window, ring: Ring, province: str) -> str:
    x = sum(point[0] for point in ring) / len(ring)
    y = sum(point[1] for point in ring) / len(ring)
    px, py = window.at(x, y)
    return figures.text(min(max(px, 44), PANEL - 44), py, province, "province", "middle")


def _flows(summary: Mapping[str, Any], places: Mapping[str, Place], window: Window) -> list[str]:
    pairs = [p for p in summary["pairs"] if p["from"] in places and p["to"] in places]
    top = max((p["avoidable"] for p in pairs), default=0) or 1
    lines = []
    for pair in sorted(pairs, key=lambda p: p["avoidable"]):
        a, b = places[pair["from"]], places[pair["to"]]
        x1, y1 = window.at(a.longitude, a.latitude)
        x2, y2 = window.at(b.longitude, b.latitude)
        # bent to the right of its direction, so that the way there and the way back lie apart
        cx, cy = (x1 + x2) / 2 - (y2 - y1) * 0.16, (y1 + y2) / 2 + (x2 - x1) * 0.16
        width = 0.8 + 5 * pair["avoidable"] / top
        lines.append(
            f'<path d="M{x1:.1f},{y1:.1f}Q{cx:.1f},{cy:.1f} {x2:.1f},{y2:.1f}" class="flow" '
            f'stroke-width="{width:.1f}"/>'
        )
    return lines


def _facilities(
    summary: Mapping[str, Any], places: Mapping[str, Place], window: Window
) -> list[str]:
    rows = summary["by_facility"]
    top = max((rows[code]["cross_facility_repeats"] for code in places if code in rows), default=0)
    order = sorted(places, key=lambda c: -rows.get(c, {}).get("cross_facility_repeats", 0))
    dots, names = [], _Labels()
    for code in order:
        place = places[code]
        x, y = window.at(place.longitude, place.latitude)
        repeats = rows[code]["cross_facility_repeats"] if code in rows else 0
        radius = 1.3 if place.tier == "commune" else 2.4 + 8 * math.sqrt(repeats / (top or 1))
        label = rows[code]["label"] if code in rows else code
        tip = f"<title>{Markup.escape(f'{label}: {numbers.count(repeats)} repeats')}</title>"
        kind = place.tier if place.tier in ("central", "commune", "private") else "hospital"
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" class="{kind}">{tip}</circle>'
        )
        if repeats:
            names.add(x, y, radius, label)
    return [*reversed(dots), *names.drawn]


class _Labels:
    """Names of the largest facilities, as far as there is room for them."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self._taken: list[tuple[float, float, float]] = []  # left, right, baseline

    def add(self, x: float, y: float, radius: float, label: str) -> None:
        words = label.removeprefix("Bệnh viện ").removeprefix("BV ")
        words = words if len(words) <= 26 else words[:25] + "…"
        length = len(words) * 6.2
        to_the_left = x + radius + 4 + length > PANEL
        left = x - radius - 4 - length if to_the_left else x + radius + 4
        if len(self.drawn) >= LABELS or left < 0 or self._is_taken(left, left + length, y):
            return
        self._taken.append((left, left + length, y))
        edge, anchor = (left + length, "end") if to_the_left else (left, "start")
        self.drawn.append(figures.text(edge, y + 4, words, "place", anchor))

    def _is_taken(self, left: float, right: float, y: float) -> bool:
        return any(
            left < other_right and other_left < right and abs(y - other_y) < 14
            for other_left, other_right, other_y in self._taken
        )

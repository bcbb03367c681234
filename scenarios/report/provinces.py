"""Province outlines as rings of (longitude, latitude), read from TopoJSON.

https://github.com/topojson/topojson-specification (quantised, delta-encoded arcs). The data and
their licence: outlines/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

Ring = list[tuple[float, float]]


@cache
def outlines() -> dict[str, list[Ring]]:
    """Outer rings and holes of each province before 1 July 2025, by short name (`Bắc Ninh`)."""
    file = files("scenarios.report") / "outlines" / "provinces-before-2025-07.topo.json"
    topology = orjson.loads(file.read_bytes())
    arcs = [_absolute(arc, topology["transform"]) for arc in topology["arcs"]]
    (layer,) = topology["objects"].values()
    return {
        short(shape["properties"]["name"]): [_ring(ring, arcs) for ring in _rings(shape)]
        for shape in layer["geometries"]
    }


def short(name: str) -> str:
    """`Tỉnh Bắc Ninh` and `Thành phố Hà Nội` without their kind of unit."""
    return name.removeprefix("Tỉnh ").removeprefix("Thành phố ").removeprefix("TP ")


def _absolute(arc: Iterable[list[int]], transform: Mapping[str, Any]) -> Ring:
    (sx, sy), (tx, ty) = transform["scale"], transform["translate"]
    x = y = 0
    points = []
    for dx, dy in arc:
        x, y = x + dx, y + dy
        points.append((x * sx + tx, y * sy + ty))
    return points


def _rings(shape: Mapping[str, Any]) -> list[list[int]]:
    if shape["type"] == "Polygon":
        return list(shape["arcs"])
    return [ring for polygon in shape["arcs"] for ring in polygon]


def _ring(indices: Iterable[int], arcs: list[Ring]) -> Ring:
    """Arcs joined end to end; `~i` is arc i backwards, and joints are not repeated."""
    points: Ring = []
    for index in indices:
        arc = arcs[index] if index >= 0 else arcs[~index][::-1]
        points += arc[1:] if points else arc
    return points

"""The map: outlines are read right, facilities lie in their provinces, labels are escaped."""

from __future__ import annotations

import pytest

from lienthong.runs import places
from scenarios.report import maps
from scenarios.report.html import render
from scenarios.report.maps import Place
from scenarios.report.provinces import Ring, outlines
from tests.report.example import example_summary
from tests.report.test_page import Page

HERE = {
    "99001": Place(21.001, 105.841, "central"),
    "99003": Place(21.1668, 106.0664, "provincial"),
    "99002": Place(10.7578, 106.6596, "central"),
}


def inside(ring: Ring, x: float, y: float) -> bool:
    """Even-odd rule: how often a ray to the east crosses the ring."""
    crossings = 0
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            crossings += 1
    return crossings % 2 == 1


def test_all_provinces_before_the_merger_and_every_ring_is_closed() -> None:
    assert len(outlines()) == 63
    for rings in outlines().values():
        for ring in rings:
            assert ring[0] == pytest.approx(ring[-1])


@pytest.mark.parametrize(
    ("province", "longitude", "latitude"),
    [
        ("Hà Nội", 105.841, 21.001),
        ("Bắc Ninh", 106.0664, 21.1668),
        ("Thái Nguyên", 105.8482, 21.5942),
        ("Bình Dương", 106.6519, 10.9804),
        ("An Giang", 105.4352, 10.3864),
        ("Hồ Chí Minh", 106.6596, 10.7578),
    ],
)
def test_known_places_lie_in_their_province(
    province: str, longitude: float, latitude: float
) -> None:
    holds = [
        name
        for name, rings in outlines().items()
        if sum(inside(ring, longitude, latitude) for ring in rings) % 2
    ]
    assert holds == [province]


def test_north_and_south_have_their_own_picture() -> None:
    drawn = dict(maps.draw(example_summary(), HERE))
    assert list(drawn) == ["North", "South"]
    assert "Bạch Mai" in drawn["North"]
    assert "Chợ Rẫy" in drawn["South"]
    assert drawn["North"].count('class="flow"') == 1
    assert ">Bắc Ninh</text>" in drawn["North"]


def test_no_places_no_map() -> None:
    assert maps.draw(example_summary(), {}) == []


def test_a_single_facility_has_a_map() -> None:
    ((name, picture),) = maps.draw(example_summary(), {"99001": HERE["99001"]})
    assert name == "North"
    assert "nan" not in picture


def test_names_on_the_map_are_text() -> None:
    summary = example_summary()
    summary["by_facility"]["99001"]["label"] = "<script>"
    page = Page(render(summary, HERE))
    assert not page.all("script")


def test_the_pilots_fit_on_the_map() -> None:
    page = Page(render(example_summary(), places("pilots")))
    assert "Outlines as before 1 July 2025" in page.text
    circles = page.all("circle")
    assert len(circles) > 600

"""The picture of a run: one well-formed SVG that says what the report says."""

from __future__ import annotations

from xml.etree import ElementTree

from scenarios.report.picture import picture
from tests.report.example import example_summary


def test_the_picture_is_an_svg_with_the_headline() -> None:
    root = ElementTree.fromstring(picture(example_summary()))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(root.itertext())
    assert "0.87 of 100 repeats across facilities avoided" in words
    assert "ui95 0.27 to 2.09; ci95 0.83 to 0.91" in words
    assert "scale 0.02" in words


def test_text_from_outside_stays_text() -> None:
    summary = example_summary() | {"scenario": "<b>&"}
    assert "<b>& ·" in " ".join(ElementTree.fromstring(picture(summary)).itertext())

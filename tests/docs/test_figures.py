"""The page of measured figures says what docs/figures/speed.json says, if that was measured yet."""

import json
from importlib.util import module_from_spec, spec_from_file_location

from tests.walls.tree import ROOT

FIGURES = {
    "machine": {
        "cpu": "a processor",
        "cores": 2,
        "system": "Linux",
        "python": "3.11.7",
        "measured": "2026-11-22",
    },
    "commit": "abc1234",
    "persons": 2000,
    "visits": 9000,
    "orders": 12345,
    "rounds": 5,
    "rows": [
        {
            "row": "floor",
            "per_second": 40000,
            "slowest": 39000,
            "fastest": 41000,
            "ratio_to_floor": 1,
        }
    ],
}


def rendered(figures: dict) -> str:
    spec = spec_from_file_location("figures_page", ROOT / ".ci/figures_page.py")
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.render(figures)


def test_a_figure_stands_beside_date_commit_and_machine():
    page = rendered(FIGURES)
    assert "Measured 2026-11-22 at commit abc1234 on a processor, 2 cores" in page
    assert "| floor | 40,000 | 39,000 | 41,000 | 1.00 |" in page


def test_the_page_is_the_one_of_the_figures():
    figures, page = ROOT / "docs/figures/speed.json", ROOT / "docs/reference/speed.md"
    assert figures.exists() == page.exists()
    if figures.exists():
        assert page.read_text("utf-8") == rendered(json.loads(figures.read_text("utf-8")))

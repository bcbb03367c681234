"""report.html: self-contained, escaped, accessible, complete."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from scenarios.report import numbers
from scenarios.report.html import render
from scenarios.report.words import GATES
from tests.report.example import example_summary

VOID = {"meta", "link", "br", "img", "hr", "input", "rect", "line", "circle", "path"}


class Page(HTMLParser):
    """A strict little reader: every tag closed in order, texts and attributes kept."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.paths: list[tuple[str, ...]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.paths.append((*self.open, tag))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.paths.append((*self.open, tag))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes {self.open[-1]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return render(example_summary())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def flat(text: str) -> str:
    """Text with every kind of space made plain, as Page.text has it."""
    return re.sub(r"\s+", " ", text)


def test_headline_says_avoided_reachable_and_both_intervals_with_ui95_first(page: Page) -> None:
    assert "0.87 of 100 repeats across facilities avoided" in page.text
    assert "38.1 reachable today" in page.text
    assert page.text.index("ui95") < page.text.index("ci95")
    assert "0.27 to 2.09" in page.text
    assert "0.83 to 0.91" in page.text


def test_scale_is_said_in_words(page: Page) -> None:
    assert "Simulated at scale 0.02" in page.text
    assert flat("151\u202f000 of 7\u202f550\u202f000 residents") in page.text


def test_a_headline_on_few_simulated_tests_says_so(page: Page) -> None:
    assert "stand on only" not in page.text
    summary = example_summary()
    summary["measures"]["repeats_avoided"]["mean"] = 75.0
    thin = Page(render(summary)).text
    assert "The 75 avoided tests stand on only 12 simulated ones" in thin


def test_nothing_avoided_in_a_sample_is_not_nothing_avoided() -> None:
    summary = example_summary()
    for name in ("repeats_avoided", "repeats_avoided_share"):
        summary["measures"][name] |= {"mean": 0.0, "ui95": [0.0, 0.0], "ci95": [0.0, 0.0]}
    summary["measures"]["cross_facility_repeats_without_sharing"]["mean"] = 30_000 / 0.16
    text = Page(render(summary)).text
    assert "None of the 30 000 simulated repeats was avoided" in text
    assert "up to 0.010 of 100 at this scale" in text


def test_a_run_of_everybody_says_so() -> None:
    summary = example_summary() | {"scale": 1.0}
    assert "All 7 550 000 residents were simulated" in Page(render(summary)).text


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("column", ["lost", "sole", "if_perfect"])
def test_every_number_of_the_leak_table_is_on_the_page(page: Page, gate: str, column: str) -> None:
    value = example_summary()["leaks"][gate][column]
    assert flat(numbers.count(value)) in page.text


def test_gates_stand_in_their_order(page: Page) -> None:
    table = page.text[page.text.index("Leak table") :]
    places = [table.index(term.vi) for term in GATES.values()]
    assert places == sorted(places)


def test_no_request_leaves_the_page(page: Page, html: str) -> None:
    for tag, attrs in page.tags:
        for name in ("src", "srcset", "action", "poster", "data", "xlink:href"):
            assert name not in attrs, f"<{tag} {name}=...>"
        if "href" in attrs:
            assert tag == "a", f"<{tag}> may not point anywhere"
            assert (attrs["href"] or "").startswith("#")
    assert not page.all("script")
    assert not page.all("link")
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org)", html)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{7*7}}"]
)
def test_text_from_outside_is_shown_and_not_obeyed(text: str) -> None:
    summary = example_summary(title=text)
    summary["scenario"] = text
    summary["by_facility"]["99001"]["label"] = text
    summary["by_month"] = {text: summary["by_month"]["2025-03"]}
    summary["volumes"][0]["source"] = text
    summary["provenance"]["command"] = text
    summary["provenance"]["parameters"][0]["source"] = text
    page = Page(render(summary))
    assert not page.all("script")
    assert not page.all("img")
    assert page.text.count(text) >= 6


def test_tables_have_captions_and_headers_with_scope(page: Page) -> None:
    tables = [i for i, (tag, _) in enumerate(page.tags) if tag == "table"]
    assert len(tables) >= 12
    for index in tables:
        assert page.tags[index + 1][0] == "caption"
    headers = page.all("th")
    assert headers
    assert all(attrs.get("scope") in ("col", "row") for attrs in headers)


def test_pictures_have_a_title_and_a_description(page: Page) -> None:
    for index, (tag, attrs) in enumerate(page.tags):
        if tag == "svg" and attrs.get("aria-hidden") != "true":
            assert attrs.get("role") == "img"
            assert [name for name, _ in page.tags[index + 1 : index + 3]] == ["title", "desc"]


def test_language_is_named_and_vietnamese_is_marked(page: Page, html: str) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert '<span lang="vi" class="vi">Lợi ích mất đi ở đâu</span>' in html


def test_links_inside_the_page_lead_somewhere(page: Page) -> None:
    targets = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    for attrs in page.all("a"):
        assert (attrs["href"] or "").removeprefix("#") in targets


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_assumptions_limits_and_reproduce_me(page: Page) -> None:
    for words in (
        "1 of 3 parameters have no source",
        "look.pull",
        "0.07",
        "0.015 – 0.3",
        "Illness outcomes",
        "induced_orders",
        "lienthong run pilots --replications 8 --draws 32 --seed 1 --scale 0.02",
        "9f2c51d0b7aa",
        "lienthong 0.1.0",
    ):
        assert words in page.text


def test_a_run_with_nothing_in_it_still_makes_a_page() -> None:
    summary = example_summary()
    for item in summary["measures"].values():
        item |= {"mean": None if item["unit"] == "share" else 0.0, "ui95": None, "ci95": None}
    for gate in summary["leaks"].values():
        gate |= {"lost": 0.0, "sole": 0.0, "if_perfect": None}
    for world in summary["classes"].values():
        world.update(dict.fromkeys(world, 0.0))
    for key in ("by_test", "by_tier", "by_province", "by_facility", "by_month"):
        summary[key] = {}
    summary["pairs"] = summary["volumes"] = []
    summary["elsewhere_within_days"] = dict.fromkeys(("1", "7", "30", "60", "90"))
    summary["gap_days"] = dict.fromkeys(("p10", "p25", "p50", "p75", "p90"))
    summary["hand_check"] = dict.fromkeys(("avoidable", "product", "shared_reused"))
    text = Page(render(summary)).text
    assert "Nothing was avoided" in text
    assert "No reuse was unsafe" in text


@pytest.mark.parametrize("unknown", [None, [None, None], [float("nan"), float("nan")]])
def test_one_replication_has_no_interval_and_the_page_says_so(unknown: object) -> None:
    summary = example_summary()
    for item in summary["measures"].values():
        item["ci95"] = unknown
    html = render(summary)
    assert "ci95 not computed" in Page(html).text
    assert "nan" not in html


def test_the_waterfall_ends_at_what_was_reused() -> None:
    summary = example_summary()
    lost = sum(gate["lost"] for gate in summary["leaks"].values())
    reused = summary["classes"]["with_sharing"]["shared_reused"]
    assert summary["measures"]["avoidable"]["mean"] == lost + reused

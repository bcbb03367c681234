"""The printed summary: plain when piped, ui95 first, no markup obeyed."""

from __future__ import annotations

import io

from scenarios.report import numbers, terminal
from scenarios.report.words import GATES
from tests.report.example import example_summary


def printed(summary: dict) -> str:
    stream = io.StringIO()
    terminal.print_summary(summary, stream)
    return stream.getvalue()


def test_piped_output_has_no_control_codes_and_no_broken_numbers() -> None:
    text = printed(example_summary())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= terminal.PIPED_WIDTH
    for gate in example_summary()["leaks"].values():
        assert numbers.count(gate["lost"]) in text


def test_headline_and_order_of_intervals() -> None:
    text = printed(example_summary())
    assert "0.87 of 100 repeats across facilities avoided (ui95 0.27 to 2.09; ci95" in text
    assert "38.1 reachable today" in text.replace("\n", " ")
    header = next(line for line in text.splitlines() if "Mean" in line)
    assert header.index("ui95") < header.index("ci95")


def test_gates_in_order() -> None:
    text = printed(example_summary())
    places = [text.index(term.en) for term in GATES.values()]
    assert places == sorted(places)


def test_markup_in_a_title_is_text() -> None:
    assert "[red]x[/red]" in printed(example_summary(title="[red]x[/red]"))

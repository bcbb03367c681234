"""The page of the rulebook is what its tables say today."""

from __future__ import annotations

from tests.rules.render import PAGE, page


def test_the_page_was_rendered_from_these_tables() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == page(), "run `python -m tests.rules.render`"

"""Every row of the specification's tables, run through the rule it specifies."""

from __future__ import annotations

import pytest

from tests.rules.chapters import CHAPTERS, Chapter, Row

ROWS = [
    pytest.param(chapter, row, id=f"{chapter.name}: {row.case}")
    for chapter in CHAPTERS
    for row in chapter.rows
]


@pytest.mark.parametrize(("chapter", "row"), ROWS)
def test_the_facts_of_a_row_lead_to_its_reasons(chapter: Chapter, row: Row) -> None:
    decision = chapter.judge(row.facts)
    assert decision.reasons == row.codes
    assert decision.code is row.codes[0]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_no_two_rows_of_a_chapter_are_the_same_case(chapter: Chapter) -> None:
    assert len({row.facts for row in chapter.rows}) == len(chapter.rows)

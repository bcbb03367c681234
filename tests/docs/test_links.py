"""Relative links and pictures of every page lead somewhere."""

import re

import pytest

from tests.walls.tree import PACKAGES, ROOT, files, relative

PAGES = [*sorted(ROOT.glob("*.md")), *files(".md", under=("docs",))]
LINK = re.compile(r"\]\((?![a-z]+:)(?P<target>[^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    dead = [target for target in targets if not (page.parent / target).exists()]
    assert dead == []


def test_pages_cited_by_code_and_data_exist():
    cited = {
        (relative(path), page)
        for path in files(".py", ".yaml", ".csv", ".j2", under=(*PACKAGES, "benchmarks"))
        for page in re.findall(r"\bdocs/[\w/.-]+\.md\b", path.read_text(encoding="utf-8"))
    }
    assert {pair for pair in cited if not (ROOT / pair[1]).exists()} == set()


def test_every_decision_is_listed_and_has_its_four_parts():
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs/adr").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        title = text.splitlines()[0].removeprefix("# ")
        assert title[:4] == page.name[:4]
        assert f"[{title}](adr/{page.name})" in index
        parts = ["Status: ", "## Context", "## Decision", "## Consequences"]
        assert [part for part in parts if f"\n{part}" not in text] == []

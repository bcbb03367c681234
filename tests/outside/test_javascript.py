"""The page on JavaScript, with Node and a client from npm that knows nothing of us."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.live.running import environment
from tests.live.test_how_tos import play
from tests.walls.tree import ROOT

pytestmark = [pytest.mark.outside, pytest.mark.timeout(300)]
PAGE = ROOT / "docs/how-to/use-from-javascript.md"
HERE = "tests/outside/test_javascript.py runs the page"


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_the_page_on_javascript(tmp_path: Path) -> None:
    play(PAGE, tmp_path, environment(tmp_path / "compiled"), HERE)

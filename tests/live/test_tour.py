"""The five-minute tour and the page after it: started, typed and read as they stand.

Only the port is another one; outputs have to show the promised lines in their order.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.fences import Block, Command, blocks, broken_promise, commands
from tests.live.running import port_in_reserve, stop, until_ready
from tests.walls.tree import ROOT

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("live network")]
PAGES = [ROOT / "docs/how-to/five-minute-tour.md", ROOT / "docs/how-to/faults-clock-and-reset.md"]
HERE = "tests/live/test_tour.py runs the page"
PORT = "8000"
MARK = "----- next command -----"


def shown(page: Path, kind: str, port: str) -> list[Block]:
    """The blocks of a page for another port."""
    found = [block for block in blocks(page) if block.kind == kind]
    mine = [block for block in found if kind == "text" or block.not_run == HERE]
    return [replace(block, body=block.body.replace(PORT, port)) for block in mine]


def run(typed: list[Command], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each command prints, all in one shell."""
    script = "set -euo pipefail\n" + "".join(f"{c.text}\necho; echo '{MARK}'\n" for c in typed)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done.stdout.split(MARK)[:-1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_tour(tmp_path: Path, up_environment: dict[str, str]) -> None:
    port = str(port_in_reserve())
    tools = Path(sys.executable).parent
    environment = {**up_environment, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    start = shown(PAGES[0], "console", port)[0]
    (up,) = commands(start)
    with subprocess.Popen(up.text.split(), cwd=tmp_path, env=environment) as network:
        try:
            list(until_ready(f"http://127.0.0.1:{port}", lambda: network.poll() is None))
            for page in PAGES:
                console = [block for block in shown(page, "console", port) if block != start]
                check_console(console, tmp_path, environment)
                check_python(page, port, tmp_path, environment)
        finally:
            code = stop(network)
    assert code == 0


def check_console(console: list[Block], folder: Path, environment: dict[str, str]) -> None:
    typed = [command for block in console for command in commands(block)]
    for command, printed in zip(typed, run(typed, folder, environment), strict=True):
        missing = broken_promise(command.promised, printed)
        assert missing is None, f"{command.text}\nprinted\n{printed}\nnot\n{missing}"


def check_python(page: Path, port: str, folder: Path, environment: dict[str, str]) -> None:
    """What a script prints stands in the text block behind it."""
    for script, promised in zip(
        shown(page, "python", port), shown(page, "text", port), strict=True
    ):
        done = subprocess.run(
            [sys.executable, "-c", script.body], cwd=folder, env=environment, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr, done.stdout) == (0, "", promised.body)


def test_what_is_not_run_here_needs_more_than_the_network() -> None:
    """Or tests/docs would have to run it."""
    code = [b for page in PAGES for b in blocks(page) if b.kind in ("console", "python")]
    others = {block.not_run for block in code} - {HERE}
    assert others == {"needs a server of your own; tests/live/test_own_system.py does it"}
    assert len([block for block in code if block.not_run == HERE]) >= 10

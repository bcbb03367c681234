"""The pages on the FHIR server: started, typed and read as they stand, only on another port."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.docs.fences import Block, blocks, broken_promise, commands
from tests.live.running import port_in_reserve, stop, until_ready
from tests.live.test_synthea import DATA, files
from tests.live.test_tour import PORT, run
from tests.walls.tree import ROOT

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("how-tos"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl"),
]
HERE = "tests/live/test_how_tos.py runs the page"
SERVER = ROOT / "docs/how-to/try-the-fhir-server.md"
WORKERS = ROOT / "docs/how-to/serve-with-several-workers.md"


def play(page: Path, folder: Path, environment: dict[str, str], here: str = HERE) -> None:
    """Starts what the first block starts, then runs block after block in one folder."""
    port = str(port_in_reserve())
    found = [replace(one, body=one.body.replace(PORT, port)) for one in blocks(page)]
    mine = [one for one in found if one.not_run == here or one.kind == "text"]
    (up,) = commands(mine[0])
    tools = Path(sys.executable).parent
    environment = {**environment, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    with subprocess.Popen(
        up.text.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            list(until_ready(f"http://127.0.0.1:{port}", lambda: server.poll() is None))
            assert server.stdout is not None
            # One worker may answer before all are there.
            said = server.stdout.readline()
            promised = [*mine[2:], None]
            for block, behind in zip(mine[1:], promised, strict=True):
                check(block, behind, folder, environment)
        finally:
            code = stop(server)
        assert broken_promise(up.promised, said + server.stdout.read()) is None
    assert code == 0


def check(block: Block, behind: Block | None, folder: Path, environment: dict[str, str]) -> None:
    """A console shows what it says; what a script prints stands in the text block behind it."""
    if block.kind == "console":
        typed = commands(block)
        for command, printed in zip(typed, run(typed, folder, environment), strict=True):
            missing = broken_promise(command.promised, printed)
            assert missing is None, f"{command.text}\nprinted\n{printed}\nnot\n{missing}"
    elif block.kind in ("python", "js"):
        program = [sys.executable, "-c"] if block.kind == "python" else ["node", "-e"]
        done = subprocess.run(
            [*program, block.body], cwd=folder, env=environment, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert behind is not None
        assert (done.returncode, done.stderr, done.stdout) == (0, "", behind.body)


@pytest.mark.skipif(not DATA.is_dir(), reason="the Synthea sample is not beside this checkout")
def test_the_page_on_the_server(tmp_path: Path, up_environment: dict[str, str]) -> None:
    synthea = tmp_path / "output/fhir"
    synthea.mkdir(parents=True)
    smallest = min(files()[2:], key=lambda path: path.stat().st_size)  # of the patients
    for path in [*files()[:2], smallest]:
        shutil.copy(path, synthea)
    play(SERVER, tmp_path, up_environment)


def test_the_page_on_several_workers(tmp_path: Path, up_environment: dict[str, str]) -> None:
    play(WORKERS, tmp_path, up_environment)


def test_nothing_of_the_pages_is_left_out() -> None:
    """Or tests/docs would have to run it."""
    code = [b for page in (SERVER, WORKERS) for b in blocks(page) if b.kind != "text"]
    assert {block.not_run for block in code} == {HERE}
    assert len(code) >= 10

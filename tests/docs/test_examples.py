"""Every example in README and docs/ is run as it stands, in an empty folder."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.fences import Block, Command, blocks, broken_promise, commands
from tests.walls.tree import ROOT, files, relative

PAGES = [*sorted(ROOT.glob("*.md")), *files(".md", under=("docs",))]
ALL = [block for page in PAGES for block in blocks(page)]
CONSOLE = ("console", "bash", "sh", "shell")
RUN = [block for block in ALL if block.not_run is None]
PYTHON = [block for block in RUN if block.kind == "python"]
COMMANDS = [
    (block, command)
    for block in RUN
    if block.kind in CONSOLE
    for command in commands(block)
    if command.text.startswith("lienthong ")
]


def place(block: Block) -> str:
    return f"{relative(block.file)}:{block.line}"


def done(command: list[str], folder: Path) -> subprocess.CompletedProcess:
    # A fixed width, no colours: what a reader sees must not depend on who tests.
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("block", PYTHON, ids=place)
def test_python_examples_run(block, tmp_path):
    result = done([sys.executable, "-W", "error", "-c", block.body], tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("block", "command"), COMMANDS, ids=[f"{place(b)} {c.text}" for b, c in COMMANDS]
)
def test_commands_run_and_print_what_is_shown(block: Block, command: Command, tmp_path):
    arguments = shlex.split(command.text, comments=True)
    tool = Path(sys.executable).with_name(arguments[0])
    result = done([str(tool), *arguments[1:]], tmp_path)
    assert result.returncode == 0, result.stderr
    assert broken_promise(command.promised, result.stdout) is None, result.stdout


def test_every_shown_word_of_the_makefile_exists():
    words = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text("utf-8").splitlines()}
    shown = {
        command.text.split()[1]
        for block in ALL
        if block.kind in CONSOLE
        for command in commands(block)
        if command.text.startswith("make ")
    }
    assert shown
    assert shown - words == set()


def test_the_reader_of_fences_reads(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "a\n\n```console\n$ lienthong run \\\n  x\nfirst\n...\nlast\n$ ls\n```\n"
        "<!-- not run: slow -->\n```python\n1 / 0\n```\n```text\nno\n```\n",
        encoding="utf-8",
    )
    console, python, text = blocks(page)
    assert [c.text.split() for c in commands(console)] == [["lienthong", "run", "x"], ["ls"]]
    assert commands(console)[0].promised == ("first", "...", "last")
    assert (console.line, console.not_run) == (3, None)
    assert (python.kind, python.not_run, text.kind) == ("python", "slow", "text")


@pytest.mark.parametrize(
    ("printed", "broken"),
    [
        ("first\nsecond\nlast", None),
        ("  first  \nlast\n", None),
        ("last\nfirst", "last"),
        ("second", "first"),
    ],
)
def test_promises_are_kept_in_order(printed, broken):
    assert broken_promise(("first", "...", "last"), printed) == broken

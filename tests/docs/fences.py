"""Fenced code blocks of Markdown files, as examples to run.

Judged are ```python blocks, and the lines of ```console blocks that follow a "$ " prompt and start
with lienthong. What stands below such a line, up to the next prompt, has to occur in what the
command prints, line by line in that order; "..." alone on a line stands for anything.

An HTML comment right before a block says why it is not run:

    <!-- not run: takes three minutes -->
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?ms)^(?:<!-- not run: (?P<reason>[^\n]+?) -->\n\n?)?```(?P<kind>\w*)\n(?P<body>.*?)^```$"
)
PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """One fenced block: where it starts, its kind, its text, why it is not run (or None)."""

    file: Path
    line: int
    kind: str
    body: str
    not_run: str | None


@dataclass(frozen=True)
class Command:
    """One prompt line of a console block and the lines promised below it."""

    text: str
    promised: tuple[str, ...]


def blocks(file: Path) -> Iterator[Block]:
    text = file.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("body"))
        yield Block(file, line, match["kind"], match["body"], match["reason"])


def commands(block: Block) -> list[Command]:
    """The commands of a console block, backslash-newline joined."""
    found: list[Command] = []
    for line in block.body.replace("\\\n", " ").splitlines():
        if line.startswith(PROMPT):
            found.append(Command(line.removeprefix(PROMPT), ()))
        elif found and line.strip():
            found[-1] = Command(found[-1].text, (*found[-1].promised, line.strip()))
    return found


def broken_promise(promised: tuple[str, ...], printed: str) -> str | None:
    """The first promised line that is not among the printed ones, in order."""
    lines = iter([line.strip() for line in printed.splitlines()])
    for promise in promised:
        if promise != "..." and promise not in lines:
            return promise
    return None

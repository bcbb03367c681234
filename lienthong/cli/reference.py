"""docs/reference/cli.md, written from the commands themselves.

python -m lienthong.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

from typing import Any, Final

import typer

from lienthong.cli.exits import ExitCode
from lienthong.cli.main import app

WIDTH: Final = 92
HEAD: Final = """# Command line

*This page is written by `python -m lienthong.cli.reference`; a test compares it with the commands.*

Results go to stdout, progress and errors to stderr; with `--json` stdout holds JSON and nothing
else. An error is one line that names the place (file and line, option, variable), what is wrong
and the remedy; `--debug` adds the traceback.

| exit code | means |
|---|---|
{codes}

Two environment variables stand below the options: `LIENTHONG_JOBS` (processes a run may use; all
cores where unset) and `LIENTHONG_DATA_DIR` (folder for runs without `--out`; `runs` where unset).
"""
MEANINGS: Final = {
    ExitCode.FINE: "fine",
    ExitCode.FAILED: "failed: disk full, out of memory, or a fault of ours",
    ExitCode.BAD_INPUT: "bad input: scenario, option, folder or variable; nothing has run",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C); what is finished is kept",
}


def reference() -> str:
    """The whole page: head, then the help of every command."""
    group: Any = typer.main.get_command(app)
    codes = "\n".join(f"| {code:d} | {words} |" for code, words in MEANINGS.items())
    parts = [HEAD.format(codes=codes), _section("lienthong", group)]
    parts += [
        _section(f"lienthong {name}", command, group) for name, command in group.commands.items()
    ]
    return "\n".join(parts)


def _section(title: str, command: Any, group: Any = None) -> str:
    settings = {"terminal_width": WIDTH, "help_option_names": ["-h", "--help"]}
    parent = None if group is None else group.make_context("lienthong", ["schema"], **settings)
    words = title.rpartition(" ")[2]
    context = command.context_class(command, info_name=words, parent=parent, **settings)
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    return f"## `{title}`\n\n```text\n" + "\n".join(lines).strip() + "\n```\n"


if __name__ == "__main__":
    print(reference(), end="")

"""`lienthong`: the list of commands. Each imports what it needs only when it is called."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lienthong.cli import (
    compare,
    doctor,
    drive,
    exits,
    explain,
    load,
    node,
    people,
    reset,
    run,
    scenarios,
    schema,
    show,
    up,
    validate,
)

EPILOG = "Example:  lienthong run pilots --scale 0.01"


# Words that people who read the design try; said plainly instead of "no such command".
PLANNED = frozenset(
    "sweep sensitivity optimise credibility import coordinator hospital seed check".split()
)


class Front(TyperGroup):
    """The command group whose every error ends as one message and one of four exit codes."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in PLANNED and args[0] not in self.commands:
            raise typer.TyperException(
                f"'{args[0]}' is planned for a later release and does not exist in this one"
            )
        return super().resolve_command(ctx, args)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        words = list(sys.argv[1:] if args is None else args)
        _speak_plainly()
        try:
            extra["prog_name"] = "lienthong"
            code = super().main(args=words, standalone_mode=False, **extra)
            if code == exits.ExitCode.INTERRUPTED:  # typer turned Ctrl-C into this code
                raise KeyboardInterrupt
            sys.stdout.flush()
        except (BrokenPipeError, SystemExit):
            # The reader (head, less) has gone, which rich and typer make a SystemExit of: nothing
            # is wrong, and nobody is left to be told.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = exits.ExitCode.FINE
        except BaseException as error:
            code = exits.finish(error, debug="--debug" in words)
        if standalone_mode:
            sys.exit(int(code or 0))
        return code


def _speak_plainly() -> None:
    """A console that lacks Vietnamese letters shows `?` instead of ending in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


app = typer.Typer(
    cls=Front,
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lienthong {version('lienthong')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def front(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Liên thông: how many repeat tests does sharing results avoid in Viet Nam, and why not more?

    Runs rollout scenarios of a health data coordination network against the same world without
    sharing, and reports what was avoided, with two intervals, and where the benefit leaks away.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for module in (
    run,
    scenarios,
    show,
    explain,
    compare,
    up,
    people,
    node,
    load,
    validate,
    reset,
    drive,
    doctor,
    schema,
):
    name = module.__name__.rpartition(".")[2]
    app.command(name, short_help=module.BRIEF, epilog=module.EPILOG)(getattr(module, name))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """The console script. Being told to stop (SIGTERM) is the same as Ctrl-C: nothing is lost."""
    signal.signal(signal.SIGTERM, _interrupt)
    app()

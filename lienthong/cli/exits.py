"""How a command ends: 0 fine, 1 failed, 2 bad input, 130 interrupted.

The one place that turns an exception into a sentence on stderr and an exit code:

    InputError, wrong usage            2   bad input; file, line, key, remedy
    KeyboardInterrupt, Abort         130   what is finished is kept
    OSError, MemoryError               1   the machine said no
    anything else                      1   a fault of ours; --debug shows where
"""

from __future__ import annotations

import errno
import sys
import traceback
from enum import IntEnum
from typing import Final, NamedTuple

import typer


class ExitCode(IntEnum):
    """What the calling shell is told."""

    FINE = 0
    FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130


class Ending(NamedTuple):
    """An exit code and the one message that goes with it."""

    code: ExitCode
    message: str


_REMEDIES: Final = {
    errno.ENOSPC: "Free some space, then start the same command again: what is finished is kept",
    errno.EDQUOT: "Free some space, then start the same command again: what is finished is kept",
    errno.EACCES: "Choose another folder with --out, or change its permissions",
    errno.EPERM: "Choose another folder with --out, or change its permissions",
    errno.EROFS: "Choose a folder that can be written with --out",
    errno.ENOTDIR: "Choose another folder with --out",
}


def bad_input(place: str, key: str, problem: str, remedy: str) -> Exception:
    """An InputError about an option or folder; the import waits until something is wrong."""
    from vietnam.datafiles import InputError

    return InputError(place, None, key, problem, remedy)


def ending_of(error: BaseException) -> Ending:
    """The exit code and the sentence for an error; never raises."""
    if type(error).__name__ == "InputError":  # vietnam.datafiles, not imported just to say --help
        return Ending(ExitCode.BAD_INPUT, str(error))
    if isinstance(error, typer.TyperException):
        return Ending(ExitCode.BAD_INPUT, _usage(error))
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        words = "interrupted; what is finished is kept, the same command goes on from there"
        return Ending(ExitCode.INTERRUPTED, words)
    if isinstance(error, MemoryError):
        words = "out of memory. Use a smaller --scale, fewer --jobs, or fewer --draws"
        return Ending(ExitCode.FAILED, words)
    if isinstance(error, OSError):
        return Ending(ExitCode.FAILED, _machine(error))
    words = f"internal error: {type(error).__name__}: {error}. Use --debug to see where"
    return Ending(ExitCode.FAILED, words)


def _usage(error: typer.TyperException) -> str:
    words = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lienthong"
    end = "" if words.endswith("?") else "."
    return f"{words}{end} See `{path} --help`"


def _machine(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    words = (error.strerror or str(error)).lower()
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{where}{words}" + (f". {remedy}" if remedy else "")


def finish(error: BaseException, *, debug: bool) -> ExitCode:
    """Say what went wrong on stderr, once, and give the exit code."""
    ending = ending_of(error)
    if debug and not isinstance(error, KeyboardInterrupt):
        traceback.print_exception(error)
    print(f"lienthong: {ending.message}", file=sys.stderr)
    return ending.code

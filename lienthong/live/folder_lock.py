"""One network a folder: whoever serves it holds its lock, which ends with the process.

An advisory lock (flock(2)); a file system or a Windows that has none is not guarded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Final

from vietnam.datafiles import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for below

NAME: Final = "network.lock"


class FolderLock:
    """Held from `take` to `free`; the file says which process holds it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file: IO[str] | None = None

    def take(self) -> None:
        """InputError: another process serves this folder."""
        if fcntl is None:
            return
        file = self._path.open("a+", encoding="ascii")
        if not _locked(file):
            file.close()
            raise InputError(
                str(self._path.parent),
                None,
                "",
                f"process {holder(self._path.parent) or '?'} serves this folder already",
                "Use the network that is running, end it, or name another folder with --data",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def free(self) -> None:
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def holder(folder: Path) -> str:
    """The number of the process that serves a folder; "" if there is none."""
    path = folder / NAME
    if fcntl is None or not path.exists():
        return ""
    with path.open(encoding="ascii", errors="replace") as file:
        return "" if _locked(file) else file.read().strip() or "?"


def _locked(file: IO[str]) -> bool:
    """Takes the lock, unless somebody has it; closing the file gives it back."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True

"""The files behind the paths of `lienthong load`: folders in name order, zips, packed ones."""

from __future__ import annotations

import bz2
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from vietnam.datafiles import InputError

SUFFIXES: Final = (".json", ".ndjson")
PACKED: Final = (".gz", ".bz2")
KINDS: Final = ".json, .ndjson, both also as .gz or .bz2, and .zip"
UNPACKING: Final = (
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    NotImplementedError,  # a zip with a method that Python does not know
    RuntimeError,  # a zip with a password
)
"""What unpacking a broken file raises."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to send, on its own or inside a zip."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        return f"{self.path}!{self.member}" if self.member else str(self.path)

    @property
    def in_lines(self) -> bool:
        return _stem(self.member or self.path.name).endswith(".ndjson")


def find(path: Path) -> list[Source]:
    """The files behind a path, in name order. InputError: nothing there that could be loaded."""
    if path.is_dir():
        inside = sorted(path.rglob("*"), key=lambda file: file.relative_to(path).parts)
        files = [file for file in inside if file.is_file() and not _hidden(file, path)]
        found = [source for file in files if _is_known(file.name) for source in _behind(file)]
    elif path.exists() and _is_known(path.name):
        found = _behind(path)
    elif path.exists():
        raise InputError(str(path), None, "", "this is no FHIR JSON", f"What is read: {KINDS}")
    else:
        raise InputError(str(path), None, "", "there is no such file or folder", "Check the name")
    if not found:
        raise InputError(str(path), None, "", "there is no FHIR JSON in it", f"Read is {KINDS}")
    return found


def _behind(file: Path) -> list[Source]:
    if file.suffix.lower() != ".zip":
        return [Source(file)]
    try:
        with zipfile.ZipFile(file) as archive:
            names = sorted(archive.namelist(), key=lambda name: PurePosixPath(name).parts)
    except (OSError, zipfile.BadZipFile) as err:
        problem = f"the zip cannot be read ({err})"
        raise InputError(str(file), None, "", problem, "Check the file") from None
    return [Source(file, name) for name in names if _stem(name).endswith(SUFFIXES)]


def _stem(name: str) -> str:
    """The name in small letters, without what it was packed with."""
    name = name.lower()
    return next((name.removesuffix(end) for end in PACKED if name.endswith(end)), name)


def _is_known(name: str) -> bool:
    return _stem(name).endswith(SUFFIXES) or name.lower().endswith(".zip")


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


@contextmanager
def opened(source: Source) -> Iterator[IO[bytes]]:
    """The unpacked content. One of `UNPACKING`, here or while reading: the file is broken."""
    with ExitStack() as stack:
        stream: IO[bytes]
        if source.member:
            archive = stack.enter_context(zipfile.ZipFile(source.path))
            stream = stack.enter_context(archive.open(source.member))
        else:
            stream = stack.enter_context(source.path.open("rb"))
        name = (source.member or source.path.name).lower()
        if name.endswith(".gz"):
            stream = stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=stream)))
        elif name.endswith(".bz2"):
            stream = stack.enter_context(bz2.BZ2File(stream))
        yield stream

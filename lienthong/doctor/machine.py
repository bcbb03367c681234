"""The machine under the network: Python, libraries, and room on the disk."""

from __future__ import annotations

import importlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path
from typing import Final

from lienthong.doctor.findings import Finding, broken, ok, warning

OLDEST: Final = (3, 11)
SCARCE, TOO_LITTLE = 1_000_000_000, 100_000_000  # bytes: a network of 2,000 persons has 300 MB


def python() -> Finding:
    """The version that the package asks for."""
    words = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < OLDEST:
        return broken("python", words, "Use Python 3.11 or newer: make setup PYTHON=python3.12")
    return ok("python", words)


def libraries() -> Iterator[Finding]:
    """Everything the package depends on can be imported."""
    modules: dict[str, list[str]] = {}
    for module, distributions in packages_distributions().items():
        for name in distributions:
            modules.setdefault(_plain(name), []).append(module)
    wanted, failed = _wanted(), 0
    for name in wanted:
        try:
            version(name)
            for module in modules.get(_plain(name), ()):
                if not module.startswith("_"):
                    importlib.import_module(module)
        except PackageNotFoundError:
            failed += 1
            yield broken("library", f"{name} is not installed", "make setup")
        except Exception as error:
            failed += 1
            words = f"{name} cannot be imported: {type(error).__name__}: {error}"
            yield broken("library", words, "make clean setup")
    if not failed:
        yield ok("libraries", f"{len(wanted)} can be imported")


def _wanted() -> list[str]:
    """Names of what the package needs whatever is asked of it."""
    lines = [line for line in requires("lienthong") or () if "extra ==" not in line]
    if sys.platform == "win32":
        lines = [line for line in lines if "win32" not in line]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def room(folder: Path) -> Iterator[Finding]:
    """The folder can be written, and there is room on its disk."""
    there = folder
    while not there.exists():
        there = there.parent
    what = "folder"
    if not there.is_dir():
        yield broken(what, f"{there} is a file", "Name another folder with --data")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield broken(what, f"{there} cannot be written", "Change its permissions, or use --data")
        return
    free = shutil.disk_usage(there).free
    words = f"{folder}: {free / 1e9:.1f} GB free"
    if free < TOO_LITTLE:
        yield broken(what, words, "Free some space; what is finished is kept")
    elif free < SCARCE:
        yield warning(what, words, "Free some space before it is full")
    else:
        yield ok(what, f"{words}, can be written")

"""The tree as the wall tests see it: packages, modules, files that belong to the repository."""

import ast
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = tuple(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])

# Written by tools, never part of the repository (.gitignore names the same).
LEFT_BEHIND = {"__pycache__", "runs", "dist", "htmlcov", "node_modules"}
LEFT_FILES = (".coverage",)
# Folders with a leading dot that are ours.
OURS_DOTTED = {".ci"}


def files(*suffixes: str, under: tuple[str, ...] = ("",)) -> Iterator[Path]:
    """Every file of the repository below the given folders, by suffix; all of them without one."""
    for top in under:
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = sorted(f for f in folders if _is_ours(f))
            for name in sorted(names):
                left = name.startswith(LEFT_FILES)
                if not left and (not suffixes or name.endswith(suffixes)):
                    yield Path(folder) / name


def _is_ours(folder: str) -> bool:
    hidden = folder.startswith(".") and folder not in OURS_DOTTED
    return not hidden and folder not in LEFT_BEHIND and not folder.endswith(".egg-info")


def modules(*under: str) -> Iterator[Path]:
    """Every Python file of the packages, or of the folders named."""
    yield from files(".py", under=under or PACKAGES)


def relative(path: Path) -> str:
    """The name that budgets, messages and documents use."""
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))

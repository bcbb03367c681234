"""A finding of the doctor: how bad, what about, what is so, what to do. Never a person's data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    ok = "ok"
    warning = "warning"
    broken = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row; a `remedy` for everything that is not ok."""

    level: Level
    what: str
    words: str
    remedy: str = ""


def ok(what: str, words: str) -> Finding:
    return Finding(Level.ok, what, words)


def warning(what: str, words: str, remedy: str) -> Finding:
    return Finding(Level.warning, what, words, remedy)


def broken(what: str, words: str, remedy: str) -> Finding:
    return Finding(Level.broken, what, words, remedy)

"""Provinces before and after the merger of 1 July 2025: 63 old codes, 34 new ones.

A code means different provinces on different days (24 was Bac Giang and is Bac Ninh; 91 was Kien
Giang and is An Giang), so every look-up takes a day. Data: ``provinces.csv`` (MIT, see its notice).
Resolution 202/2025/QH15; codes of Decision 19/2025/QD-TTg.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vietnam.datafiles import Timeline, read_csv

MERGER = dt.date(2025, 7, 1)
PROVINCES_FILE = Path(__file__).with_name("provinces.csv")
_PREFIXES = ("Tỉnh ", "Thành phố ")


@dataclass(frozen=True)
class Province:
    """A province as it was called in one of the two numberings. Days are inclusive."""

    code: str
    name: str
    first_day: dt.date
    last_day: dt.date
    successor: str | None

    @property
    def short_name(self) -> str:
        """Without "Tỉnh" or "Thành phố"."""
        for prefix in _PREFIXES:
            if self.name.startswith(prefix):
                return self.name[len(prefix) :]
        return self.name


def _first(cell: str) -> dt.date:
    return dt.date.fromisoformat(cell) if cell else dt.date.min


def _last(cell: str) -> dt.date:
    return dt.date.fromisoformat(cell) if cell else dt.date.max


@cache
def provinces() -> tuple[Province, ...]:
    """All 97 entries: 63 old provinces, then 34 new ones, by code."""
    columns: dict[str, Callable[[str], Any]] = {
        "code": str,
        "name": str,
        "from": _first,
        "to": _last,
        "successor": str,
    }
    return tuple(
        Province(row["code"], row["name"], row["from"], row["to"], row["successor"] or None)
        for row in read_csv(PROVINCES_FILE, columns)
    )


def provinces_at(day: dt.date) -> dict[str, Province]:
    """The provinces in force on a day, by code: 63 or 34 of them."""
    return {p.code: p for p in provinces() if p.first_day <= day <= p.last_day}


def province_at(code: str, day: dt.date) -> Province:
    """The province a code stands for on a day; KeyError if the code is not in force then."""
    return provinces_at(day)[code]


@cache
def _successors() -> dict[str, str]:
    return {p.code: p.successor for p in provinces() if p.successor is not None}


def successor(old_code: str) -> str:
    """The new code of the province that took an old one over; KeyError for an unknown code."""
    return _successors()[old_code]


def predecessors(new_code: str) -> tuple[str, ...]:
    """Old codes of the provinces that a new one was made of; () for an unknown code."""
    return tuple(old for old, new in _successors().items() if new == new_code)


def province_timeline(old_code: str) -> Timeline[str]:
    """The code of one place through the merger: old numbering before, new from then on.

    Both entries are kept when the code stays: 24 means another province from that day.
    """
    return Timeline([(dt.date.min, old_code), (MERGER, successor(old_code))])

"""Minutes of a study as FHIR times in Viet Nam, and document numbers that give nothing away."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

ZONE: Final = dt.timezone(dt.timedelta(hours=7))


@dataclass(frozen=True, slots=True)
class Timeline:
    """A study's minutes as moments; `start` is its first day."""

    start: dt.date

    def moment(self, minute: int) -> dt.datetime:
        """The moment of a minute since the start date, aware."""
        begin = dt.datetime.combine(self.start, dt.time(), ZONE)
        return begin + dt.timedelta(minutes=int(minute))

    def instant(self, minute: int) -> str:
        """The same as FHIR writes it, e.g. 2025-03-01T08:15:00+07:00."""
        return _instant(self.start, int(minute))

    def minute(self, moment: dt.datetime) -> int:
        """The last whole minute at or before a moment."""
        begin = dt.datetime.combine(self.start, dt.time(), ZONE)
        return int((moment - begin).total_seconds() // 60)


KNOWN_KEY: Final = (-1, 0)
"""The key of people who are the same under every seed (known_people.py)."""


@lru_cache(maxsize=4096)
def _instant(start: dt.date, minute: int) -> str:
    """One moment is written on many resources of a visit."""
    return Timeline(start).moment(minute).isoformat()


@lru_cache(maxsize=16384)
def number(key: tuple[int, int], kind: str, *parts: int) -> str:
    """A document number of 14 digits that depends on what it is about and tells nothing of it.

    Of known people 15 digits that can be read: 9, the person, and which one it is.
    """
    if key == KNOWN_KEY:
        return "9" + "".join(f"{part:07d}" for part in parts)
    text = "/".join(map(str, (*key, kind, *parts)))
    return str(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % 10**14).zfill(14)

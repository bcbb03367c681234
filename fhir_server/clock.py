"""Time that is handed in: whoever needs "now" asks the clock it was given.

Care time (`meta.lastUpdated`, https://hl7.org/fhir/R4/resource.html#Meta, `AuditEvent.recorded`,
the age of a result) comes from here; time-outs and token expiry are the wall's.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class WallClock:
    """The time of day."""

    def now(self) -> datetime:
        # The one place of the servers that looks at the wall.
        return datetime.now(UTC)  # noqa: TID251


class SteppedClock:
    """Stands still until somebody moves it, and only forward. Threads may share it."""

    def __init__(self, start: datetime) -> None:
        self._now = _utc(start)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._now

    def advance(self, to: datetime) -> datetime:
        """Moves to this moment. ValueError: it is in the past, or has no zone."""
        moment = _utc(to)
        with self._lock:
            if moment < self._now:
                raise ValueError(
                    f"the clock stands at {self._now.isoformat()} and moves forward only; "
                    f"{moment.isoformat()} is earlier"
                )
            self._now = moment
        return moment


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no zone; write for example +07:00 behind it")
    return moment.astimezone(UTC)


def instant(moment: datetime) -> str:
    """A moment as a FHIR instant in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

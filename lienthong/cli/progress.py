"""Progress on stderr: a live line on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.progress import Progress as Live
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES: Final = 10.0
Tick = Callable[[Any], None]


@contextmanager
def watching(name: str, *, quiet: bool) -> Iterator[Tick | None]:
    """A callback for `run_scenario(progress=...)`; None when nobody wants to see anything."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _live() as live:
            yield _LiveLine(name, live)
    else:
        yield PlainLines(name)


def _live() -> Live:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[estimate]}"),
        console=Console(stderr=True),
        transient=True,
    )


class _LiveLine:
    """One bar a stage; a finished stage leaves room for the next."""

    def __init__(self, name: str, live: Live) -> None:
        self._name, self._live = name, live
        self._stage: str | None = None
        self._task: TaskID | None = None

    def __call__(self, progress: Any) -> None:
        if progress.stage != self._stage:
            if self._task is not None:
                self._live.remove_task(self._task)
            words = f"{self._name}: {progress.stage}"
            self._task = self._live.add_task(words, total=progress.total, estimate="")
            self._stage = progress.stage
        assert self._task is not None
        self._live.update(
            self._task, completed=progress.done, total=progress.total, estimate=progress.estimate
        )


class PlainLines:
    """At most a line in ten seconds, and one at the end of each stage: logs stay short."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._stage, self._last = "", clock()

    def __call__(self, progress: Any) -> None:
        now = self._clock()
        finished = progress.done >= progress.total
        new = progress.stage != self._stage
        if not (finished or new or now - self._last >= SECONDS_BETWEEN_LINES):
            return
        self._stage, self._last = progress.stage, now
        rest = f", {progress.estimate}" if progress.estimate and not finished else ""
        words = f"{self._name}: {progress.stage} {progress.done} of {progress.total}{rest}"
        print(words, file=sys.stderr, flush=True)

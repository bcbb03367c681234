"""From a path below the base to what can be done there (https://hl7.org/fhir/R4/http.html#summary).

The table itself is in `app.py`. HTTP requests and the entries of bundles find their interaction
through the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fhir_server.answers import Answer


class Runs(Enum):
    """Where an interaction does its work, so that nothing blocks the loop."""

    INLINE = "at once: one read by id"
    POOL = "in a worker thread"
    BRIEF = "at once if that takes about a millisecond, else in a worker thread"
    ASYNC = "as a coroutine: it waits for the writer or for others"


@dataclass(frozen=True, slots=True)
class Interaction:
    """One entry of the route table.

    `answer` takes a `fhir_server.call.Call` and returns an `Answer`; it is a coroutine function if
    it runs `ASYNC`.
    """

    code: str  # https://hl7.org/fhir/R4/valueset-restful-interaction.html or an operation's name
    answer: Callable[[Any], Any]
    runs: Runs = Runs.ASYNC
    audited: bool = True
    supported: bool = True

    async def perform(self, call: Any) -> Answer:
        if self.runs is Runs.INLINE:
            answer: Answer = self.answer(call)
        elif self.runs is Runs.BRIEF:
            tried = call.engine.brief.tried(lambda: self.answer(call), call.type, call.query)
            answer = await call.in_pool(self.answer, call) if tried is None else tried
        elif self.runs is Runs.POOL:
            answer = await call.in_pool(self.answer, call)
        else:
            answer = await self.answer(call)
        return answer


Methods = Mapping[str, Interaction]


class Table:
    """The route table: path template -> method -> interaction; the first template that fits wins.

    A step of a template is a word, ``{name}`` for any step, or ``${name}`` for one with a dollar.
    """

    def __init__(self, rows: Mapping[str, Methods]) -> None:
        self.rows = rows
        self._by_length: dict[int, list[tuple[tuple[_Step, ...], Methods]]] = {}
        for path, methods in rows.items():
            steps = tuple(_step(text) for text in path.strip("/").split("/"))
            self._by_length.setdefault(len(steps), []).append((steps, methods))

    def find(self, path: str) -> tuple[Methods, dict[str, str]] | None:
        """What can be done at a path, and the names in it."""
        parts = path.strip("/").split("/")
        for steps, methods in self._by_length.get(len(parts), ()):
            names: dict[str, str] = {}
            for (prefix, name), part in zip(steps, parts, strict=True):
                if name and part.startswith(prefix) and part != prefix:
                    names[name] = part[len(prefix) :]
                elif name or part != prefix:
                    break
            else:
                return methods, names
        return None


_Step = tuple[str, str]  # what it begins with, the name of what follows


def _step(text: str) -> _Step:
    prefix, brace, name = text.partition("{")
    return prefix, name.removesuffix("}") if brace else ""

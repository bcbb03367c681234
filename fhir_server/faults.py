"""Faults on demand: a node that answers 503 at once, or accepts and never answers.

ASGI middleware around whatever a node serves (https://asgi.readthedocs.io/en/latest/specs/www.html).
Nothing is raced: a state holds from the moment it is set, and a request that is held silent stays
so until its client goes away or `release` lets it go, whatever the state becomes meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Final, Literal, get_args

from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_profiles.json_text import dump
from fhir_profiles.outcomes import FhirError, Kind

State = Literal["ok", "unavailable", "silent"]
STATES: Final[tuple[State, ...]] = get_args(State)


class Faults:
    """The state of every node of a network, by any name; who is not named is well.

    May be set from any thread and shared by servers that run in several.
    """

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._held: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._lock = threading.Lock()

    def set(self, node: str, state: State) -> None:
        """ValueError: a state that there is not."""
        if state not in STATES:
            raise ValueError(f"{node}: {state!r} is no state of a node; use {', '.join(STATES)}")
        with self._lock:
            self._states[node] = state

    def state(self, node: str) -> State:
        return self._states.get(node, "ok")

    def states(self) -> dict[str, State]:
        """Nodes that are not well."""
        with self._lock:
            return {node: state for node, state in self._states.items() if state != "ok"}

    def release(self) -> None:
        """Lets every held request go (with 503). For a server that stops: call it before waiting
        for open connections."""
        with self._lock:
            held = list(self._held.items())
        for event, loop in held:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    @property
    def held(self) -> int:
        """How many requests are kept waiting at the moment."""
        return len(self._held)

    async def hold(self, receive: Receive) -> bool:
        """Waits until the client is gone (False) or `release` is called (True)."""
        released = asyncio.Event()
        with self._lock:
            self._held[released] = asyncio.get_running_loop()
        waits = [asyncio.ensure_future(released.wait()), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return released.is_set()
        finally:
            with self._lock:
                self._held.pop(released, None)
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    """Reads what the client still sends until it hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass


class FaultGate:
    """Middleware: `nodes` names those a request passes; the first that is not well decides."""

    def __init__(
        self, app: ASGIApp, faults: Faults, nodes: Callable[[Scope], Iterable[str]]
    ) -> None:
        self.app, self.faults, self.nodes = app, faults, nodes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        node, state = self._first_fault(scope)
        if state == "ok":
            await self.app(scope, receive, send)
        elif state == "unavailable" or await self.faults.hold(receive):
            await _refuse(send, node)

    def _first_fault(self, scope: Scope) -> tuple[str, State]:
        if scope["type"] == "http":
            for node in self.nodes(scope):
                state = self.faults.state(node)
                if state != "ok":
                    return node, state
        return "", "ok"


async def _refuse(send: Send, node: str) -> None:
    problem = f"{node} is not available at the moment; try again later"
    body = dump(FhirError(Kind.UNAVAILABLE, problem).outcome())
    headers = [
        (b"content-type", b"application/fhir+json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    status = Kind.UNAVAILABLE.status
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

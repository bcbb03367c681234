"""Administration of a running network: its clock, faults on purpose, reset, what it was made from.

POST /admin/clock       {"to": "2025-03-01T08:00:00+07:00"}   forward only
POST /admin/faults      {"node": "99001", "state": "silent"}  ok, unavailable or silent; the answer
                        says who is not well, and how many requests are held at the moment
POST /admin/reset       {"hospital": "99001"} or {}           back to what was loaded
GET  /admin/provenance  scenario, hash, seed, policies, care time
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.clock import Clock, SteppedClock
from fhir_server.faults import STATES, Faults

METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


class Network(Protocol):
    """What an administrator may do with a running network (lienthong/wiring.py)."""

    clock: Clock
    faults: Faults
    problem: str

    def is_hospital(self, code: str) -> bool: ...

    def is_node(self, node: str) -> bool: ...

    def reset(self, code: str | None) -> None: ...

    def remember_clock(self) -> None: ...

    def provenance(self) -> dict[str, Any]: ...


class Admin:
    """The routes below /admin of one network."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def routes(self) -> list[Route]:
        taken = [
            Route("/admin/clock", self.clock, methods=["GET", "POST"]),
            Route("/admin/faults", self.faults, methods=["GET", "POST"]),
            Route("/admin/reset", self.reset, methods=["POST"]),
            Route("/admin/provenance", self.provenance, methods=["GET"]),
        ]
        # What is behind these routes takes every path, so that they have to refuse the rest.
        return [*taken, *(_other_methods(route) for route in taken)]

    async def clock(self, request: Request) -> Response:
        """Care time; moved only where the network was started with a stepped clock."""
        clock = self._network.clock
        if request.method == "POST":
            if not isinstance(clock, SteppedClock):
                words = "the clock follows the wall; start with --as-of DATE to move it"
                raise FhirError(Kind.METHOD_NOT_ALLOWED, words)
            self._when_ready()
            body = await _body(request)
            try:
                clock.advance(_moment(body))
            except ValueError as error:
                raise FhirError(Kind.CONFLICT, str(error), expression="to") from None
            self._network.remember_clock()
        stepped = isinstance(clock, SteppedClock)
        return JSONResponse({"now": clock.now().isoformat(), "stepped": stepped})

    async def faults(self, request: Request) -> Response:
        """Nodes: a hospital's code, `coordinator`, or `link/CODE` for a hospital's own line."""
        if request.method == "POST":
            body = await _body(request)
            node, state = str(body.get("node", "")), body.get("state")
            if not self._network.is_node(node):
                words = f"{node!r} is no node; use a hospital's code, link/CODE or coordinator"
                raise FhirError(Kind.INVALID_REQUEST, words, expression="node")
            if state not in STATES:
                words = f"{state!r} is no state; use {', '.join(STATES)}"
                raise FhirError(Kind.INVALID_REQUEST, words, expression="state")
            self._network.faults.set(node, state)
        found = self._network.faults
        return JSONResponse({"faults": found.states(), "held": found.held})

    async def reset(self, request: Request) -> Response:
        """One hospital or everything goes back to what was loaded; the clock stays."""
        self._when_ready()
        body = await _body(request)
        code = body.get("hospital")
        if code is not None and not self._network.is_hospital(str(code)):
            raise FhirError(Kind.NOT_FOUND, f"there is no hospital {code!r}", expression="hospital")
        started = time.monotonic()
        await asyncio.to_thread(self._network.reset, None if code is None else str(code))
        elapsed = round(time.monotonic() - started, 3)
        return JSONResponse({"reset": code or "network", "seconds": elapsed})

    def _when_ready(self) -> None:
        """What is being loaded can neither be moved nor taken back."""
        if self._network.problem:
            raise FhirError(Kind.UNAVAILABLE, self._network.problem)

    async def provenance(self, request: Request) -> Response:
        return JSONResponse(self._network.provenance())


def _other_methods(route: Route) -> Route:
    """Refuses the methods that a route does not take."""
    known = route.methods or set()

    async def refuse(request: Request) -> Response:
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(known))})

    return Route(route.path, refuse, methods=sorted(METHODS - known))


async def _body(request: Request) -> Mapping[str, Any]:
    text = await request.body()
    try:
        content = orjson.loads(text or b"{}")
    except orjson.JSONDecodeError as error:
        words = f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise FhirError(Kind.INVALID_JSON, words) from None
    if not isinstance(content, dict):
        raise FhirError(Kind.INVALID_JSON, "a JSON object is expected")
    return content


def _moment(body: Mapping[str, Any]) -> dt.datetime:
    text = body.get("to")
    try:
        moment = dt.datetime.fromisoformat(str(text))
    except ValueError:
        words = f"to: {text!r} is no moment; write e.g. 2025-03-01T08:00:00+07:00"
        raise FhirError(Kind.INVALID_REQUEST, words, expression="to") from None
    if moment.tzinfo is None:
        words = f"to: {text!r} has no zone; write +07:00 behind it"
        raise FhirError(Kind.INVALID_REQUEST, words, expression="to")
    return moment

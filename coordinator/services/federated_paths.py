"""Searches of types that hospitals keep, sent to the operation that asks the hospitals.

GET [base]/Observation?... and POST [base]/Observation/_search (https://hl7.org/fhir/R4/http.html#search)
look like any search; the engine beneath knows only its own store.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coordinator.services.federated_search import NAME, TYPES

FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM: Final = 64 * 1024


class FederatedPaths:
    """ASGI middleware; `base` is where the FHIR server is mounted."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self.app = app
        self._get = {f"{base}/{type_}": type_ for type_ in TYPES}
        self._post = {f"{base}/{type_}/_search": type_ for type_ in TYPES}
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if scope["method"] in ("GET", "HEAD") and path in self._get:
                scope = self._rewritten(scope, self._get[path], scope["query_string"])
            elif scope["method"] == "POST" and path in self._post and _is_form(scope):
                form = await _form(receive)
                query = b"&".join(part for part in (scope["query_string"], form) if part)
                scope = self._rewritten(scope, self._post[path], query)
                receive = _nothing_more(receive)
        await self.app(scope, receive, send)

    def _rewritten(self, scope: Scope, type_: str, query: bytes) -> Scope:
        path = f"{scope.get('root_path', '')}{self._base}/{type_}/{NAME}"
        method = "GET" if scope["method"] == "POST" else scope["method"]
        raw = path.encode()
        return {**scope, "method": method, "path": path, "raw_path": raw, "query_string": query}


def _is_form(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower() == FORM


async def _form(receive: Receive) -> bytes:
    """The form as it came; what is longer than any search is cut and so refused as unknown."""
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_FORM:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _nothing_more(receive: Receive) -> Receive:
    """The body was read: what follows is only the client hanging up."""
    told = False

    async def following() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return following

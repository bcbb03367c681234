"""What no FHIR base answers for, in the same words: an OperationOutcome with place and remedy.

An address that does not exist, a method that it does not take, an error nobody expected; the last
without a word of its text, which may hold a patient's data (fhir_server/errors.py logs its place).
"""

from __future__ import annotations

import uuid

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_profiles.json_text import dump
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.errors import as_fhir_error


def refusal(error: FhirError, headers: dict[str, str] | None = None) -> Response:
    """The answer for an error."""
    body = dump(error.outcome())
    return Response(body, error.status, headers, media_type="application/fhir+json")


def in_plain_words(app: Starlette) -> ASGIApp:
    """`app`, before its first request, with these answers; nothing it raises goes further up."""
    app.add_exception_handler(FhirError, _refused)
    app.add_exception_handler(HTTPException, _not_so)
    app.add_exception_handler(Exception, _unexpected)

    async def speaking(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            if scope["type"] != "http":
                raise
            # It was answered and logged by `_unexpected`; Starlette hands it on all the same, and
            # the server would print its text.

    return speaking


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, FhirError)
    return refusal(error)


def _not_so(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        words = f"{request.method} is nothing {path} knows; use {allowed}"
        return refusal(FhirError(Kind.METHOD_NOT_ALLOWED, words), dict(error.headers or {}))
    words = f"there is nothing at {path}; GET / lists what there is"
    return refusal(FhirError(Kind.NOT_FOUND, words))


def _unexpected(request: Request, error: Exception) -> Response:
    number = request.headers.get("x-request-id") or str(uuid.uuid4())
    return refusal(as_fhir_error(error, number), {"X-Request-Id": number})

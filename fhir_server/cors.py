"""Requests by pages of other origins in a browser (https://hl7.org/fhir/R4/security.html#cors)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

EXPOSED: Final = (
    "Allow",
    "Content-Location",
    "ETag",
    "Last-Modified",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Progress",
    "X-Request-Id",
)
"""Headers of answers that a page may read beyond those that it always may."""


def across_origins(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """The application for pages of these origins; `*` is every one.

    Never with credentials: nothing here lives on cookies, so that a page can do no more than its
    own token lets it. Any request header: Prefer, If-Match, If-None-Exist, X-Requester and what a
    proxy or a guard may want have nothing in common, and no header alone opens anything.
    """
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )

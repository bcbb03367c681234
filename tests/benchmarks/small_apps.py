"""Apps for servers of the harness; alone, since every server process imports this module."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

ORDER = {
    "resourceType": "ServiceRequest",
    "id": "o-1",
    "status": "active",
    "subject": {"reference": "Patient/p-1"},
    "encounter": {"reference": "Encounter/e-1"},
}
HELD = [
    ORDER,
    {"resourceType": "Patient", "id": "p-1"},
    {"resourceType": "Encounter", "id": "e-1"},
]


def echo() -> Starlette:
    """Says how it was asked; 404 for one path."""

    async def answer(request: Request) -> Response:
        if request.url.path == "/missing":
            return PlainTextResponse("no", 404)
        return PlainTextResponse(f"{request.method} {len(await request.body())}")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


def hospital(known: int) -> Starlette:
    """A network with one hospital; of an order, its patient and its visit the first are there."""
    bundle = {"resourceType": "Bundle", "entry": [{"resource": tree} for tree in HELD[:known]]}

    async def front(request: Request) -> Response:
        return Response(json.dumps({"hospitals": {"99001": {}}}))

    async def search(request: Request) -> Response:
        return Response(json.dumps(bundle))

    path = "/hospitals/99001/fhir/ServiceRequest"
    return Starlette(routes=[Route("/", front), Route(path, search)])

"""A mock hospital: the FHIR base of one record group over the engine, and how it is doing.

Nothing is generated here: whatever is in it came in over FHIR. The composition root mounts it at
`/hospitals/{code}`, so that its base is `{public_url}/hospitals/{code}/fhir`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.public_rules import malformed_numbers
from fhir_server.app import create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock
from fhir_server.faults import FaultGate, Faults
from fhir_server.guard import OpenGuard
from fhir_server.options import Options
from fhir_server.store.port import Store, Version, Writer
from hospitals.outbox import Outbox

ZONE: Final = dt.timezone(dt.timedelta(hours=7))  # Asia/Ho_Chi_Minh, without summer time


def create_hospital_app(
    code: str,
    store: Store,
    clock: Clock,
    *,
    public_url: str,
    faults: Faults,
    publish: bool,
    publishes_from: Mapping[str, dt.datetime] | None = None,
    name: str = "",
    options: Options | None = None,
    version: str = "0.1.0",
) -> Starlette:
    """The hospital of record group `code`; `faults` knows it by that code.

    `publish` off: it tells nobody. `publishes_from` says since when each of its facilities does;
    one that is not named never does. A publisher takes what it tells from `app.state.outbox`.
    """
    outbox = Outbox(code, publishes_from) if publish else None

    def on_write(writer: Writer, version: Version, tree: Tree) -> None:
        _refuse_malformed(version, tree)
        if outbox is not None:
            outbox.on_write(writer, version, tree)

    fhir = create_fhir_app(
        lambda caller: store,
        Capabilities("lienthong", version, name or f"Mock hospital {code}"),
        OpenGuard(),
        audit=AuditSink(store, observer=code),
        clock=clock,
        base_url=f"{public_url.rstrip('/')}/hospitals/{code}/fhir",
        on_write=on_write,
        options=options or Options(zone=ZONE),
    )

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        counts = await asyncio.to_thread(store.counts)
        return JSONResponse({"status": "ready", "resources": sum(counts.values())})

    def nodes(scope: Scope) -> tuple[str, ...]:
        """How it is doing can be asked even when nobody answers."""
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        return () if path in ("/healthz", "/readyz") else (code,)

    app = Starlette(
        routes=[*mounted("/fhir", fhir), Route("/healthz", healthz), Route("/readyz", readyz)],
        middleware=[Middleware(FaultGate, faults=faults, nodes=nodes)],
    )
    app.state.outbox, app.state.store = outbox, store
    return app


def _refuse_malformed(version: Version, tree: Tree) -> None:
    """A citizen's number without 12 digits: whoever typed it can still look at the card."""
    if version.type == "Patient" and not version.deleted:
        issues = malformed_numbers(tree)
        if issues:
            raise FhirError(Kind.INVALID_RESOURCE, issues[0].diagnostics, issues=issues)

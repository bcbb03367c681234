"""A mock hospital: the FHIR base of one record group over the engine, and how it is doing.

Nothing is generated here: whatever is in it came in over FHIR. The composition root mounts it at
`/hospitals/{code}`, so that its base is `{public_url}/hospitals/{code}/fhir`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
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
from fhir_server.app import FhirApp, create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.call import OnWrite
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock
from fhir_server.export.operations import Export, exports
from fhir_server.faults import FaultGate, Faults
from fhir_server.guard import Caller, OpenGuard
from fhir_server.imports.operations import Import, imports
from fhir_server.options import Options
from fhir_server.standard.catalogue import standard_operations
from fhir_server.store.port import Store, Version, Writer
from fhir_server.subscriptions.operations import operations as subscription_operations
from fhir_server.subscriptions.service import Subscriptions
from fhir_server.subscriptions.websocket import Websocket
from hospitals.outbox import Outbox
from hospitals.topics import TOPICS

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
    bulk_in: Path | None = None,
    import_from: Sequence[str] = (),
    version: str = "0.1.0",
) -> Starlette:
    """The hospital of record group `code`; `faults` knows it by that code.

    `publish` off: it tells nobody. `publishes_from` says since when each of its facilities does;
    one that is not named never does. A publisher takes what it tells from `app.state.outbox`.
    `bulk_in` is a folder for bulk exports and imports, without it there are none; `import_from` are
    the addresses below which imported files may lie. Whoever closes the store calls
    `app.state.close` before, and whoever restores it `app.state.subscriptions.reload` after.
    """
    outbox = Outbox(code, publishes_from) if publish else None

    def on_write(writer: Writer, version: Version, tree: Tree) -> None:
        _refuse_malformed(version, tree)
        if outbox is not None:
            outbox.on_write(writer, version, tree)

    base = f"{public_url.rstrip('/')}/hospitals/{code}/fhir"
    capabilities = Capabilities("lienthong", version, name or f"Mock hospital {code}")
    options = options or Options(zone=ZONE)
    side = _fhir_side(
        code, store, clock, base, capabilities, options, on_write, bulk_in, import_from
    )
    fhir, subscriptions, bulk = side

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

    def close() -> None:
        subscriptions.close()
        for one in bulk:
            one.jobs.close()

    app.state.outbox, app.state.store, app.state.close = outbox, store, close
    app.state.subscriptions = subscriptions
    return app


def _fhir_side(
    code: str,
    store: Store,
    clock: Clock,
    base: str,
    capabilities: Capabilities,
    options: Options,
    on_write: OnWrite,
    bulk_in: Path | None,
    import_from: Sequence[str],
) -> tuple[FhirApp, Subscriptions, list[Export | Import]]:
    """The FHIR server with all that it does beside answering."""

    def store_for(caller: Caller) -> Store:
        return store

    guard, audit = OpenGuard(), AuditSink(store, observer=code)
    subscriptions = Subscriptions(
        store, store_for, clock, options.zone, base, TOPICS, autostart=True
    )
    websocket = Websocket(subscriptions, guard, base)
    bulk: list[Export | Import] = []
    if bulk_in is not None:
        bulk = [
            exports(bulk_in / "exports", store_for, clock, options.zone),
            imports(
                bulk_in / "imports",
                store_for,
                clock,
                capabilities,
                options,
                sources=import_from,
                audit=audit,
                on_write=on_write,
                watcher=subscriptions,
            ),
        ]
    fhir = create_fhir_app(
        store_for,
        capabilities,
        guard,
        [
            *standard_operations(),
            *(operation for one in bulk for operation in one.operations()),
            *subscription_operations(subscriptions),
            *websocket.operations(),
        ],
        audit,
        clock=clock,
        base_url=base,
        on_write=on_write,
        watcher=subscriptions,
        websocket=websocket,
        options=options,
    )
    return fhir, subscriptions, bulk


def _refuse_malformed(version: Version, tree: Tree) -> None:
    """A citizen's number without 12 digits: whoever typed it can still look at the card."""
    if version.type == "Patient" and not version.deleted:
        issues = malformed_numbers(tree)
        if issues:
            raise FhirError(Kind.INVALID_RESOURCE, issues[0].diagnostics, issues=issues)

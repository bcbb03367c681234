"""`create_fhir_app`: a FHIR R4 server over a store (https://hl7.org/fhir/R4/http.html).

The whole route table stands on this page; everything else is arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fhir_server.audit import AuditSink
from fhir_server.audit_notes import Notes
from fhir_server.briefly import Brief
from fhir_server.call import Engine, OnWrite, Watcher
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock
from fhir_server.endpoint import Endpoint
from fhir_server.guard import Caller, Guard
from fhir_server.interactions.bundle import bundle
from fhir_server.interactions.conformance import capabilities as conformance
from fhir_server.interactions.create import create
from fhir_server.interactions.delete import delete, delete_conditional
from fhir_server.interactions.history_instance import history_instance
from fhir_server.interactions.history_of_many import history_system, history_type
from fhir_server.interactions.operation import operation
from fhir_server.interactions.patch import patch, patch_conditional
from fhir_server.interactions.read import read
from fhir_server.interactions.search import search, search_post
from fhir_server.interactions.search_compartment import (
    search_compartment,
    search_compartment_post,
)
from fhir_server.interactions.search_system import search_system, search_system_post
from fhir_server.interactions.update import update, update_conditional
from fhir_server.interactions.vread import vread
from fhir_server.openapi import describe
from fhir_server.operations import Operation, Registry
from fhir_server.options import Options
from fhir_server.page_tokens import Pages
from fhir_server.routing import Interaction, Runs, Table
from fhir_server.store.port import Store

_OPERATION: Final = Interaction("operation", operation)
_OPERATIONS: Final = {"GET": _OPERATION, "POST": _OPERATION}

TABLE: Final = Table(
    {
        "/": {
            "POST": Interaction("transaction", bundle),
            "GET": Interaction("search-system", search_system, Runs.POOL),
        },
        "/metadata": {
            "GET": Interaction("capabilities", conformance, Runs.POOL, audited=False),
        },
        "/_search": {"POST": Interaction("search-system", search_system_post, Runs.POOL)},
        "/_history": {"GET": Interaction("history-system", history_system, Runs.POOL)},
        # A system operation may have something to end: DELETE [base]/$export-status?job=
        "/${operation}": {**_OPERATIONS, "DELETE": _OPERATION},
        "/{type}": {
            "GET": Interaction("search-type", search, Runs.BRIEF),
            "POST": Interaction("create", create),
            "PUT": Interaction("update", update_conditional),
            "PATCH": Interaction("patch", patch_conditional),
            "DELETE": Interaction("delete", delete_conditional),
        },
        "/{type}/_search": {"POST": Interaction("search-type", search_post, Runs.POOL)},
        "/{type}/_history": {"GET": Interaction("history-type", history_type, Runs.POOL)},
        "/{type}/${operation}": _OPERATIONS,
        "/{type}/{id}": {
            "GET": Interaction("read", read, Runs.INLINE),
            "PUT": Interaction("update", update),
            "PATCH": Interaction("patch", patch),
            "DELETE": Interaction("delete", delete),
        },
        "/{type}/{id}/_history": {
            "GET": Interaction("history-instance", history_instance, Runs.POOL)
        },
        "/{type}/{id}/${operation}": _OPERATIONS,
        "/{type}/{id}/_history/{version}": {"GET": Interaction("vread", vread, Runs.INLINE)},
        "/{type}/{id}/{compartment}": {
            "GET": Interaction("search-compartment", search_compartment, Runs.POOL)
        },
        "/{type}/{id}/{compartment}/_search": {
            "POST": Interaction("search-compartment", search_compartment_post, Runs.POOL)
        },
    }
)


class FhirApp(FastAPI):
    """FastAPI around the route table, for OpenAPI, lifespan and middleware.

    Without middleware a request goes straight to the table: FastAPI's own way there, with its
    telemetry, would take half as long again as a read by id, and records what went wrong with the
    text of the error, which may name a patient.
    """

    def __init__(self, endpoint: Endpoint, websocket: ASGIApp | None, **described: Any) -> None:
        super().__init__(**described)
        self._endpoint, self._websocket = endpoint, websocket
        self.router.routes.clear()
        self.router.default = self._http_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.user_middleware:
            await self._endpoint(scope, receive, send)
        elif scope["type"] == "websocket" and self._websocket is not None:
            await self._websocket(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _http_only(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._endpoint(scope, receive, send)
        else:
            await self.router.not_found(scope, receive, send)


def create_fhir_app(
    store_for: Callable[[Caller], Store],
    capabilities: Capabilities,
    guard: Guard,
    operations: Sequence[Operation] = (),
    audit: AuditSink | None = None,
    *,
    clock: Clock,
    base_url: Callable[[Request], str] | str,
    on_write: OnWrite | None = None,
    watcher: Watcher | None = None,
    websocket: ASGIApp | None = None,
    options: Options | None = None,
) -> FhirApp:
    """A FHIR server as an ASGI application, to be put somewhere with `mounted`.

    `store_for` gives the store that a caller sees. `base_url` is the address that clients know this
    server by. `on_write` is called in the write transaction for every resource that is created,
    updated or deleted (then with an empty tree); what it raises undoes the transaction. `watcher`
    (subscriptions) is told the same and by whom, and woken after the commit.
    """
    options = options or Options()
    engine = Engine(
        store_for=store_for,
        capabilities=capabilities,
        guard=guard,
        operations=Registry(tuple(operations)),
        audit=audit,
        notes=Notes(audit, clock) if audit else None,
        clock=clock,
        base_url=base_url,
        on_write=on_write,
        watcher=watcher,
        options=options,
        table=TABLE,
        pages=Pages(),
        brief=Brief(options.page_size),
        pool=options.pool or ThreadPoolExecutor(options.workers, "fhir"),
    )
    app = FhirApp(
        Endpoint(engine),
        websocket,
        title=capabilities.software,
        version=capabilities.version,
        description=capabilities.description,
        openapi_url=None,  # every path is FHIR's; whoever mounts this shows app.openapi()
    )
    app.openapi = lambda: describe(engine)  # type: ignore[method-assign]  # FastAPI's own way
    return app


def mounted(path: str, app: ASGIApp) -> list[BaseRoute]:
    """Routes that serve the app below a path, the path itself included.

    Starlette's Mount alone would send `POST [base]`, a transaction, away to `[base]/`.
    """
    return [Route(path, _AtBase(app)), Mount(path, app)]


class _AtBase:
    """The application at the very path where it is mounted."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "root_path": scope["path"]}, receive, send)

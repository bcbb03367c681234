"""The coordination service: its own FHIR base, re-use of results over CDS Hooks, the decision log.

    /fhir            directory, registrations, pointers, consents, audit trail; Patient/$match,
                     Patient/$ihe-pix; searches of Observation and DiagnosticReport over hospitals
    /cds-services    CDS Hooks
    /admin/decisions what was decided about every order line, and why
    /healthz /readyz

Everything it leans on is handed in; nothing here looks at the environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from coordinator.services.cds_hooks import CdsHooks, cds_routes, log_routes
from coordinator.services.consents import Consents
from coordinator.services.cross_reference import CrossReference
from coordinator.services.decision_log import DecisionLog
from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import ZONE
from coordinator.services.federated_paths import FederatedPaths
from coordinator.services.federated_read import Deadlines, FederatedRead
from coordinator.services.federated_search import TYPES as FEDERATED
from coordinator.services.federated_search import FederatedSearch
from coordinator.services.locator import Locator
from coordinator.services.matching import Matching
from coordinator.services.person_index import PersonIndex
from coordinator.services.policies import Policies
from coordinator.services.reuse_cards import ReuseCards
from coordinator.services.watched_store import WatchedStore
from coordinator.services.write_checks import WriteChecks
from fhir_profiles.json_text import Tree, dump
from fhir_profiles.outcomes import FhirError
from fhir_server.app import create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.call import OnWrite
from fhir_server.capabilities import Capabilities
from fhir_server.clock import Clock
from fhir_server.faults import FaultGate, Faults
from fhir_server.guard import REQUESTER, OpenGuard
from fhir_server.operations import Operation
from fhir_server.options import Options
from fhir_server.standard.expand import expand
from fhir_server.standard.lookup import lookup
from fhir_server.standard.meta import meta
from fhir_server.standard.subsumes import subsumes
from fhir_server.standard.translate import translate
from fhir_server.standard.validate import validate
from fhir_server.standard.validate_code import validate_code
from fhir_server.store.port import Store, Version, Writer

NODE: Final = "coordinator"
OWN_TYPES: Final = (
    "AuditEvent",
    "CodeSystem",
    "ConceptMap",
    "Consent",
    "DocumentReference",
    "Endpoint",
    "HealthcareService",
    "Linkage",
    "Location",
    "Organization",
    "OrganizationAffiliation",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "ValueSet",
)
DESCRIPTION: Final = (
    "Coordination service of a simulated Vietnamese health data network. Observation and "
    "DiagnosticReport are kept by hospitals: a search for them here is about one person and asks "
    "the hospitals that hold something."
)


def requester_link(requester: str) -> str:
    """The name under which `Faults` knows the line of a hospital to this service."""
    return f"link/{requester}"


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The parts of a running service, for whoever composes or inspects it (`app.state`)."""

    store: WatchedStore
    directory: Directory
    persons: PersonIndex
    locator: Locator
    consents: Consents
    federated: FederatedRead
    cards: ReuseCards
    faults: Faults


def create_coordinator_app(
    store: Store,
    clock: Clock,
    http: httpx2.AsyncClient,
    policies: Policies,
    *,
    public_url: str,
    deadlines: Deadlines | None = None,
    faults: Faults | None = None,
    options: Options | None = None,
    version: str = "0.1.0",
) -> Starlette:
    """`public_url` is the address before `/fhir`, and what addresses of the directory stand on.

    Bulk loads and restored snapshots go through `app.state.coordinator.store`, so that the indexes
    hear of them.
    """
    faults = faults or Faults()
    root = public_url.rstrip("/")
    parts = _compose(store, http, policies, root, deadlines or Deadlines(), faults)
    fhir = create_fhir_app(
        lambda caller: parts.store,
        Capabilities("lienthong", version, DESCRIPTION, (*OWN_TYPES, *FEDERATED), FEDERATED),
        OpenGuard(),
        _operations(parts, policies),
        AuditSink(store, observer=NODE),
        clock=clock,
        base_url=f"{root}/fhir",
        on_write=_on_write(parts),
        options=options or Options(zone=ZONE),
    )
    hooks = CdsHooks(
        parts.cards,
        parts.directory,
        parts.federated,
        parts.store,
        clock,
        root,
        AuditSink(store, observer=NODE),
        link_cut=lambda group: faults.state(requester_link(group)) != "ok",
    )
    app = Starlette(
        routes=[
            *mounted("/fhir", fhir),
            *cds_routes(hooks),
            *log_routes(DecisionLog(store)),
            *_health_routes(parts),
        ],
        middleware=[
            Middleware(FaultGate, faults=faults, nodes=_nodes),
            Middleware(FederatedPaths, base="/fhir"),
        ],
        exception_handlers={FhirError: _refusal},
    )
    app.state.coordinator = parts
    return app


def _compose(
    store: Store,
    http: httpx2.AsyncClient,
    policies: Policies,
    root: str,
    deadlines: Deadlines,
    faults: Faults,
) -> Coordinator:
    directory, persons = Directory(store, root), PersonIndex(store)
    watched = WatchedStore(store, [directory, persons], kept_elsewhere=FEDERATED)
    locator, consents = Locator(watched, directory), Consents(watched)
    federated = FederatedRead(directory, http, deadlines)
    cards = ReuseCards(directory, persons, locator, consents, federated, policies)
    return Coordinator(watched, directory, persons, locator, consents, federated, cards, faults)


def _operations(parts: Coordinator, policies: Policies) -> list[Operation]:
    search = FederatedSearch(
        parts.persons, parts.locator, parts.consents, parts.federated, parts.directory, policies
    )
    return [
        Matching(parts.persons).operation(),
        CrossReference(parts.persons, parts.directory).operation(),
        *search.operations(),
        *validate(),
        *meta(),
        *expand(),
        *validate_code(),
        *lookup(),
        *translate(),
        *subsumes(),
    ]


def _on_write(parts: Coordinator) -> OnWrite:
    """First whether it may be stored, then who has to hear of it."""
    checks = WriteChecks(parts.directory)

    def on_write(writer: Writer, version: Version, tree: Tree) -> None:
        checks.on_write(writer, version, tree)
        parts.store.note(writer, version, tree)

    return on_write


def _nodes(scope: Scope) -> Iterable[str]:
    """Whose faults a request meets: those of this service, and of the line it comes over."""
    path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
    if path.startswith(("/fhir", "/cds-services")):
        yield NODE
        requester = Headers(scope=scope).get(REQUESTER)
        if requester:
            yield requester_link(requester)


def _refusal(request: Request, error: Exception) -> Response:
    """Errors outside the FHIR base are OperationOutcomes too."""
    assert isinstance(error, FhirError)
    return Response(dump(error.outcome()), error.status, media_type="application/fhir+json")


def _health_routes(parts: Coordinator) -> Sequence[BaseRoute]:
    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """Builds the indexes, if nobody has asked for them yet."""
        known = await asyncio.to_thread(len, parts.persons)
        facilities = await asyncio.to_thread(parts.directory.entries)
        return JSONResponse(
            {"status": "ready", "registrations": known, "facilities": len(facilities)}
        )

    return [Route("/healthz", healthz), Route("/readyz", readyz)]

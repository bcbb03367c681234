"""One FHIR server of ours as it is measured: structure validation, nobody refused or all known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from benchmarks.live.floors import Cells, Stored
from benchmarks.live.resources import Tree
from benchmarks.live.tokens import Tokens
from fhir_profiles.json_text import dump
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.app import create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.capabilities import Capabilities
from fhir_server.clock import WallClock
from fhir_server.guard import Caller, OpenGuard
from fhir_server.search.index import index_rows
from fhir_server.store.open import open_store
from fhir_server.store.port import Document

TENANT: Final = "node"


class Place(NamedTuple):
    """Where a store is: as `open_store` takes it."""

    url: str
    tenant: str


class TokenGuard:
    """Lets in who brings a known token."""

    def __init__(self) -> None:
        self._tokens = Tokens()

    async def admit(self, request: HTTPConnection) -> Caller:
        subject = self._tokens.subject(request.headers.get("authorization"))
        if subject is None:
            raise FhirError(Kind.LOGIN, "this needs a token: send Authorization: Bearer …")
        return Caller(subject, "TREAT")


def node(url: str, tenant: str, audited: bool) -> Starlette:
    """The app over a store; audited: with a token for every request and a row for every answer."""
    store = open_store(url, tenant)
    app = create_fhir_app(
        lambda caller: store,
        Capabilities("benchmark", "0", "a server under load"),
        TokenGuard() if audited else OpenGuard(),
        audit=AuditSink(store, observer="benchmark") if audited else None,
        clock=WallClock(),
        base_url="http://127.0.0.1/fhir",
    )
    return Starlette(routes=mounted("/fhir", app))


def fill(place: Place, trees: Iterable[Tree]) -> int:
    """Puts these resources into the store; how many they were."""
    store = open_store(*place)
    try:
        return store.load((Document(tree, dump(tree)) for tree in trees), at=datetime.now(UTC))
    finally:
        store.close()


def stored(place: Place) -> Stored:
    """What a server over this store serves of each resource."""
    store = open_store(*place)
    try:
        return [(version.type, version.id, version.body) for version in store.scan()]
    finally:
        store.close()


def cells_of(tree: Tree) -> Cells:
    """The index rows of a resource as a floor writes them."""
    rows = index_rows(tree)
    return [(number, "|".join(map(str, row.cells))) for number, row in enumerate(rows)]

"""One FHIR server of ours as it is measured: SQLite, structure validation, nobody refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette

from benchmarks.live.floors import Stored
from benchmarks.live.resources import Tree
from fhir_profiles.json_text import dump
from fhir_server.app import create_fhir_app, mounted
from fhir_server.audit import AuditSink
from fhir_server.capabilities import Capabilities
from fhir_server.clock import WallClock
from fhir_server.guard import OpenGuard
from fhir_server.search.index import index_rows
from fhir_server.store.open import open_store
from fhir_server.store.port import Document

TENANT = "node"


def node(folder: str, audited: bool) -> Starlette:
    """The app over the store in a folder."""
    store = open_store(f"sqlite:{folder}", TENANT)
    app = create_fhir_app(
        lambda caller: store,
        Capabilities("benchmark", "0", "a server under load"),
        OpenGuard(),
        audit=AuditSink(store, observer="benchmark") if audited else None,
        clock=WallClock(),
        base_url="http://127.0.0.1/fhir",
    )
    return Starlette(routes=mounted("/fhir", app))


def fill(folder: Path, trees: Iterable[Tree]) -> Stored:
    """A store with these resources; what it serves of each."""
    store = open_store(f"sqlite:{folder}", TENANT)
    try:
        store.load((Document(tree, dump(tree)) for tree in trees), at=datetime.now(UTC))
        return [(version.type, version.id, version.body) for version in store.scan()]
    finally:
        store.close()


def copy(folder: Path, to: Path) -> Path:
    """The same store once more."""
    shutil.copytree(folder, to)
    return to


def cells_of(tree: Tree) -> list[tuple[int, str]]:
    """The index rows of a resource as a floor writes them."""
    rows = index_rows(tree)
    return [(number, "|".join(map(str, row.cells))) for number, row in enumerate(rows)]

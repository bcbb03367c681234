"""Stores under test, and short ways to fill and ask them.

PostgreSQL takes part when LIENTHONG_TEST_DATABASE names a database (postgresql+psycopg://...).
"""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fhir_server.search.parse import parse
from fhir_server.store.open import open_store
from fhir_server.store.port import Document, Store, Version

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
AT = datetime(2025, 3, 1, 8, 0, tzinfo=UTC)
SERVER = os.environ.get("LIENTHONG_TEST_DATABASE", "")
KINDS = ["memory", "sqlite", *(["postgresql"] if SERVER else [])]


def opened(kind: str, folder, tenant: str = "") -> Store:
    tenant = tenant or f"t{uuid.uuid4().hex[:12]}"
    url = {"memory": "memory:", "sqlite": f"sqlite:{folder}", "postgresql": SERVER}[kind]
    return open_store(url, tenant, zone=ZONE)


def document(tree: dict) -> Document:
    return Document(tree, json.dumps(tree, ensure_ascii=False).encode())


def put(store: Store, *trees: dict, at: datetime = AT) -> list[Version]:
    """One write transaction with these resources under their own ids."""

    def work(writer):
        return [writer.put(document(tree), id_=tree["id"], method="PUT", at=at) for tree in trees]

    return store.write(work).result(30)


def request(query: str, **options):
    """`Patient?name=an&gender=male`: values as they are after percent-decoding."""
    type_, _, rest = query.partition("?")
    pairs = [tuple(pair.split("=", 1)) for pair in rest.split("&")] if rest else []
    return parse(type_, pairs, zone=ZONE, **options)


def search(store: Store, query: str, **options):
    return store.search(request(query, **options))


def ids(store: Store, query: str, **options) -> str:
    return " ".join(version.id for version in search(store, query, **options).matches)

"""`open_store`: the only constructor of stores."""

from __future__ import annotations

import re
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final

from fhir_server.store.memory import MemoryStore
from fhir_server.store.port import Store
from vietnam.datafiles import InputError

TENANT: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")
FORMS: Final = "memory:, sqlite:FOLDER or postgresql+psycopg://USER@HOST/DATABASE"
BUDGET: Final = 10.0  # seconds of SQL that one read may take


def open_store(url: str, tenant: str, *, zone: tzinfo = UTC, budget: float = BUDGET) -> Store:
    """The store of a tenant; a new one if there is none.

    ``memory:`` keeps nothing, ``sqlite:FOLDER`` one file ``FOLDER/{tenant}.db``,
    ``postgresql+psycopg://…`` one schema a tenant. `zone` reads dates without one and stays that of
    the store; give `search.parse` the same. A read whose SQL takes longer than `budget` seconds
    fails with FhirError (503). InputError: an address, name, file or server that cannot be used.
    """
    if not TENANT.fullmatch(tenant):
        raise InputError(
            url, None, "", f"{tenant!r} is no name for a store", "Use letters, digits, - and _"
        )
    scheme, _, rest = url.partition(":")
    if scheme == "memory":
        return MemoryStore(zone)
    if scheme == "sqlite" and rest:
        from fhir_server.store.sql_store import SqlStore
        from fhir_server.store.sqlite import SqliteDatabase  # SQLAlchemy takes 0.2 s to import
        from fhir_server.store.sqlite_file import prepared

        return SqlStore(SqliteDatabase(prepared(Path(rest) / f"{tenant}.db", zone), zone, budget))
    if scheme.startswith("postgresql"):
        from fhir_server.store import postgres_schema
        from fhir_server.store.postgres import PostgresDatabase
        from fhir_server.store.sql_store import SqlStore

        schema = postgres_schema.prepared(url, tenant, zone)
        return SqlStore(PostgresDatabase(url, schema, zone, budget))
    raise InputError(url, None, "", "this address names no store", f"Write {FORMS}")

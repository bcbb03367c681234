"""Schemas of PostgreSQL stores: new ones are copies of one migrated template schema."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from fhir_server.store.migrations.running import REVISIONS, migrate
from fhir_server.store.postgres import quoted, snapshot_of
from fhir_server.store.tables import HEAD, metadata
from vietnam.datafiles import InputError

TEMPLATE: Final = f"template.{HEAD}"
_LOCK: Final = "SELECT pg_advisory_xact_lock(5197)"  # one process makes schemas at a time
_TABLES: Final = ("alembic_version", *(table.name for table in metadata.sorted_tables))


def prepared(url: str, schema: str, zone: tzinfo) -> str:
    """The schema of a tenant, there and up to date. InputError: it cannot be used."""
    place = make_url(url).render_as_string(hide_password=True)
    if schema in ("public", "information_schema") or schema.startswith("pg_"):
        raise InputError(place, None, "", f"{schema!r} is PostgreSQL's own", "Use another name")
    try:
        once = create_engine(url, poolclass=NullPool)
        with once.connect() as connection, connection.begin():
            _prepare(connection, place, schema, str(zone))
    except ImportError as err:
        raise InputError(
            place,
            None,
            "",
            "PostgreSQL needs the package psycopg, which is not installed",
            "Install it with: pip install 'lienthong[postgres]'",
        ) from err
    except SQLAlchemyError as err:
        why = str(getattr(err, "orig", None) or err).strip().partition("\n")[0]
        remedy = "Check that the server runs, and its address, user and rights"
        raise InputError(place, None, "", f"the database cannot be used ({why})", remedy) from err
    return schema


def _prepare(connection: Any, place: str, schema: str, zone: str) -> None:
    connection.execute(text(_LOCK))
    revision = _revision(connection, schema)
    if revision is None:
        if _revision(connection, TEMPLATE) != HEAD:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {quoted(TEMPLATE)} CASCADE"))
            _create(connection, TEMPLATE)
            migrate(connection)
        _copy(connection, schema)
    elif revision not in REVISIONS:
        problem = f"a newer program wrote {schema!r} (tables {revision}, this one knows {HEAD})"
        raise InputError(place, None, "", problem, "Use that program, or another name")
    elif revision != HEAD:
        _migrate(connection, schema)
        _migrate_snapshot(connection, snapshot_of(schema))
    _check_zone(connection, place, schema, zone)


def _migrate(connection: Any, schema: str) -> None:
    connection.execute(text(f"SET LOCAL search_path TO {quoted(schema)}"))
    migrate(connection)


def _migrate_snapshot(connection: Any, kept: str) -> None:
    """A restore would bring rows back as they were then."""
    revision = _revision(connection, kept)
    if revision is None:
        return
    if revision not in REVISIONS:  # made before snapshots noted it
        table = f"{quoted(kept)}.alembic_version"
        connection.execute(text(f"CREATE TABLE {table} AS SELECT text '0001' AS version_num"))
    _migrate(connection, kept)


def _revision(connection: Any, schema: str) -> str | None:
    """None if there is no such schema; "" if no migration made it."""
    exists = "SELECT to_regnamespace(:name) IS NOT NULL"
    if not connection.execute(text(exists), {"name": quoted(schema)}).scalar():
        return None
    table = f"{quoted(schema)}.alembic_version"
    made = "SELECT to_regclass(:name) IS NOT NULL"
    if not connection.execute(text(made), {"name": table}).scalar():
        return "of another program"
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar() or ""


def _create(connection: Any, schema: str) -> None:
    connection.execute(text(f"CREATE SCHEMA {quoted(schema)}"))
    connection.execute(text(f"SET LOCAL search_path TO {quoted(schema)}"))


def _copy(connection: Any, schema: str) -> None:
    _create(connection, schema)
    for table in _TABLES:
        source = f'{quoted(TEMPLATE)}."{table}"'
        connection.execute(text(f'CREATE TABLE "{table}" (LIKE {source} INCLUDING ALL)'))
    version = f"SELECT version_num FROM {quoted(TEMPLATE)}.alembic_version"
    connection.execute(text(f"INSERT INTO alembic_version {version}"))


def _check_zone(connection: Any, place: str, schema: str, zone: str) -> None:
    table = f"{quoted(schema)}.setting"
    found = connection.execute(text(f"SELECT value FROM {table} WHERE key = 'zone'")).scalar()
    if found is None:
        insert = text(f"INSERT INTO {table} (key, value) VALUES ('zone', :zone)")
        connection.execute(insert, {"zone": zone})
    elif found != zone:
        problem = f"the dates of {schema!r} were read in the time zone {found}, now in {zone}"
        remedy = "Start with that zone, or load the data into a new store"
        raise InputError(place, None, "", problem, remedy)

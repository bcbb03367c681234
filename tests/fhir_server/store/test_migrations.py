"""Stores of an earlier revision are brought up to date with what they hold, and their snapshots."""

import shutil
import sqlite3
import uuid
from contextlib import closing

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from fhir_server.search.params.date import microseconds
from fhir_server.store.migrations.running import FOLDER
from fhir_server.store.tables import APPLICATION_ID, HEAD
from tests.fhir_server.store.stores import AT, SERVER, ZONE, ids, opened, put

PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}
NOW = microseconds(AT)

# Two versions of a patient as revision 0001 kept them.
ROWS = f"""
INSERT INTO name (id, text) VALUES (1, 'Patient'), (2, 'Patient.gender'),
    (3, 'http://hl7.org/fhir/administrative-gender');
INSERT INTO resource (key, type, id, version, updated, deleted, method, body) VALUES
    (1, 1, '1', 2, {NOW + 1000}, 0, 'PUT', %(body)s);
INSERT INTO history (resource, version, updated, method, body) VALUES
    (1, 1, {NOW}, 'POST', %(body)s);
INSERT INTO index_token (parameter, code, system, resource) VALUES (2, 'male', 3, 1);
INSERT INTO setting (key, value) VALUES ('zone', '{ZONE}');
"""
BODY = b'{"resourceType":"Patient","id":"1","gender":"male"}'.hex()


def upgraded(connection, revision):
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def check(store):
    assert ids(store, "Patient?gender=male") == "1"
    past = store.history_of("Patient", count=9).versions
    assert [(one.version, one.method) for one in past] == [(2, "PUT"), (1, "POST")]
    put(store, PATIENT | {"gender": "female"})
    assert len(store.history_of(None, count=9).versions) == 3
    store.restore()
    assert len(store.history_of("Patient", count=9).versions) == 2
    put(store, PATIENT)
    assert len(store.history("Patient", "1", count=9)) == 3


def test_an_sqlite_file_of_the_first_revision(tmp_path):
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        upgraded(connection, "0001")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"PRAGMA application_id = {APPLICATION_ID}; {ROWS % {'body': f'''x'{BODY}' '''}}"
        )
    shutil.copy(path, path.with_suffix(".snapshot"))
    with closing(opened("sqlite", tmp_path, "old")) as store:
        check(store)
    for file in (path, path.with_suffix(".snapshot")):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
                HEAD,
            )


if SERVER:  # a test that is skipped would be a failed one in CI

    @pytest.mark.parametrize("noted", [True, False])
    def test_a_schema_of_the_first_revision(noted):
        schema = f"t{uuid.uuid4().hex[:12]}"
        engine = create_engine(SERVER, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text(f'CREATE SCHEMA "{schema}"'))
            connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
            upgraded(connection, "0001")
            connection.exec_driver_sql(ROWS.replace("%(body)s", rf"'\x{BODY}'::bytea"))
            connection.execute(text(f'CREATE SCHEMA "{schema}.snapshot"'))
            tables = "SELECT tablename FROM pg_tables WHERE schemaname = :schema"
            for (table,) in connection.execute(text(tables), {"schema": schema}).fetchall():
                if noted or table != "alembic_version":
                    copied = f'"{schema}.snapshot"."{table}" AS SELECT * FROM "{table}"'
                    connection.execute(text(f"CREATE TABLE {copied}"))
        with closing(opened("postgresql", None, schema)) as store:
            check(store)
        with engine.begin() as connection:
            for one in (schema, f"{schema}.snapshot"):
                connection.execute(text(f'DROP SCHEMA "{one}" CASCADE'))
        engine.dispose()

"""PostgreSQL: what is its own. The rest of this folder runs over it where a server is named."""

import sys
import uuid
from datetime import UTC

import pytest
from sqlalchemy import create_engine, text

from fhir_profiles.outcomes import FhirError
from fhir_server.store.open import open_store
from fhir_server.store.postgres_schema import TEMPLATE
from tests.fhir_server.store.stores import AT, SERVER, ZONE, document, ids, opened, put, search
from vietnam.datafiles import InputError

PATIENT = {"resourceType": "Patient", "id": "1", "gender": "male"}
NOWHERE = "postgresql+psycopg://somebody:secret@127.0.0.1:1/nowhere"


def test_without_the_driver_there_is_one_message(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    words = r"needs the package psycopg.*Install it with: pip install 'lienthong\[postgres\]'"
    with pytest.raises(InputError, match=words) as refused:
        open_store(NOWHERE, "x")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


if SERVER:  # a test that is skipped would be a failed one in CI

    @pytest.fixture
    def tenant():
        name = f"t{uuid.uuid4().hex[:12]}"
        yield name
        for schema in (name, f"{name}.snapshot"):
            sql(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')

    def sql(statement):
        engine = create_engine(SERVER)
        with engine.begin() as connection:
            found = connection.execute(text(statement))
            rows = found.fetchall() if found.returns_rows else []
        engine.dispose()
        return rows

    def test_no_server_is_one_message():
        with pytest.raises(InputError, match=r"cannot be used .*Check that the server runs") as no:
            open_store(NOWHERE, "x")
        assert "secret" not in str(no.value)

    @pytest.mark.parametrize("name", ["public", "pg_catalog", "information_schema"])
    def test_names_that_are_taken(name):
        with pytest.raises(InputError, match="PostgreSQL's own"):
            opened("postgresql", None, name)

    def test_a_store_outlives_its_process_and_knows_its_zone(tenant):
        store = opened("postgresql", None, tenant)
        put(store, PATIENT)
        store.close()
        store = opened("postgresql", None, tenant)
        assert ids(store, "Patient?gender=male") == "1"
        store.close()
        with pytest.raises(InputError, match="were read in the time zone Asia/Ho_Chi_Minh"):
            open_store(SERVER, tenant, zone=UTC)

    def test_newer_and_foreign_schemas_are_refused(tenant):
        opened("postgresql", None, tenant).close()
        sql(f"UPDATE \"{tenant}\".alembic_version SET version_num = '9999'")
        with pytest.raises(InputError, match=r"a newer program wrote .* \(tables 9999"):
            opened("postgresql", None, tenant)
        sql(f'DROP TABLE "{tenant}".alembic_version')
        with pytest.raises(InputError, match="of another program"):
            opened("postgresql", None, tenant)

    def test_a_copied_schema_has_all_indexes(tenant):
        opened("postgresql", None, tenant).close()
        count = "SELECT count(*) FROM pg_indexes WHERE schemaname = "
        assert sql(f"{count}'{tenant}'") == sql(f"{count}'{TEMPLATE}'") != [(0,)]

    def test_writers_of_several_processes_take_turns(tenant):
        """Two stores stand for two processes: they share nothing but the server."""
        one, other = opened("postgresql", None, tenant), opened("postgresql", None, tenant)
        futures = [
            store.write(lambda w: w.append("a", "k", b"", at=AT))
            for _ in range(20)
            for store in (one, other)
        ]
        assert sorted(future.result(30) for future in futures) == list(range(1, 41))
        one.close()
        other.close()

    def test_a_read_that_takes_too_long_is_given_up(tenant):
        store = open_store(SERVER, tenant, zone=ZONE, budget=0.001)
        people = ({"resourceType": "Patient", "id": str(n), "gender": "male"} for n in range(20000))
        store.load(map(document, people), at=AT)
        with pytest.raises(FhirError, match="took longer") as refused:
            search(store, "Patient?gender:not=female&_sort=-gender,birthdate")
        assert refused.value.issues[0].code == "timeout"

        def conditional(writer):
            search(writer, "Patient?gender:not=female&_sort=-gender,birthdate")

        with pytest.raises(FhirError, match="took longer"):
            store.write(conditional).result(30)
        put(store, PATIENT)
        store.close()

    def test_a_lost_connection_is_an_answer_and_then_replaced(tenant):
        store = opened("postgresql", None, tenant)
        put(store, PATIENT)

        def work(writer):
            me = writer._connection.execute("SELECT pg_backend_pid()").fetchone()[0]
            sql(f"SELECT pg_terminate_backend({me})")
            writer.append("a", "k", b"", at=AT)

        with pytest.raises(FhirError, match="the database cannot be used"):
            store.write(work).result(30)
        put(store, PATIENT | {"id": "2"})
        assert ids(store, "Patient") == "1 2"
        store.close()

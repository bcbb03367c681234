"""A store of the tables before is brought up to date, and its index rows are made anew."""

import sqlite3

import pytest

from fhir_server.store.tables import HEAD
from tests.fhir_server.store.stores import SERVER, ids, opened, put

UCUM = "http://unitsofmeasure.org"
BEFORE = [
    "DROP TABLE index_composite",
    "DROP TABLE index_position",
    "DROP TABLE index_quantity",
    "CREATE TABLE index_quantity (parameter INTEGER, high FLOAT, low FLOAT, resource BIGINT)",
    "CREATE INDEX index_quantity_search ON index_quantity (parameter)",
    "DELETE FROM index_string",
    "UPDATE alembic_version SET version_num = '0002'",
]
RESOURCES = [
    {
        "resourceType": "Observation",
        "id": "glucose",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}], "text": "Đường"},
        "valueQuantity": {"value": 540, "system": UCUM, "code": "mg/dL"},
    },
    {
        "resourceType": "Location",
        "id": "hue",
        "position": {"latitude": 16.4637, "longitude": 107.5909},
    },
]
QUERIES = [
    (f"Observation?value-quantity=5.4|{UCUM}|g/L", "glucose"),
    (f"Observation?code-value-quantity=2345-7$gt5|{UCUM}|g/L", "glucose"),
    ("Observation?code:text=duong", "glucose"),
    ("Observation?code=http://loinc.org|2345-7", "glucose"),
    ("Location?near=16.5|107.6|10|km", "hue"),
]


def setback(kind, folder, tenant):
    if kind == "sqlite":
        connection = sqlite3.connect(folder / f"{tenant}.db")
    else:
        import psycopg

        address = SERVER.replace("postgresql+psycopg", "postgresql")
        connection = psycopg.connect(address, options=f"-c search_path={tenant}")
    for statement in BEFORE:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("kind", ["sqlite", *(["postgresql"] if SERVER else [])])
def test_rows_are_made_anew(kind, tmp_path):
    tenant = f"reindexed_{kind}"
    if kind == "postgresql":
        import uuid

        tenant = f"t{uuid.uuid4().hex[:12]}"
    store = opened(kind, tmp_path, tenant)
    put(store, *RESOURCES)
    put(store, RESOURCES[0] | {"id": "gone"})
    store.write(lambda w: w.delete("Observation", "gone", at=store_time())).result(30)
    store.close()
    setback(kind, tmp_path, tenant)
    store = opened(kind, tmp_path, tenant)
    for query, expected in QUERIES:
        assert ids(store, query) == expected
    put(store, RESOURCES[0] | {"id": "later"})
    assert ids(store, QUERIES[0][0]) == "glucose later"
    store.close()


def store_time():
    from tests.fhir_server.store.stores import AT

    return AT


def test_the_revision_is_the_newest():
    assert HEAD >= "0003"

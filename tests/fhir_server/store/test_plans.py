"""SQLite answers every kind of search from an index, and bulk rows are those of single writes."""

import random
from contextlib import closing
from dataclasses import replace

import pytest

from fhir_server.search.compartments import within
from fhir_server.store.port import ALL
from fhir_server.store.searching import Searching
from fhir_server.store.tables import INDEXES
from tests.fhir_server.store.stores import AT, document, opened, put, request

LOINC = "http://loinc.org"


def people(count):
    for n in range(count):
        yield {
            "resourceType": "Patient",
            "id": f"p{n}",
            "meta": {"profile": [f"http://x/{n % 5}"]},
            "identifier": [{"system": "urn:mrn", "value": f"M{n}"}],
            "name": [{"family": f"Nguyễn{n % 50}", "given": [f"An{n}"]}],
            "birthDate": f"{1940 + n % 80}-01-01",
        }


def results(count, patients):
    for n in range(count):
        yield {
            "resourceType": "Observation",
            "id": f"o{n}",
            "status": "final",
            "code": {"coding": [{"system": LOINC, "code": f"c{n % 8}"}]},
            "subject": {"reference": f"Patient/p{n * 7 % patients}"},
            "effectiveDateTime": f"20{10 + n % 15}-0{1 + n % 9}-01T08:00:00Z",
            "valueQuantity": {"value": n, "system": "http://unitsofmeasure.org", "code": "mg"},
        }


def risks(count):
    for n in range(count):
        prediction = [{"probabilityDecimal": n / 1000}]
        yield {"resourceType": "RiskAssessment", "id": f"r{n}", "prediction": prediction}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = opened("sqlite", tmp_path_factory.mktemp("plans"))
    trees = [*people(200), *results(2000, 200), *risks(50)]
    store.load(map(document, trees), at=AT)
    yield store
    store.close()


class Explaining:
    """A connection that asks for the plan of every statement before it runs it."""

    def __init__(self, connection):
        self.connection, self.plans = connection, []

    def execute(self, sql, parameters=()):
        plan = self.connection.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
        self.plans.append((sql, [row[3] for row in plan]))
        return self.connection.execute(sql, parameters)


def plans(store, query):
    """The plan of each statement of a search."""
    database = store._database
    with database.lend(True) as connection:
        explaining = Explaining(connection)
        Searching(database, explaining, ALL, request(query)).found()
        return explaining.plans


KINDS = [
    ("Observation?code=http://loinc.org|c1", "token"),
    ("Observation?code=c1", "token"),
    ("Patient?identifier=M5,M6,M7", "token"),
    ("Patient?family=nguyen1", "string"),
    ("Patient?family:exact=Nguyễn1", "string"),
    ("Observation?date=2015-03", "date"),
    ("Observation?date=ge2024-09", "date"),
    ("Observation?subject=Patient/p1", "reference"),
    ("Observation?patient=p1,p2", "reference"),
    ("RiskAssessment?probability=0.02", "number"),
    ("Observation?value-quantity=5|http://units.example|mg", "quantity"),
    ("Observation?value-quantity=gt1990", "quantity"),
    ("Patient?_profile=http://x/1", "uri"),
    ("Patient?_profile:below=http://x/", "uri"),
]


@pytest.mark.parametrize(("query", "table"), KINDS, ids=[row[0] for row in KINDS])
def test_every_kind_is_searched_by_its_covering_index(store, query, table):
    (page,) = [steps for sql, steps in plans(store, query) if "body" in sql]
    # `parameter=?` and at least one more column of the index
    wanted = f"USING COVERING INDEX index_{table}_search (parameter=? AND "
    assert any(wanted in step for step in page), page
    assert not any(step.startswith("SCAN resource") for step in page), page


WHOLE = [
    ("Patient", "resource_by_type"),
    ("Patient?gender:missing=true", "resource_by_type"),
    ("Patient?_id=p1", "resource_by_id"),
    ("Patient?_lastUpdated=ge2030", "resource_by_update"),
]


@pytest.mark.parametrize(("query", "index"), WHOLE, ids=[row[0] for row in WHOLE])
def test_searches_on_the_resource_itself(store, query, index):
    (page,) = [steps for sql, steps in plans(store, query) if "body" in sql]
    assert any(index in step for step in page), page


NO_SCANS = [
    "Observation?patient=p1&code=c1",
    "Observation?code=c1&patient=p1&date=ge2015&status=final",
    "Observation?patient=p1&_sort=-date,code",
    "Observation?patient.identifier=urn:mrn|M5",
    "Observation?patient.name=nguyen5&code=c1",
    "Observation?patient:identifier=urn:mrn|M5",
    "Observation?code=c1&_include=Observation:subject&_count=2",
    "Patient?_id=p1&_revinclude=Observation:subject",
    "Observation?code:not=c1&patient=p1",
    "Observation?patient.organization.partof.name=hue",
    "Observation?patient.link.identifier=M5",
    "Patient?_has:Observation:patient:value-quantity=5",
    "Patient?_has:Observation:patient:value-quantity=gt1990&family=nguyen1",
    "Patient?_has:Observation:patient:code=c1&identifier=M5",
    "Patient?_has:Observation:patient:_has:Provenance:target:agent=Practitioner/a",
    "Observation?patient._has:Observation:patient:value-quantity=5",
    "Patient?_list=l1",
    "Observation?code=c1&_include=*&_count=2",
    "Observation?_id=o1&_include=Observation:subject&_include:iterate=Patient:link",
    "Patient?_id=p1&_revinclude=*",
    "Patient?_id=p1&_revinclude:iterate=Observation:has-member&_revinclude=Observation:subject",
]


@pytest.mark.parametrize("query", NO_SCANS)
def test_no_table_is_gone_through(store, query):
    """What is scanned is the small result of a step before; no index is read by parameter alone."""
    for sql, steps in plans(store, query):
        scanned = [step for step in steps if step.startswith("SCAN ") and "anon" not in step]
        whole = [step for step in scanned if "index_" in step or "resource" in step]
        whole += [step for step in steps if step.endswith("(parameter=?)")]
        assert whole == [], (sql, steps)


def test_the_search_starts_where_there_is_least(store):
    """One patient has few results, one code has many, whatever the order of the query."""
    for query in ("patient=p1&code=c1", "code=c1&patient=p1", "status=final&code=c1&subject=p1"):
        page = next(steps for sql, steps in plans(store, f"Observation?{query}") if "body" in sql)
        start = next(step for step in page if "COVERING INDEX" in step and "parameter=?" in step)
        assert "index_reference_search" in start, page


BOTH_WAYS = [
    # few results have the value, so it starts at them and comes to the patients
    ("Patient?_has:Observation:patient:value-quantity=5&gender:missing=true", "index_quantity"),
    ("Patient?_has:Observation:patient:value-quantity=5&birthdate=ge1900", "index_quantity"),
    # one patient has the identifier, so it starts there and asks for results of this one
    ("Patient?_has:Observation:patient:status=final&identifier=M5", "index_token"),
    ("Observation?patient.birthdate=ge1900&value-quantity=7", "index_quantity"),
    ("Observation?patient.identifier=M7&status=final", "index_token"),
]


@pytest.mark.parametrize(("query", "table"), BOTH_WAYS, ids=[row[0] for row in BOTH_WAYS])
def test_links_are_followed_from_the_selective_end(store, query, table):
    page = next(steps for sql, steps in plans(store, query) if "body" in sql)
    steps = [step for step in page if "_search (parameter=? AND " in step]
    assert f"USING COVERING INDEX {table}_search" in steps[0], page


def test_a_compartment_starts_from_its_references(store):
    found = request("Observation")
    inside = within("Patient", "p1", "Observation")
    database = store._database
    with database.lend(True) as connection:
        explaining = Explaining(connection)
        search = Searching(database, explaining, ALL, replace(found, conditions=(inside,)))
        assert len(search.found().matches) == 10
    page = next(steps for sql, steps in explaining.plans if "body" in sql)
    assert any("COVERING INDEX index_reference_search (parameter=? AND target=?" in s for s in page)
    assert not any("SCAN resource" in step for step in page), page


# ---- rows ----------------------------------------------------------------------------------------


def every_row(store):
    """All index rows by names instead of numbers, and the served rows of all resources."""
    database = store._database
    with database.lend(True) as connection:
        names = dict(database.names.everything(connection))
        found = {}
        for table, columns in INDEXES.items():
            rows = connection.execute(f"SELECT * FROM {columns.name}").fetchall()
            named = [column.name in ("parameter", "system", "type") for column in columns.c]
            found[table] = {
                tuple(names[cell] if text else cell for cell, text in zip(row, named, strict=True))
                for row in rows
            }
        found["resource"] = connection.execute(
            "SELECT key, id, version, updated, deleted, body FROM resource ORDER BY key"
        ).fetchall()
    return found


def test_rows_of_a_load_are_rows_of_single_writes(tmp_path):
    trees = [*people(30), *results(60, 30), *risks(5)]
    loaded, written = opened("sqlite", tmp_path, "a"), opened("sqlite", tmp_path, "b")
    with closing(loaded), closing(written):
        loaded.load(map(document, trees), at=AT)
        for tree in trees:
            put(written, tree)
        assert every_row(loaded) == every_row(written)


def test_no_row_outlives_its_version(tmp_path):
    """After a history of updates and deletions the index is that of a store which never had it."""
    dice = random.Random(7)
    final = list(people(20))
    moved, fresh = opened("sqlite", tmp_path, "a"), opened("sqlite", tmp_path, "b")
    with closing(moved), closing(fresh):
        for tree in final:
            put(moved, dice.choice(final) | {"id": tree["id"]})
            if dice.random() < 0.5:
                moved.write(lambda w, id_=tree["id"]: w.delete("Patient", id_, at=AT)).result(30)
            put(moved, tree)
            put(fresh, tree)
        gone = final.pop()["id"]
        for store in (moved, fresh):
            store.write(lambda w: w.delete("Patient", gone, at=AT)).result(30)
        ours, theirs = every_row(moved), every_row(fresh)
        assert {table: ours[table] for table in INDEXES} == {
            table: theirs[table] for table in INDEXES
        }
        assert not any(row[0] == 20 for table in INDEXES for row in ours[table])

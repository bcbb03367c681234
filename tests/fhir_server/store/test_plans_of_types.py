"""EXPLAIN QUERY PLAN for composites, places, units, texts and codes of value sets."""

import pytest

from tests.fhir_server.store.stores import AT, document, opened
from tests.fhir_server.store.test_plans import plans

UCUM, LOINC = "http://unitsofmeasure.org", "http://loinc.org"


def results(count):
    for n in range(count):
        coding = {"system": LOINC, "code": f"c{n % 8}", "display": f"Glucose {n % 8}"}
        quantity = {"value": n, "system": UCUM, "code": "mg/dL"}
        yield {
            "resourceType": "Observation",
            "id": f"o{n}",
            "status": "final",
            "code": {"coding": [coding]},
            "valueQuantity": quantity,
            "component": [
                {"code": {"coding": [coding]}, "valueCodeableConcept": {"coding": [coding]}}
            ],
        }


def places(count):
    for n in range(count):
        position = {"latitude": 8 + n % 15, "longitude": 102 + n % 7}
        yield {"resourceType": "Location", "id": f"l{n}", "position": position}


def people(count):
    for n in range(count):
        type_ = {"coding": [{"system": "http://t", "code": "MR"}]}
        identifier = {"system": "urn:mrn", "value": f"M{n}", "type": type_}
        yield {"resourceType": "Patient", "id": f"p{n}", "identifier": [identifier]}


def documents(count):
    for n in range(count):
        related = {"code": "replaces", "target": {"reference": f"DocumentReference/d{n + 1}"}}
        yield {"resourceType": "DocumentReference", "id": f"d{n}", "relatesTo": [related]}


def sequences(count):
    for n in range(count):
        yield {
            "resourceType": "MolecularSequence",
            "id": f"s{n}",
            "referenceSeq": {"chromosome": {"coding": [{"code": str(n % 22)}]}},
            "variant": [{"start": n, "end": n + 5}],
        }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = opened("sqlite", tmp_path_factory.mktemp("plans"))
    trees = [*results(500), *places(200), *people(200), *documents(200), *sequences(200)]
    store.load(map(document, trees), at=AT)
    yield store
    store.close()


# The columns that the index is entered by, as SQLite says it.
ROWS = [
    (f"Observation?value-quantity=5|{UCUM}|g/L", "quantity_canonical (parameter=? AND canonical=?"),
    (f"Observation?value-quantity=gt4|{UCUM}|g/L", "canonical=? AND canonical_high>?)"),
    ("Observation?value-quantity=490", "quantity_search (parameter=? AND high>? AND high<?)"),
    (
        "Observation?value-quantity=490||mg/dL",
        "quantity_search (parameter=? AND high>? AND high<?)",
    ),
    (
        f"Observation?code-value-quantity={LOINC}|c1$gt4|{UCUM}|g/L",
        "composite_canonical (parameter=? AND code=? AND canonical=? AND high2>?)",
    ),
    (
        f"Observation?code-value-quantity={LOINC}|c1$gt490",
        "composite_search (parameter=? AND code=? AND high>?)",
    ),
    (
        "Observation?component-code-value-concept=c1$c1",
        "composite_search (parameter=? AND code=? AND high=? AND code2=?",
    ),
    (
        "DocumentReference?relationship=DocumentReference/d5$replaces",
        "composite_search (parameter=? AND code=? AND high=? AND code2=?",
    ),
    (
        "MolecularSequence?chromosome-variant-coordinate=5$gt100$lt125",
        "composite_search (parameter=? AND code=? AND high>?)",
    ),
    ("Location?near=10|105|50|km", "position_search (parameter=? AND latitude>? AND latitude<?)"),
    ("Observation?code:text=glucose 3", "string_search (parameter=? AND value>? AND value<?)"),
    ("Patient?identifier:of-type=http://t|MR|M5", "token_search (parameter=? AND code=?"),
    (
        "Observation?status:in=http://hl7.org/fhir/ValueSet/observation-status",
        "token_search (parameter=? AND code=?",
    ),
    (
        "Observation?status:below=http://hl7.org/fhir/observation-status|final",
        "token_search (parameter=? AND code=?",
    ),
]


@pytest.mark.parametrize(("query", "entered"), ROWS, ids=[row[0] for row in ROWS])
def test_the_index_is_entered_by_the_value(store, query, entered):
    (page,) = [steps for sql, steps in plans(store, query) if "body" in sql]
    assert any("USING COVERING INDEX index_" in step and entered in step for step in page), page
    assert not any(step.startswith(("SCAN resource", "SCAN index_")) for step in page), page


@pytest.mark.parametrize(("query", "entered"), ROWS, ids=[row[0] for row in ROWS])
def test_something_is_found(store, query, entered):
    from tests.fhir_server.store.stores import ids

    assert ids(store, query)

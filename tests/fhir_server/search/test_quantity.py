"""https://hl7.org/fhir/R4/search.html#quantity"""

import pytest

pytestmark = pytest.mark.spec("search.html#quantity")

UCUM = "http://unitsofmeasure.org"


def observation(id_, value=None, code=None, **members):
    tree = {"resourceType": "Observation", "id": id_, "status": "final", "code": {}}
    if value is not None:
        coded = {"system": UCUM, "code": code} if code else {}
        tree["valueQuantity"] = {"value": value, **coded, **members}
    return tree


RESOURCES = [
    observation("mmol", 5.4, "mmol/L", unit="mmol/L"),
    observation("precise", 5.40001, "mmol/L"),
    observation("mg", 98, "mg/dL", unit="mg trên dL"),
    observation("text", 5.4, unit="mmol/L"),
    observation("below", 0.5, "mmol/L", comparator="<"),
    observation("above", 40, "mmol/L", comparator=">"),
    observation("none"),
    observation("component") | {"component": [{"valueQuantity": {"value": 120, "code": "mm[Hg]"}}]},
    {
        "resourceType": "Condition",
        "id": "range",
        "onsetRange": {"low": {"value": 40, "code": "a"}, "high": {"value": 50, "code": "a"}},
    },
    {"resourceType": "Condition", "id": "age", "onsetAge": {"value": 45, "code": "a"}},
    {"resourceType": "Invoice", "id": "bill", "totalNet": {"value": 250000, "currency": "VND"}},
]

ROWS = [
    ("Observation?value-quantity=5.4", "mmol precise text"),
    ("Observation?value-quantity=5.40", "mmol precise text"),
    ("Observation?value-quantity=5.40000", "mmol text"),
    (f"Observation?value-quantity=5.4|{UCUM}|mmol/L", "mmol precise"),
    ("Observation?value-quantity=5.4||mmol/L", "mmol precise text"),
    (f"Observation?value-quantity=5.4|{UCUM}|mg/dL", ""),
    (f"Observation?value-quantity=98|{UCUM}|mg/dL", "mg"),
    ("Observation?value-quantity=98||mg trên dL", "mg"),
    (f"Observation?value-quantity=98|{UCUM}|mg trên dL", ""),
    (f"Observation?value-quantity=5.4|{UCUM}|", "mmol precise"),
    (f"Observation?value-quantity=5.4|{UCUM}|MMOL/L", ""),  # UCUM knows case
    # prefixes with and without a unit
    ("Observation?value-quantity=gt5.4", "precise mg above"),
    ("Observation?value-quantity=ge5.4", "mmol precise mg text above"),
    (f"Observation?value-quantity=gt5.4|{UCUM}|mmol/L", "precise above"),
    (f"Observation?value-quantity=lt5.4|{UCUM}|mmol/L", "below"),
    ("Observation?value-quantity=le5.4||mmol/L", "mmol text below"),
    ("Observation?value-quantity=ne5.4||mmol/L", "below above"),
    ("Observation?value-quantity=ap5||mmol/L", "mmol precise text"),
    ("Observation?value-quantity=sa5.4||mmol/L", "precise above"),
    ("Observation?value-quantity=eb5.4||mmol/L", "below"),
    ("Observation?value-quantity=gt1000", "above"),
    ("Observation?value-quantity=5.4,98", "mmol precise mg text"),
    ("Observation?value-quantity:missing=true", "none component"),
    ("Observation?component-value-quantity=120||mm[Hg]", "component"),
    ("Observation?combo-value-quantity=gt50", "mg above component"),
    # ranges, ages, money
    ("Condition?onset-age=45", "age"),
    ("Condition?onset-age=gt45||a", "range"),
    ("Condition?onset-age=ge45||a", "range age"),
    ("Condition?onset-age=lt45", "range"),
    ("Invoice?totalnet=250000", "bill"),
    ("Invoice?totalnet=gt200000|urn:iso:std:iso:4217|VND", "bill"),
    ("Invoice?totalnet=250000||USD", ""),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_quantity(find, query, expected):
    assert find(query) == expected

"""https://hl7.org/fhir/R4/search.html over HTTP: composites, units, places, value sets."""

from urllib.parse import quote

import pytest

from tests.fhir_server.serving import serving

pytestmark = [pytest.mark.spec("search.html#combining"), pytest.mark.spec("search.html#token")]

UCUM, LOINC = "http://unitsofmeasure.org", "http://loinc.org"
VALUE_SET = "http://local.example/ValueSet/sugar"
RESOURCES = [
    {
        "resourceType": "Observation",
        "id": "glucose",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2345-7", "display": "Đường máu"}]},
        "valueQuantity": {"value": 540, "unit": "mg/dL", "system": UCUM, "code": "mg/dL"},
    },
    {
        "resourceType": "Location",
        "id": "hue",
        "status": "active",
        "position": {"latitude": 16.4637, "longitude": 107.5909},
    },
    {
        "resourceType": "ValueSet",
        "id": "sugar",
        "url": VALUE_SET,
        "status": "active",
        "compose": {"include": [{"system": LOINC, "concept": [{"code": "2345-7"}]}]},
    },
]


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("http")
    url = "memory:" if request.param == "memory" else f"sqlite:{folder}"
    with serving(url) as running:
        for tree in RESOURCES:
            running.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree)
        yield running


FOUND = [
    ("Observation", "code-value-quantity", f"{LOINC}|2345-7$ge5.4|{UCUM}|g/L", 1),
    ("Observation", "code-value-quantity", f"{LOINC}|2345-7$gt5.4|{UCUM}|g/L", 0),
    ("Observation", "value-quantity", f"5.4|{UCUM}|g/L", 1),
    ("Observation", "code:text", "duong", 1),
    ("Observation", "code:in", VALUE_SET, 1),
    ("Observation", "code:not-in", VALUE_SET, 0),
    ("Location", "near", "16.5|107.6|10|km", 1),
    ("Location", "near", "21.0|105.8|10|km", 0),
]


@pytest.mark.parametrize(("type_", "name", "value", "total"), FOUND)
def test_found(server, type_, name, value, total):
    answer = server.ask("GET", f"{type_}?{name}={quote(value)}")
    assert (answer.status, answer.json["total"]) == (200, total)


REFUSED = [
    ("Observation", "code:in", "http://nobody.example/vs", "http://nobody.example/vs"),
    ("Observation", "code-value-quantity", "5", "2 values with $ between them"),
    ("Observation", "code-value-quantity:exact", "a$5", "Supported: :missing"),
    ("Location", "near", "here", "latitude|longitude"),
]


@pytest.mark.parametrize(("type_", "name", "value", "words"), REFUSED)
def test_refused(server, type_, name, value, words):
    answer = server.ask("GET", f"{type_}?{name}={quote(value)}")
    said = answer.issues[0]["diagnostics"]
    assert answer.status == 400
    assert said.startswith(f"{name}: ")
    assert words in said

"""$document: a composition with all that it refers to."""

import pytest

from fhir_server.standard import document
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from tests.fhir_server.serving import BASE
from tests.fhir_server.standard.record import RECORD, bundle, concept, listed, made, record, to
from tests.fhir_server.store.stores import KINDS

pytestmark = [
    pytest.mark.spec("composition-operation-document.html"),
    pytest.mark.spec("documents.html"),
]
COMPOSITION = made(
    "Composition",
    "discharge",
    status="final",
    type=concept("18842-5", "Discharge summary"),
    subject=to("Patient/p"),
    encounter=to(f"{BASE}/Encounter/e"),
    date="2026-01-10T09:00:00+07:00",
    author=[to("Practitioner/dr")],
    title="Discharge",
    custodian=to("Organization/hospital"),
    section=[
        {
            "title": "Medication",
            "entry": [to("MedicationRequest/rx"), {"display": "by word of mouth"}],
        }
    ],
)
BARE = {
    key: COMPOSITION[key] for key in ("resourceType", "text", "status", "type", "date", "title")
}
BARE |= {"id": "bare", "author": [to("Practitioner/dr")]}
ALL = (
    "Composition/discharge Condition/flu Encounter/e Location/ward Medication/amox "
    "MedicationRequest/rx Organization/hospital Organization/maker Organization/ministry "
    "Patient/p Patient/q Practitioner/dr"
)


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    with record(request.param, tmp_path, *RECORD, COMPOSITION, BARE) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Composition/discharge/$document", ALL),
        ("Composition/$document?id=discharge", ALL),
        ("Composition/$document?id=Composition/discharge", ALL),
        (f"Composition/$document?id={BASE}/Composition/discharge", ALL),
        ("Composition/discharge/$document?persist=false", ALL),
        ("Composition/bare/$document", "Composition/bare Practitioner/dr"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_in_it(server, method, path, expected):
    tree = bundle(server.ask(method, path))
    assert " ".join(sorted(listed(tree).split())) == expected
    assert (tree["type"], tree["timestamp"]) == ("document", "2026-03-01T12:00:00.000Z")
    assert tree["identifier"]["value"].startswith("urn:uuid:")
    first = tree["entry"][0]
    assert first["resource"]["resourceType"] == "Composition"
    assert first["fullUrl"] == f"{BASE}/Composition/{first['resource']['id']}"
    assert server.ask("GET", "Bundle").json["total"] == 0


def test_two_documents_are_two(server):
    first, second = (bundle(server.ask("GET", "Composition/bare/$document")) for _ in range(2))
    assert first["identifier"] != second["identifier"]


def test_kept(server):
    got = server.ask("POST", "Composition/discharge/$document?persist=true")
    tree = bundle(got)
    assert got.headers["location"] == f"{BASE}/Bundle/{tree['id']}/_history/1"
    kept = server.ask("GET", f"Bundle/{tree['id']}")
    assert kept.body == got.body
    assert " ".join(sorted(listed(tree).split())) == ALL
    found = server.ask("GET", f"Bundle?identifier={tree['identifier']['value']}").json
    assert found["total"] == 1


def test_kept_as_said_in_a_body(server):
    given = [{"name": "id", "valueUri": "bare"}, {"name": "persist", "valueBoolean": True}]
    body = {"resourceType": "Parameters", "parameter": given}
    tree = bundle(server.ask("POST", "Composition/$document", body))
    assert server.ask("GET", f"Bundle/{tree['id']}").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "Composition/none/$document", 404, "not-found"),
        ("GET", "Composition/$document?id=none", 404, "not-found"),
        ("GET", "Composition/$document", 400, "required"),
        ("GET", "Composition/$document?id=Patient/p", 400, "value"),
        ("GET", "Composition/bare/$document?id=bare", 400, "value"),
        ("GET", "Composition/bare/$document?persist=yes", 400, "value"),
        ("GET", "Composition/bare/$document?persist=true", 400, "value"),
        ("GET", "Composition/bare/$document?graph=urn:a", 400, "value"),
        ("GET", "Composition/bare/$document?x=1", 400, "not-supported"),
        ("GET", "Composition/$document?id=http://other.org/Composition/1", 501, "not-supported"),
        ("GET", "Patient/p/$document", 405, "not-supported"),
    ],
)
def test_refused(server, method, path, status, code):
    got = server.ask(method, path)
    assert (got.status, got.code) == (status, code), got.body


def test_a_deleted_composition_is_gone(server):
    server.ask("DELETE", "Composition/bare")
    assert server.ask("GET", "Composition/bare/$document").status == 410


def test_too_much_is_refused(server, monkeypatch):
    monkeypatch.setattr(document, "MAX_RESOURCES", 3)
    got = server.ask("GET", "Composition/discharge/$document")
    assert (got.status, got.code) == (400, "too-costly")


@pytest.mark.parametrize(
    "missing",
    [
        "Observation/none",
        "http://elsewhere.org/fhir/Observation/1",
        "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",
    ],
)
def test_without_what_it_refers_to_there_is_no_document(server, missing):
    section = [{"title": "x", "entry": [to(missing)]}]
    assert server.ask("PUT", "Composition/bare", BARE | {"section": section}).status == 200
    got = server.ask("GET", "Composition/bare/$document")
    assert (got.status, got.code) == (422, "business-rule")
    assert missing in got.said


def test_what_it_replaces_may_be_elsewhere(server):
    related = [{"code": "replaces", "targetReference": to("Composition/earlier")}]
    server.ask("PUT", "Composition/bare", BARE | {"relatesTo": related})
    assert server.ask("GET", "Composition/bare/$document").status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_caller_may_not_see_is_not_there(kind, tmp_path):
    seen = []
    with record(kind, tmp_path, *RECORD, COMPOSITION, seen=seen) as server:
        seen.append(Visibility({"Organization": NOTHING, "Patient": NOTHING}, others=EVERYTHING))
        got = server.ask("GET", "Composition/discharge/$document")
        assert (got.status, got.code) == (422, "business-rule")
        seen[0] = Visibility({"Medication": NOTHING}, others=EVERYTHING)
        found = listed(server.ask("GET", "Composition/discharge/$document").json)
        assert "Medication/amox" not in found
        assert "Practitioner/dr" in found

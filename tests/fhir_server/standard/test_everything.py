"""$everything of a patient, of all patients, of an encounter."""

from urllib.parse import urlsplit

import pytest

from fhir_server.standard import everything
from fhir_server.store.port import EVERYTHING, NOTHING, AnyOf, Visibility
from tests.fhir_server.serving import BASE
from tests.fhir_server.standard.record import bundle, listed, observation, record
from tests.fhir_server.store.stores import KINDS
from tests.fhir_server.store.stores import request as search

OF_PATIENT = pytest.mark.spec("patient-operation-everything.html")
OF_ENCOUNTER = pytest.mark.spec("encounter-operation-everything.html")
INSIDE = (
    "Condition/flu Condition/old DocumentReference/scan Encounter/e MedicationRequest/rx "
    "Observation/glucose Observation/hb1 Observation/hb2 Observation/undated"
)
SUPPORT = (
    "Binary/page Location/ward Medication/amox Organization/hospital Organization/maker "
    "Organization/ministry Practitioner/dr"
)


@pytest.fixture(params=KINDS, scope="module")
def server(request, tmp_path_factory):
    with record(request.param, tmp_path_factory.mktemp("everything")) as running:
        yield running


ROWS = {
    "all of it": ("Patient/p/$everything", f"Patient/p {INSIDE}", SUPPORT),
    "one that another is linked to": (
        "Patient/q/$everything",
        "Patient/q Observation/others Patient/p",
        "Organization/hospital Organization/ministry Practitioner/dr",
    ),
    "from a day on": (
        "Patient/p/$everything?start=2026-01-10",
        "Patient/p DocumentReference/scan Encounter/e MedicationRequest/rx Observation/hb1 "
        "Observation/hb2 Observation/undated",
        SUPPORT,
    ),
    "up to a year": (
        "Patient/p/$everything?end=2025",
        "Patient/p Condition/old Observation/glucose Observation/undated",
        "Organization/hospital Organization/ministry Practitioner/dr",
    ),
    "one day": (
        "Patient/p/$everything?start=2026-01-10&end=2026-01-10",
        "Patient/p Encounter/e MedicationRequest/rx Observation/hb1 Observation/undated",
        "Location/ward Medication/amox Organization/hospital Organization/maker "
        "Organization/ministry Practitioner/dr",
    ),
    "one type": (
        "Patient/p/$everything?_type=Condition",
        "Condition/flu Condition/old",
        "",
    ),
    "several types": (
        "Patient/p/$everything?_type=Condition,Patient&_type=Practitioner",
        "Patient/p Condition/flu Condition/old",
        "Practitioner/dr",
    ),
    "changed since": (
        "Patient/p/$everything?_since=2026-03-01T12:00:00Z",
        "",
        "",
    ),
    "changed since before": (
        "Patient/p/$everything?_since=2026-03-01T11:59:59Z&_type=Patient",
        "Patient/p",
        "",
    ),
    "all patients": (
        "Patient/$everything?_type=Patient,Observation,Practitioner",
        "Patient/p Patient/q Observation/glucose Observation/hb1 Observation/hb2 "
        "Observation/others Observation/undated",
        "Practitioner/dr",
    ),
}


@OF_PATIENT
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_of_a_patient(server, row):
    path, matches, included = row
    tree = bundle(server.ask("GET", path))
    assert tree["type"] == "searchset"
    assert listed(tree, "match") == matches
    assert listed(tree, "include") == included
    assert tree["total"] == len(matches.split())
    assert tree["link"][0]["relation"] == "self"


@OF_PATIENT
def test_inputs_in_a_body(server):
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDate": "2026-01-10"},
            {"name": "end", "valueDate": "2026-01-10"},
            {"name": "_type", "valueCode": "Observation"},
            {"name": "_type", "valueCode": "Encounter"},
        ],
    }
    tree = bundle(server.ask("POST", "Patient/p/$everything", body))
    assert listed(tree) == "Encounter/e Observation/hb1 Observation/undated"


@OF_ENCOUNTER
@pytest.mark.parametrize(
    ("path", "matches", "included"),
    [
        (
            "Encounter/e/$everything",
            "Encounter/e MedicationRequest/rx Observation/hb1",
            "Condition/flu Location/ward Medication/amox Organization/hospital Organization/maker "
            "Organization/ministry Patient/p Practitioner/dr",
        ),
        ("Encounter/e/$everything?_type=Patient,Observation", "Observation/hb1", "Patient/p"),
        ("Encounter/e/$everything?_type=Condition", "", "Condition/flu"),
    ],
)
def test_of_an_encounter(server, path, matches, included):
    tree = bundle(server.ask("GET", path))
    assert (listed(tree, "match"), listed(tree, "include")) == (matches, included)


@OF_PATIENT
@OF_ENCOUNTER
@pytest.mark.parametrize(
    ("method", "path", "status", "code", "said"),
    [
        ("GET", "Patient/nobody/$everything", 404, "not-found", "no Patient/nobody"),
        ("GET", "Encounter/none/$everything", 404, "not-found", "no Encounter/none"),
        ("GET", "Patient/p/$everything?start=soon", 400, "value", "start is a date"),
        ("GET", "Patient/p/$everything?_since=2026-01-01", 400, "value", "_since is an instant"),
        ("GET", "Patient/p/$everything?_type=Patiens", 400, "value", "Patiens"),
        ("GET", "Patient/p/$everything?_count=-1", 400, "value", "_count is a whole number"),
        ("GET", "Patient/p/$everything?_page=x", 400, "value", "first page"),
        ("GET", "Patient/p/$everything?_page=WzFd", 400, "value", "first page"),
        ("GET", "Patient/p/$everything?_sort=x", 400, "not-supported", "no input '_sort'"),
        ("GET", "Encounter/e/$everything?start=2026", 400, "not-supported", "no input 'start'"),
        ("GET", "Observation/hb1/$everything", 405, "not-supported", "Patient/[id]/$everything"),
        ("DELETE", "Patient/p/$everything", 405, "not-supported", ""),
    ],
)
def test_refused(server, method, path, status, code, said):
    got = server.ask(method, path)
    assert (got.status, got.code) == (status, code)
    assert said in got.said


@OF_PATIENT
def test_pages_hold_all_of_it_once_whatever_is_written_meanwhile(server):
    everything_ = f"Patient/p {INSIDE} {SUPPORT}".split()
    path, seen = "Patient/p/$everything?_count=4", []
    while path:
        tree = bundle(server.ask("GET", path))
        assert len(tree["entry"]) <= 4
        assert tree["total"] == len(["Patient/p", *INSIDE.split()]) + (len(seen) > 0)
        seen += listed(tree).split()
        links = {one["relation"]: one["url"] for one in tree["link"]}
        if len(seen) == 4:  # what sorts before the place that was reached is not told any more
            server.ask("PUT", "Observation/glucose", observation("glucose", "15074-8", "2025-07"))
            server.ask("PUT", "Condition/a", {**CONDITION, "id": "a"})
        following = links.get("next", "")
        assert "_count=4" in following or not following
        path = following.removeprefix(f"{BASE}/")
        assert urlsplit(following).path in ("", "/fhir/Patient/p/$everything")
    server.ask("DELETE", "Condition/a")
    assert seen == everything_


CONDITION = {"resourceType": "Condition", "subject": {"reference": "Patient/p"}}


@OF_PATIENT
def test_a_deleted_patient_has_nothing(server):
    server.ask("PUT", "Patient/gone", {"resourceType": "Patient", "id": "gone", "active": True})
    server.ask("DELETE", "Patient/gone")
    assert server.ask("GET", "Patient/gone/$everything").status == 410


@OF_PATIENT
def test_count_zero_counts(server):
    tree = bundle(server.ask("GET", "Patient/p/$everything?_count=0"))
    assert (tree["total"], "entry" in tree) == (10, False)


@OF_PATIENT
def test_too_much_is_refused(server, monkeypatch):
    monkeypatch.setattr(everything, "MAX_ALL", 5)
    got = server.ask("GET", "Patient/p/$everything")
    assert (got.status, got.code) == (400, "too-costly")


@OF_PATIENT
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_caller_may_not_see_is_not_there(kind, tmp_path):
    """Of observations one only, no practitioner at all."""
    seen = []
    with record(kind, tmp_path, seen=seen) as server:
        one = AnyOf((search("Observation?_id=hb1").conditions,))
        some = {"Observation": one, "Practitioner": NOTHING}
        seen.append(Visibility(some, others=EVERYTHING))
        tree = bundle(server.ask("GET", "Patient/p/$everything?_type=Observation,Practitioner"))
        assert listed(tree) == "Observation/hb1"
        seen[0] = Visibility({"Patient": NOTHING}, others=EVERYTHING)
        assert server.ask("GET", "Patient/p/$everything").status == 404
        tree = bundle(server.ask("GET", "Encounter/e/$everything?_type=Patient,Encounter"))
        assert listed(tree) == "Encounter/e"

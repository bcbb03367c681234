"""What hospitals keep is not half there at the coordinator, whichever way it is asked for."""

import pytest

from tests.coordinator.world import network, patient


@pytest.fixture(scope="module")
def world():
    with network() as world:
        world.post(patient("1"))
        yield world


@pytest.mark.parametrize(
    "path",
    [
        "?_type=Observation",
        "?_type=Patient,DiagnosticReport&_lastUpdated=gt2020-01-01",
        "Patient/1/Observation",
        "Patient/1/*",
        "Observation/_history",
        "DiagnosticReport/_history",
        "Patient?_has:Observation:patient:code=718-7",
        "Patient?_revinclude=Observation:patient",
    ],
)
def test_refused_instead_of_empty(world, path):
    answer = world.ask("GET", f"/fhir/{path}" if not path.startswith("?") else f"/fhir{path}")
    assert answer.status_code in (400, 404, 405, 501), answer.text[:300]
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "path",
    [
        "_history",
        "Patient/_history",
        "Organization?_has:Endpoint:organization:status=active",
        "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender",
        "Patient/$meta",
    ],
)
def test_what_it_keeps_itself(world, path):
    assert world.ask("GET", f"/fhir/{path}").status_code == 200

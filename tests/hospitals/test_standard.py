"""What every FHIR server here can do, asked of a hospital: operations, exports, subscriptions."""

import pytest

from hospitals.topics import TOPICS
from tests.coordinator.world import patient, report
from tests.fhir_server.subscriptions.receiving import content, receiving, wish
from tests.hospitals.test_app import BASE, Hospital


@pytest.fixture
def hospital(tmp_path):
    hospital = Hospital(bulk_in=tmp_path)
    hospital.put(patient("1"))
    yield hospital
    hospital.app.state.close()


OPERATIONS = """
    document events everything expand export export-file export-status get-ws-binding-token lastn
    lookup meta meta-add meta-delete status subsumes summary translate validate validate-code
""".split()


def test_what_it_announces(hospital):
    rest = hospital.ask("GET", "/fhir/metadata").json()["rest"][0]
    told = {one["name"] for one in rest["operation"]}
    for resource in rest["resource"]:
        told |= {one["name"] for one in resource.get("operation", ())}
    assert told >= set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("Patient/p-1/$everything", "Bundle"),
        ("Patient/p-1/$summary", "Bundle"),
        ("Patient/p-1/$validate", "OperationOutcome"),
        ("Patient/p-1/$meta", "Parameters"),
        ("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender", "ValueSet"),
        (
            "CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male",
            "Parameters",
        ),
        ("Subscription/$status", "Bundle"),
        ("_history", "Bundle"),
    ],
)
def test_an_operation(hospital, path, type_):
    answer = hospital.ask("GET", f"/fhir/{path}")
    assert (answer.status_code, answer.json()["resourceType"]) == (200, type_)


def test_a_subscriber_hears_of_a_result(hospital):
    topic = TOPICS[0].url
    with receiving() as receiver:
        hospital.put(wish(topic, receiver.address, **content("id-only")))
        while not receiver.got:
            pass
        assert receiver.got[0].parameters["type"] == "handshake"
        while hospital.ask("GET", "/fhir/Subscription/s").json()["status"] != "active":
            pass
        hospital.put(*report("1", "1"))
        while len(receiver.got) < 2:
            pass
        (event,) = receiver.got[1].parameters["events"]
        assert event["focus"].startswith(f"{BASE}/DiagnosticReport/")


def test_after_a_reset_nobody_is_told(hospital):
    """The subscription was made after the snapshot, so it never was."""
    with receiving() as receiver:
        hospital.store.snapshot()
        hospital.put(wish("Patient", receiver.address))
        while hospital.ask("GET", "/fhir/Subscription/s").json()["status"] != "active":
            pass
        hospital.store.restore()
        subscriptions = hospital.app.state.subscriptions
        subscriptions.reload()
        hospital.put(patient("2"))
        while subscriptions.standing("s") is not None:
            pass
        assert receiver.got == []

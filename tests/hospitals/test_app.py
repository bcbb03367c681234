"""A mock hospital by itself: its base, its health, its faults, and what it puts into the outbox."""

import datetime as dt

import pytest

from fhir_profiles.json_text import dump
from fhir_server.audit import KIND, entry_of
from fhir_server.clock import SteppedClock
from fhir_server.faults import Faults
from fhir_server.store.open import open_store
from hospitals.app import create_hospital_app
from hospitals.outbox import OUTBOX
from tests.coordinator.world import CLINIC, FHIR, NOW, PROVINCE, PUBLIC, ZONE, patient, report
from tests.hospitals.asgi import ask

BASE = f"{PUBLIC}/hospitals/{PROVINCE}/fhir"


class Hospital:
    def __init__(self, **options):
        self.store = open_store("memory:", PROVINCE, zone=ZONE)
        self.faults = Faults()
        options = {"publish": True} | options
        self.app = create_hospital_app(
            PROVINCE,
            self.store,
            SteppedClock(NOW),
            public_url=PUBLIC,
            faults=self.faults,
            **options,
        )

    def ask(self, method, path, body=None, **more):

        content = None if body is None else dump(body)
        return ask(self.app, method, path, content=content, headers=FHIR, **more)

    def put(self, *resources):
        for resource in resources:
            path = f"/fhir/{resource['resourceType']}/{resource['id']}"
            answer = self.ask("PUT", path, resource)
            assert answer.status_code in (200, 201), answer.text

    def outbox(self):
        return [(row.key, row.data.decode()) for row in self.store.rows(OUTBOX)]


def test_its_own_address_and_health():
    hospital = Hospital()
    hospital.put(patient("1"))
    bundle = hospital.ask("GET", "/fhir/Patient").json()
    assert bundle["entry"][0]["fullUrl"] == f"{BASE}/Patient/p-1"
    assert hospital.ask("GET", "/healthz").json() == {"status": "ok"}
    assert hospital.ask("GET", "/readyz").json() == {"status": "ready", "resources": 1}
    assert hospital.ask("GET", "/elsewhere").status_code == 404


def test_faults_meet_fhir_and_leave_health_alone():
    hospital = Hospital()
    hospital.faults.set(PROVINCE, "unavailable")
    answer = hospital.ask("GET", "/fhir/metadata")
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert hospital.ask("GET", "/healthz").status_code == 200
    assert hospital.ask("GET", "/readyz").status_code == 200
    hospital.faults.set(PROVINCE, "ok")
    assert hospital.ask("GET", "/fhir/metadata").status_code == 200


def test_every_access_is_audited():
    hospital = Hospital()
    hospital.put(patient("1"))
    hospital.ask("GET", "/fhir/Patient/p-1")
    hospital.ask("GET", "/fhir/Patient/p-2")
    seen = [entry_of(row) for row in hospital.store.rows(KIND)]
    assert [(e.interaction, e.id, e.status) for e in seen] == [
        ("update", "p-1", 201),
        ("read", "p-1", 200),
        ("read", "p-2", 404),
    ]


SINCE = {PROVINCE: dt.datetime(2025, 1, 1, tzinfo=ZONE)}


@pytest.mark.parametrize(
    ("options", "status", "facility", "rows"),
    [
        ({}, "final", PROVINCE, 1),
        ({}, "amended", PROVINCE, 1),
        ({}, "corrected", PROVINCE, 1),
        ({}, "entered-in-error", PROVINCE, 1),
        ({}, "registered", PROVINCE, 0),
        ({}, "preliminary", PROVINCE, 0),
        ({"publish": False}, "final", PROVINCE, 0),
        ({"publishes_from": SINCE}, "final", PROVINCE, 1),
        ({"publishes_from": SINCE}, "final", CLINIC, 0),  # has no date: never publishes
        ({"publishes_from": {}}, "final", PROVINCE, 0),
    ],
)
def test_what_goes_into_the_outbox(options, status, facility, rows):
    hospital = Hospital(**options)
    hospital.put(patient("1"), *report("7", "1", facility_code=facility, status=status))
    assert hospital.outbox() == [("DiagnosticReport/r-7", facility)] * rows


def test_a_changed_registration_and_a_deleted_report_go_out_too():
    hospital = Hospital()
    hospital.put(patient("1"), *report("7", "1"))
    hospital.put(patient("1", "Nguyễn Thị Ánh Mai"))
    hospital.ask("DELETE", "/fhir/DiagnosticReport/r-7")
    assert [key for key, _ in hospital.outbox()] == [
        "DiagnosticReport/r-7",
        "Patient/p-1",
        "DiagnosticReport/r-7",
    ]


def test_a_refused_transaction_leaves_no_row():
    hospital = Hospital()
    result = report("7", "1")[1]
    entries = [
        {"resource": result, "request": {"method": "PUT", "url": "DiagnosticReport/r-7"}},
        {
            "resource": patient("1"),
            "request": {"method": "PUT", "url": "Patient/p-1", "ifMatch": 'W/"3"'},
        },
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert hospital.ask("POST", "/fhir", bundle).status_code == 412
    assert hospital.outbox() == []
    assert hospital.store.counts() == {}
    del entries[1]["request"]["ifMatch"]
    assert hospital.ask("POST", "/fhir", bundle).status_code == 200
    assert [key for key, _ in hospital.outbox()] == ["DiagnosticReport/r-7"]


def test_bad_input_is_answered_and_the_hospital_lives_on():

    hospital = Hospital()
    answer = ask(hospital.app, "POST", "/fhir/Patient", content=b'{"resourceType":', headers=FHIR)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert hospital.ask("GET", "/readyz").json()["resources"] == 0

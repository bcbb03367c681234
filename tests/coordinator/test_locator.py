"""The record locator: what a pointer must say, and what is found again."""

import pytest

from coordinator.services.facts_from_fhir import instant
from coordinator.services.locator import Pointer
from fhir_profiles import systems
from fhir_server.store.port import Document
from tests.coordinator.world import (
    CLINIC,
    DISTRICT,
    NOW,
    PROVINCE,
    PUBLIC,
    dump,
    key,
    network,
    pointer,
)

AT = "2026-02-20T08:00:00+07:00"
NOWHERE = {"reference": "Organization/99999"}


def _url(url):
    return {"content": [{"attachment": {"url": url}}]}


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({"masterIdentifier": None}, "masterIdentifier", "required"),
        ({"masterIdentifier": {"value": "7"}}, "masterIdentifier", "required"),
        ({"subject": {"reference": "Patient/p-1"}}, "subject.identifier", "required"),
        ({"subject": None}, "subject.identifier", "required"),
        ({"custodian": None}, "custodian", "required"),
        ({"custodian": NOWHERE}, "custodian", "value"),
        ({"type": None}, "type", "required"),
        ({"type": {"text": "HbA1c"}}, "type", "required"),
        (_url(None), "content[0].attachment.url", "required"),
        (_url("http://evil.test/DiagnosticReport/7"), "content[0].attachment.url", "value"),
        (_url("../../admin"), "content[0].attachment.url", "value"),
        (_url("Patient/p-1"), "content[0].attachment.url", "value"),
        (_url("DiagnosticReport/7?x=http://evil.test"), "content[0].attachment.url", "value"),
    ],
)
def test_a_pointer_that_leads_nowhere_is_refused(change, place, code):
    with network() as world:
        tree = {k: v for k, v in (pointer("7", "1") | change).items() if v is not None}
        tree["content"] = [
            {"attachment": {k: v for k, v in c["attachment"].items() if v} or {"title": "x"}}
            for c in tree["content"]
        ]
        answer = world.ask("POST", "/fhir/DocumentReference", tree)
        assert answer.status_code == 422, answer.text
        issues = answer.json()["issue"]
        assert [(i["code"], i["expression"]) for i in issues] == [
            (code, [f"DocumentReference.{place}"])
        ]
        assert world.stores["coordinator"].counts().get("DocumentReference", 0) == 0


def test_every_missing_element_is_named_at_once():
    with network() as world:
        bare = {
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [{"attachment": {"title": "x"}}],
        }
        issues = world.ask("POST", "/fhir/DocumentReference", bare).json()["issue"]
        assert [i["expression"][0].partition(".")[2] for i in issues] == [
            "masterIdentifier",
            "subject.identifier",
            "type",
            "custodian",
            "content[0].attachment.url",
        ]


def test_a_second_pointer_to_one_result_is_a_conflict():
    with network() as world:
        (name,) = world.post(pointer("7", "1"))
        answer = world.ask("POST", "/fhir/DocumentReference", pointer("7", "1"))
        assert answer.status_code == 409
        assert answer.json()["issue"][0]["code"] == "duplicate"
        assert name in answer.text
        updated = pointer("7", "1") | {"id": name.partition("/")[2], "docStatus": "amended"}
        assert world.ask("PUT", f"/fhir/{name}", updated).status_code == 200
        query = f"identifier={systems.result(PROVINCE)}|7"
        headers = {"If-None-Exist": query}
        again = world.ask("POST", "/fhir/DocumentReference", pointer("7", "1"), headers=headers)
        assert (again.status_code, again.json()["id"]) == (200, name.partition("/")[2])


def test_what_is_found_again():
    with network() as world:
        region = {"system": systems.BODY_REGION, "code": "chest"}
        local = {"system": systems.local_code(PROVINCE), "code": "DV08-chest"}
        xray = pointer("8", "1", at="2026-02-25T09:00:00+07:00", facility_code=CLINIC) | {
            "type": {"coding": [local, {"system": systems.TEST_GROUP, "code": "xray"}]},
            "category": [{"coding": [{"system": systems.DIAGNOSTIC_SERVICE, "code": "RAD"}]}],
            "context": {
                "period": {"start": "2026-02-25T09:00:00+07:00"},
                "event": [{"coding": [region]}],
            },
            "date": "2026-02-26T00:00:00+07:00",
        }
        world.post(pointer("7", "1"), xray, pointer("9", "2"))
        found = world.services.locator.pointers([key("1")])
        assert found == [
            Pointer(
                result=f"{systems.result(PROVINCE)}|8",
                facility=CLINIC,
                group=PROVINCE,
                reference="DiagnosticReport/r-8",
                codes=((local["system"], local["code"]), (systems.TEST_GROUP, "xray")),
                regions=("chest",),
                category="imaging",
                specimen=instant("2026-02-25T09:00:00+07:00"),
                published=instant("2026-02-26T00:00:00+07:00"),
                subject=key("1"),
                status="current",
            ),
            Pointer(
                result=f"{systems.result(PROVINCE)}|7",
                facility=PROVINCE,
                group=PROVINCE,
                reference="DiagnosticReport/r-7",
                codes=((systems.LOINC, "4548-4"),),
                regions=(),
                category="laboratory",
                specimen=instant(AT),
                published=instant(AT),
                subject=key("1"),
                status="current",
            ),
        ]


def test_only_current_pointers_of_the_registrations_asked_for():
    with network() as world:
        world.post(
            pointer("1", "1"),
            pointer("2", "1") | {"status": "entered-in-error"},
            pointer("3", "1") | {"status": "superseded"},
            pointer("4", "2", at="2026-02-21T08:00:00+07:00"),
            pointer("5", "1", group=DISTRICT, at="2026-02-22T08:00:00+07:00"),
        )

        def results(*subjects):
            return [p.result.rpartition("|")[2] for p in world.services.locator.pointers(subjects)]

        assert results(key("1")) == ["1"]
        assert results(key("1"), key("2"), key("1", DISTRICT), key("1")) == ["5", "4", "1"]
        assert results() == []
        assert results("") == []
        assert results(key("no such")) == []


def test_an_absolute_address_at_the_custodian_is_as_good():
    with network() as world:
        base = f"{PUBLIC}/hospitals/{PROVINCE}/fhir"
        world.post(pointer("7", "1") | _url(f"{base}/DiagnosticReport/r-7"))
        (found,) = world.services.locator.pointers([key("1")])
        assert found.reference == "DiagnosticReport/r-7"
        other = f"{PUBLIC}/hospitals/{DISTRICT}/fhir/DiagnosticReport/r-8"
        answer = world.ask("POST", "/fhir/DocumentReference", pointer("8", "1") | _url(other))
        assert answer.status_code == 422


def test_numbers_with_signs_of_the_search_language_and_more_than_a_page():
    with network(directory=[]) as world:
        store = world.services.store
        odd = r"A,1|2$3\4"
        trees = [pointer(f"n{i}", odd) | {"id": f"d-{i}"} for i in range(1205)]
        store.load([Document(tree, dump(tree)) for tree in trees], at=NOW)
        assert len(world.services.locator.pointers([key(odd)])) == 1205
        assert world.services.locator.pointers([key("A")]) == []

"""Patient/$ihe-pix: the error table of PIXm ITI-83, and whose numbers come back."""

import pytest

from fhir_profiles import systems
from tests.coordinator.world import DISTRICT, PROVINCE, key, network, patient

CCCD = "900164123456"
UNKNOWN = "https://elsewhere.example/sid/mrn"
OLD_CCCD = "http://fhir.ehealth.gov.vn/core/sid/national_id"


@pytest.fixture(scope="module")
def world():
    with network() as world:
        world.post(
            patient("1", cccd=CCCD),
            patient("2", group=DISTRICT, cccd=CCCD, bhxh="9912345678"),
            patient("3", "Lê Văn Tám", "1950-05-05", group=DISTRICT, gender="male"),
            patient("4", "Phạm Thị Bưởi", "1949-04-04", active=False),
        )
        yield world


@pytest.mark.parametrize(
    ("source", "targets", "status", "code"),
    [
        (key("1"), [], 200, None),
        (key("99"), [], 404, "not-found"),  # domain known, number unknown
        (f"{systems.BHYT}|HT4999900000000", [], 404, "not-found"),
        (f"{UNKNOWN}|1", [], 400, "code-invalid"),  # source domain unknown
        (key("1"), [UNKNOWN], 403, "code-invalid"),  # target domain unknown
        (key("1"), [systems.mrn(DISTRICT), UNKNOWN], 403, "code-invalid"),
        (key("4"), [], 404, "not-found"),  # its hospital replaced it
        ("1", [], 400, "value"),
        (f"{systems.CCCD}|", [], 400, "value"),
        (None, [], 400, "required"),
    ],
)
def test_table_of_errors(world, source, targets, status, code):
    params = [("targetSystem", target) for target in targets]
    if source is not None:
        params.append(("sourceIdentifier", source))
    answer = world.ask("GET", "/fhir/Patient/$ihe-pix", params=params)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["issue"][0]["code"] == code


def _told(answer):
    """(system, value) of the numbers, and the references, of an answer."""
    parts = answer.json().get("parameter", ())
    numbers = {
        (part["valueIdentifier"]["system"], part["valueIdentifier"]["value"])
        for part in parts
        if part["name"] == "targetIdentifier"
    }
    ids = [part["valueReference"]["reference"] for part in parts if part["name"] == "targetId"]
    return numbers, [reference.rpartition("/fhir/")[2] for reference in ids]


@pytest.mark.parametrize(
    ("source", "targets", "numbers", "ids"),
    [
        (
            key("1"),
            [],
            {(systems.CCCD, CCCD), (systems.mrn(DISTRICT), "2"), (systems.BHXH, "9912345678")},
            ["Patient/p-2"],
        ),
        (key("1"), [systems.mrn(DISTRICT)], {(systems.mrn(DISTRICT), "2")}, ["Patient/p-2"]),
        (key("1"), [OLD_CCCD], {(systems.CCCD, CCCD)}, ["Patient/p-2"]),
        (
            key("2", DISTRICT),
            [systems.mrn(PROVINCE)],
            {(systems.mrn(PROVINCE), "1")},
            ["Patient/p-1"],
        ),
        (key("3", DISTRICT), [], set(), []),
        (
            f"{systems.CCCD}|{CCCD}",
            [systems.mrn(PROVINCE), systems.mrn(DISTRICT)],
            {(systems.mrn(PROVINCE), "1"), (systems.mrn(DISTRICT), "2")},
            [],
        ),
        (f"{OLD_CCCD}|{CCCD}", [systems.BHXH], {(systems.BHXH, "9912345678")}, []),
    ],
)
def test_numbers_of_the_same_person(world, source, targets, numbers, ids):
    """The number asked for is never echoed."""
    params = [("sourceIdentifier", source), *(("targetSystem", target) for target in targets)]
    assert _told(world.ask("GET", "/fhir/Patient/$ihe-pix", params=params)) == (numbers, ids)


def test_post_with_parameters_is_the_same(world):
    system, value = key("1").split("|")
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "sourceIdentifier",
                "valueIdentifier": {"system": system, "value": value},
            },
            {"name": "targetSystem", "valueUri": systems.mrn(DISTRICT)},
        ],
    }
    answer = world.ask("POST", "/fhir/Patient/$ihe-pix", body)
    assert _told(answer) == ({(systems.mrn(DISTRICT), "2")}, ["Patient/p-2"])


def test_two_record_numbers_of_one_hospital_cannot_be_one(world):
    answer = world.ask("POST", "/fhir/Patient", patient("1", "Ai Khác") | {"id": "x"})
    assert answer.status_code == 409
    assert answer.json()["issue"][0]["code"] == "duplicate"

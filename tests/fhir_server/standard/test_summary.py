"""$summary: the summary of a patient (International Patient Summary)."""

import pytest
from lxml import etree

from fhir_profiles.xml_reading import to_json
from fhir_profiles.xml_writing import to_xml
from fhir_server.standard import summary
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from tests.fhir_server.serving import BASE
from tests.fhir_server.standard.record import (
    ALLERGIC,
    RECORD,
    XHTML,
    bundle,
    concept,
    listed,
    made,
    observation,
    record,
    to,
)
from tests.fhir_server.store.stores import KINDS

pytestmark = [
    pytest.mark.spec("documents.html"),
    pytest.mark.spec("operations.html"),
]
VERIFIED = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
PULSE = {"value": 70, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}
MORE = [
    made("Patient", "new"),
    made(
        "AllergyIntolerance",
        "nuts",
        clinicalStatus=concept("active", system=ALLERGIC),
        code={"text": "Lạc"},
        patient=to("Patient/p"),
    ),
    made(
        "AllergyIntolerance",
        "mistake",
        verificationStatus=concept("entered-in-error", system=VERIFIED),
        code={"text": "Trứng"},
        patient=to("Patient/p"),
    ),
    made(
        "Immunization",
        "bcg",
        status="completed",
        vaccineCode={"text": "BCG"},
        patient=to("Patient/p"),
        occurrenceDateTime="1990-01-02",
    ),
    made(
        "Immunization",
        "refused",
        status="not-done",
        vaccineCode={"text": "MMR"},
        patient=to("Patient/p"),
        occurrenceString="never",
    ),
    made(
        "Procedure",
        "appendix",
        status="completed",
        code={"text": "Cắt ruột thừa"},
        subject=to("Patient/p"),
        performedDateTime="2015",
    ),
    made(
        "DiagnosticReport",
        "blood",
        status="final",
        code={"text": "Huyết học"},
        subject=to("Patient/p"),
        result=[to("Observation/hb1")],
        issued="2026-01-10T09:00:00+07:00",
    ),
    observation(
        "pulse",
        "8867-4",
        "2026-01-10",
        category=[concept("vital-signs", system=CATEGORY)],
        valueQuantity=PULSE,
    ),
]
SECTIONS = {
    "10160-0": ["MedicationRequest/rx"],
    "48765-2": ["AllergyIntolerance/nuts"],
    "11450-4": ["Condition/flu"],
    "11369-6": ["Immunization/bcg"],
    "47519-4": ["Procedure/appendix"],
    "46264-8": [],
    "30954-2": [
        "Observation/hb2",
        "Observation/hb1",
        "Observation/glucose",
        "Observation/undated",
        "DiagnosticReport/blood",
    ],
    "8716-3": ["Observation/pulse"],
    "11348-0": ["Condition/old"],
}


@pytest.fixture(params=KINDS, scope="module")
def server(request, tmp_path_factory):
    with record(request.param, tmp_path_factory.mktemp("summary"), *RECORD, *MORE) as running:
        yield running


def sections(tree):
    """By LOINC code: the addresses of the entries."""
    composition = tree["entry"][0]["resource"]
    return {
        one["code"]["coding"][0]["code"]: [
            entry["reference"].removeprefix(f"{BASE}/") for entry in one.get("entry", [])
        ]
        for one in composition["section"]
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["Patient/p/$summary", "Patient/$summary?identifier=urn:ids|1"])
def test_sections(server, method, path):
    tree = bundle(server.ask(method, path))
    assert sections(tree) == SECTIONS
    assert tree["type"] == "document"
    composition = tree["entry"][0]["resource"]
    assert composition["type"]["coding"][0]["code"] == "60591-5"
    assert composition["subject"] == {"reference": f"{BASE}/Patient/p"}
    assert composition["custodian"] == {"reference": f"{BASE}/Organization/hospital"}
    assert composition["title"] == "Patient summary of Văn An Nguyễn"
    assert composition["date"] == tree["timestamp"] == "2026-03-01T12:00:00.000Z"


def test_all_that_is_referred_to_is_in_it(server):
    tree = bundle(server.ask("GET", "Patient/p/$summary"))
    there = listed(tree).split()
    assert len(there) == len(set(there))
    entries = {one for found in SECTIONS.values() for one in found}
    support = {"Practitioner/dr", "Medication/amox", "Organization/hospital", "Organization/maker"}
    assert entries | support | {"Patient/p"} <= set(there)
    assert "Patient/q" not in there
    full_urls = {one["fullUrl"] for one in tree["entry"]}
    author = tree["entry"][0]["resource"]["author"][0]["reference"]
    assert author in full_urls
    assert tree["entry"][-1]["resource"]["resourceType"] == "Device"


def test_what_is_not_known_is_said(server):
    tree = bundle(server.ask("GET", "Patient/new/$summary"))
    found = sections(tree)
    assert list(found) == list(SECTIONS)[:8]
    assert not any(found.values())
    for one in tree["entry"][0]["resource"]["section"]:
        assert one["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert "No information is available" in one["text"]["div"]


NARRATIVES = {
    "10160-0": ["Medication/amox", "active", "2026-01-10"],
    "11450-4": ["Cúm <A> & B", "active", "2026-01-09"],
    "11369-6": ["BCG", "completed", "1990-01-02"],
    "8716-3": ["8867-4", "70 /min", "2026-01-10"],
}


@pytest.mark.spec("narrative.html")
@pytest.mark.parametrize("code", NARRATIVES)
def test_narratives(server, code):
    tree = bundle(server.ask("GET", "Patient/p/$summary"))
    div = next(
        one["text"]["div"]
        for one in tree["entry"][0]["resource"]["section"]
        if one["code"]["coding"][0]["code"] == code
    )
    cells = [cell.text for cell in etree.fromstring(div).iter(f"{{{XHTML}}}td")]
    assert cells == NARRATIVES[code]


def test_as_xml_it_is_the_same(server):
    body = server.ask("GET", "Patient/p/$summary").body
    assert to_xml(to_json(to_xml(body))) == to_xml(body)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Patient/nobody/$summary", 404, "not-found"),
        ("Patient/$summary", 400, "required"),
        ("Patient/$summary?identifier=urn:ids|none", 404, "not-found"),
        ("Patient/$summary?identifier=1,2", 412, "multiple-matches"),
        ("Patient/p/$summary?identifier=urn:ids|1", 400, "value"),
        ("Patient/p/$summary?profile=urn:other", 400, "value"),
        ("Patient/p/$summary?graph=urn:other", 400, "value"),
        ("Patient/p/$summary?x=y", 400, "not-supported"),
        ("Observation/hb1/$summary", 405, "not-supported"),
        ("$summary", 405, "not-supported"),
    ],
)
def test_refused(server, path, status, code):
    got = server.ask("GET", path)
    assert (got.status, got.code) == (status, code), got.body


@pytest.mark.parametrize("profile", summary.PROFILES)
def test_profiles_that_are_followed(server, profile):
    assert server.ask("GET", f"Patient/p/$summary?profile={profile}|1.1.0").status == 200


def test_sections_are_bounded(server, monkeypatch):
    monkeypatch.setattr(summary, "MAX_ENTRIES", 2)
    tree = bundle(server.ask("GET", "Patient/p/$summary"))
    assert sections(tree)["30954-2"][:2] == ["Observation/hb2", "Observation/hb1"]
    assert len(sections(tree)["30954-2"]) == 3  # two observations and the report


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_caller_may_not_see_is_not_there(kind, tmp_path):
    seen = []
    with record(kind, tmp_path, *RECORD, *MORE, seen=seen) as server:
        seen.append(Visibility({"AllergyIntolerance": NOTHING}, others=EVERYTHING))
        tree = bundle(server.ask("GET", "Patient/p/$summary"))
        assert sections(tree)["48765-2"] == []

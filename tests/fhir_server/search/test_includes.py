"""https://hl7.org/fhir/R4/search.html#revinclude: what a page brings along."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search import following
from fhir_server.search.request import CURSOR
from tests.fhir_server.store.stores import KINDS, opened, put, request, search

pytestmark = pytest.mark.spec("search.html#revinclude")

BASE = "http://here.vn/fhir"
PLAN = "http://x.vn/PlanDefinition/diabetes"


def made(type_, id_, **members):
    return {"resourceType": type_, "id": id_, **members}


def to(reference):
    return {"reference": reference}


def observation(id_, patient, **members):
    code = {"coding": [{"code": "x"}]}
    return made("Observation", id_, status="final", code=code, subject=to(patient), **members)


def care_plan(id_, canonical):
    subject = to("Patient/1")
    return made(
        *("CarePlan", id_),
        status="active",
        intent="plan",
        subject=subject,
        instantiatesCanonical=[canonical],
    )


RESOURCES = [
    made("Organization", "top", name="top"),
    made("Organization", "mid", name="mid", partOf=to("Organization/top")),
    made("Organization", "low", name="low", partOf=to("Organization/mid")),
    made("Practitioner", "dr"),
    made(
        *("Patient", "1"),
        generalPractitioner=[to("Practitioner/dr")],
        managingOrganization=to("Organization/low"),
        link=[{"other": to("Patient/2"), "type": "seealso"}],
    ),
    made("Patient", "2", link=[{"other": to("Patient/3"), "type": "seealso"}]),
    made("Patient", "3", link=[{"other": to("Patient/1"), "type": "seealso"}]),
    made("Group", "1", type="person", actual=True),
    observation("relative", "Patient/1", performer=[to("Practitioner/dr")]),
    observation("versioned", "Patient/1/_history/1"),
    observation("absolute", f"{BASE}/Patient/1"),
    observation("elsewhere", "http://there.vn/fhir/Patient/1"),
    observation("group", "Group/1", hasMember=[to("Observation/relative")]),
    observation("panel", "Patient/2", hasMember=[to("Observation/group"), to("Observation/none")]),
    made("PlanDefinition", "v1", status="active", url=PLAN, version="1.0-Beta"),
    made("PlanDefinition", "v2", status="active", url=PLAN, version="2.0"),
    care_plan("first", f"{PLAN}|1.0-Beta"),
    care_plan("any", PLAN),
    care_plan("other", f"{PLAN}|9"),
]

FORWARD = [
    # the forms of a reference, and the third part of the parameter
    ("Observation?_id=relative&_include=Observation:subject", "Patient/1"),
    ("Observation?_id=versioned&_include=Observation:subject", "Patient/1"),
    ("Observation?_id=absolute&_include=Observation:subject", "Patient/1"),
    ("Observation?_id=elsewhere&_include=Observation:subject", ""),
    ("Observation?_id=group&_include=Observation:subject", "Group/1"),
    ("Observation?_id=group&_include=Observation:subject:Patient", ""),
    ("Observation?_id=group&_include=Observation:subject:Group", "Group/1"),
    ("Observation?_id=group,relative&_include=Observation:subject", "Patient/1 Group/1"),
    ("CarePlan?_id=first&_include=CarePlan:instantiates-canonical", "PlanDefinition/v1"),
    (
        "CarePlan?_id=any&_include=CarePlan:instantiates-canonical",
        "PlanDefinition/v1 PlanDefinition/v2",
    ),
    ("CarePlan?_id=other&_include=CarePlan:instantiates-canonical", ""),
    ("CarePlan?_id=any&_include=CarePlan:instantiates-canonical:ActivityDefinition", ""),
    # several together, once each
    (
        "Observation?_id=relative,versioned&_include=Observation:subject&_include=Observation:performer",
        "Practitioner/dr Patient/1",
    ),
    # wildcards
    ("Observation?_id=relative&_include=*", "Practitioner/dr Patient/1"),
    ("Observation?_id=relative&_include=Observation:*", "Practitioner/dr Patient/1"),
    ("Observation?_id=relative&_include=Observation:*:Patient", "Patient/1"),
    ("Observation?_id=panel&_include=*", "Patient/2 Observation/group"),
    # without :iterate what was included is not followed, with it wave by wave to the end
    ("Patient?_id=1&_include=Patient:organization", "Organization/low"),
    (
        "Patient?_id=1&_include=Patient:organization&_include:iterate=Organization:partof",
        "Organization/top Organization/mid Organization/low",
    ),
    (
        "Patient?_id=1&_include=Patient:organization&_include:recurse=Organization:partof",
        "Organization/top Organization/mid Organization/low",
    ),
    ("Patient?_id=1&_include:iterate=Organization:partof", ""),
    (
        "Organization?_id=low&_include:iterate=Organization:partof",
        "Organization/top Organization/mid",
    ),
    (
        "Observation?_id=panel&_include:iterate=Observation:has-member",
        "Observation/relative Observation/group",
    ),
    # cycles end, and what was found is not included
    ("Patient?_id=1&_include:iterate=Patient:link", "Patient/2 Patient/3"),
    ("Patient?_include:iterate=Patient:link", ""),
    (
        "Observation?_id=panel&_include:iterate=*",
        "Organization/top Organization/mid Organization/low Practitioner/dr Patient/1 Patient/2 "
        "Patient/3 Group/1 Observation/relative Observation/group",
    ),
]

BACKWARD = [
    (
        "Patient?_id=1&_revinclude=Observation:subject",
        "Observation/relative Observation/versioned Observation/absolute",
    ),
    ("Patient?_id=1&_revinclude=Observation:subject:Group", None),
    ("Group?_id=1&_revinclude=Observation:subject:Group", "Observation/group"),
    (
        "Practitioner?_id=dr&_revinclude=Patient:general-practitioner&_revinclude=Observation:performer",
        "Patient/1 Observation/relative",
    ),
    (
        "PlanDefinition?_id=v1&_revinclude=CarePlan:instantiates-canonical",
        "CarePlan/first CarePlan/any",
    ),
    ("PlanDefinition?_id=v2&_revinclude=CarePlan:instantiates-canonical", "CarePlan/any"),
    ("Patient?_id=2&_revinclude=*", "Patient/1 Observation/panel"),
    ("Patient?_id=2&_revinclude=Observation:*", "Observation/panel"),
    ("Organization?_id=top&_revinclude=Organization:partof", "Organization/mid"),
    (
        "Organization?_id=top&_revinclude:iterate=Organization:partof",
        "Organization/mid Organization/low",
    ),
    (
        "Organization?_id=mid&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization",
        "Organization/low Patient/1",
    ),
    # forwards and backwards, one feeding the other
    (
        "Organization?_id=low&_revinclude=Patient:organization&_include:iterate=Patient:link",
        "Patient/1 Patient/2 Patient/3",
    ),
    (
        "Patient?_id=2&_revinclude=Observation:subject&_include:iterate=Observation:has-member:Observation",
        "Observation/relative Observation/group Observation/panel",
    ),
]


def along(found):
    return " ".join(f"{version.type}/{version.id}" for version in found.included)


@pytest.mark.parametrize(("query", "expected"), FORWARD, ids=[row[0] for row in FORWARD])
def test_include(store, query, expected):
    assert along(search(store, query, base=BASE)) == expected


@pytest.mark.parametrize(("query", "expected"), BACKWARD, ids=[row[0] for row in BACKWARD])
def test_revinclude(store, query, expected):
    if expected is None:
        with pytest.raises(FhirError, match="does not lead to Patient"):
            request(query)
    else:
        found = search(store, query, base=BASE)
        assert along(found) == expected
        assert len(found.matches) == 1


def test_another_address_is_another_server(store):
    found = search(store, "Observation?_id=absolute&_include=Observation:subject", base="http://z")
    assert found.included == []


def test_includes_belong_to_their_page(store):
    query = "Observation?_sort=_id&_count=2&_include=Observation:subject"
    pages, cursor = [], ""
    while cursor is not None:
        found = search(store, f"{query}{cursor and f'&{CURSOR}={cursor}'}", base=BASE)
        pages.append(([one.id for one in found.matches], along(found)))
        cursor = found.next
    assert pages == [
        (["absolute", "elsewhere"], "Patient/1"),
        (["group", "panel"], "Patient/2 Group/1"),
        (["relative", "versioned"], "Patient/1"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Practitioner?_revinclude=Observation:performer", ["o0", "o1", "o2"]),
        ("Practitioner?_include:iterate=*&_revinclude:iterate=*", ["o0", "o1", "o2"]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_too_much_is_said_to_be_cut(tmp_path, monkeypatch, kind, query, expected):
    monkeypatch.setattr(following, "MAX_INCLUDED", 3)
    store = opened(kind, tmp_path)
    put(store, RESOURCES[3])
    put(
        store,
        *(observation(f"o{n}", "Patient/1", performer=[to("Practitioner/dr")]) for n in range(3)),
    )
    found = search(store, query)
    assert ([one.id for one in found.included], found.cut) == (expected, False)
    put(store, observation("o3", "Patient/1", performer=[to("Practitioner/dr")]))
    found = search(store, query)
    assert ([one.id for one in found.included], found.cut) == (expected, True)
    store.close()


REFUSED = [
    ("Patient?_include=Patient:lnk", "Patient has no reference parameter 'lnk'; it has"),
    ("Patient?_include=Nothing:*", "no resource type 'Nothing'"),
    ("Patient?_include=Patient:link:Nobody", "no resource type 'Nobody'"),
    ("Patient?_include:iterate=Patient:link:Group", "does not lead to 'Group'"),
    ("Patient?_include=**", "nor Type:. or .$"),
    ("Patient?_include=Observation:*", "begins at Observation, but this search finds Patient"),
    ("Patient?_summary=text&_include=Patient:link", "cannot be combined with _summary=text"),
    ("Patient?_summary=text&_revinclude=*", "_revinclude: it cannot be combined"),
]


@pytest.mark.parametrize(("query", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(query, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(query)
    assert (refused.value.status, refused.value.kind.name) == (400, "BAD_PARAMETER")


def test_too_many():
    many = "&".join(f"_include=Patient:{code}" for code in ["link", "organization"] * 21)
    with pytest.raises(FhirError, match="at most 40 of them") as refused:
        request("Patient?" + "&".join(f"_include:iterate={t}:*" for t in _types(41)))
    assert refused.value.kind.name == "TOO_COSTLY"
    assert len(request(f"Patient?{many}").include) == 2


def _types(count):
    from fhir_profiles.definitions.tables import resource_types

    return sorted(resource_types())[:count]

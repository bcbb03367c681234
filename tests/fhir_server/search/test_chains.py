"""https://hl7.org/fhir/R4/search.html#chaining, #has and #list: what resources lead to."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.conditions import MAX_LINKS
from tests.fhir_server.store.stores import request

pytestmark = [pytest.mark.spec("search.html#chaining"), pytest.mark.spec("search.html#has")]

MRN = "urn:mrn"


def made(type_, id_, **members):
    return {"resourceType": type_, "id": id_, **members}


def to(reference):
    return {"reference": reference}


def named(type_, id_, name, **members):
    return made(type_, id_, name=[{"family": name}], **members)


def observation(id_, patient, code, **members):
    subject = patient if isinstance(patient, dict) else to(f"Patient/{patient}")
    coded = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return made("Observation", id_, status="final", code=coded, subject=subject, **members)


RESOURCES = [
    made("Organization", "top", name="Bộ Y tế"),
    made("Organization", "hue", name="Bệnh viện Huế", partOf=to("Organization/top")),
    made("Organization", "hanoi", name="Bạch Mai"),
    named("Practitioner", "an", "Nguyễn", gender="female"),
    named("Practitioner", "binh", "Trần"),
    named(
        *("Patient", "1", "Lê"),
        identifier=[{"system": MRN, "value": "M1"}],
        birthDate="1980-05-01",
        generalPractitioner=[to("Practitioner/an"), to("Organization/hanoi")],
        managingOrganization=to("Organization/hue"),
        meta={"tag": [{"code": "vip"}]},
    ),
    named(
        *("Patient", "2", "Phạm"),
        generalPractitioner=[to("Practitioner/binh")],
        managingOrganization=to("Organization/hanoi"),
    ),
    named("Patient", "3", "Hồ"),
    made("Group", "1", type="person", actual=True, managingEntity=to("Organization/hue")),
    made("Encounter", "e1", status="finished", subject=to("Patient/1"), **{"class": {"code": "A"}}),
    made("Encounter", "e2", status="finished", subject=to("Patient/2"), **{"class": {"code": "A"}}),
    observation("o1", "1", "hba1c", encounter=to("Encounter/e1"), effectiveDateTime="2024-01-01"),
    observation("o2", "1", "glucose", valueQuantity={"value": 7}),
    observation(
        "o3", "2", "hba1c", encounter=to("Encounter/e2"), performer=[to("Practitioner/an")]
    ),
    observation("group", to("Group/1"), "count"),
    observation("logical", {"identifier": {"system": MRN, "value": "M1"}}, "hba1c"),
    made("Provenance", "p", target=[to("Observation/o1")], agent=[{"who": to("Practitioner/an")}]),
    made(
        "Provenance", "q", target=[to("Observation/o3")], agent=[{"who": to("Practitioner/binh")}]
    ),
    made(
        "List",
        "l",
        status="current",
        mode="working",
        entry=[
            {"item": to("Patient/1")},
            {"item": to("Patient/3")},
            {"item": to("Observation/o2")},
            {"item": to("Patient/gone")},
        ],
    ),
    made("List", "m", status="current", mode="working", entry=[{"item": to("Patient/2")}]),
]

CHAINS = [
    # one link, two, three, more
    ("Observation?patient.name=le", "o1 o2"),
    ("Observation?subject:Patient.general-practitioner:Practitioner.name=nguyen", "o1 o2"),
    ("Observation?patient.organization.name=bach", "o3"),
    ("Observation?patient.organization.partof.name=bo y te", "o1 o2"),
    ("Provenance?target:Observation.patient.organization.partof.name=bo", "p"),
    ("Observation?encounter.patient.name=le", "o1"),
    # references without a type lead wherever the parameter is known
    ("Observation?subject.organization.name=hue", ""),
    ("Observation?subject.organization.name=benh", "o1 o2"),
    ("Observation?subject.managing-entity:Organization.name=benh", "group"),
    ("Provenance?target.subject:Patient.birthdate=1980", "p"),
    ("Observation?patient.general-practitioner.name=nguyen", "o1 o2"),
    ("Observation?patient.general-practitioner.name=bach", "o1 o2"),
    # modifiers, prefixes and common parameters at the end
    ("Observation?patient.organization.name:exact=Bạch Mai", "o3"),
    ("Observation?patient.organization.name:contains=vien", "o1 o2"),
    ("Observation?encounter.patient.birthdate=lt1990", "o1"),
    ("Observation?encounter.patient.birthdate=gt1990", ""),
    ("Observation?patient.general-practitioner:Practitioner.gender:not=female", "o3"),
    ("Observation?encounter.patient.birthdate:missing=true", "o3"),
    ("Observation?patient.organization.partof:missing=false", "o1 o2"),
    ("Observation?patient.organization._id=hanoi,hue", "o1 o2 o3"),
    ("Observation?patient._tag=vip", "o1 o2"),
    ("Observation?encounter.patient._tag:not=vip", "o3"),
    ("Observation?patient.organization._lastUpdated=ge2025", "o1 o2 o3"),
    ("Observation?patient.organization._lastUpdated=lt2025", ""),
    # an identifier also meets references that are no more than that
    (f"Observation?patient.identifier={MRN}|M1", "o1 o2 logical"),
    (f"Observation?encounter.patient.identifier={MRN}|M1", "o1"),
    (f"Provenance?target:Observation.patient.identifier={MRN}|M1", "p"),
    # several chains are met by one and the same resource or another, each for itself
    ("Observation?patient.name=le&patient.organization.name=benh", "o1 o2"),
    ("Observation?patient.name=le&encounter.class=A&code=hba1c", "o1"),
    ("Observation?patient.name=le,pham&encounter.class=A", "o1 o3"),
    # a chain that leads round in a circle ends with its links
    ("Organization?partof.partof.name=x", ""),
]

REVERSE = [
    ("Patient?_has:Observation:patient:code=hba1c", "1 2"),
    ("Patient?_has:Observation:patient:code=http://loinc.org|glucose", "1"),
    ("Patient?_has:Observation:patient:code=nothing", ""),
    ("Patient?_has:Observation:patient:_id=o3", "2"),
    ("Patient?_has:Observation:patient:code:missing=true", ""),
    ("Patient?_has:Observation:patient:date:missing=true", "1 2"),
    ("Patient?_has:Observation:patient:code:not=hba1c", "1"),
    ("Patient?_has:Observation:patient:date=lt2025", "1"),
    ("Patient?_has:Observation:patient:value-quantity=gt5", "1"),
    ("Patient?_has:Observation:subject:_lastUpdated=ge2025", "1 2"),
    ("Patient?_has:Observation:patient:code=hba1c&_has:Observation:patient:code=glucose", "1"),
    ("Patient?_has:Observation:patient:code=hba1c,glucose&name=pham", "2"),
    # nested, chained on, and behind a chain
    ("Patient?_has:Observation:patient:_has:Provenance:target:agent=Practitioner/an", "1"),
    ("Patient?_has:Observation:patient:_has:Provenance:target:agent.name=tran", "2"),
    ("Patient?_has:Observation:patient:performer:Practitioner.name=nguyen", "2"),
    ("Patient?_has:Observation:patient:encounter.class=A", "1 2"),
    ("Observation?patient._has:Encounter:patient:class=A", "o1 o2 o3"),
    ("Observation?encounter.patient._has:Observation:patient:code=glucose", "o1"),
    ("Organization?_has:Patient:organization:_has:Observation:patient:code=glucose", "hue"),
    ("Practitioner?_has:Patient:general-practitioner:organization.name=bach", "binh"),
    ("Encounter?_has:Observation:encounter:patient.name=le", "e1"),
]

LISTS = [
    ("Patient?_list=l", "1 3"),
    ("Patient?_list=List/l", "1 3"),
    ("Patient?_list=l,m", "1 2 3"),
    ("Patient?_list=l&name=ho", "3"),
    ("Observation?_list=l", "o2"),
    ("Patient?_list=unknown", ""),
    ("Observation?patient._list=l&code=hba1c", "o1"),
]


@pytest.mark.parametrize(("query", "expected"), CHAINS, ids=[row[0] for row in CHAINS])
def test_chain(find, query, expected):
    assert find(query) == expected


@pytest.mark.parametrize(("query", "expected"), REVERSE, ids=[row[0] for row in REVERSE])
def test_has(find, query, expected):
    assert find(query) == expected


@pytest.mark.spec("search.html#list")
@pytest.mark.parametrize(("query", "expected"), LISTS, ids=[row[0] for row in LISTS])
def test_list(find, query, expected):
    assert find(query) == expected


def test_as_deep_as_it_gets(find):
    links = "partof." * (MAX_LINKS - 1)
    assert find(f"Patient?organization.{links}name=x") == ""
    back = "_has:Organization:partof:" * (MAX_LINKS - 1)
    assert find(f"Organization?{back}_has:Patient:organization:name=x") == ""


REFUSED = [
    (f"Patient?organization.{'partof.' * MAX_LINKS}name=x", "TOO_COSTLY", "at most 8 links"),
    ("Provenance?target.subject.subject.subject.name=x", "TOO_COSTLY", "name the types"),
    ("Patient?organization.nme=x", "UNKNOWN_PARAMETER", "organization.nme: .*did you mean 'name'"),
    (
        "Observation?patient.organization.nme=x",
        *("UNKNOWN_PARAMETER", "^patient.organization.nme: Organization has no .*'nme'"),
    ),
    ("Observation?patient.organization.birthdate=x", "UNKNOWN_PARAMETER", "Organization has no"),
    ("Observation?patient.birthdate=soon", "BAD_PARAMETER", "patient.birthdate: 'soon' is not a"),
    ("Observation?encounter.class.code=x", "UNKNOWN_PARAMETER", "class is no reference"),
    ("Observation?subject:identifier.name=x", "UNKNOWN_PARAMETER", "write subject:identifier or"),
    ("Patient?_has=x", "UNKNOWN_PARAMETER", "write _has:Type:reference:parameter"),
    ("Patient?_has:Observation=x", "UNKNOWN_PARAMETER", "write _has:Type:reference:parameter"),
    ("Patient?_has:Observation:patient=x", "UNKNOWN_PARAMETER", "write _has:Type:reference:param"),
    ("Patient?_has:Observation:patient:=x", "UNKNOWN_PARAMETER", "write _has:Type:reference:para"),
    ("Patient?_has:Obs:patient:code=x", "UNKNOWN_PARAMETER", "no resource type 'Obs'"),
    ("Patient?_has:Observation:pat:code=x", "UNKNOWN_PARAMETER", "'pat'; did you mean 'patient'"),
    (
        "Patient?_has:Observation:code:code=x",
        "UNKNOWN_PARAMETER",
        "no reference to Patient; .*subj",
    ),
    ("Patient?_has:Observation:encounter:code=x", "UNKNOWN_PARAMETER", "no reference to Patient"),
    ("Patient?_has:Observation:patient:cod=x", "UNKNOWN_PARAMETER", "did you mean 'code'"),
    ("Patient?_has:Observation:patient:code=", "BAD_PARAMETER", "it has no value"),
    ("Patient?_has:Observation:patient:date=soon", "BAD_PARAMETER", "'soon' is not a date"),
    ("Patient?_list=$current-allergies", "BAD_PARAMETER", "a functional list; only lists that are"),
    ("Patient?_list=$mine", "BAD_PARAMETER", "no list of ours"),
    ("Patient?_list=a b", "BAD_PARAMETER", "'a b' is not the id of a List"),
]


@pytest.mark.parametrize(("query", "kind", "words"), REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(query, kind, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(query)
    assert (refused.value.status, refused.value.kind.name) == (400, kind)

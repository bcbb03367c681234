"""https://hl7.org/fhir/R4/search.html#reference and #chaining"""

import pytest

from tests.fhir_server.store.stores import ids

pytestmark = pytest.mark.spec("search.html#reference")

MRN = "https://lienthong.example/fhir/sid/mrn/01001"


def observation(id_, subject=None, **members):
    tree = {"resourceType": "Observation", "id": id_, "status": "final", "code": {}, **members}
    return tree | ({"subject": subject} if subject else {})


RESOURCES = [
    {
        "resourceType": "Patient",
        "id": "1",
        "name": [{"family": "Nguyễn"}],
        "identifier": [{"system": MRN, "value": "M1"}],
        "birthDate": "1980",
        "managingOrganization": {"reference": "Organization/h"},
    },
    {"resourceType": "Patient", "id": "2", "name": [{"family": "Trần"}], "gender": "male"},
    {"resourceType": "Group", "id": "1", "actual": True, "name": "Nguyễn family"},
    {"resourceType": "Organization", "id": "h", "name": "Huế"},
    observation("relative", {"reference": "Patient/1"}),
    observation("versioned", {"reference": "Patient/1/_history/3"}),
    observation("group", {"reference": "Group/1"}),
    observation("absolute", {"reference": "http://other.vn/fhir/Patient/1"}),
    observation("logical", {"identifier": {"system": MRN, "value": "M1"}}),
    observation("typed", {"type": "Patient", "identifier": {"system": MRN, "value": "M2"}}),
    observation("device", {"type": "Device", "identifier": {"system": MRN, "value": "M1"}}),
    observation("both", {"reference": "Patient/2", "identifier": {"system": MRN, "value": "M2"}}),
    observation("urn", {"reference": "urn:uuid:6d3b1c8e-0000-4000-8000-000000000001"}),
    observation("words", {"display": "somebody"}),
    observation("gone", {"reference": "Patient/404"}),
    observation("nothing"),
    {
        "resourceType": "CarePlan",
        "id": "canonical",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": "Patient/1"},
        "instantiatesCanonical": ["http://x/PlanDefinition/p|1.0"],
    },
]

ROWS = [
    # by type and id, by id, by address
    ("Observation?subject=Patient/1", "relative versioned"),
    ("Observation?subject=Patient/1/_history/1", "relative versioned"),
    ("Observation?subject=1", "relative versioned group"),
    ("Observation?subject:Patient=1", "relative versioned"),
    ("Observation?subject:Patient=Patient/1", "relative versioned"),
    ("Observation?subject:Group=1", "group"),
    ("Observation?subject=http://other.vn/fhir/Patient/1", "absolute"),
    ("Observation?subject=http://another.vn/fhir/Patient/1", ""),
    ("Observation?subject=urn:uuid:6d3b1c8e-0000-4000-8000-000000000001", "urn"),
    ("Observation?subject=Patient/1,Patient/2", "relative versioned both"),
    ("Observation?subject=Patient/3", ""),
    # a parameter for one target type
    ("Observation?patient=1", "relative versioned"),
    ("Observation?patient=Patient/1", "relative versioned"),
    ("Observation?patient=Group/1", ""),
    # the identifier of a reference
    (f"Observation?subject:identifier={MRN}|M1", "logical device"),
    (f"Observation?patient:identifier={MRN}|M1", "logical"),
    (f"Observation?patient:identifier={MRN}|M2", "typed both"),
    ("Observation?subject:identifier=M1", "logical device"),
    # missing
    ("Observation?subject:missing=true", "nothing"),
    ("Observation?patient:missing=true", "group device nothing"),
    # chains, with the type of the target and without
    ("Observation?patient.name=nguyen", "relative versioned"),
    ("Observation?subject.name=nguyen", "relative versioned"),
    ("Observation?subject:Patient.name=nguyen", "relative versioned"),
    ("Observation?subject:Patient.family:exact=Trần", "both"),
    ("Observation?patient._id=1", "relative versioned"),
    ("Observation?patient.birthdate=lt1990", "relative versioned"),
    ("Observation?patient.gender:not=male", "relative versioned"),
    ("Observation?patient.gender:missing=true", "relative versioned"),
    ("Observation?patient.organization=Organization/h", "relative versioned"),
    ("Patient?organization.name=hue", "1"),
    ("Observation?patient.name=nguyen,tran", "relative versioned both"),
    ("Observation?patient.name=nguyen&subject=Patient/2", ""),
    # a chain to an identifier also meets references that are no more than that
    (f"Observation?patient.identifier={MRN}|M1", "relative versioned logical"),
    (f"Observation?patient.identifier={MRN}|M2", "typed both"),
    (f"Observation?subject:Patient.identifier={MRN}|M1", "relative versioned logical"),
    # canonicals, with and without version
    ("CarePlan?instantiates-canonical=http://x/PlanDefinition/p", "canonical"),
    ("CarePlan?instantiates-canonical=http://x/PlanDefinition/p|1.0", "canonical"),
    ("CarePlan?instantiates-canonical=http://x/PlanDefinition/p|2.0", ""),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_reference(find, query, expected):
    assert find(query) == expected


def test_an_absolute_reference_to_this_server_is_local(store):
    query = "Observation?subject=http://here.vn/fhir/Patient/1"
    assert ids(store, query) == ""
    assert ids(store, query, base="http://here.vn/fhir") == "relative versioned"
    assert ids(store, query, base="http://here.vn/fhir/") == "relative versioned"

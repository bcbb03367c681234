"""https://hl7.org/fhir/R4/search.html#uri"""

import pytest

from fhir_profiles.outcomes import FhirError

pytestmark = pytest.mark.spec("search.html#uri")


def value_set(id_, **members):
    return {"resourceType": "ValueSet", "id": id_, "status": "active", **members}


RESOURCES = [
    value_set("root", url="http://acme.org/fhir"),
    value_set("deep", url="http://acme.org/fhir/ValueSet/123"),
    value_set("sibling", url="http://acme.org/fhir-other"),
    value_set("urn", url="urn:oid:1.2.3"),
    value_set("none"),
    {
        "resourceType": "Patient",
        "id": "profiled",
        "meta": {
            "profile": ["http://x/StructureDefinition/p|1.0", "http://x/StructureDefinition/q"],
            "source": "urn:vn:01001",
        },
    },
    {"resourceType": "Patient", "id": "plain"},
]

ROWS = [
    ("ValueSet?url=http://acme.org/fhir", "root"),
    ("ValueSet?url=http://acme.org/FHIR", ""),
    ("ValueSet?url=http://acme.org/fhir/", ""),
    ("ValueSet?url=urn:oid:1.2.3", "urn"),
    ("ValueSet?url=http://acme.org/fhir,urn:oid:1.2.3", "root urn"),
    ("ValueSet?url:below=http://acme.org/fhir/", "deep"),
    ("ValueSet?url:below=http://acme.org/", "root deep sibling"),
    ("ValueSet?url:above=http://acme.org/fhir/ValueSet/123/_history/5", "root deep"),
    ("ValueSet?url:above=http://acme.org/fhir", "root"),
    ("ValueSet?url:missing=true", "none"),
    ("Patient?_profile=http://x/StructureDefinition/p", "profiled"),
    ("Patient?_profile=http://x/StructureDefinition/p|1.0", "profiled"),
    ("Patient?_profile=http://x/StructureDefinition/p|2.0", ""),
    ("Patient?_profile=http://x/StructureDefinition/q|1.0", ""),
    ("Patient?_profile:below=http://x/", "profiled"),
    ("Patient?_profile:missing=true", "plain"),
    ("Patient?_source=urn:vn:01001", "profiled"),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_uri(find, query, expected):
    assert find(query) == expected


@pytest.mark.parametrize("modifier", ["above", "below"])
def test_a_urn_has_no_path(find, modifier):
    with pytest.raises(FhirError, match=f"url:{modifier}: 'urn:oid:1.2.3' is a URN") as refused:
        find(f"ValueSet?url:{modifier}=urn:oid:1.2.3")
    assert refused.value.status == 400

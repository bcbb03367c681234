"""Resources made to take long: each is looked at once, however often it is referred to."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.full import validate
from tests.fhir_profiles.validation.good import GOOD
from tests.fhir_profiles.validation.listed import LISTED

CODINGS = [{"system": "urn:x", "code": f"c{number}"} for number in range(2_000)]
ITEM = {"linkId": "x", "type": "string"}


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012}"


def chain(length: int) -> Tree:
    """Vital signs, each of which refers twice to the next: 2**length ways from the first."""
    entries = []
    for number in range(length):
        resource = {name: value for name, value in GOOD["WEIGHT"].items() if name != "id"}
        after = {"reference": uuid(number + 1)}
        if number + 1 < length:
            resource = resource | {"hasMember": [after, after]}
        entries.append({"fullUrl": uuid(number), "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def observation(**more: Any) -> Tree:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}} | more


@pytest.mark.parametrize(
    "tree",
    [
        chain(40),
        chain(40) | {"type": "document"},
        observation(
            code={"coding": CODINGS},
            valueString="x",
            component=[{"code": {"text": "y"}, "valueString": "x"}] * 5_000
            + [{"code": {"coding": CODINGS}, "valueString": "x"}] * 20,
        ),
        {"resourceType": "CodeSystem", "status": "draft", "content": "complete",
         "concept": [{"code": f"c{number}"} for number in range(20_000)]},
        {"resourceType": "Questionnaire", "status": "draft", "item": [ITEM] * 5_000},
        {"resourceType": "Bundle", "type": "transaction",
         "entry": [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient"}}] * 5_000},
        {"resourceType": "Patient",
         "extension": [{"url": f"urn:x:{number}", "valueCode": "a"} for number in range(5_000)]},
        {"resourceType": "StructureDefinition", "url": "urn:x", "name": "X", "status": "draft",
         "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
         "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
         "differential": {"element": [{"id": "Patient.name", "path": "Patient.name"}] * 3_000}},
    ],
    ids=["ways", "ways in a document", "codings", "concepts", "items", "entries", "extensions",
         "elements"],
)  # fmt: skip
@pytest.mark.spec("security.html#http")
def test_work_grows_with_the_size(tree: Tree) -> None:
    """Square or exponential work would not come back within any time-out of CI."""
    issues = validate(tree, terminology=LISTED)
    assert len(issues) <= 101


def test_a_circle_of_references() -> None:
    bundle = chain(3)
    first = bundle["entry"][0]["resource"]
    bundle["entry"][2]["resource"]["hasMember"] = [{"reference": uuid(0)}]
    assert first["hasMember"]
    assert [one for one in validate(bundle, terminology=LISTED) if one.severity == "error"] == []

"""Our search parameters select what they say (https://hl7.org/fhir/R4/searchparameter.html)."""

from __future__ import annotations

from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir_profiles import conformance, systems
from fhir_profiles.definitions.tables import search_parameters

pytestmark = pytest.mark.spec("searchparameter.html")

CARD = {"system": systems.BHYT, "value": "999090000123"}
ROWS: list[tuple[str, str, list[Any]]] = [
    ("patient-bhyt", "patient", ["999090000123"]),
    ("patient-cccd", "patient", ["999090000123"]),
    ("coverage-bhyt-card", "coverage", [CARD]),
    ("organization-record-group", "organization", [{"reference": "Organization/99002"}]),
]
PARAMETERS = {
    tree["id"]: tree
    for tree in conformance.resources().values()
    if tree["resourceType"] == "SearchParameter"
}


def test_each_has_a_row() -> None:
    assert set(PARAMETERS) == {row[0] for row in ROWS}


@pytest.mark.parametrize(("parameter", "example", "selected"), ROWS)
def test_what_is_selected(parameter: str, example: str, selected: list[Any]) -> None:
    tree, resource = PARAMETERS[parameter], conformance.examples()[example]
    assert tree["base"] == [resource["resourceType"]]
    assert fhirpathpy.evaluate(resource, tree["expression"], {}, models["r4"]) == selected


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_none_says_what_r4_says_already(parameter: str) -> None:
    tree = PARAMETERS[parameter]
    known = search_parameters(tree["base"][0])
    assert tree["code"] not in known
    assert tree["expression"] not in {str(one) for one in known.values()}

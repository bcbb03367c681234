"""One resource for each profile that fits it, and what happens when one thing in it is changed."""

from __future__ import annotations

from typing import Any

import fhirkit
import pytest

from fhir_profiles import conformance, systems
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Issue
from fhir_profiles.public_rules import public_rule_problems
from fhir_profiles.resources import typed
from fhir_profiles.validation.full import validate
from fhir_profiles.validation.structure import check
from tests.fhir_profiles.changes import CHANGES, MORE, WARNED, changed, example


def found_in(tree: Tree, severity: str = "error") -> list[Issue]:
    """What is wrong by base R4, our profiles and the public rules of VN Core."""
    found = [*validate(tree, level="profile"), *public_rule_problems(tree)]
    return [one for one in found if one.severity == severity]


def places(found: list[Issue]) -> list[tuple[str, str]]:
    """Code and place; the same rule may stand in R4, in our profile and in VN Core."""
    return list(dict.fromkeys((issue.code, issue.expression) for issue in found))


def test_there_is_an_example_for_each_profile() -> None:
    files = {path.stem for path in (conformance.FOLDER / "examples").iterdir()}
    assert files == set(conformance.PROFILES)


@pytest.mark.parametrize("name", conformance.PROFILES)
def test_what_fits_has_no_problem(name: str) -> None:
    tree = example(name)
    assert tree["meta"]["profile"] == list(conformance.claims(name))
    assert found_in(tree) == []
    assert found_in(tree, "warning") == []
    assert check(tree) == []
    assert fhirkit.validate(tree) == []
    assert type(typed(tree)).__name__ == tree["resourceType"]


@pytest.mark.parametrize(("name", "path", "value", "problems"), [*CHANGES, *MORE])
def test_one_change(name: str, path: str, value: Any, problems: list[tuple[str, str]]) -> None:
    found = found_in(changed(example(name), path, value))
    assert places(found) == problems


@pytest.mark.parametrize(("name", "path", "value", "problems"), WARNED)
def test_one_change_that_is_warned_of(
    name: str, path: str, value: Any, problems: list[tuple[str, str]]
) -> None:
    tree = changed(example(name), path, value)
    assert found_in(tree) == []
    assert places(found_in(tree, "warning")) == problems


def test_every_profile_has_a_change_that_makes_its_example_bad() -> None:
    assert {row[0] for row in [*CHANGES, *MORE] if row[3]} == set(conformance.PROFILES)


def test_extensions_are_checked_wherever_they_stand() -> None:
    level = {"url": "level", "valueInteger": 3}
    period = {"url": "period", "valuePeriod": {"start": "2026-01-01"}}
    service = {
        "resourceType": "HealthcareService",
        "extension": [
            {"url": systems.ISO_15189, "valueBoolean": True},
            {"url": systems.LABORATORY_LEVEL, "extension": [level, period]},
            {"url": systems.LABORATORY_LEVEL, "extension": [level | {"valueInteger": 4}]},
        ],
    }
    assert found_in(service) == []
    service["extension"][1]["extension"] = [period, {"url": "level", "valueString": "3"}]
    service["extension"][2] = {"url": systems.LABORATORY_LEVEL, "valueInteger": 3}
    named = " (profile laboratory-level)"
    assert [str(issue).removesuffix(named) for issue in found_in(service)] == [
        "HealthcareService.extension[1].extension[1].value:"
        " has to be of type integer, found string",
        "HealthcareService.extension[2].extension: extension is needed and missing",
        "HealthcareService.extension[2].extension: extension:level is needed and missing",
        "HealthcareService.extension[2].value: value may not be there; leave it out",
    ]

"""One change to a valid resource, and the issue that it gives; what is valid has no error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

import pytest

from fhir_profiles.json_text import Tree, parse
from fhir_profiles.outcomes import Issue
from fhir_profiles.validation.full import validate
from tests.fhir_profiles.validation.bad import BAD, GONE, STILL_GOOD, Bad
from tests.fhir_profiles.validation.good import GOOD, QUESTIONNAIRE
from tests.fhir_profiles.validation.listed import LISTED

pytestmark = [
    pytest.mark.spec("validation.html#3.1.5"),
    pytest.mark.spec("conformance-rules.html#constraints"),
    pytest.mark.spec("bundle.html#bdl"),
    pytest.mark.spec("questionnaireresponse.html#notes"),
    pytest.mark.spec("references.html#contained"),
    pytest.mark.spec("extensibility.html#extension"),
    pytest.mark.spec("observation-vitalsign.html#profiles"),
]


def at_hand(url: str) -> Tree | None:
    return QUESTIONNAIRE if url == QUESTIONNAIRE["url"] else None


def found(tree: Tree, **more: Any) -> list[Issue]:
    return validate(tree, terminology=LISTED, fetch=at_hand, **more)


def errors(issues: Iterable[Issue]) -> list[Issue]:
    return [issue for issue in issues if issue.severity in ("error", "fatal")]


def changed(row: Bad) -> Tree:
    tree = deepcopy(GOOD[row.name])
    *before, last = (int(step) if step.isdigit() else step for step in row.path.split("."))
    here: Any = tree
    for step in before:
        here = here[step]
    if row.value is GONE:
        del here[last]
    elif last == "+":
        here.append(row.value)
    else:
        here[last] = row.value
    return tree


def test_there_are_enough_rows() -> None:
    assert len(BAD) >= 200
    assert len({row.name for row in BAD}) >= 25


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_resource_has_no_error(name: str) -> None:
    issues = found(GOOD[name], level="profile")
    assert [str(issue) for issue in issues if issue.severity != "information"] == []


@pytest.mark.parametrize("row", STILL_GOOD, ids=str)
def test_a_change_that_is_allowed(row: Bad) -> None:
    assert errors(found(changed(row))) == []


@pytest.mark.parametrize("row", BAD, ids=str)
def test_a_change_that_is_not(row: Bad) -> None:
    issues = errors(found(changed(row)))
    assert (row.code, row.place) in [(issue.code, issue.expression) for issue in issues]
    assert all(len(issue.diagnostics) > 12 for issue in issues)


@pytest.mark.parametrize("row", BAD, ids=str)
def test_places_in_the_text_and_their_order(row: Bad) -> None:
    body = json.dumps(changed(row), indent=1, ensure_ascii=False).encode()
    issues = found(parse(body), body=body)
    places = [(issue.line, issue.column) for issue in issues]
    assert None not in [line for line, _ in places]
    assert places == sorted(places)


def test_lines_and_columns() -> None:
    body = b'{"resourceType": "Period",\n "x": 1}'.replace(b"Period", b"Encounter")
    body = body.replace(b'"x": 1', b'"period": {"start": "2025",\n "end": "2024"}')
    (period,) = [issue for issue in found(parse(body), body=body) if issue.code == "invariant"
                 and issue.severity == "error"]  # fmt: skip
    assert (period.line, period.column) == (2, 12)
    assert str(period) == (
        "Encounter.period: If present, start SHALL have a lower value than end (per-1)"
        " (line 2, column 12)"
    )


@pytest.mark.parametrize(("level", "number"), [("structure", 0), ("full", 1), ("profile", 1)])
def test_levels(level: str, number: int) -> None:
    patient = GOOD["PATIENT"] | {"telecom": [{"value": "1"}]}
    assert len(errors(found(patient, level=level))) == number


UNKNOWN = "http://example.org/StructureDefinition/unknown"


@pytest.mark.parametrize(("level", "severity"), [("full", "warning"), ("profile", "error")])
@pytest.mark.spec("resource.html#Meta")
def test_a_declared_profile_that_is_not_known(level: str, severity: str) -> None:
    patient = GOOD["PATIENT"] | {"meta": {"profile": [UNKNOWN]}}
    (issue,) = found(patient, level=level)
    assert (issue.severity, issue.code) == (severity, "not-found")
    assert issue.expression == "Patient.meta.profile[0]"


def test_a_profile_that_is_asked_for_and_not_known() -> None:
    (issue,) = found(GOOD["PATIENT"], profiles=[UNKNOWN])
    assert (issue.severity, issue.code, issue.expression) == ("error", "not-found", "Patient")


def test_a_profile_of_another_type() -> None:
    profile = "http://hl7.org/fhir/StructureDefinition/bp"
    (issue,) = found(GOOD["PATIENT"], profiles=[profile])
    assert str(issue) == f"Patient: {profile} is a profile of Observation, this is a Patient"


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (
            {"extension": [{"url": "urn:x:y", "valueCode": "a"}]},
            "the extension urn:x:y is not known here, so not checked",
        ),
        (
            {"maritalStatus": {"coding": [{"system": "urn:x", "code": "M"}]}},
            "codes of http://hl7.org/fhir/ValueSet/marital-status are not checked",
        ),
    ],
)
def test_what_is_not_checked_is_said(resource: Tree, said: str) -> None:
    (issue,) = found(GOOD["PATIENT"] | resource)
    assert (issue.severity, issue.code) == ("information", "not-supported")
    assert issue.diagnostics.startswith(said)


def test_the_same_thing_at_many_places_is_said_once() -> None:
    entries = [{"resource": {"resourceType": "Patient"}} for _ in range(7)]
    issues = found({"resourceType": "Bundle", "type": "batch-response", "entry": entries})
    (narrative,) = [issue for issue in issues if "dom-6" in issue.diagnostics]
    assert narrative.diagnostics.endswith("(and 6 more such places)")


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"resourceType": None},
        {"resourceType": "Patient", "name": "x", "contact": [None, 1, {"name": []}]},
        {"resourceType": "Bundle", "entry": [None, 1, {"resource": []}, {"resource": {}}]},
        {"resourceType": "Bundle", "type": ["document"], "entry": {"resource": 1}},
        {"resourceType": "Bundle", "type": "document", "entry": [{"fullUrl": 1}]},
        {"resourceType": "Observation", "code": {"coding": "x"}, "component": [[1]]},
        {"resourceType": "Observation", "code": {"coding": [1]}, "valueQuantity": {"value": {}}},
        {"resourceType": "Patient", "extension": [{"url": 1}, 2], "contained": [[], {"id": []}]},
        {"resourceType": "Patient", "meta": {"profile": [1, None, {}]}},
        {"resourceType": "Questionnaire", "item": [{"item": 3, "enableWhen": [1], "type": []}]},
        {
            "resourceType": "QuestionnaireResponse",
            "questionnaire": QUESTIONNAIRE["url"],
            "item": [{"linkId": [], "answer": 3}, {"linkId": "1", "item": 4}, 7],
        },
        {"resourceType": "ValueSet", "compose": {"include": [{"concept": {}}]}},
        {"resourceType": "Patient", "photo": [{"data": 3, "hash": 1, "size": "x"}]},
        {"resourceType": "Encounter", "period": {"start": 3, "end": []}},
        {"resourceType": "Parameters", "parameter": [{"resource": 1}, {"part": {}}]},
    ],
)
def test_malformed_trees_are_refused_without_an_exception(tree: Tree) -> None:
    assert errors(found(tree, level="profile"))


def test_a_thousand_wrong_things_are_counted() -> None:
    names = [{"period": {"start": "2025", "end": "2024"}} for _ in range(1000)]
    issues = found({"resourceType": "Patient", "name": names})
    assert len(issues) == 101
    assert issues[-1].code == "incomplete"
    assert issues[-1].severity == "error"

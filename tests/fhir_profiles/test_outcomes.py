"""fhir_profiles.outcomes: error classes, their OperationOutcome, and the way back."""

import fhirkit
import pytest

from fhir_profiles.definitions.tables import required_codes
from fhir_profiles.json_text import JsonTrouble, dump
from fhir_profiles.outcomes import (
    SEVERITIES,
    FhirError,
    Issue,
    Kind,
    kind_of,
    outcome,
    read_outcome,
    unreadable,
)

ISSUE_TYPES = required_codes("http://hl7.org/fhir/ValueSet/issue-type")


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_every_class_has_a_code_of_r4_and_comes_back_from_an_answer(kind):
    assert kind.code in ISSUE_TYPES
    assert 400 <= kind.status < 600
    assert kind_of(kind.status, kind.code) is kind


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "processing", Kind.NOT_FOUND),
        (412, "", Kind.PRECONDITION),
        (503, "timeout", Kind.TIME_OUT),
        (503, "exception", Kind.UNAVAILABLE),
        (418, "", Kind.INVALID_REQUEST),
        (599, "", Kind.INTERNAL),
    ],
)
def test_answers_of_others_find_the_nearest_class(status, code, kind):
    assert kind_of(status, code) is kind


def test_an_error_says_one_thing():
    error = FhirError(Kind.NOT_FOUND, "there is no Patient/1", expression="Patient.id")
    assert (error.status, str(error)) == (404, "there is no Patient/1")
    assert error.outcome() == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "not-found",
                "diagnostics": "there is no Patient/1",
                "expression": ["Patient.id"],
            }
        ],
    }


def test_an_error_says_all_its_issues():
    issues = [
        Issue("error", "required", "status is missing", "Observation.status", 3, 7),
        Issue("warning", "informational", "odd"),
    ]
    error = FhirError(Kind.INVALID_RESOURCE, "2 issues", issues=issues)
    assert error.issues == tuple(issues)
    assert error.outcome()["issue"][0]["location"] == ["line 3, column 7"]
    assert str(issues[0]) == "Observation.status: status is missing (line 3, column 7)"
    assert read_outcome(error.outcome()) == tuple(issues)


def test_an_unreadable_body_names_its_place():
    error = unreadable(JsonTrouble("'a' stands twice in one object", 2, 5, "x.a"))
    assert (error.kind, error.status) == (Kind.INVALID_JSON, 400)
    assert error.issues == (
        Issue("fatal", "structure", "'a' stands twice in one object", "x.a", 2, 5),
    )


@pytest.mark.parametrize(
    "issues", [[], [Issue(s, "processing", "x", "a.b", 1, 2) for s in SEVERITIES]]
)
def test_outcomes_are_resources(issues):
    assert fhirkit.validate(dump(outcome(issues))) == []


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (None, ()),
        ("gateway error", ()),
        ({"resourceType": "Patient", "issue": [{}]}, ()),
        ({"resourceType": "OperationOutcome"}, ()),
        (
            {"resourceType": "OperationOutcome", "issue": [{}, 7]},
            (Issue("error", "processing", "the server gave no reason"),),
        ),
        (
            {
                "resourceType": "OperationOutcome",
                "issue": [
                    {
                        "severity": "bad",
                        "code": "login",
                        "details": {"text": "who are you?"},
                        "location": ["/f:Patient", "line 1"],
                    }
                ],
            },
            (Issue("error", "login", "who are you?"),),
        ),
    ],
)
def test_whatever_a_server_sends_can_be_read(sent, read):
    assert read_outcome(sent) == read

"""$validate over HTTP: inputs, modes, and what the store has to do with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from fhir_server.options import Options
from fhir_server.standard.validate import validate
from tests.fhir_profiles.validation.good import GOOD, QUESTIONNAIRE
from tests.fhir_server.serving import serving

pytestmark = pytest.mark.spec("resource-operation-validate.html")

PATIENT: dict[str, Any] = {"resourceType": "Patient", "text": GOOD["PATIENT"]["text"]}
BAD = PATIENT | {"telecom": [{"value": "1"}]}
BP = "http://hl7.org/fhir/StructureDefinition/bp"
UNKNOWN = "http://example.org/unknown"


@pytest.fixture(params=["memory", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"
    with serving(url, operations=validate()) as running:
        yield running


def parameters(resource: Any = None, **others: str) -> dict[str, Any]:
    kinds = {"mode": "valueCode", "profile": "valueUri"}
    listed: list[dict[str, Any]] = [
        {"name": name, kinds[name]: value} for name, value in others.items()
    ]
    if resource is not None:
        listed.append({"name": "resource", "resource": resource})
    return {"resourceType": "Parameters", "parameter": listed}


def told(answered: Any) -> list[tuple[str, str, str]]:
    """(severity, code, place) of every issue of a 200."""
    assert answered.status == 200, answered.body
    return [
        (one["severity"], one["code"], one.get("expression", [""])[0]) for one in answered.issues
    ]


FINE = [("information", "informational", "")]
TELECOM = [("error", "invariant", "Patient.telecom[0]")]


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("Patient/$validate", PATIENT, FINE),
        ("Patient/$validate", BAD, TELECOM),
        ("Patient/$validate", parameters(PATIENT), FINE),
        ("Patient/$validate", parameters(BAD), TELECOM),
        ("Patient/$validate?mode=create", BAD, TELECOM),
        ("Patient/$validate", parameters(BAD, mode="create"), TELECOM),
        (
            "Patient/$validate?mode=create",
            PATIENT | {"id": "x"},
            [("information", "informational", "Patient.id")],
        ),
        ("Patient/$validate?mode=update", PATIENT, [("error", "required", "Patient.id")]),
        (
            "Patient/$validate?mode=update",
            PATIENT | {"id": "x"},
            [("information", "informational", "Patient.id")],
        ),
        (
            "Patient/$validate",
            {"resourceType": "Basic"},
            [
                ("error", "required", "Basic.code"),
                ("error", "invalid", "Basic"),
                ("warning", "invariant", "Basic"),
            ],
        ),
        (f"Patient/$validate?profile={quote(BP)}", PATIENT, [("error", "structure", "Patient")]),
        (
            f"Patient/$validate?profile={quote(UNKNOWN)}",
            PATIENT,
            [("error", "not-found", "Patient")],
        ),
        (
            "Patient/$validate",
            parameters(PATIENT, mode="profile", profile=BP),
            [("error", "structure", "Patient")],
        ),
        ("Parameters/$validate", {"resourceType": "Parameters"}, FINE),
    ],
)
def test_what_is_sent(server: Any, path: str, body: Any, expected: Any) -> None:
    assert sorted(told(server.ask("POST", path, body))) == sorted(expected)


def test_places_are_those_of_the_body(server: Any) -> None:
    body = b'{"resourceType": "Patient",\n  "telecom": [{"value": "1"}]}'
    issues = server.ask("POST", "Patient/$validate", body).issues
    (error,) = [one for one in issues if one["severity"] == "error"]
    assert error["location"] == ["line 2, column 15"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "Patient/$validate?mode=check", PATIENT, 400, "there is no mode 'check'"),
        ("POST", "Patient/$validate?mode=profile", PATIENT, 400, "asks for the parameter profile"),
        ("POST", "Patient/$validate?mode=delete", PATIENT, 400, "call [type]/[id]/$validate"),
        ("POST", "Patient/$validate", parameters(), 400, "send the Patient to validate"),
        ("GET", "Patient/$validate", None, 400, "send the Patient to validate"),
        ("GET", "Patient/nobody/$validate", None, 404, "there is no Patient/nobody"),
        ("GET", "Patient/nobody/$validate?mode=delete", None, 404, "there is no Patient/nobody"),
        ("POST", "Patient/$validate", b"{", 400, ""),
        ("DELETE", "Patient/$validate", None, 405, ""),
    ],
)
def test_what_cannot_be_asked(
    server: Any, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answered = server.ask(method, path, body)
    assert answered.status == status
    assert words in answered.said


def test_what_is_stored(server: Any) -> None:
    id_ = server.make(PATIENT)
    assert told(server.ask("GET", f"Patient/{id_}/$validate")) == FINE
    assert told(server.ask("GET", f"Patient/{id_}/$validate?mode=delete")) == FINE
    assert told(server.ask("GET", f"Patient/{id_}/$validate?profile={quote(BP)}")) == [
        ("error", "structure", "Patient")
    ]
    assert told(server.ask("POST", f"Patient/{id_}/$validate", BAD)) == TELECOM
    same = PATIENT | {"id": id_}
    assert told(server.ask("POST", f"Patient/{id_}/$validate?mode=update", same)) == FINE
    assert told(server.ask("POST", f"Patient/{id_}/$validate?mode=create", PATIENT)) == [
        ("error", "invalid", "Patient.id")
    ]
    other = PATIENT | {"id": "other"}
    assert told(server.ask("POST", f"Patient/{id_}/$validate", other)) == [
        ("error", "invalid", "Patient.id")
    ]
    assert server.ask("DELETE", f"Patient/{id_}").status in (200, 204)
    assert server.ask("GET", f"Patient/{id_}/$validate").status == 410


def test_references_lead_into_the_store(server: Any) -> None:
    id_ = server.make(PATIENT)
    basic = {"resourceType": "Basic", "code": {"text": "x"}, "text": PATIENT["text"]}
    subject = {"reference": f"Patient/{id_}", "type": "Group"}
    issues = told(server.ask("POST", "Basic/$validate", basic | {"subject": subject}))
    assert ("error", "value", "Basic.subject.type") in issues


@pytest.mark.spec("questionnaireresponse.html#notes")
def test_answers_are_checked_against_a_questionnaire_that_is_stored(server: Any) -> None:
    response = GOOD["RESPONSE"] | {"item": [{"linkId": "nowhere"}]}
    issues = told(server.ask("POST", "QuestionnaireResponse/$validate", response))
    assert [one[:2] for one in issues] == [("information", "not-supported")]
    form = {name: value for name, value in QUESTIONNAIRE.items() if name != "id"}
    server.make(form)
    issues = told(server.ask("POST", "QuestionnaireResponse/$validate", response))
    assert ("error", "structure", "QuestionnaireResponse.item[0].linkId") in issues


@pytest.mark.spec("profiling.html#resources")
def test_a_profile_that_is_stored(server: Any) -> None:
    url = "http://example.org/StructureDefinition/named"
    asked = f"Patient/$validate?profile={quote(url)}"
    assert told(server.ask("POST", asked, PATIENT)) == [("error", "not-found", "Patient")]
    element = {"id": "Patient.name", "path": "Patient.name", "min": 1}
    profile = {name: value for name, value in GOOD["PROFILE"].items() if name != "id"}
    server.make(profile | {"url": url, "differential": {"element": [element]}})
    assert told(server.ask("POST", asked, PATIENT)) == [("error", "required", "Patient.name")]
    assert told(server.ask("POST", asked, PATIENT | {"name": [{"text": "An"}]})) == FINE
    claimed = PATIENT | {"meta": {"profile": [url]}}
    assert told(server.ask("POST", "Patient/$validate", claimed)) == [
        ("error", "required", "Patient.name")
    ]


@pytest.mark.spec("terminologies.html#strength")
def test_a_value_set_that_is_stored(server: Any) -> None:
    url = "http://example.org/ValueSet/colours"
    binding = {"strength": "required", "valueSet": url}
    element = {"id": "Patient.maritalStatus", "path": "Patient.maritalStatus", "binding": binding}
    profile = {name: value for name, value in GOOD["PROFILE"].items() if name != "id"}
    server.make(profile | {"url": "urn:example:p", "differential": {"element": [element]}})
    include = {"system": "urn:example:c", "concept": [{"code": "red"}]}
    server.make(
        {
            "resourceType": "ValueSet",
            "url": url,
            "status": "draft",
            "compose": {"include": [include]},
        }
    )
    asked = "Patient/$validate?profile=urn:example:p"
    for code, wrong in (("red", False), ("blue", True)):
        status = {"coding": [{"system": "urn:example:c", "code": code}]}
        issues = told(server.ask("POST", asked, PATIENT | {"maritalStatus": status}))
        assert (("error", "code-invalid", "Patient.maritalStatus") in issues) is wrong


# ---- on write ------------------------------------------------------------------------------------

CLAIMS = PATIENT | {"meta": {"profile": [UNKNOWN]}}


@pytest.mark.spec("validation.html#3.1.5")
@pytest.mark.parametrize(
    ("level", "body", "status"),
    [
        ("off", PATIENT | {"gender": "man"}, 201),
        ("structure", PATIENT | {"gender": "man"}, 422),
        ("structure", BAD, 201),
        ("full", PATIENT, 201),
        ("full", BAD, 422),
        ("full", CLAIMS, 201),
        ("profile", PATIENT, 201),
        ("profile", CLAIMS, 422),
    ],
)
def test_levels_on_write(level: Any, body: Any, status: int) -> None:
    with serving(options=Options(validation=level)) as server:
        answered = server.ask("POST", "Patient", body)
        assert answered.status == status
        stored = answered.headers["location"].split("/")[-3] if status == 201 else "none"
        assert server.ask("PUT", f"Patient/{stored}", body | {"id": stored}).status in (200, status)


def test_a_refusal_names_all_that_is_wrong() -> None:
    with serving(options=Options(validation="full")) as server:
        body = BAD | {"contact": [{"gender": "male"}], "gender": "man"}
        answered = server.ask("POST", "Patient", body)
        assert answered.status == 422
        places = [one["expression"][0] for one in answered.issues if one["severity"] == "error"]
        assert places == ["Patient.telecom[0]", "Patient.contact[0]", "Patient.gender"]


def test_a_transaction_is_looked_at_as_a_whole() -> None:
    with serving(options=Options(validation="full")) as server:
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [{"resource": BAD, "request": {"method": "POST", "url": "Patient"}}],
        }
        answered = server.ask("POST", "", bundle)
        assert answered.status == 422
        assert answered.expression == "Bundle.entry[0].resource.telecom[0]"

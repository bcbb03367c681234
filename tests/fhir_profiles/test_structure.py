"""fhir_profiles.validation: tables of bad input -> code, place, line; good input -> nothing."""

import copy
import json
from typing import Any

import fhirkit
import pytest

from fhir_profiles import json_text
from fhir_profiles.resources import model
from fhir_profiles.validation.structure import MAX_ISSUES, check
from tests.fhir_profiles.samples import (
    BUNDLE,
    CONDITION,
    CONSENT,
    DIV,
    EXTENSION,
    GOOD,
    OBSERVATION,
    PARAMETERS,
    PATIENT,
    QUESTIONNAIRE,
    REPORT,
    TIMED,
    as_json,
)


def found(body: bytes) -> list[tuple[str, str]]:
    return [(i.code, i.expression) for i in check(json_text.parse(body), body=body)]


def patient(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **members}


# ---- good resources ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOOD)
def test_good_resources_have_no_issue(name):
    body = as_json(GOOD[name])
    assert check(json_text.parse(body), body=body, type_=GOOD[name]["resourceType"]) == []
    # Two others that know nothing of us agree.
    assert fhirkit.validate(body) == []
    assert model(GOOD[name]["resourceType"]).model_validate_json(body)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"birthDate": "2024-02-29"},
        {"birthDate": "1900-02"},
        {"deceasedDateTime": "2016-12-31T23:59:60Z"},
        {"_birthDate": {"id": "b"}, "birthDate": "1990"},
        {"_gender": {"extension": [EXTENSION]}},
        {"name": [{"_given": [{"extension": [EXTENSION]}]}]},
        {"name": [{"given": ["An", None], "_given": [None, {"extension": [EXTENSION]}]}]},
        {"extension": [{"url": "x", "extension": [EXTENSION]}]},
        {"extension": [{"url": "x", "_valueString": {"extension": [EXTENSION]}}]},
        {"extension": [{"url": "x", "valueDecimal": 1e-7}]},
        {"managingOrganization": {"reference": "https://x.example/whatever"}},
        {"managingOrganization": {"reference": "https://x.example/Something/1"}},
        {"managingOrganization": {"reference": "urn:oid:1.2.3"}},
        {"managingOrganization": {"display": "Bạch Mai", "type": "Organization"}},
        {"managingOrganization": {"type": "https://x.example/model", "display": "x"}},
        {"multipleBirthBoolean": True},
        {"text": {"status": "generated", "div": DIV.replace("Văn", '<img src="#x"/>')}},
    ],
    ids=str,
)
def test_good_patients(members):
    tree = patient(**members)
    assert check(tree) == []
    assert fhirkit.validate(json.dumps(tree)) == []


# ---- names, JSON types, cardinality ------------------------------------------------------------

A_STRING = "expected a string, found an object"


@pytest.mark.parametrize(
    ("members", "code", "expression", "says"),
    [
        # names
        ({"birthdate": "1990"}, "structure", "Patient.birthdate", "did you mean birthDate?"),
        ({"x-y": 1}, "structure", "Patient.`x-y`", "no element 'x-y'; known are id, meta"),
        ({"deceased": True}, "structure", "Patient.deceased", "written deceasedBoolean, deceased"),
        ({"deceasedString": "x"}, "structure", "Patient.deceasedString", "deceasedDateTime"),
        ({"_name": [{"id": "x"}]}, "structure", "Patient._name", "name is a HumanName"),
        ({"__gender": {"id": "x"}}, "structure", "Patient.__gender", "has no element"),
        ({"name": [{"resourceType": "Patient"}]}, "structure", "Patient.name[0].resourceType",
         "in resources only"),
        ({"contact": [{"nme": {"text": "x"}}]}, "structure", "Patient.contact[0].nme", "name?"),
        # JSON types
        ({"name": {"text": "x"}}, "structure", "Patient.name", "an array, found an object"),
        ({"name": ["An"]}, "structure", "Patient.name[0]", "(HumanName), found 'An'"),
        ({"name": [None]}, "structure", "Patient.name[0]", "found null"),
        ({"name": [[{"text": "x"}]]}, "structure", "Patient.name[0]", "found an array"),
        ({"active": "true"}, "value", "Patient.active", "without quotes, found 'true'"),
        ({"active": 1}, "value", "Patient.active", "true or false without quotes, found 1"),
        ({"birthDate": ["1990"]}, "structure", "Patient.birthDate", "found an array"),
        ({"birthDate": None}, "value", "Patient.birthDate", "found null"),
        ({"name": [{"family": {"text": "x"}}]}, "structure", "Patient.name[0].family", A_STRING),
        ({"name": [{"family": 7}]}, "value", "Patient.name[0].family", "found 7"),
        ({"maritalStatus": "M"}, "structure", "Patient.maritalStatus", "(CodeableConcept)"),
        ({"_gender": "x"}, "structure", "Patient.gender", "expected an object (Element)"),
        # never empty
        ({"name": []}, "structure", "Patient.name", "an array is never empty"),
        ({"name": [{}]}, "structure", "Patient.name[0]", "never empty"),
        ({"maritalStatus": {"id": "x"}}, "structure", "Patient.maritalStatus", "never empty"),
        ({"gender": ""}, "value", "Patient.gender", "found ''"),
        ({"language": ""}, "value", "Patient.language", "found ''"),
        ({"name": [{"text": ""}]}, "value", "Patient.name[0].text", "leave the element out"),
        ({"name": [{"given": ["An", None]}]}, "structure", "Patient.name[0].given[1]", "null"),
        ({"name": [{"given": [None], "_given": [None]}]}, "structure", "Patient.name[0].given[0]",
         "null stands only where"),
        ({"name": [{"given": ["An"], "_given": [None, None]}]}, "structure",
         "Patient.name[0].given[1]", "null stands only where"),
        # cardinality
        ({"link": [{"type": "refer"}]}, "required", "Patient.link[0].other", "required and"),
        ({"communication": [{"preferred": True}]}, "required", "Patient.communication[0].language",
         "required"),
        # choices
        ({"deceasedBoolean": True, "deceasedDateTime": "2020"}, "structure", "Patient.deceased",
         "deceasedBoolean and deceasedDateTime stand together"),
        ({"deceasedBoolean": True, "_deceasedDateTime": {"id": "x"}}, "structure",
         "Patient.deceased", "stand together"),
        # extensions
        ({"extension": [{"valueString": "x"}]}, "required", "Patient.extension[0].url", "required"),
        ({"extension": [{"url": "x"}]}, "invariant", "Patient.extension[0]", "found neither"),
        ({"extension": [{"url": "x", "valueCode": "y", "extension": [EXTENSION]}]}, "invariant",
         "Patient.extension[0]", "found both"),
        ({"extension": [{"url": "x", "valueHuman": {}}]}, "structure",
         "Patient.extension[0].valueHuman", "is written valueBase64Binary"),
        ({"_birthDate": {"extension": [{"url": "x"}]}, "birthDate": "1990"}, "invariant",
         "Patient.birthDate.extension[0]", "neither"),
    ],
    ids=str,
)  # fmt: skip
def test_structure_of_a_patient(members, code, expression, says):
    issues = check(patient(**members))
    assert (code, expression) in [(i.code, i.expression) for i in issues]
    assert any(says in i.diagnostics for i in issues if i.expression == expression)
    assert all(i.severity == "error" for i in issues)


# ---- codes, references, narrative --------------------------------------------------------------

REF = "managingOrganization"


@pytest.mark.parametrize(
    ("base", "members", "code", "expression", "says"),
    [
        (PATIENT, {"gender": "nam"}, "code-invalid", "Patient.gender",
         "expected one of female, male, other, unknown, found 'nam'"),
        (OBSERVATION, {"status": "done"}, "code-invalid", "Observation.status", "found 'done'"),
        (OBSERVATION, {"status": 1}, "value", "Observation.status", "found 1"),
        (CONDITION, {"clinicalStatus": {"text": "khỏi"}}, "code-invalid",
         "Condition.clinicalStatus", "condition-clinical|active"),
        (CONDITION, {"clinicalStatus": {"coding": [{"code": "active"}]}}, "code-invalid",
         "Condition.clinicalStatus", "one coding must be of"),
        (PATIENT, {REF: {"reference": "Patient/1"}}, "value", f"Patient.{REF}.reference",
         "expected a reference to Organization, found 'Patient/1'"),
        (PATIENT, {REF: {"reference": "https://x.example/fhir/Patient/1"}}, "value",
         f"Patient.{REF}.reference", "expected a reference to Organization"),
        (PATIENT, {REF: {"reference": "Organisation/1"}}, "value", f"Patient.{REF}.reference",
         "Organisation is no resource type of R4"),
        (PATIENT, {REF: {"reference": "79001"}}, "value", f"Patient.{REF}.reference",
         "expected Type/id, an absolute URL, urn:uuid:... or #id, found '79001'"),
        (PATIENT, {REF: {"reference": "Organization/a/b"}}, "value", f"Patient.{REF}.reference",
         "expected Type/id"),
        (PATIENT, {REF: {"reference": "urn:uuid:1"}}, "value", f"Patient.{REF}.reference",
         "no UUID"),
        (PATIENT, {REF: {"reference": "Organization?identifier=1"}}, "value",
         f"Patient.{REF}.reference", "for entries of a transaction"),
        (PATIENT, {REF: {"type": "Patient", "display": "x"}}, "value", f"Patient.{REF}.type",
         "found the type Patient"),
        (PATIENT, {REF: {"type": "Hospital", "display": "x"}}, "value", f"Patient.{REF}.type",
         "expected a resource type like Patient, found 'Hospital'"),
        (OBSERVATION, {"subject": {"reference": "Patient/1", "type": "Device"}}, "value",
         "Observation.subject.type", "the type is Device, but the reference is to 'Patient/1'"),
        (PATIENT, {REF: {"reference": 7}}, "value", f"Patient.{REF}.reference", "found 7"),
        (PATIENT, {REF: {"reference": "#org"}}, "invariant", f"Patient.{REF}.reference",
         "no contained resource has the id 'org'"),
        (PATIENT, {"text": {"status": "generated", "div": "<p>x</p>"}}, "invariant",
         "Patient.text.div", "begins with <div"),
        (PATIENT, {"text": {"status": "generated", "div": "<div>x</div>"}}, "invariant",
         "Patient.text.div", "begins with <div xmlns="),
        (PATIENT, {"text": {"status": "generated", "div": DIV.replace("</p>", "")}}, "structure",
         "Patient.text.div", "not well formed (mismatched tag"),
        (PATIENT, {"text": {"status": "generated", "div": DIV.replace("An", "&nbsp;")}},
         "structure", "Patient.text.div", "undefined entity"),
        (PATIENT, {"text": {"status": "generated", "div": DIV.replace("b>", "script>")}},
         "invariant", "Patient.text.div", "<script> is not allowed"),
        (PATIENT, {"text": {"status": "generated", "div": DIV.replace("<p", '<p onclick="x"')}},
         "invariant", "Patient.text.div", "onclick is not allowed"),
        (PATIENT, {"text": {"status": "generated",
                            "div": DIV.replace("<p>", '<p><a href=" JavaScript:x">x</a>')}},
         "invariant", "Patient.text.div", "may not run a script"),
        (PATIENT, {"text": {"status": "generated", "div": "<!DOCTYPE div>" + DIV}}, "invariant",
         "Patient.text.div", "DOCTYPE"),
        (PATIENT, {"text": {"status": "generated",
                            "div": '<div xmlns="http://www.w3.org/1999/xhtml"> </div>'}},
         "invariant", "Patient.text.div", "shows nothing"),
        (PATIENT, {"text": {"status": "generated", "div": 7}}, "structure", "Patient.text.div",
         "expected XHTML"),
        (OBSERVATION, {"valueQuantity": {"value": "7"}}, "value", "Observation.value.value",
         "found '7'"),
        (OBSERVATION, {"code": {"coding": [{"system": "a b"}]}}, "value",
         "Observation.code.coding[0].system", "without spaces"),
        (TIMED, {"medicationReference": {"reference": "Medication/1"}}, "structure",
         "MedicationRequest.medication", "stand together"),
        (CONSENT, {"provision": {"provision": [{"type": "no"}]}}, "code-invalid",
         "Consent.provision.provision[0].type", "expected one of deny, permit"),
    ],
    ids=str,
)  # fmt: skip
def test_codes_references_narrative(base, members, code, expression, says):
    (issue,) = check({**base, **members})
    assert (issue.code, issue.expression) == (code, expression)
    assert says in issue.diagnostics


@pytest.mark.parametrize(
    ("base", "left_out", "missing", "says"),
    [
        (OBSERVATION, "status", "Observation.status", "status is required and missing"),
        (OBSERVATION, "code", "Observation.code", "code is required"),
        (TIMED, "medicationCodeableConcept", "MedicationRequest.medication",
         "missing as one of medicationCodeableConcept, medicationReference"),
        (CONSENT, "scope", "Consent.scope", "scope is required"),
        (QUESTIONNAIRE, "status", "Questionnaire.status", "status is required"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_missing(base, left_out, missing, says):
    (issue,) = check({name: value for name, value in base.items() if name != left_out})
    assert (issue.code, issue.expression) == ("required", missing)
    assert says in issue.diagnostics


# ---- resources inside resources ----------------------------------------------------------------

LAB = REPORT["contained"][0]


@pytest.mark.parametrize(
    ("contained", "code", "expression", "says"),
    [
        ([LAB, LAB], "duplicate", "DiagnosticReport.contained[1]", "another contained resource"),
        ([LAB, {**LAB, "id": "other"}], "invariant", "DiagnosticReport.contained[1]",
         "use #other or leave it out (dom-3)"),
        ([{**LAB, "contained": [PATIENT]}], "invariant",
         "DiagnosticReport.contained[0].contained", "dom-2"),
        ([{**LAB, "meta": {"versionId": "1"}}], "invariant",
         "DiagnosticReport.contained[0].meta.versionId", "dom-4"),
        ([{**LAB, "meta": {"security": [{"code": "R"}]}}], "invariant",
         "DiagnosticReport.contained[0].meta.security", "dom-5"),
        ([LAB, {"resourceType": "Organization", "name": "x"}], "required",
         "DiagnosticReport.contained[1]", "needs an id"),
        ([LAB, {"id": "x"}], "required", "DiagnosticReport.contained[1]", "is missing"),
        ([LAB, {"id": "x", "resourceType": "Labor"}], "value", "DiagnosticReport.contained[1]",
         "'Labor' is no resource type of R4"),
        ([LAB, "x"], "structure", "DiagnosticReport.contained[1]", "expected a resource"),
        ([{**LAB, "nam": "x"}], "structure", "DiagnosticReport.contained[0].nam", "mean name?"),
    ],
    ids=str,
)  # fmt: skip
def test_contained_resources(contained, code, expression, says):
    issues = check({**REPORT, "contained": contained})
    assert (code, expression) in [(i.code, i.expression) for i in issues]
    assert any(says in i.diagnostics for i in issues)


def test_a_contained_resource_may_be_the_one_that_refers():
    provenance = {
        "resourceType": "Provenance",
        "id": "p",
        "target": [{"reference": "#"}],
        "recorded": "2025-03-01T08:30:00Z",
        "agent": [{"who": {"reference": "#lab"}}],
    }
    assert check({**REPORT, "contained": [LAB, provenance]}) == []


def test_resources_in_bundles_and_parameters_have_their_own_scope():
    bad = copy.deepcopy(BUNDLE)
    bad["entry"].append({"resource": {**REPORT, "contained": []}})
    bad["entry"].append({"resource": {"resourceType": "Patient", "gender": "x"}})
    assert [(i.code, i.expression) for i in check(bad)] == [
        ("structure", "Bundle.entry[2].resource.contained"),
        ("invariant", "Bundle.entry[2].resource.performer[0].reference"),
        ("code-invalid", "Bundle.entry[3].resource.gender"),
    ]
    outer = {**PARAMETERS, "parameter": [{"name": "x", "resource": {"resourceType": "Y"}}]}
    assert [(i.code, i.expression) for i in check(outer)] == [
        ("value", "Parameters.parameter[0].resource")
    ]


@pytest.mark.parametrize(
    ("tree", "code", "expression", "says"),
    [
        ({}, "required", "Resource", "resourceType is missing"),
        ({"resourceType": 7}, "value", "Resource", "7 is no resource type"),
        ({"resourceType": "Patientt"}, "value", "Patientt", "did you mean Patient?"),
        ({"resourceType": "DomainResource"}, "value", "DomainResource", "no resource type of R4"),
        ({"resourceType": "SubscriptionStatus"}, "value", "SubscriptionStatus", "no resource type"),
        ({"resourceType": "Group"}, "invalid", "Group", "expected a resource of type Patient"),
    ],
    ids=str,
)
def test_the_type_of_a_resource(tree, code, expression, says):
    issues = check(tree, type_="Patient")
    assert (code, expression) in [(i.code, i.expression) for i in issues]
    assert any(says in i.diagnostics for i in issues)


# ---- where -------------------------------------------------------------------------------------

BODY = """{
  "resourceType": "Patient",
  "name": [
    { "family": "Nguyễn", "giveen": ["An"] }
  ],
  "gender": "nữ", "birthDate": "01/03/2025",
  "link": [
    {
      "type": "seealso" }
  ]
}""".encode()


def test_issues_name_line_and_column():
    issues = check(json_text.parse(BODY), body=BODY)
    assert [(i.expression, i.line, i.column) for i in issues] == [
        ("Patient.name[0].giveen", 4, 37),
        ("Patient.gender", 6, 13),
        ("Patient.birthDate", 6, 32),
        ("Patient.link[0].other", 8, 5),  # missing: where it should stand
    ]
    assert [i.line for i in check(json_text.parse(BODY))] == [None] * 4


def test_many_issues_are_counted_and_cheap():
    body = json.dumps({"resourceType": "Patient", "name": [{"x": 1}] * 5000}).encode()
    issues = check(json_text.parse(body), body=body)
    assert len(issues) == MAX_ISSUES + 1
    assert issues[-1].diagnostics == "and 4900 more issues; repair these first"
    assert issues[0].line == 1
    (long,) = check(patient(**{"x" * 1_000_000: 1}))
    assert len(str(long)) < 400


# ---- the same verdict as another validator -----------------------------------------------------


def spoiled(tree: Any, way: tuple[str | int, ...] = ()):
    """Every tree that differs in one place: a value taken out, wrapped, or of another kind."""
    items = (
        list(tree.items())
        if isinstance(tree, dict)
        else list(enumerate(tree))
        if isinstance(tree, list)
        else []
    )
    for name, value in items:
        if name in ("resourceType", "div"):
            continue
        for other in ([value], {"unheard": value}, "", "?%&", -1, 0.5, None, [], {}, [None]):
            if other != value:
                changed = copy.copy(tree)
                changed[name] = other
                yield (*way, name), changed
        if isinstance(tree, dict):
            yield (*way, name), {n: v for n, v in tree.items() if n != name}
            yield (*way, name), {(f"{n}x" if n == name else n): v for n, v in tree.items()}
        for where, inner in spoiled(value, (*way, name)):
            changed = copy.copy(tree)
            changed[name] = inner
            yield where, changed


@pytest.mark.parametrize("name", GOOD)
def test_whatever_another_validator_refuses_is_refused_here(name):
    """fhirkit-rs knows structure and values, no bindings of codes and no targets of references."""
    tried = refused = 0
    for way, tree in spoiled(GOOD[name]):
        theirs = fhirkit.validate(json.dumps(tree))
        ours = check(tree)
        tried += 1
        refused += bool(theirs)
        assert ours or not theirs, (way, [str(issue) for issue in theirs])
    assert refused > tried / 2

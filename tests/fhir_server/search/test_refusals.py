"""Every refusal names the parameter, why, and what is supported; lenient clients get a list."""

import pytest

from fhir_profiles.outcomes import FhirError
from fhir_server.search.conditions import MAX_VALUES
from tests.fhir_server.store.stores import request

pytestmark = pytest.mark.spec("search.html#errors")

UNKNOWN = [
    (
        "Patient?nme=an",
        "nme: .*no search parameter.* 'nme'.*did you mean 'name'.*supports: .*family",
    ),
    ("Patient?code=x", "code: Patient has no search parameter"),
    (
        "Observation?code-value-quantity:not=a$1",
        "code-value-quantity:not: the modifier :not .*type composite. Supported: :missing$",
    ),
    (
        "Patient?name:above=x",
        "name:above: the modifier :above .* Supported: :exact, :contains, :miss",
    ),
    ("Patient?gender:exact=x", "gender:exact: the modifier :exact .*type token. Supported: :text"),
    ("Patient?birthdate:not=2020", "birthdate:not: .*Supported: :missing$"),
    ("Patient?_id:exact=1", "_id:exact"),
    ("Observation?subject:Observation=1", "subject:Observation: .*Supported: :identifier, :.type."),
    ("Observation?subject:Patient.nme=x", "subject:Patient.nme: .*Patient has no search parameter"),
    ("Observation?code.name=x", "code.name: code is no reference"),
    ("Observation?patient.name:nope=x", "patient.name:nope: the modifier :nope .* for name"),
    ("Observation?_sort=nme", "_sort: Observation has no search parameter 'nme'"),
    ("Observation?_sort:desc=date", "_sort:desc"),
    ("Observation?_include:next=Observation:subject", "_include:next: the modifier :next"),
]

BAD = [
    ("Patient?birthdate=soon", "birthdate: 'soon' is not a date; write 2024"),
    ("Patient?birthdate=2024-02-30", "birthdate: .*day"),
    ("Patient?birthdate=xx2024", "birthdate: "),
    ("Patient?birthdate=2024-01-01T10", "birthdate: "),
    ("Patient?_lastUpdated=yesterday", "_lastUpdated: 'yesterday' is not a date"),
    ("RiskAssessment?probability=abc", "probability: 'abc' is not a number"),
    ("RiskAssessment?probability=NaN", "probability: 'NaN' is not a number"),
    ("RiskAssessment?probability=1e9999", "is not a number"),
    ("Observation?value-quantity=5.4|mg", "number.system.code"),
    ("Observation?value-quantity=x||mg", "value-quantity: 'x' is not a number"),
    ("Patient?identifier=|", "identifier: '.' is not code, system.code"),
    ("Patient?identifier=a|b|c", "is not code, system.code"),
    ("Patient?name=", "name: it has no value; leave it out or give one"),
    ("Patient?name=an,", "name: one of its values is empty"),
    ("Patient?name= ", "blank text"),
    (r"Patient?name=a\b", "backslash"),
    ("Patient?gender:missing=yes", "gender:missing: write true or false, not yes"),
    ("Patient?gender:missing=true,false", "gender:missing"),
    ("Observation?subject=Patient/1/2/3", "not an id, Type/id or an absolute address"),
    ("Observation?subject=Patient 1", "not an id, Type/id"),
    ("Observation?subject:Patient=Group/1", "is not a Patient"),
    ("Patient?_count=ten", "_count: 'ten' is not a whole number"),
    ("Patient?_count=-1", "_count: '-1' is not a whole number"),
    ("Patient?_count=1&_count=2", "_count: it is there twice"),
    ("Patient?_total=exact", "_total: 'exact' is not one of none, estimate, accurate"),
    ("Patient?_summary=yes", "_summary: 'yes' is not one of true, text, data, count, false"),
    ("Patient?_elements=name,nme", "_elements: Patient has no element nme"),
    ("Patient?_sort=", "_sort: it has no value"),
    ("Observation?_sort=date,-code-value-quantity", "_sort: code-value-quantity is of type"),
    ("Patient?_include=Patient", "_include: 'Patient' is not Type:parameter"),
    (
        "Patient?_include=Patient:name",
        "_include: Patient has no reference parameter 'name'; it has",
    ),
    ("Patient?_include=Nothing:x", "no resource type 'Nothing'"),
    (
        "Patient?_include=Observation:subject",
        "begins at Observation, but this search finds Patient.*_include:iterate=",
    ),
    ("Patient?_include=Patient:link:Group", "does not lead to 'Group', only to"),
    ("Patient?_revinclude=Observation:encounter", "does not lead to Patient"),
    ("Patient?_revinclude=Observation:subject:Group", "does not lead to Patient"),
]

COSTLY = [
    ("Patient?identifier=" + ",".join(map(str, range(MAX_VALUES + 1))), "at most 500 are compared"),
    ("Patient?" + "&".join(f"name=a{n}" for n in range(61)), "at most 60 are read"),
]


@pytest.mark.parametrize(("query", "words"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_unknown(query, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(query)
    assert (refused.value.status, refused.value.kind.name) == (400, "UNKNOWN_PARAMETER")


@pytest.mark.parametrize(("query", "words"), BAD, ids=[row[0] for row in BAD])
@pytest.mark.parametrize("lenient", [False, True])
def test_bad_value(query, words, lenient):
    with pytest.raises(FhirError, match=words) as refused:
        request(query, lenient=lenient)
    assert (refused.value.status, refused.value.kind.name) == (400, "BAD_PARAMETER")


@pytest.mark.parametrize(("query", "words"), COSTLY, ids=["values", "parameters"])
def test_too_much(query, words):
    with pytest.raises(FhirError, match=words) as refused:
        request(query)
    assert (refused.value.status, refused.value.kind.name) == (400, "TOO_COSTLY")


@pytest.mark.parametrize(("query", "words"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_lenient_clients_hear_what_was_left_out(query, words):
    type_, _, rest = query.partition("?")
    found = request(f"{type_}?_id=1&{rest}", lenient=True)
    assert found.used == (("_id", "1"),)
    assert len(found.conditions) == 1
    (said,) = found.ignored
    with pytest.raises(FhirError, match=words):
        raise FhirError(_kind(), said)


def _kind():
    from fhir_profiles.outcomes import Kind

    return Kind.UNKNOWN_PARAMETER


def test_all_complaints_come_at_once():
    with pytest.raises(FhirError) as refused:
        request("Patient?nme=an&birthdate=soon&gender=male")
    said = [(issue.code, issue.diagnostics.partition(":")[0]) for issue in refused.value.issues]
    assert said == [("not-supported", "nme"), ("value", "birthdate")]


def test_what_was_understood_is_there_for_the_self_link():
    found = request(
        "Patient?name=an&_sort=-birthdate&_count=5&_elements=name,birthDate&_format=json"
    )
    assert found.used == (
        ("name", "an"),
        ("_sort", "-birthdate"),
        ("_count", "5"),
        ("_elements", "name,birthDate"),
    )
    assert (found.count, found.elements) == (5, ("name", "birthDate"))


def test_pages_have_limits():
    assert request("Patient").count == 20
    assert request("Patient", default_count=50).count == 50
    assert request("Patient?_count=5000").count == 1000
    assert request("Patient?_count=5000", max_count=100).count == 100
    assert request("Patient?_count=" + "9" * 5000).count == 1000

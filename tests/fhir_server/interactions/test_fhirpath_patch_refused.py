"""FHIRPath Patch: what is refused, with the operation that it is about."""

import pytest

from tests.fhir_server.interactions.patching import operation, parameters, put

pytestmark = [pytest.mark.spec("http.html#patch"), pytest.mark.spec("fhirpatch.html")]

REFUSED_FHIRPATH = {
    "another resource": ({"resourceType": "Patient"}, 400, "json-patch+json"),
    "no parameter": ({"resourceType": "Parameters"}, 400, "operation"),
    "another name": (parameters({"name": "op"}), 400, 'name "operation"'),
    "no type": (parameters({"name": "operation", "part": []}), 400, "type"),
    "unknown type": (parameters(operation("spell", "Patient.gender")), 400, "add, insert"),
    "no value": (parameters(operation("replace", "Patient.gender")), 400, "'value'"),
    "no index": (
        parameters(operation("insert", "Patient.name", ("valueHumanName", {"text": "x"}))),
        *(400, "'index'"),
    ),
    "unknown part": (
        parameters({"name": "operation", "part": [{"name": "where", "valueString": "x"}]}),
        *(400, "'where'"),
    ),
    "no path": (parameters(operation("delete", "Patient..name")), 400, "character 9"),
    "unknown function": (parameters(operation("delete", "Patient.name.oldest()")), 400, "oldest"),
    "elsewhere": (
        parameters(operation("delete", "Patient.generalPractitioner.resolve().name")),
        *(400, "resolve()"),
    ),
    "a pattern": (
        parameters(operation("delete", "Patient.name.where(text.matches('(a+)+$'))")),
        *(400, "matches"),
    ),
    "second operation": (
        parameters(operation("delete", "Patient.photo"), operation("delete", "Patient.name")),
        *(422, "operation 2"),
    ),
    "several": (
        parameters(operation("replace", "Patient.contact.gender", ("valueCode", "other"))),
        *(422, "leads to 2 elements"),
    ),
    "nowhere": (
        parameters(operation("replace", "Patient.photo[0]", ("valueAttachment", {"title": "x"}))),
        *(422, "leads nowhere"),
    ),
    "unknown element": (parameters(operation("delete", "Patient.nam")), 422, "'nam'"),
    "another type": (parameters(operation("delete", "Person.name")), 422, "Patient"),
    "there already": (
        parameters(operation("add", "Patient", ("valueCode", "other"), name="gender")),
        *(422, "use replace"),
    ),
    "there already as another choice": (
        parameters(operation("add", "Patient", ("valueDateTime", "2020"), name="deceased")),
        *(422, "use replace"),
    ),
    "type of the value": (
        parameters(operation("replace", "Patient.birthDate", ("valueBoolean", True))),
        *(422, "is of type date; the value is a boolean"),
    ),
    "no such choice": (
        parameters(operation("replace", "Patient.deceased", ("valueString", "yes"))),
        *(422, "boolean, dateTime"),
    ),
    "once only": (
        parameters(
            operation(
                "add",
                "Patient",
                [{"name": "gender", "valueCode": "male"}, {"name": "gender", "valueCode": "male"}],
                name="contact",
            )
        ),
        *(422, "once only"),
    ),
    "index": (
        parameters(operation("insert", "Patient.name", ("valueHumanName", {"text": "x"}), index=3)),
        *(422, "the list has 2 items"),
    ),
    "source": (
        parameters(operation("move", "Patient.name", source=2, destination=0)),
        *(422, "source is 2"),
    ),
    "destination": (
        parameters(operation("move", "Patient.name", source=0, destination=2)),
        *(422, "destination is 2"),
    ),
    "below zero": (
        parameters(operation("move", "Patient.name", source=-1, destination=0)),
        *(400, "count from 0"),
    ),
    "no list": (
        parameters(operation("move", "Patient.gender", source=0, destination=0)),
        *(422, "no list"),
    ),
    "all of it": (parameters(operation("delete", "Patient")), 422, "whole resource"),
    "other id": (
        parameters(operation("replace", "Patient.id", ("valueId", "other"))),
        *(400, "has to stay"),
    ),
    "wrong code": (
        parameters(operation("replace", "Patient.gender", ("valueCode", "M"))),
        *(422, "female"),
    ),
    "too many": (parameters(*[operation("delete", "Patient.photo")] * 1001), 413, "1000"),
    "conditions too long": (
        parameters(
            *[operation("delete", f"Patient.name.where(text = '{n}{'a' * 900}')") for n in range(6)]
        ),
        *(400, "5000 letters"),
    ),
}


@pytest.mark.parametrize("row", REFUSED_FHIRPATH.values(), ids=REFUSED_FHIRPATH)
def test_fhirpath_patch_refused(anywhere, fresh, row):
    sent, status, words = row
    before = put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", sent)
    assert got.status == status, got.said
    assert words in got.said
    assert "1980-01-01" not in got.said
    assert anywhere.ask("GET", f"Patient/{fresh}").body == before.body


def test_the_operation_that_failed_is_named(anywhere, fresh):
    put(anywhere, fresh)
    sent = parameters(operation("delete", "Patient.photo"), operation("delete", "Patient.name"))
    assert anywhere.ask("PATCH", f"Patient/{fresh}", sent).expression == "Parameters.parameter[1]"

"""FHIRPath Patch: what it makes of a resource, and what it refuses."""

import pytest

from tests.fhir_server.interactions.patching import (
    AN,
    DIV,
    changed,
    content,
    operation,
    parameters,
    put,
)
from tests.fhir_server.serving import JSON

pytestmark = [pytest.mark.spec("http.html#patch"), pytest.mark.spec("fhirpatch.html")]

NAMED = [
    {"name": "name", "valueHumanName": {"family": "Trần"}},
    {"name": "gender", "valueCode": "male"},
    {"name": "telecom", "valueContactPoint": {"value": "1"}},
    {"name": "telecom", "valueContactPoint": {"value": "2"}},
    {"name": "relationship", "part": [{"name": "text", "valueString": "son"}]},
]
BUILT = {
    "name": {"family": "Trần"},
    "gender": "male",
    "telecom": [{"value": "1"}, {"value": "2"}],
    "relationship": [{"text": "son"}],
}
ALIAS = [{"name": "url", "valueUri": "urn:n"}, {"name": "value", "valueDecimal": 1.5}]

FHIRPATH_ROWS = {
    # ---- add
    "add a value": (
        operation("add", "Patient", ("valueBoolean", True), name="active"),
        changed(active=True),
    ),
    "add a complex value": (
        operation("add", "Patient", ("valueCodeableConcept", {"text": "m"}), name="maritalStatus"),
        changed(maritalStatus={"text": "m"}),
    ),
    "add to a list": (
        operation("add", "Patient", ("valueIdentifier", {"value": "3"}), name="identifier"),
        changed(identifier=[*AN["identifier"], {"value": "3"}]),
    ),
    "add to a list that is not there": (
        operation("add", "Patient", ("valueAddress", {"city": "Huế"}), name="address"),
        changed(address=[{"city": "Huế"}]),
    ),
    "add what is built of parts": (
        operation("add", "Patient", NAMED, name="contact"),
        changed(contact=[*AN["contact"], BUILT]),
    ),
    "add inside": (
        operation("add", "Patient.contact[0]", ("valueHumanName", {"text": "Hoa"}), name="name"),
        changed(contact=[{"gender": "female", "name": {"text": "Hoa"}}, AN["contact"][1]]),
    ),
    "add a word to a list of words": (
        operation("add", "Patient.name[0]", ("valueString", "Bình"), name="given"),
        changed(name=[{**AN["name"][0], "given": ["Văn", "An", "Bình"]}, AN["name"][1]]),
    ),
    "add an extension built of parts": (
        operation("add", "Patient", ALIAS, name="extension"),
        changed(extension=[*AN["extension"], {"url": "urn:n", "valueDecimal": 1.5}]),
    ),
    "add an extension to a date": (
        operation("add", "Patient.birthDate", ALIAS, name="extension"),
        changed(
            X_birthDate=None,
            _birthDate={
                "extension": [
                    *AN["_birthDate"]["extension"],
                    {"url": "urn:n", "valueDecimal": 1.5},
                ]
            },
        ),
    ),
    "add an extension to one of several words": (
        operation("add", "Patient.name[0].given[1]", ALIAS, name="extension"),
        changed(
            name=[
                {
                    **AN["name"][0],
                    "_given": [None, {"extension": [{"url": "urn:n", "valueDecimal": 1.5}]}],
                },
                AN["name"][1],
            ]
        ),
    ),
    "add a choice": (
        operation("add", "Patient", ("valueInteger", 2), name="multipleBirth"),
        changed(multipleBirthInteger=2),
    ),
    # ---- insert
    "insert first": (
        operation("insert", "Patient.identifier", ("valueIdentifier", {"value": "3"}), index=0),
        changed(identifier=[{"value": "3"}, *AN["identifier"]]),
    ),
    "insert last": (
        operation("insert", "Patient.identifier", ("valueIdentifier", {"value": "3"}), index=2),
        changed(identifier=[*AN["identifier"], {"value": "3"}]),
    ),
    "insert into an empty list": (
        operation("insert", "Patient.address", ("valueAddress", {"city": "Huế"}), index=0),
        changed(address=[{"city": "Huế"}]),
    ),
    "insert a word": (
        operation("insert", "Patient.name.first().given", ("valueString", "Thị"), index=1),
        changed(name=[{**AN["name"][0], "given": ["Văn", "Thị", "An"]}, AN["name"][1]]),
    ),
    "insert what is built of parts": (
        operation("insert", "Patient.contact", NAMED, index=1),
        changed(contact=[AN["contact"][0], BUILT, AN["contact"][1]]),
    ),
    # ---- delete
    "delete a value": (
        operation("delete", "Patient.birthDate"),
        changed(birthDate=None, X_birthDate=None, _birthDate=None),
    ),
    "delete inside": (
        operation("delete", "Patient.contact[1].gender"),
        changed(contact=[AN["contact"][0], {"name": {"text": "Lan"}}]),
    ),
    "delete all that an element holds": (
        operation("delete", "Patient.contact[0].gender"),
        changed(contact=[AN["contact"][1]]),
    ),
    "delete one of a list": (
        operation("delete", "Patient.identifier[0]"),
        changed(identifier=[AN["identifier"][1]]),
    ),
    "delete by a condition": (
        operation("delete", "Patient.identifier.where(system = 'urn:t' and value = '2')"),
        changed(identifier=[AN["identifier"][0]]),
    ),
    "delete an extension": (
        operation("delete", "Patient.extension('urn:e:1')"),
        changed(extension=[AN["extension"][1]]),
    ),
    "delete the only extension of a date": (
        operation("delete", "Patient.birthDate.extension[0]"),
        changed(_birthDate=None),
    ),
    "delete where nothing is": (operation("delete", "Patient.maritalStatus.text"), AN),
    "delete a choice": (operation("delete", "Patient.deceased"), changed(deceasedBoolean=None)),
    "delete the choice of another type": (
        operation("delete", "Patient.deceased.ofType(dateTime)"),
        AN,
    ),
    "delete a word": (
        operation("delete", "Patient.name.given.where($this = 'An')"),
        changed(name=[{**AN["name"][0], "given": ["Văn"]}, AN["name"][1]]),
    ),
    # ---- replace
    "replace a value": (
        operation("replace", "Patient.gender", ("valueCode", "female")),
        changed(gender="female"),
    ),
    "replace without the type in front": (
        operation("replace", "gender", ("valueCode", "female")),
        changed(gender="female"),
    ),
    "replace a code by a string": (
        operation("replace", "Patient.gender", ("valueString", "female")),
        changed(gender="female"),
    ),
    "replace one of a list": (
        operation(
            "replace", "Patient.name.where(use='official')", ("valueHumanName", {"text": "x"})
        ),
        changed(name=[{"text": "x"}, AN["name"][1]]),
    ),
    "replace inside a condition": (
        operation(
            "replace",
            "Patient.contact.where(name.exists() and (gender = 'male').not()).gender",
            ("valueCode", "other"),
        ),
        changed(contact=[AN["contact"][0], {"name": {"text": "Lan"}, "gender": "other"}]),
    ),
    "replace what is built of parts": (
        operation("replace", "Patient.contact[0]", NAMED),
        changed(contact=[BUILT, AN["contact"][1]]),
    ),
    "replace a choice by another type": (
        operation("replace", "Patient.deceased", ("valueDateTime", "2020")),
        changed(deceasedBoolean=None, deceasedDateTime="2020"),
    ),
    "replace in an extension": (
        operation("replace", "Patient.extension('urn:e:1').value", ("valueInteger", 3)),
        changed(extension=[{"url": "urn:e:1", "valueInteger": 3}, AN["extension"][1]]),
    ),
    "replace the narrative": (
        operation(
            "replace",
            "Patient.text",
            [
                {"name": "status", "valueCode": "generated"},
                {"name": "div", "valueString": DIV.replace("con", "cháu")},
            ],
        ),
        changed(text={"status": "generated", "div": DIV.replace("con", "cháu")}),
    ),
    "replace one of several words": (
        operation("replace", "Patient.name[0].given.last()", ("valueString", "Ân")),
        changed(name=[{**AN["name"][0], "given": ["Văn", "Ân"]}, AN["name"][1]]),
    ),
    # ---- move
    "move up": (
        operation("move", "Patient.identifier", source=1, destination=0),
        changed(identifier=AN["identifier"][::-1]),
    ),
    "move to where it is": (operation("move", "Patient.identifier", source=1, destination=1), AN),
    "move a word": (
        operation("move", "Patient.name[0].given", source=0, destination=1),
        changed(name=[{**AN["name"][0], "given": ["An", "Văn"]}, AN["name"][1]]),
    ),
}


@pytest.mark.parametrize("row", FHIRPATH_ROWS.values(), ids=FHIRPATH_ROWS)
def test_fhirpath_patch(anywhere, fresh, row):
    change, expected = row
    put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", parameters(change))
    assert (got.status, got.headers["etag"]) == (200, 'W/"2"'), got.body
    assert content(got.json) == expected
    assert anywhere.ask("GET", f"Patient/{fresh}").body == got.body


def test_operations_follow_each_other(anywhere, fresh):
    put(anywhere, fresh)
    change = parameters(
        operation("add", "Patient", ("valueAddress", {"city": "Huế"}), name="address"),
        operation("add", "Patient.address[0]", ("valueString", "1 Lê Lợi"), name="line"),
        operation("insert", "Patient.address[0].line", ("valueString", "P. 2"), index=0),
        operation("move", "Patient.address[0].line", source=1, destination=0),
        operation(
            "replace", "Patient.address.where(city = 'Huế').city", ("valueString", "Đà Nẵng")
        ),
    )
    got = anywhere.ask("PATCH", f"Patient/{fresh}", change)
    assert got.json["address"] == [{"city": "Đà Nẵng", "line": ["1 Lê Lợi", "P. 2"]}]


def test_a_contained_resource(anywhere, fresh):
    put(anywhere, fresh)
    practice = {"resourceType": "Organization", "id": "o", "name": "Phòng khám"}
    change = parameters(
        operation("add", "Patient", ("resource", practice), name="contained"),
        operation(
            "add", "Patient", ("valueReference", {"reference": "#o"}), name="managingOrganization"
        ),
        operation("replace", "Patient.contained[0].name", ("valueString", "Trạm y tế")),
    )
    got = anywhere.ask("PATCH", f"Patient/{fresh}", change)
    assert got.status == 200, got.body
    assert got.json["contained"] == [{**practice, "name": "Trạm y tế"}]


def test_words_and_their_extensions_move_together(anywhere, fresh):
    marked = {"extension": [{"url": "urn:e", "valueString": "x"}]}
    name = {"given": ["a", "b", "c"], "_given": [None, marked, None]}
    put(anywhere, fresh, {"resourceType": "Patient", "name": [name]})
    change = parameters(
        operation("move", "Patient.name.given", source=1, destination=2),
        operation("delete", "Patient.name.given[0]"),
        operation("insert", "Patient.name.given", ("valueString", "z"), index=0),
    )
    got = anywhere.ask("PATCH", f"Patient/{fresh}", change)
    assert got.json["name"] == [{"given": ["z", "c", "b"], "_given": [None, None, marked]}]


XML = """<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>
<part><name value="type"/><valueCode value="%s"/></part>
<part><name value="path"/><valueString value="%s"/></part>%s</parameter></Parameters>"""
BUILT_IN_XML = """<part><name value="name"/><valueString value="contact"/></part>
<part><name value="value"/>
<part><name value="name"/><valueHumanName><text value="Lan"/></valueHumanName></part></part>"""


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (XML % ("delete", "Patient.gender", ""), changed(gender=None)),
        (
            XML % ("add", "Patient", BUILT_IN_XML),
            changed(contact=[*AN["contact"], {"name": {"text": "Lan"}}]),
        ),
    ],
    ids=["delete", "add what is built of parts"],
)
@pytest.mark.spec("xml.html")
def test_fhirpath_patch_in_xml(anywhere, fresh, sent, expected):
    put(anywhere, fresh)
    got = anywhere.ask(
        "PATCH", f"Patient/{fresh}", sent, content_type="application/fhir+xml", accept=JSON
    )
    assert got.status == 200, got.body
    assert content(got.json) == expected

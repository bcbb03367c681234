"""$graphql as a client sees it, over every kind of store."""

import json
from urllib.parse import quote

import pytest

from fhir_server.search.parse import parse
from fhir_server.standard.graphql import graphql
from fhir_server.store.port import EVERYTHING, AnyOf, Visibility
from tests.fhir_server.serving import serving
from tests.fhir_server.standard.graph_queries import answering, asked, data, filled, of_patient
from tests.fhir_server.store.stores import KINDS, ZONE

pytestmark = pytest.mark.spec("graphql.html")


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    with answering(request.param, tmp_path_factory.mktemp("store")) as running:
        yield running


# ---- elements ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("id active", {"id": "p", "active": True}),
        ("resourceType __typename", {"resourceType": "Patient", "__typename": "Patient"}),
        ("born: birthDate", {"born": "1970-03-30"}),
        ("gender deceasedBoolean", {"gender": None, "deceasedBoolean": None}),
        ("photo { url }", {"photo": None}),
        (
            "_birthDate { extension { url valueTime } }",
            {"_birthDate": {"extension": [{"url": "http://x.org/time", "valueTime": "09:08:07"}]}},
        ),
        ("_active { id }", {"_active": None}),
        (
            "contact { __typename gender }",
            {"contact": [{"__typename": "PatientContact", "gender": "female"}]},
        ),
        (
            "contained { id ... on Practitioner { active } }",
            {"contained": [{"id": "dr", "active": True}]},
        ),
    ],
)
def test_fields(server, fields, expected):
    assert of_patient(server, fields) == expected


@pytest.mark.spec("graphql.html#list")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("name(use: official) { family }", [{"family": "Chalmers"}]),
        ('name(use: "usual") { family }', [{"family": None}]),
        ("name(use: [usual, maiden]) { use }", [{"use": "usual"}, {"use": "maiden"}]),
        ('name(given: "Peter") { use }', [{"use": "official"}, {"use": "maiden"}]),
        ('name(given: "Peter", use: maiden) { family }', [{"family": "Windsor"}]),
        ('name(use: "old") { family }', None),
        ("name(_count: 1) { use }", [{"use": "official"}]),
        ("name(first: 1, _offset: 1) { use }", [{"use": "usual"}]),
        ("name(_offset: 9) { use }", None),
        ("name(_count: 1) { given(_offset: 1) }", [{"given": ["James"]}]),
        ("name: telecom(rank: 1) { system }", [{"system": "phone"}]),
    ],
)
def test_lists(server, fields, expected):
    assert of_patient(server, fields) == {"name": expected}


@pytest.mark.spec("graphql.html#flatten")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("name @first { given }", {"name": {"given": ["Peter", "James"]}}),
        (
            "name @flatten { given family }",
            {"given": ["Peter", "James", "Jim", "Peter"], "family": ["Chalmers", "Windsor"]},
        ),
        ("name @flatten { given @first }", {"given": ["Peter", "Jim", "Peter"]}),
        (
            "name @first @flatten { family given }",
            {"family": "Chalmers", "given": ["Peter", "James"]},
        ),
        ("name(use: official) @flatten { family @singleton }", {"family": "Chalmers"}),
        ("name(use: old) @flatten { family }", {}),
        ("contact @flatten { name @flatten { family } }", {"family": ["du Marché"]}),
        ("managingOrganization @flatten { reference }", {"reference": "Organization/o"}),
        (
            'telecom @slice(path: "system") @flatten { value @singleton }',
            {"value.phone": "(03) 5555 6473", "value.email": "p@example.org"},
        ),
        (
            'telecom @slice(path: "system") @singleton { rank }',
            {"telecom.phone": {"rank": 1}, "telecom.email": {"rank": None}},
        ),
        (
            'name @slice(path: "$index") @flatten { given @first @singleton }',
            {"given.0": "Peter", "given.1": "Jim", "given.2": "Peter"},
        ),
    ],
)
def test_directives_that_shape_the_answer(server, fields, expected):
    assert of_patient(server, fields) == expected


def test_a_singleton_of_several_values_is_refused(server):
    got = asked(server, '{ Patient(id: "p") { name @flatten { given @singleton } } }')
    assert (got.status, "given has several values" in got.json["errors"][0]["message"]) == (
        400,
        True,
    )


def test_numbers_keep_their_digits(server):
    got = asked(server, "{ valueQuantity { value unit } }", "Observation/ob/")
    assert got.body == b'{"data":{"valueQuantity":{"value":7.50,"unit":"mg"}}}'


# ---- references ----------------------------------------------------------------------------------


@pytest.mark.spec("graphql.html#resource")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            "managingOrganization { resource { ... on Organization { name } } }",
            {"managingOrganization": {"resource": {"name": "Good Health Clinic"}}},
        ),
        (
            "managingOrganization { resource(type: Organization) { name } }",
            {"managingOrganization": {"resource": {"name": "Good Health Clinic"}}},
        ),
        (
            "managingOrganization { resource(type: Practitioner) { id } }",
            {"managingOrganization": {"resource": None}},
        ),
        (
            "managingOrganization { resource { id ... on Practitioner { birthDate } } }",
            {"managingOrganization": {"resource": {"id": "o"}}},
        ),
        (
            "generalPractitioner { resource(optional: true) { resourceType id } }",
            {
                "generalPractitioner": [
                    {"resource": None},
                    {"resource": {"resourceType": "Organization", "id": "o"}},
                    {"resource": {"resourceType": "Practitioner", "id": "dr"}},
                ]
            },
        ),
        (
            "generalPractitioner @flatten { resource(optional: true, type: Organization) @flatten "
            "{ name } }",
            {"name": ["Good Health Clinic"]},
        ),
    ],
)
def test_what_a_reference_leads_to(server, fields, expected):
    assert of_patient(server, fields) == expected


def test_a_reference_that_leads_nowhere_is_an_error_beside_the_rest(server):
    got = asked(server, "{ id generalPractitioner { resource { id } } }", "Patient/p/")
    assert got.status == 200
    assert got.json["data"]["id"] == "p"
    assert got.json["data"]["generalPractitioner"][1] == {"resource": {"id": "o"}}
    (error,) = got.json["errors"]
    assert error["path"] == ["generalPractitioner", 0, "resource"]
    assert error["extensions"]["resource"]["issue"][0]["code"] == "not-found"


# ---- searches ------------------------------------------------------------------------------------


@pytest.mark.spec("graphql.html#searching")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('PatientList(family: "chalmers") { id }', [{"id": "p"}]),
        (
            'PatientList(family: ["chalmers", "hidden"], _sort: "-_id") { id }',
            [{"id": "q"}, {"id": "p"}],
        ),
        ("PatientList(active: true) { id }", [{"id": "p"}]),
        ('PatientList(birthdate: "1970-03") { id }', [{"id": "p"}]),
        ('PatientList(general_practitioner: "Practitioner/none") { id }', [{"id": "p"}]),
        ('PatientList(family: "nobody") { id }', []),
        (
            'ConditionList(patient: "p", _sort: "_id", _count: 2) { id }',
            [{"id": "c0"}, {"id": "c1"}],
        ),
        ('ConditionList(patient: "p", _count: 0) { id }', []),
        ('ObservationList(value_quantity: "7.5") { id }', [{"id": "ob"}]),
        (
            "PatientList(_id: p) { ConditionList(_reference: subject, _id: c3) { code { text } } }",
            [{"ConditionList": [{"code": {"text": "condition 3"}}]}],
        ),
        ('PatientList(_id: "p") @first { id }', {"id": "p"}),
    ],
)
def test_lists_of_resources(server, query, expected):
    assert list(data(server, f"{{ {query} }}").values()) == [expected]


def test_what_refers_to_a_resource(server):
    found = data(
        server, '{ ConditionList(_reference: patient, _sort: "-_id") { id } }', "Patient/p/"
    )
    assert [one["id"] for one in found["ConditionList"]] == ["c4", "c3", "c2", "c1", "c0"]


PAGE = "{ count offset pagesize first previous next last edges { mode score resource { id } } }"


def test_pages_of_a_connection(server):
    query = f'{{ ConditionConnection(patient: "p", _sort: "_id", _count: 2) {PAGE} }}'
    pages, cursors = [], []
    while True:
        page = data(server, query)["ConditionConnection"]
        pages.append(page)
        cursors.append(page["next"])
        if page["next"] is None:
            break
        query = f'{{ ConditionConnection(cursor: "{page["next"]}") {PAGE} }}'
    ids = [[edge["resource"]["id"] for edge in page["edges"]] for page in pages]
    assert ids == [["c0", "c1"], ["c2", "c3"], ["c4"]]
    assert [(one["count"], one["offset"], one["pagesize"]) for one in pages] == [
        (5, 0, 2),
        (5, 2, 2),
        (5, 4, 1),
    ]
    assert pages[0]["edges"][0]["mode"] == "match"
    assert pages[0]["previous"] is None
    for relation, number in (("previous", 1), ("first", 0)):
        again = f'{{ ConditionConnection(cursor: "{pages[2][relation]}") {PAGE} }}'
        assert data(server, again)["ConditionConnection"]["edges"] == pages[number]["edges"]


# ---- the language --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "variables", "expected"),
    [
        ("query($id: ID!) { Patient(id: $id) { id } }", {"id": "p"}, {"Patient": {"id": "p"}}),
        ('query($id: id = "p") { Patient(id: $id) { id } }', {}, {"Patient": {"id": "p"}}),
        (
            'query($x: String) { PatientList(_id: "p", gender: $x) { id } }',
            {"x": None},
            {"PatientList": [{"id": "p"}]},
        ),
        (
            'query($n: Int) { PatientList(_count: $n, _sort: "_id") { id } }',
            {"n": 1},
            {"PatientList": [{"id": "p"}]},
        ),
        (
            "query($f: [string!]) { PatientList(family: $f) { id } }",
            {"f": ["hidden"]},
            {"PatientList": [{"id": "q"}]},
        ),
        (
            'query($y: Boolean!) { Patient(id: "p") { id @skip(if: $y) active @include(if: $y) } }',
            {"y": True},
            {"Patient": {"active": True}},
        ),
        (
            "{ a: Patient(id: p) { ...f } b: Patient(id: q) { ...f } } "
            "fragment f on Patient { id }",
            {},
            {"a": {"id": "p"}, "b": {"id": "q"}},
        ),
        (
            '{ Patient(id: "p") { name { use } name { family } } }',
            {},
            {
                "Patient": {
                    "name": [
                        {"use": "official", "family": "Chalmers"},
                        {"use": "usual", "family": None},
                        {"use": "maiden", "family": "Windsor"},
                    ]
                }
            },
        ),
        (
            "{ Patient(id: p) { ... @include(if: false) { active } ... on Resource { id } "
            "... on Condition { id } } }",
            {},
            {"Patient": {"id": "p"}},
        ),
    ],
)
def test_variables_and_fragments(server, query, variables, expected):
    body = {"query": query, "variables": variables, "operationName": None}
    got = server.ask("POST", "$graphql", body, content_type="application/json")
    assert (got.status, got.json) == (200, {"data": expected})
    address = f"$graphql?query={quote(query)}&variables={quote(json.dumps(variables))}"
    assert server.ask("GET", address).json == {"data": expected}


def test_an_operation_is_chosen_by_its_name(server):
    query = 'query A { Patient(id: "p") { id } } query B { Patient(id: "q") { id } }'
    body = {"query": query, "operationName": "B"}
    got = server.ask("POST", "$graphql", body, content_type="application/json")
    assert got.json == {"data": {"Patient": {"id": "q"}}}
    parts = [{"name": "query", "valueString": query}, {"name": "operationName", "valueString": "A"}]
    got = server.ask("POST", "$graphql", {"resourceType": "Parameters", "parameter": parts})
    assert got.json == {"data": {"Patient": {"id": "p"}}}
    for name in (None, "C"):
        got = server.ask("POST", "$graphql", {**body, "operationName": name})
        assert (got.status, "operation" in got.json["errors"][0]["message"]) == (400, True)


def test_head_is_get_without_the_body(server):
    got = server.ask("HEAD", "Patient/p/$graphql?query={id}")
    assert (got.status, got.body, int(got.headers["content-length"]) > 10) == (200, b"", True)


# ---- who sees what -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{ PatientList(_sort: "_id") { id } }', {"PatientList": [{"id": "q"}]}),
        ("{ PatientConnection { count } }", {"PatientConnection": {"count": 1}}),
        ('{ Patient(id: "p") { id } }', {"Patient": None}),
        (
            "{ ConditionList { subject { resource(optional: true) { id } } } }",
            {"ConditionList": [{"subject": {"resource": None}}] * 5},
        ),
    ],
)
def test_what_is_hidden_does_not_exist(query, expected):
    women = AnyOf((parse("Patient", [("gender", "female")], zone=ZONE).conditions,))
    sees = Visibility({"Patient": women}, EVERYTHING)

    def store_for(store):
        return lambda caller: store.restricted(sees) if caller.id == "ward" else store

    with serving("memory:", operations=graphql(), store_for=store_for) as server:
        filled(server)
        assert asked(server, query, x_requester="ward").json["data"] == expected
        assert asked(server, "{ id }", "Patient/p/", x_requester="ward").status == 404

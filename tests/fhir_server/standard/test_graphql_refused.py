"""What $graphql refuses: what is wrong, and what would take too much."""

import pytest

from tests.fhir_server.standard.graph_queries import answering, asked
from tests.fhir_server.store.stores import KINDS

pytestmark = pytest.mark.spec("graphql.html")


@pytest.fixture(scope="module", params=KINDS)
def server(request, tmp_path_factory):
    with answering(request.param, tmp_path_factory.mktemp("store")) as running:
        yield running


# ---- refusals ------------------------------------------------------------------------------------


def nested(fields):
    return f'{{ Patient(id: "p") {{ {fields} }} }}'


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 400, "query is missing"),
        ("{", 400, "Syntax Error"),
        ("{ Patient { id } }", 400, "needs the argument id"),
        ("{ Patiant(id: 1) { id } }", 400, "begins with a resource"),
        ("{ __schema { types { name } } }", 400, "no introspection"),
        (nested("colour"), 400, "no element 'colour'"),
        (nested("name"), 400, "fields of its own"),
        (nested("id { x }"), 400, "plain value"),
        (nested("name(colour: 1) { use }"), 400, "no argument 'colour'"),
        (nested('name(fhirpath: "true") { use }'), 400, "FHIRPath"),
        (nested("name(_count: -1) { use }"), 400, "whole number"),
        (nested("id @flatten"), 400, "nothing to @flatten"),
        (nested("name @big { use }"), 400, "Unknown directive"),
        (nested("name @slice { use }"), 400, "path"),
        (nested('name @slice(path: "a b()") { use }'), 400, "path of an element"),
        (nested('name @slice(path: "use") @first { use }'), 400, "cannot be combined"),
        (nested("ConditionList(patient: 1) { id }"), 400, "needs _reference"),
        (nested("ConditionList(_reference: colour) { id }"), 400, "no search parameter 'colour'"),
        (nested("... on Patiant { id }"), 400, "no type 'Patiant'"),
        (nested("x: id x: active"), 400, "means different things"),
        (nested("managingOrganization { resource(type: Clinic) { id } }"), 400, "no resource type"),
        (nested("...f"), 400, "Unknown fragment"),
        (nested("...f") + " fragment f on Patient { ...f }", 400, "Cannot spread"),
        (nested("id @include(if: $x)"), 400, "not defined"),
        ("query($x: Int!) { Patient(id: $x) { id } }", 400, "needs a value"),
        ("{ PatientList(_reference: x) { id } }", 400, "inside of a resource"),
        ('{ PatientList(_include: "Patient:organization") { id } }', 400, "for a search by REST"),
        ('{ PatientList(birthdate: "soon") { id } }', 400, "soon"),
        ("{ PatientList(family: {a: 1}) { id } }", 400, "a text, a number"),
        ('{ PatientList(cursor: "x") { id } }', 400, "Connection only"),
        ('{ PatientConnection(cursor: "x") { count } }', 400, "none that a PatientConnection gave"),
        ('{ PatientConnection(cursor: "x", active: true) { count } }', 400, "stands alone"),
        ("mutation { PatientCreate { id } }", 501, "mutation is not supported"),
        ("subscription { x }", 501, "subscription is not supported"),
    ],
)
def test_refusals(server, query, status, words):
    got = asked(server, query)
    assert got.status == status, got.body
    said = got.json["errors"][0]
    assert words in said["message"], said
    assert said["extensions"]["resource"]["issue"][0]["severity"] == "error"
    assert "data" not in got.json


@pytest.mark.parametrize(
    ("place", "status"), [("Patient/none/", 404), ("Patient/gone/", 410), ("Patient/a_b/", 400)]
)
def test_an_instance_that_is_not_there(server, place, status):
    server.ask("PUT", "Patient/gone", {"resourceType": "Patient", "id": "gone"})
    server.ask("DELETE", "Patient/gone")
    assert asked(server, "{ id }", place).status == status


def test_one_patient_that_is_not_there(server):
    got = asked(server, '{ Patient(id: "none") { id } }')
    assert (got.status, got.json["data"]) == (200, {"Patient": None})
    assert got.json["errors"][0]["extensions"]["resource"]["issue"][0]["code"] == "not-found"


@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("text/plain", "{ x }", 415),
        ("application/x-www-form-urlencoded", "query={id}", 415),
        ("application/json", "{", 400),
        ("application/json", "[1]", 400),
        ("application/json", '{"query": 1}', 400),
        ("application/json", '{"query": "{ x }", "variables": [1]}', 400),
        ("application/json", '{"resourceType": "Patient"}', 400),
        ("application/graphql", b"\xff", 400),
    ],
)
def test_bodies_that_are_no_query(server, media, body, status):
    got = server.ask("POST", "$graphql", body, content_type=media)
    assert got.status == status, got.body


@pytest.mark.parametrize("query", ["variables=[", "variables=[]", "operationName=x", "colour=x"])
def test_addresses_that_are_no_query(server, query):
    assert server.ask("GET", f"$graphql?{query}").status == 400
    assert server.ask("GET", f"$graphql?query={{x}}&{query}").status == 400


def test_the_query_is_in_one_place_only(server):
    assert asked(server, "{ id }", "Patient/p/").status == 200
    got = server.ask(
        "POST", "Patient/p/$graphql?query={id}", "{ id }", content_type="application/graphql"
    )
    assert got.status == 400


# ---- bounds --------------------------------------------------------------------------------------

FOLLOWED = "{{ other {{ resource(type: Patient) {{ ...f{0} }} }} }}"
DOUBLING = " ".join(
    f"fragment f{n} on Patient {{ a: link {inner} b: link {inner} }}"
    for n, inner in ((n, FOLLOWED.format(n + 1)) for n in range(20))
)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{" * 30_000, "levels deep"),
        ("[" * 30_000, "levels deep"),
        ("{ a: " * 41, "levels deep"),
        (" " * 70_000, "characters"),
        ("{ " + "x " * 5_000 + "}", "tokens"),
        ("{ x } " + " ".join(f"fragment f{n} on Patient {{ id }}" for n in range(60)), "fragments"),
        (nested("extension { " * 16 + "url" + " }" * 16), "nested 18 levels"),
        (
            f'{{ Patient(id: "p") {{ ...f0 }} }} {DOUBLING} fragment f20 on Patient {{ id }}',
            "nested",
        ),
        ("{ " + " ".join(f"a{n}: PatientList {{ id }}" for n in range(300)) + " }", "searches"),
    ],
)
def test_what_would_take_too_much_is_refused(server, query, words):
    got = asked(server, query)
    assert got.status == 400, got.body[:300]
    assert words in got.json["errors"][0]["message"]


def test_the_same_under_many_names_is_counted(server):
    """Forty thousand objects, each with ten fields, out of a query of 3 kB."""
    link = " ".join(f"l{n}: ConditionList(_reference: patient) {{ ...c }}" for n in range(8))
    names = " ".join(f"n{n}: code {{ ...t }}" for n in range(60))
    texts = " ".join(f"t{n}: text" for n in range(150))
    query = (
        f'{{ Patient(id: "p") {{ {link} }} }} fragment c on Condition {{ {names} }} '
        f"fragment t on CodeableConcept {{ {texts} }}"
    )
    got = asked(server, query)
    assert (got.status, got.json["errors"][0]["message"].count("100000 fields")) == (400, 1)


def test_megabytes_under_many_names_are_counted(server):
    binary = {
        "resourceType": "Binary",
        "id": "b",
        "contentType": "text/plain",
        "data": "AAAA" * 500_000,
    }
    assert server.ask("PUT", "Binary/b", binary).status in (200, 201)
    names = " ".join(f"d{n}: data" for n in range(50))
    got = asked(server, f"{{ {names} }}", "Binary/b/")
    assert (got.status, "bytes" in got.json["errors"][0]["message"]) == (400, True)


def test_large_resources_and_long_lists_are_counted(server):
    notes = [{"url": "http://x.org/n", "valueString": "x"}] * 20_000
    long = {"resourceType": "Basic", "id": "long", "code": {"text": "x"}, "extension": notes}
    assert server.ask("PUT", "Basic/long", long).status in (200, 201)
    names = " ".join(f'e{n}: extension(url: "http://x.org/other") {{ url }}' for n in range(40))
    got = asked(server, f"{{ {names} }}", "Basic/long/")
    assert (got.status, "fields" in got.json["errors"][0]["message"]) == (400, True)
    names = " ".join(f"e{n}: BasicList(_id: long) {{ id }}" for n in range(30))
    got = asked(server, f"{{ {names} }}")
    assert (got.status, "stored bytes" in got.json["errors"][0]["message"]) == (400, True)

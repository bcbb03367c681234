"""The CapabilityStatement says what is so: all it announces works, all else is refused."""

import pytest

from fhir_profiles.definitions import tables
from fhir_profiles.json_text import dump
from fhir_profiles.validation import structure
from fhir_server.answers import Answer
from fhir_server.capabilities import Capabilities
from fhir_server.not_supported import NOT_SUPPORTED, as_markdown
from fhir_server.operations import Operation
from fhir_server.options import Options
from fhir_server.store.port import Document
from tests.fhir_server.serving import FINE, NOON, serving

pytestmark = pytest.mark.spec("capabilitystatement.html")

MINE = Capabilities(
    "mine", "9", "a few", types=("Patient", "Device", "AuditEvent"), read_only=("Device",)
)


async def nothing(call):
    return Answer(204)


MATCH = Operation("$match", "Patient", "type", nothing, "https://example.org/match")
ON_ONE = Operation("$match", "Patient", "instance", nothing, MATCH.definition)
STATUS = Operation("$status", "", "system", nothing, "https://example.org/status")


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def statement(server):
    return server.ask("GET", "metadata").json


def announced(statement):
    return {
        one["type"]: {interaction["code"] for interaction in one["interaction"]}
        for one in statement["rest"][0]["resource"]
    }


def test_the_statement_itself(statement):
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["software"] == {"name": FINE.software, "version": FINE.version}
    assert statement["implementation"]["url"] == "http://test/fhir"
    assert statement["date"] == NOON.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert structure.check(statement) == []
    assert set(announced(statement)) == tables.resource_types()
    assert "application/json-patch+json" in statement["patchFormat"]


def body_of(type_):
    """A resource of a type, as little as validation would let through elsewhere."""
    return {"resourceType": type_, "id": "a"}


REQUESTS = {
    "read": ("GET", "{}/a", 200),
    "vread": ("GET", "{}/a/_history/1", 200),
    "history-instance": ("GET", "{}/a/_history", 200),
    "history-type": ("GET", "{}/_history", 200),
    "search-type": ("GET", "{}?_id=a", 200),
    "create": ("POST", "{}", 201),
    "update": ("PUT", "{}/a", 200),
    "patch": ("PATCH", "{}/a", 200),
    "delete": ("DELETE", "{}/a", 204),
}


# The smallest FHIRPath Patch: where nothing is, nothing is deleted.
NO_CHANGE = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "delete"},
                {"name": "path", "valueString": "language"},
            ],
        }
    ],
}


@pytest.mark.parametrize("type_", ["Patient", "Binary", "Bundle", "Parameters", "AuditEvent"])
def test_interactions_work_as_announced_and_no_others(type_):
    with serving(options=Options(validation="off")) as server:
        codes = announced(server.ask("GET", "metadata").json)[type_]
        for code, (method, path, status) in REQUESTS.items():
            if code == "read":
                server.store.write(lambda writer: put(writer, type_)).result()
            body = body_of(type_) if method in ("POST", "PUT") else None
            body = NO_CHANGE if method == "PATCH" else body
            got = server.ask(method, path.format(type_), body, accept="application/fhir+json")
            assert got.status == (status if code in codes else 405), (code, got.body)


def put(writer, type_):
    tree = body_of(type_)
    return writer.put(Document(tree, dump(tree)), id_="a", method="PUT", at=NOON)


def test_every_search_parameter_works(server, statement):
    """All of them, by `:missing`: it needs the definition, the index and the statement to agree."""
    plain = {"_id": "_id=x", "_lastUpdated": "_lastUpdated=2026"}
    for one in statement["rest"][0]["resource"]:
        names = [parameter["name"] for parameter in one["searchParam"]]
        assert {"_id", "_lastUpdated", "_tag"} <= set(names)
        query = "&".join(plain.get(name, f"{name}:missing=true") for name in names)
        got = server.ask("GET", f"{one['type']}?{query}")
        assert got.status == 200, got.body


def test_every_include_works(server, statement):
    for one in statement["rest"][0]["resource"]:
        query = "&".join(f"_include={include}" for include in one.get("searchInclude", [])[:50])
        assert server.ask("GET", f"{one['type']}?{query}").status == 200


def test_parameters_that_are_not_announced_are_refused(server, statement):
    for one in statement["rest"][0]["resource"]:
        known = {parameter["name"] for parameter in one["searchParam"]}
        for name in set(tables.search_parameters(one["type"])) - known:
            assert server.ask("GET", f"{one['type']}?{name}=x").status == 400


# ---- what is not supported ---------------------------------------------------------------------


@pytest.mark.parametrize("key", NOT_SUPPORTED)
def test_what_is_not_supported_says_so(server, key):
    missing = NOT_SUPPORTED[key]
    method, _, path = missing.request.partition(" ")
    server.ask("PUT", "Patient/1", {"resourceType": "Patient", "id": "1"})
    got = server.ask(method, path)
    assert (got.status, got.code) == (501, "not-supported")
    assert missing.item in got.said
    assert missing.instead in got.said


def test_the_list_stands_in_the_statement(statement):
    said = statement["rest"][0]["documentation"]
    assert said == as_markdown()
    assert all(missing.item in said for missing in NOT_SUPPORTED.values())
    codes = {code for codes in announced(statement).values() for code in codes}
    assert not codes & set(NOT_SUPPORTED)
    for one in statement["rest"][0]["resource"]:
        deleted = one["type"] != "AuditEvent"
        assert one["conditionalDelete"] == ("single" if deleted else "not-supported")


def test_a_path_that_is_no_compartment_is_not_there(server):
    assert server.ask("GET", "Patient/1/Observatio").status == 404


# ---- a server that serves less -----------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    with serving(capabilities=MINE, operations=(MATCH, ON_ONE, STATUS)) as running:
        yield running


def test_types_and_operations_are_those_it_was_given(small):
    statement = small.ask("GET", "metadata").json
    assert structure.check(statement) == []
    reads = {"read", "vread", "history-instance", "history-type", "search-type"}
    assert announced(statement) == {
        "AuditEvent": reads | {"create"},
        "Device": reads,
        "Patient": reads | {"create", "update", "patch", "delete"},
    }
    flags = {one["type"]: one["conditionalCreate"] for one in statement["rest"][0]["resource"]}
    assert flags == {"AuditEvent": True, "Device": False, "Patient": True}
    rest = statement["rest"][0]
    patient = next(one for one in rest["resource"] if one["type"] == "Patient")
    assert patient["operation"] == [{"name": "match", "definition": MATCH.definition}]
    assert rest["operation"] == [{"name": "status", "definition": STATUS.definition}]
    assert small.ask("POST", "Patient/$match").status == 204
    assert small.ask("POST", "$status").status == 204


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        (("GET", "Observation/1"), 404, "AuditEvent, Device, Patient"),
        (("GET", "Observation"), 404, "Observation is not served here"),
        (("POST", "Device", {"resourceType": "Device"}), 405, "Device"),
        (("PUT", "Device/a", {"resourceType": "Device", "id": "a"}), 405, "it can be read"),
        (("DELETE", "Device/a"), 405, "Device"),
    ],
)
def test_what_it_does_not_serve(small, request_, status, words):
    got = small.ask(*request_)
    assert got.status == status
    assert words in got.said


def test_a_type_that_is_none_is_refused_at_once():
    with pytest.raises(ValueError, match="Patiens"):
        Capabilities("x", "1", "x", types=("Patiens",))


def test_the_open_api_page_lists_the_same_interactions(small):
    described = small.app.openapi()
    codes = {one["summary"] for methods in described["paths"].values() for one in methods.values()}
    searches = {"search-system", "search-compartment"}
    system = {"history-system", "transaction", "capabilities", "operation"}
    assert codes == {*REQUESTS, *system, *searches}
    patched = {path for path, methods in described["paths"].items() if "patch" in methods}
    assert patched == {"/{type}", "/{type}/{id}"}

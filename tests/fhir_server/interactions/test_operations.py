"""Operations: found by name and place, given what was sent, answered as their handler says."""

import pytest

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.operations import Operation, Registry
from tests.fhir_server.serving import PATIENT, serving

pytestmark = pytest.mark.spec("operations.html")


async def echo(call):
    """What a handler is given, as a Parameters resource."""
    parts = [
        {"name": "place", "valueString": f"{call.type}/{call.id}"},
        {"name": "caller", "valueString": call.caller.id},
        {"name": "given", "valueString": str(call.parameters("x"))},
        {"name": "missing", "valueString": str(call.parameter("y", "nothing"))},
    ]
    return Answer(tree={"resourceType": "Parameters", "parameter": parts})


async def write(call):
    def work(writer):
        for row in range(2):
            writer.append("decision", str(row), b"", at=call.clock.now())
        return 2

    return Answer(tree={"resourceType": "Parameters", "id": str(await call.write(work))})


async def refuse(call):
    raise FhirError(Kind.BUSINESS_RULE, "not today", expression="Parameters.parameter[0]")


async def search(call):
    total = await call.in_pool(lambda: len(list(call.store.scan("Patient"))))
    return Answer(202, tree={"resourceType": "Parameters", "id": str(total)})


def operation(name, on, level, handler, **more):
    return Operation(name, on, level, handler, f"https://example.org/{name[1:]}", **more)


ALL = (
    operation("$echo", "", "system", echo, methods=("GET", "POST")),
    operation("$echo", "Patient", "type", echo, methods=("GET", "POST")),
    operation("$echo", "*", "instance", echo),
    operation("$write", "Patient", "type", write, affects_state=True),
    operation("$refuse", "Patient", "type", refuse),
    operation("$search", "Patient", "type", search),
)
SENT = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "x", "valueString": "a"},
        {"name": "x", "resource": {"resourceType": "Patient"}},
        {"name": "z", "valueString": "c"},
    ],
}


@pytest.fixture
def able(url):
    with serving(url, operations=ALL, audited=True) as server:
        yield server


def said(got):
    return {part["name"]: part["valueString"] for part in got.json["parameter"]}


@pytest.mark.parametrize(
    ("path", "place"),
    [("$echo", "/"), ("Patient/$echo", "Patient/"), ("Device/7/$echo", "Device/7")],
)
def test_by_post(able, path, place):
    got = said(able.ask("POST", path, SENT, x_requester="dr-a"))
    expected = str(["a", {"resourceType": "Patient"}])
    assert got == {"place": place, "caller": "dr-a", "given": expected, "missing": "nothing"}


def test_by_get(able):
    assert said(able.ask("GET", "Patient/$echo?x=1&x=2"))["given"] == "['1', '2']"


def test_writes_share_their_commit_with_the_audit_row(able):
    got = able.ask("POST", "Patient/$write", SENT)
    assert got.json["id"] == "2"
    rows = able.store.rows("decision"), able.store.rows("audit")
    assert [len(one) for one in rows] == [2, 1]
    assert able.store.counts() == {}


def test_blocking_work_and_other_statuses(able):
    able.make(PATIENT)
    got = able.ask("POST", "Patient/$search", SENT)
    assert (got.status, got.json["id"]) == (202, "1")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "Patient/$nix", SENT, 404, "$echo"),
        ("POST", "Device/$echo", SENT, 405, "[base]/Patient/$echo"),
        ("POST", "Patient/7/$write", SENT, 405, "[base]/Patient/$write"),
        ("GET", "Patient/$write", None, 405, "POST"),
        ("PUT", "Patient/$write", SENT, 405, "POST"),
        ("POST", "Patiens/$echo", SENT, 404, "Patiens"),
        ("POST", "Device/_/$echo", SENT, 400, "'_'"),
        ("POST", "Patient/$refuse", SENT, 422, "not today"),
        ("POST", "Patient/$echo", "{}", 400, "resourceType"),
        ("POST", "Patient/$echo", "{", 400, "member name"),
    ],
)
def test_refused(able, method, path, body, status, words):
    got = able.ask(method, path, body)
    assert got.status == status
    assert words in got.said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("match", "Patient", "type"), "starts with"),
        (("$match", "", "type"), "on no type"),
        (("$match", "Patient", "system"), "on no type"),
    ],
)
def test_declared_wrongly(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        operation(*arguments, echo)


def test_declared_twice():
    one = operation("$echo", "", "system", echo)
    with pytest.raises(ValueError, match="twice"):
        Registry((one, one))


def test_what_affects_state_is_not_a_get():
    with pytest.raises(ValueError, match="GET"):
        operation("$echo", "", "system", echo, methods=("GET",), affects_state=True)

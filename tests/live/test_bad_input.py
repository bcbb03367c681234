"""Bad input over HTTP: the right status, an issue with place and remedy, nothing half-written.

One row a request: what is wrong, the request, status and issue code, words that have to be in it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx2
import pytest

from fhir_profiles import systems
from fhir_profiles.json_text import dump
from lienthong.live.seeding import COORDINATOR
from lienthong.server import Running
from scenarios.charts.known_people import draft_call, known_person
from tests.live.running import plan

pytestmark = pytest.mark.xdist_group("live network")
CODES = [facility.code for facility in plan().groups]
HOSPITAL = f"/hospitals/{CODES[0]}/fhir"
KNOWN = "p-900000010000000"
FHIR = {"content-type": "application/fhir+json"}
SERVICE = "/cds-services/vn-result-reuse"
FEEDBACK = f"{SERVICE}/feedback"
Tree = dict[str, Any]


class Row(NamedTuple):
    name: str
    request: str
    body: Any
    status: int
    code: str
    words: tuple[str, ...]
    headers: Mapping[str, str] = FHIR


def patient(**elements: Any) -> Tree:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> Tree:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "HbA1c"},
        **elements,
    }


def number(system: str, value: str) -> list[Tree]:
    return [{"system": system, "value": value}]


def transaction(*entries: Tree) -> Tree:
    request = {"method": "POST", "url": "Patient"}
    rows = [{"resource": entry, "request": request} for entry in entries]
    return {"resourceType": "Bundle", "type": "transaction", "entry": rows}


def pointer(**elements: Any) -> Tree:
    """A pointer of a result of the first hospital, as it should be."""
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "masterIdentifier": number(systems.result(CODES[0]), "new-1")[0],
        "type": {"coding": [{"system": systems.TEST_GROUP, "code": "hba1c"}]},
        "subject": {"identifier": number(systems.mrn(CODES[0]), "1")[0]},
        "custodian": {"identifier": number(systems.MA_CSKCB, CODES[0])[0]},
        "content": [{"attachment": {"url": "DiagnosticReport/new-1"}}],
        **elements,
    }


def without(tree: Tree, name: str) -> Tree:
    return {key: value for key, value in tree.items() if key != name}


P = f"POST {HOSPITAL}/Patient"
OBS = f"POST {HOSPITAL}/Observation"
G = f"GET {HOSPITAL}"
POINTER = "POST /fhir/DocumentReference"
DEEP = b'{"resourceType": "Patient", "x": ' + b"[" * 99 + b"]" * 99 + b"}"
TWICE = b'{"resourceType": "Patient",\n "active": true,\n "active": false}'

JSON_ROWS = [
    Row("no JSON", P, b'{"resourceType": "Patient",\n  "active": tru }', 400, "structure",
        ("expected a value", "line 2, column 13")),
    Row("half", P, b'{"resourceType": "Patient"', 400, "structure", ("line 1, column 27",)),
    Row("no UTF-8", P, b'{"resourceType": "Patient", "id": "\xff"}', 400, "structure",
        ("UTF-8", "line 1, column 36")),
    Row("nothing", P, b"", 400, "structure", ("the body is empty", "send one resource")),
    Row("a list", P, b"[]", 400, "structure", ("not a JSON object",)),
    Row("a member twice", P, TWICE, 400, "structure", ("'active' stands twice", "line 3")),
    Row("NaN", OBS, b'{"resourceType": "Observation", "valueQuantity": {"value": NaN}}', 400,
        "structure", ("NaN is not JSON", "valueQuantity.value")),
    Row("too deep", P, DEEP, 400, "structure",
        ("deeper than 64",)),
    Row("too large", P, b" " * (11 << 20), 413, "too-long", ("10",)),
    Row("a text that is too long", P, patient(name=[{"text": "x" * 1_100_000}]), 422, "too-long",
        ("Patient.name[0].text",)),
    Row("XML of nobody", P, b"<Patient/>", 400, "structure", ("of no namespace",),
        {"content-type": "application/fhir+xml"}),
    Row("a form", P, b"active=true", 415, "not-supported", ("application/fhir+json",),
        {"content-type": "application/x-www-form-urlencoded"}),
    Row("no media type", P, b"{}", 415, "not-supported", ("no Content-Type",), {}),
    Row("Turtle wanted", f"{G}/Patient", None, 406, "not-supported", ("application/fhir+xml",),
        {"accept": "text/turtle"}),
    Row("Turtle by _format", f"{G}/Patient?_format=ttl", None, 406, "not-supported", ("_format",)),
]  # fmt: skip

RESOURCE_ROWS = [
    Row("another type", P, observation(), 400, "invalid", ("Patient", "Observation")),
    Row("no type", P, {"active": True}, 400, "invalid", ("no resourceType",)),
    Row("text for a boolean", P, patient(active="yes"), 422, "value", ("Patient.active",)),
    Row("object for an array", P, patient(name={"text": "A"}), 422, "structure",
        ("Patient.name", "[ ]")),
    Row("no such element", P, patient(nickname="A"), 422, "structure", ("Patient.nickname",)),
    Row("no such code", P, patient(gender="nam"), 422, "code-invalid", ("female, male",)),
    Row("no such day", P, patient(birthDate="1990-02-30"), 422, "value",
        ("no 1990-02-30 in the calendar", "Patient.birthDate")),
    Row("a day as people write it", P, patient(birthDate="30/04/1990"), 422, "value",
        ("2025-03-01", "30/04/1990")),
    Row("a time without zone", OBS, observation(effectiveDateTime="2025-11-15T08:00:00"), 422,
        "value", ("+07:00", "Observation.effective")),
    Row("a number in quotes", OBS, observation(valueQuantity={"value": "7.5", "unit": "%"}), 422,
        "value", ("without quotes", "Observation.value.value")),
    Row("a unit that is no text", OBS, observation(valueQuantity={"value": 7.5, "unit": 1}), 422,
        "value", ("Observation.value.unit",)),
    Row("a unit with a system only", OBS,
        observation(valueQuantity={"value": 7.5, "code": "%", "system": ["ucum"]}), 422,
        "structure", ("Observation.value.system",)),
    Row("two values", OBS, observation(valueString="A", valueBoolean=True), 422, "structure",
        ("one type at a time",)),
    Row("a status missing", OBS, without(observation(), "status"), 422, "required",
        ("Observation.status",)),
    Row("a reference to the wrong type", P,
        patient(managingOrganization={"reference": "Patient/1"}), 422, "value",
        ("expected a reference to Organization",)),
    Row("an id of another form", f"PUT {HOSPITAL}/Patient/a_b", patient(id="a_b"), 400, "value",
        ("64 letters",)),
    Row("two ids", f"PUT {HOSPITAL}/Patient/a", patient(id="b"), 400, "invalid",
        ("make them agree",)),
    Row("an old version", f"PUT {HOSPITAL}/Patient/{KNOWN}", patient(id=KNOWN), 412, "conflict",
        ("read it again",), {**FHIR, "if-match": 'W/"77"'}),
    Row("a condition on nothing", P, patient(), 400, "not-supported", ("colour",),
        {**FHIR, "if-none-exist": "colour=red"}),
    Row("second entry of a transaction", f"POST {HOSPITAL}",
        transaction(patient(), patient(active="x")), 422, "value",
        ("Bundle.entry[1].resource.active",)),
    Row("a reference that leads nowhere", f"POST {HOSPITAL}",
        transaction(patient(), patient(link=[
            {"type": "seealso", "other": {"reference": "Patient?identifier=a|b"}}])), 412,
        "conflict", ("no Patient meets a conditional reference",)),
    Row("an entry without request", f"POST {HOSPITAL}",
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": patient()}]},
        400, "invalid", ("Bundle.entry[0].request",)),
    Row("a patch that leads nowhere", f"PATCH {HOSPITAL}/Patient/{KNOWN}",
        [{"op": "remove", "path": "/photo"}], 422, "business-rule", ("photo",),
        {"content-type": "application/json-patch+json"}),
]  # fmt: skip

ADDRESS_ROWS = [
    Row("no such type", f"{G}/Patients", None, 404, "not-supported", ("'Patients'", "metadata")),
    Row("no such type, written", f"POST {HOSPITAL}/Foo", {"resourceType": "Foo"}, 404,
        "not-supported", ("'Foo'",)),
    Row("no such parameter", f"{G}/Patient?colour=red", None, 400, "not-supported",
        ("'colour'", "birthdate")),
    Row("no such modifier", f"{G}/Patient?name:fuzzy=A", None, 400, "not-supported",
        (":fuzzy", ":exact")),
    Row("no such day", f"{G}/Patient?birthdate=yesterday", None, 400, "value",
        ("birthdate", "2024-05-31")),
    Row("no such number", f"{G}/Observation?value-quantity=gt", None, 400, "value",
        ("value-quantity",)),
    Row("no such count", f"{G}/Patient?_count=many", None, 400, "value", ("_count",)),
    Row("no such order", f"{G}/Patient?_sort=colour", None, 400, "not-supported", ("_sort",)),
    Row("no such link", f"{G}/Patient?_include=Patient:colour", None, 400, "value",
        ("_include", "general-practitioner")),
    Row("no such page", f"{G}/Patient?_page=xyz", None, 404, "not-found", ("first page",)),
    Row("no such operation", f"POST {HOSPITAL}/Patient/$explode", {"resourceType": "Parameters"},
        404, "not-supported", ("$explode",)),
    Row("nobody", f"{G}/Patient/nobody", None, 404, "not-found", ("Patient/nobody",)),
    Row("no such version", f"{G}/Patient/{KNOWN}/_history/9", None, 404, "not-found",
        ("_history",)),
    Row("no such hospital", "GET /hospitals/00000/fhir/Patient", None, 404, "not-found",
        ("'00000'", "GET /")),
    Row("no hospital", "GET /hospitals", None, 404, "not-found", ("GET /",)),
    Row("a slip in the path", f"GET /hospitals/{CODES[0]}/fihr/Patient", None, 404, "not-found",
        ("/fihr/Patient", "GET /")),
    Row("nothing there", "GET /nothing", None, 404, "not-found", ("/nothing", "GET /")),
]  # fmt: skip

COORDINATOR_ROWS = [
    Row("a CCCD with 5 digits", "POST /fhir/Patient",
        patient(identifier=number(systems.CCCD, "12345")), 422, "value",
        ("12 digits", "Patient.identifier[0].value")),
    Row("a CCCD with a letter at a hospital", P,
        patient(identifier=number(systems.CCCD, "00109900A123")), 422, "value", ("12 digits",)),
    Row("an identifier without system", "POST /fhir/Patient",
        patient(identifier=[{"value": "12345"}]), 422, "required",
        ("Patient.identifier[0].system",)),
    Row("a pointer without custodian", POINTER, without(pointer(), "custodian"), 422, "required",
        ("DocumentReference.custodian",)),
    Row("a pointer of a stranger", POINTER,
        pointer(custodian={"identifier": number(systems.MA_CSKCB, "00000")[0]}), 422, "value",
        ("facility 00000 is not in the directory",)),
    Row("a pointer without result", POINTER, without(pointer(), "masterIdentifier"), 422,
        "required", ("DocumentReference.masterIdentifier",)),
    Row("a pointer without person", POINTER, without(pointer(), "subject"), 422, "required",
        ("DocumentReference.subject.identifier",)),
    Row("a pointer to another server", POINTER,
        pointer(content=[{"attachment": {"url": "http://x.example/DiagnosticReport/1"}}]), 422,
        "value", ("below the base of the custodian",)),
    Row("a result at the coordinator", "POST /fhir/Observation", observation(), 405,
        "not-supported", ("can be read",)),
    Row("a consent without scope", "POST /fhir/Consent",
        {"resourceType": "Consent", "status": "active"}, 422, "required", ("Consent.scope",)),
    Row("a link of one", "POST /fhir/Linkage", {"resourceType": "Linkage", "item": [
        {"type": "source", "resource": {"reference": "Patient/x"}}]}, 422, "value",
        ("Linkage.item",)),
    Row("a search about nobody", "GET /fhir/Observation?code=4548-4", None, 400, "required",
        ("patient.identifier",)),
    Row("a match of nothing", "POST /fhir/Patient/$match", {"resourceType": "Parameters"}, 400,
        "required", ("Parameters.parameter",)),
    Row("a cross reference of nobody", "GET /fhir/Patient/$ihe-pix", None, 400, "required",
        ("sourceIdentifier",)),
    Row("a number without system", "GET /fhir/Patient/$ihe-pix?sourceIdentifier=1", None, 400,
        "value", ("system|value",)),
]  # fmt: skip

ADMIN_ROWS = [
    Row("the clock backwards", "POST /admin/clock", {"to": "2020-01-01T00:00:00+07:00"}, 409,
        "conflict", ("forward only", "2025-11-30")),
    Row("the clock without zone", "POST /admin/clock", {"to": "2026-01-01T00:00:00"}, 400,
        "invalid", ("no zone", "+07:00")),
    Row("the clock in words", "POST /admin/clock", {"to": "tomorrow"}, 400, "invalid",
        ("'tomorrow'", "2025-03-01T08:00:00+07:00")),
    Row("the clock to nothing", "POST /admin/clock", {}, 400, "invalid", ("to:",)),
    Row("the clock, no JSON", "POST /admin/clock", b"{", 400, "structure", ("line 1, column 2",)),
    Row("the clock deleted", "DELETE /admin/clock", None, 405, "not-supported", ("GET", "POST")),
    Row("a fault of nobody", "POST /admin/faults", {"node": "00000", "state": "silent"}, 400,
        "invalid", ("'00000'", "link/CODE", "coordinator")),
    Row("no such fault", "POST /admin/faults", {"node": CODES[0], "state": "dead"}, 400,
        "invalid", ("'dead'", "ok, unavailable, silent")),
    Row("a reset of nobody", "POST /admin/reset", {"hospital": "00000"}, 404, "not-found",
        ("'00000'",)),
    Row("a reset, no JSON", "POST /admin/reset", b"hospital=1", 400, "structure", ("line 1",)),
    Row("a reset looked at", "GET /admin/reset", None, 405, "not-supported", ("POST",)),
    Row("no such place in the log", "GET /admin/decisions?after=x", None, 400, "invalid",
        ("after: 'x'",)),
    Row("digits that are none", "GET /admin/decisions?after=%C2%B2", None, 400, "invalid",
        ("after",)),
    Row("more than a number", f"GET /admin/decisions?limit={'9' * 5000}", None, 400, "invalid",
        ("limit",)),
]  # fmt: skip

CDS_ROWS = [
    Row("a call, no JSON", f"POST {SERVICE}", b"{", 400, "structure", ("line 1, column 2",)),
    Row("a call that is too large", f"POST {SERVICE}", b" " * (2 << 20), 413, "too-long", ()),
    Row("a call that is looked at", f"GET {SERVICE}", None, 405, "not-supported", ("POST",)),
    Row("no such service", "POST /cds-services/other", {}, 404, "not-found", ("GET /",)),
    Row("no feedback", f"POST {FEEDBACK}", {}, 400, "invalid", ("feedback",)),
    Row("feedback that says nothing", f"POST {FEEDBACK}", {"feedback": ["fine"]}, 400, "invalid",
        ("feedback[0].card",)),
    Row("feedback about a card that is no text", f"POST {FEEDBACK}",
        {"feedback": [{"card": 1, "outcome": "accepted"}]}, 400, "invalid",
        ("feedback[0].card",)),
    Row("feedback of another kind", f"POST {FEEDBACK}",
        {"feedback": [{"card": "1", "outcome": "ignored"}]}, 400, "invalid",
        ("feedback[0].outcome", "accepted or overridden")),
    Row("the second of two", f"POST {FEEDBACK}",
        {"feedback": [{"card": "1", "outcome": "accepted"}, {"card": "1"}]}, 400, "invalid",
        ("feedback[1].outcome",)),
]  # fmt: skip

ROWS = [*JSON_ROWS, *RESOURCE_ROWS, *ADDRESS_ROWS, *COORDINATOR_ROWS, *ADMIN_ROWS, *CDS_ROWS]


def everything(network: Running) -> Any:
    """What must not change: resources of every node, decisions, feedback, outbox, clock, faults."""
    stores = {code: network.network.store(code) for code in (COORDINATOR, *CODES)}
    kinds = ("decision", "feedback", "pointer")
    return (
        {code: store.counts() for code, store in stores.items()},
        {code: [len(store.rows(kind)) for kind in kinds] for code, store in stores.items()},
        network.network.clock.now(),
        network.network.faults.states(),
    )


def check(network: Running, answer: httpx2.Response, before: Any, row: Row) -> None:
    assert answer.status_code == row.status, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+json")
    issues = answer.json()["issue"]
    assert row.code in {issue["code"] for issue in issues}, issues
    said = json.dumps(issues, ensure_ascii=False)
    assert [word for word in row.words if word not in said] == [], said
    assert "Traceback" not in said
    assert everything(network) == before


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_wrong_is_refused_and_nothing_changes(
    network: Running, http: httpx2.Client, row: Row
) -> None:
    before = everything(network)
    method, path = row.request.split(" ", 1)
    sent = row.body if isinstance(row.body, bytes) else json.dumps(row.body).encode()
    content = {} if row.body is None else {"content": sent}
    answer = http.request(method, path, headers=dict(row.headers), **content)
    check(network, answer, before, row)
    assert http.get("/readyz").status_code == 200
    assert http.get(f"{HOSPITAL}/Patient/{KNOWN}").status_code == 200


# ---- calls of an ordering screen -----------------------------------------------------------------
Spoil = Callable[[Tree], object]


def order_of(call: Tree) -> Tree:
    return call["context"]["draftOrders"]["entry"][0]["resource"]


CALLS: list[tuple[str, Spoil, int, str, str]] = [
    ("no hook", lambda c: c.pop("hook"), 400, "invalid", "hook: is missing"),
    ("another hook", lambda c: c.update(hook="patient-view"), 400, "invalid", "order-sign"),
    ("no instance", lambda c: c.pop("hookInstance"), 400, "invalid", "hookInstance"),
    ("no server", lambda c: c.pop("fhirServer"), 400, "invalid", "fhirServer: is missing"),
    ("a strange server", lambda c: c.update(fhirServer="http://x.example/fhir"), 403, "forbidden",
     "is no hospital of the directory"),
    ("no context", lambda c: c.pop("context"), 400, "invalid", "context: is missing"),
    ("no orders", lambda c: c["context"].pop("draftOrders"), 400, "invalid", "a Bundle is missing"),
    ("entries that are none", lambda c: c["context"]["draftOrders"].update(entry="abc"), 400,
     "structure", "context.draftOrders.entry"),
    ("an empty entry", lambda c: c["context"]["draftOrders"].update(entry=[None]), 400,
     "structure", "context.draftOrders.entry[0]"),
    ("an order without code", lambda c: order_of(c).pop("code"), 400, "invalid",
     "context.draftOrders.entry[0].resource.code"),
    ("a code that is a text", lambda c: order_of(c).update(code="hba1c"), 400, "structure",
     "context.draftOrders.entry[0].resource.code"),
    ("an order of someday", lambda c: order_of(c).update(authoredOn="someday"), 400, "value",
     "context.draftOrders.entry[0].resource.authoredOn"),
    ("selections that are none", lambda c: c["context"].update(selections=7), 400, "invalid",
     "context.selections"),
    ("a prefetch that is a list", lambda c: c.update(prefetch=[1]), 400, "invalid", "prefetch"),
    ("a patient that is none", lambda c: c["prefetch"].update(patient={"resourceType": "Cat"}),
     400, "invalid", "prefetch.patient: is not a Patient"),
    ("a birth date that is none", lambda c: c["prefetch"]["patient"].update(birthDate="1968"
     "-13-01"), 400, "value", "prefetch.patient.birthDate"),
    ("nobody", lambda c: (c.pop("prefetch"), c["context"].pop("patientId")), 400, "invalid",
     "context.patientId: is missing"),
    ("a patient whom the hospital does not know",
     lambda c: (c.pop("prefetch"), c["context"].update(patientId="nobody")), 412, "conflict",
     "there is no Patient/nobody"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "spoil", "status", "code", "words"),
    CALLS,
    ids=[call[0] for call in CALLS],
)
def test_a_call_that_lacks_something_leaves_no_decision(
    network: Running,
    http: httpx2.Client,
    name: str,
    spoil: Spoil,
    status: int,
    code: str,
    words: str,
) -> None:
    whole = draft_call(known_person("kp-01"), plan().plan, plan().last_morning, network.start.url)
    assert whole is not None
    call = copy.deepcopy(whole)
    spoil(call)
    before = everything(network)
    answer = http.post(SERVICE, content=dump(call))
    check(network, answer, before, Row(name, "", None, status, code, (words,)))
    assert http.post(SERVICE, content=dump(whole)).status_code == 200

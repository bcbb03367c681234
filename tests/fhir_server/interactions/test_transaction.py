"""transaction: all or nothing, in the order of the specification, with its links made to last."""

import json
from uuid import UUID

import pytest

from tests.fhir_server.serving import BASE, PATIENT, entry, serving, transaction

pytestmark = pytest.mark.spec("http.html#trules")

ONE = "urn:uuid:6a4bd8b5-7ef1-4c5e-8a3b-3c5cf0e6d001"
TWO = "urn:uuid:6a4bd8b5-7ef1-4c5e-8a3b-3c5cf0e6d002"
MRN = {"system": "urn:mrn", "value": "17"}
KNOWN = {**PATIENT, "identifier": [MRN]}
OBSERVED = {"resourceType": "Observation", "status": "final", "code": {"text": "HbA1c"}}


def observed(reference, **more):
    return {**OBSERVED, "subject": {"reference": reference}, **more}


def send(server, *entries, **headers):
    return server.ask("POST", "", transaction(*entries), **headers)


def count(server, type_):
    return server.ask("GET", f"{type_}?_summary=count").json["total"]


def test_responses_stand_in_the_order_of_the_entries(server):
    server.ask("PUT", "Patient/old", {**PATIENT, "id": "old"})
    server.ask("PUT", "Patient/gone", {**PATIENT, "id": "gone"})
    got = send(
        server,
        entry("GET", "Patient?_summary=count"),
        entry("PUT", "Patient/old", {**PATIENT, "id": "old", "active": True}),
        entry("POST", "Patient", PATIENT),
        entry("DELETE", "Patient/gone"),
        entry("GET", "Patient/old"),
    )
    assert got.status == 200
    assert got.json["type"] == "transaction-response"
    responses = [one["response"] for one in got.json["entry"]]
    statuses = [response["status"] for response in responses]
    assert statuses == ["200 OK", "200 OK", "201 Created", "204 No Content", "200 OK"]
    assert [one.get("etag") for one in responses] == [None, *('W/"2" W/"1" W/"2" W/"2"'.split())]
    assert responses[1]["location"] == f"{BASE}/Patient/old/_history/2"
    assert responses[2]["location"].startswith(f"{BASE}/Patient/")
    # Reads come last and see what the others did.
    assert got.json["entry"][0]["resource"]["total"] == 2
    assert got.json["entry"][4]["resource"]["active"] is True
    assert [("resource" in one) for one in got.json["entry"]] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("prefer", "shown"),
    [("", None), ("return=representation", "resource"), ("return=OperationOutcome", "outcome")],
)
def test_prefer_return(server, prefer, shown):
    (got,) = send(server, entry("POST", "Patient", PATIENT), prefer=prefer).json["entry"]
    assert ("resource" in got) == (shown == "resource")
    assert ("outcome" in got["response"]) == (shown == "outcome")


# ---- links -------------------------------------------------------------------------------------


def stored(server, type_="Observation"):
    (only,) = server.ask("GET", type_).json["entry"]
    return only["resource"]


def test_links_are_replaced_where_they_are_links(server):
    """In references, uri, url, oid, uuid, narrative; not in canonicals, text or identifiers."""
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{ONE}">{ONE}</a></div>'
    full = observed(
        ONE,
        text={"status": "generated", "div": div},
        performer=[{"reference": "Practitioner/p"}],
        identifier=[{"system": ONE, "value": ONE}],
        note=[{"text": ONE}],
        meta={"profile": [ONE]},
        extension=[
            {"url": "urn:e:uri", "valueUri": ONE},
            {"url": "urn:e:url", "valueUrl": ONE},
            {"url": "urn:e:uuid", "valueUuid": ONE},
            {"url": "urn:e:canonical", "valueCanonical": ONE},
            {"url": "urn:e:string", "valueString": ONE},
        ],
        contained=[{"resourceType": "Specimen", "id": "s", "subject": {"reference": ONE}}],
        specimen={"reference": "#s"},
    )
    got = send(
        server, entry("POST", "Observation", full, TWO), entry("POST", "Patient", PATIENT, ONE)
    )
    assert got.status == 200, got.body
    tree = stored(server)
    new = f"Patient/{stored(server, 'Patient')['id']}"
    assert tree["subject"]["reference"] == new
    assert tree["contained"][0]["subject"]["reference"] == new
    assert tree["identifier"] == [{"system": new, "value": ONE}]
    assert tree["note"] == [{"text": ONE}]
    assert tree["meta"]["profile"] == [ONE]
    assert tree["text"]["div"] == div.replace(f'"{ONE}"', f'"{new}"')
    values = [next(v for k, v in one.items() if k != "url") for one in tree["extension"]]
    assert values == [new, new, new, ONE, ONE]
    assert tree["performer"] == [{"reference": "Practitioner/p"}]


def test_text_around_a_link_stays_as_it_came(server):
    body = (
        '{"resourceType":"Bundle","type":"transaction","entry":['
        '{"resource":{"resourceType" : "Observation","status":"final","code":{"text":"\\u0041"},'
        f'"subject":  {{ "reference":"{ONE}" }},"valueQuantity":{{"value":7.50}}}},'
        '"request":{"method":"POST","url":"Observation"}},'
        f'{{"fullUrl":"{ONE}","resource":{json.dumps(PATIENT)},'
        '"request":{"method":"POST","url":"Patient"}}]}'
    )
    assert server.ask("POST", "", body).status == 200
    id_ = stored(server, "Patient")["id"]
    text = server.ask("GET", "Observation").body.decode()
    expected = (
        '"code":{"text":"\\u0041"},'
        f'"subject":{{ "reference":"Patient/{id_}" }},"valueQuantity":{{"value":7.50}}}}'
    )
    assert expected in text


def test_many_links_in_one_resource(server):
    """More than are replaced one by one."""
    names = [UUID(int=number).urn for number in range(50)]
    listed = [{"item": {"reference": name}} for name in names]
    list_ = {"resourceType": "List", "status": "current", "mode": "working", "entry": listed}
    got = send(
        server,
        entry("POST", "List", list_),
        *[entry("POST", "Patient", PATIENT, name) for name in names],
    )
    locations = [one["response"]["location"] for one in got.json["entry"][1:]]
    seen = [one["item"]["reference"] for one in stored(server, "List")["entry"]]
    assert seen == ["/".join(where.split("/")[-4:-2]) for where in locations]


@pytest.mark.parametrize(
    ("own", "other", "reference"),
    [
        ("http://x.org/fhir/Observation/o", "http://x.org/fhir/Patient/p", "Patient/p"),
        (
            "http://x.org/fhir/Observation/o",
            "http://x.org/fhir/Patient/p",
            "http://x.org/fhir/Patient/p",
        ),
        (TWO, ONE, ONE),
    ],
    ids=["relative", "absolute", "urn"],
)
def test_what_a_link_names(server, own, other, reference):
    send(
        server,
        entry("POST", "Observation", observed(reference), own),
        entry("POST", "Patient", PATIENT, other),
    )
    expected = f"Patient/{stored(server, 'Patient')['id']}"
    assert stored(server)["subject"]["reference"] == expected


def test_a_link_to_an_update_or_to_what_is_there(server):
    there = server.make(KNOWN)
    send(
        server,
        entry("PUT", "Device/d", {"resourceType": "Device", "id": "d"}, TWO),
        entry("POST", "Patient", KNOWN, ONE, ifNoneExist="identifier=urn:mrn|17"),
        entry("POST", "Observation", observed(ONE, device={"reference": TWO})),
    )
    tree = stored(server)
    assert tree["subject"]["reference"] == f"Patient/{there}"
    assert tree["device"]["reference"] == "Device/d"
    assert count(server, "Patient") == 1


def test_a_relative_reference_beside_a_urn_is_left_alone(server):
    send(
        server,
        entry("POST", "Observation", observed("Patient/p"), TWO),
        entry("POST", "Patient", PATIENT, "http://x.org/fhir/Patient/p"),
    )
    assert stored(server)["subject"]["reference"] == "Patient/p"


# ---- conditional references --------------------------------------------------------------------

BY_MRN = "Patient?identifier=urn:mrn|17"


def test_a_conditional_reference_finds_what_was_there(server):
    there = server.make(KNOWN)
    got = send(server, entry("POST", "Observation", observed(BY_MRN)))
    assert got.status == 200, got.body
    assert stored(server)["subject"]["reference"] == f"Patient/{there}"


def test_a_conditional_reference_finds_what_comes_along(server):
    """Also where the one that is found waits for a reference of its own."""
    got = send(
        server,
        entry(
            "POST",
            "DiagnosticReport",
            {
                **OBSERVED,
                "resourceType": "DiagnosticReport",
                "result": [{"reference": "Observation?identifier=urn:o|1"}],
            },
        ),
        entry(
            "POST", "Observation", observed(BY_MRN, identifier=[{"system": "urn:o", "value": "1"}])
        ),
        entry("POST", "Patient", KNOWN),
    )
    assert got.status == 200, got.body
    assert stored(server)["subject"]["reference"] == f"Patient/{stored(server, 'Patient')['id']}"
    found = stored(server, "DiagnosticReport")["result"][0]["reference"]
    assert found == f"Observation/{stored(server)['id']}"


@pytest.mark.parametrize(("there", "code"), [(0, "conflict"), (2, "multiple-matches")])
def test_a_conditional_reference_that_finds_none_or_several(server, there, code):
    for _ in range(there):
        server.make(KNOWN)
    got = send(
        server, entry("POST", "Patient", PATIENT), entry("POST", "Observation", observed(BY_MRN))
    )
    assert (got.status, got.code) == (412, code)
    assert got.expression.startswith("Bundle.entry[1]")
    assert "17" not in got.said  # a condition may name a person
    assert (count(server, "Patient"), count(server, "Observation")) == (there, 0)


# ---- all or nothing ----------------------------------------------------------------------------

GOOD = entry("POST", "Patient", PATIENT)

FAILING = {
    # entries -> status, code, expression
    "invalid content": (
        [GOOD, entry("POST", "Patient", {"resourceType": "Patient", "nam": 1})],
        *(422, "structure", "Bundle.entry[1].resource.nam"),
    ),
    "other type": (
        [GOOD, entry("POST", "Observation", PATIENT)],
        *(400, "invalid", "Bundle.entry[1].resource"),
    ),
    "other id": (
        [GOOD, entry("PUT", "Patient/b", {**PATIENT, "id": "a"})],
        *(400, "invalid", "Bundle.entry[1].resource.id"),
    ),
    "no resource": ([GOOD, entry("POST", "Patient")], 400, "invalid", "Bundle.entry[1].resource"),
    "unknown type": (
        [GOOD, entry("GET", "Patiens/1")],
        *(404, "not-supported", "Bundle.entry[1]"),
    ),
    "version": (
        [GOOD, entry("PUT", "Patient/old", {**PATIENT, "id": "old"}, ifMatch='W/"7"')],
        *(412, "conflict", "Bundle.entry[1]"),
    ),
    "delete of another version": (
        [GOOD, entry("DELETE", "Patient/old", ifMatch='W/"7"')],
        *(412, "conflict", "Bundle.entry[1]"),
    ),
    "read of nothing": ([GOOD, entry("GET", "Patient/zz")], 404, "not-found", "Bundle.entry[1]"),
    "bad search": (
        [GOOD, entry("GET", "Patient?nam=1")],
        *(400, "not-supported", "Bundle.entry[1]"),
    ),
    "bad condition": (
        [GOOD, entry("POST", "Patient", PATIENT, ifNoneExist="nam=1")],
        *(400, "not-supported", "Bundle.entry[1]"),
    ),
    "method": (
        [GOOD, entry("POST", "Patient/old", PATIENT)],
        *(405, "not-supported", "Bundle.entry[1].request.method"),
    ),
    "PATCH": (
        [GOOD, entry("PATCH", "Patient/old", {"resourceType": "Parameters"})],
        *(400, "invalid", "Bundle.entry[1].resource.parameter"),
    ),
    "operation": (
        [GOOD, entry("POST", "Patient/$match", {"resourceType": "Parameters"})],
        *(501, "not-supported", "Bundle.entry[1].request.url"),
    ),
    "bundle in a bundle": (
        [GOOD, entry("POST", "/", {"resourceType": "Bundle", "type": "batch"})],
        *(400, "invalid", "Bundle.entry[1].request.url"),
    ),
    "same resource twice": (
        [GOOD, *[entry("PUT", "Patient/x", {**PATIENT, "id": "x"})] * 2],
        *(400, "invalid", "Bundle.entry[2]"),
    ),
    "written and deleted": (
        [
            GOOD,
            entry("PUT", "Patient/old", {**PATIENT, "id": "old"}),
            entry("DELETE", "Patient/old"),
        ],
        *(400, "invalid", "Bundle.entry[2]"),
    ),
    "same condition twice": (
        [GOOD, *[entry("POST", "Patient", KNOWN, ifNoneExist="identifier=urn:mrn|17")] * 2],
        *(400, "invalid", "Bundle.entry[2]"),
    ),
    "same update by condition": (
        [GOOD, *[entry("PUT", "Patient?name=old", {**PATIENT})] * 2],
        *(400, "invalid", "Bundle.entry[2]"),
    ),
    "audit": ([GOOD, entry("DELETE", "AuditEvent/a")], 405, "not-supported", "Bundle.entry[1]"),
}


@pytest.mark.parametrize("row", FAILING.values(), ids=FAILING)
def test_one_failing_entry_undoes_all(url, row):
    entries, status, code, expression = row
    with serving(url, audited=True) as server:
        named_old = {"resourceType": "Patient", "id": "old", "name": [{"text": "old"}]}
        server.ask("PUT", "Patient/old", named_old)
        rows = len(server.store.rows("audit"))
        got = send(server, *entries)
        assert (got.status, got.code, got.expression) == (status, code, expression), got.said
        assert server.store.counts() == {"Patient": 1}
        assert server.store.read("Patient", "old").version == 1
        # Of the trail only that it was tried.
        (tried,) = server.store.rows("audit", after=server.store.rows("audit")[rows - 1].seq)
        assert b'"transaction",%d' % status in tried.data


def test_places_are_those_of_the_bundle(server):
    body = (
        '{"resourceType":"Bundle","type":"transaction","entry":[\n'
        '{"request":{"method":"POST","url":"Patient"},"resource":\n'
        '  {"resourceType":"Patient",\n'
        '   "gender":"M"}}]}'
    )
    got = server.ask("POST", "", body)
    assert got.issues[0]["expression"] == ["Bundle.entry[0].resource.gender"]
    assert got.issues[0]["location"] == ["line 4, column 13"]


def test_one_full_url_for_two_resources(server):
    got = send(
        server, entry("POST", "Patient", PATIENT, ONE), entry("POST", "Patient", PATIENT, ONE)
    )
    assert got.status in (400, 422)
    assert count(server, "Patient") == 0


def test_the_hook_runs_for_every_resource_and_can_stop_all(url):
    seen = []

    def on_write(writer, version, tree):
        seen.append((version.method, version.type))
        if version.type == "Device":
            raise ValueError("no devices")

    with serving(url, on_write=on_write) as server:
        server.ask("PUT", "Patient/x", {**PATIENT, "id": "x"})
        seen.clear()
        changes = entry("POST", "Observation", observed("Patient/x")), entry("DELETE", "Patient/x")
        assert send(server, *changes).status == 200
        assert seen == [("DELETE", "Patient"), ("POST", "Observation")]
        device = entry("POST", "Device", {"resourceType": "Device"})
        assert send(server, GOOD, device).status == 500
        assert count(server, "Patient") == 0


def test_conditional_create_sees_the_deletes(server):
    """Deletes come first, so the one that met the condition is gone by then."""
    there = server.make(KNOWN)
    got = send(
        server,
        entry("POST", "Patient", KNOWN, ifNoneExist="identifier=urn:mrn|17"),
        entry("DELETE", f"Patient/{there}"),
    )
    statuses = [one["response"]["status"] for one in got.json["entry"]]
    assert statuses == ["201 Created", "204 No Content"]
    assert count(server, "Patient") == 1


def test_an_empty_transaction(server):
    got = server.ask("POST", "", {"resourceType": "Bundle", "type": "transaction"})
    assert (got.status, got.json) == (
        200,
        {"resourceType": "Bundle", "type": "transaction-response"},
    )


def test_large_transactions_are_read_in_a_worker_thread(server):
    """The same answers above the size from which bodies leave the loop."""
    names = [UUID(int=number).urn for number in range(200)]
    entries = [entry("POST", "Patient", PATIENT, name) for name in names]
    entries += [entry("POST", "Observation", observed(name)) for name in names]
    got = send(server, *entries)
    assert got.status == 200
    ids = [one["response"]["location"].split("/")[-3] for one in got.json["entry"]]
    seen = server.ask("GET", f"Observation/{ids[200]}").json["subject"]["reference"]
    assert seen == f"Patient/{ids[0]}"

"""The rules of a transaction: its order, patches and conditions inside, one write an identity."""

from datetime import timedelta

import pytest

from tests.fhir_server.interactions.transacting import (
    binary,
    female,
    fhirpath,
    make,
    numbered,
    send,
    statuses,
    version,
)
from tests.fhir_server.serving import NOON, PATIENT, entry

pytestmark = [pytest.mark.spec("http.html#trules"), pytest.mark.spec("http.html#transaction")]

ONE = "urn:uuid:6a4bd8b5-7ef1-4c5e-8a3b-3c5cf0e6d001"
TWO = "urn:uuid:6a4bd8b5-7ef1-4c5e-8a3b-3c5cf0e6d002"


# ---- the order ---------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True], ids=["as written", "the other way round"])
def test_the_order_is_that_of_the_specification(anywhere, fresh, turned):
    """DELETE, POST, PUT and PATCH, GET and HEAD: whatever stands first in the bundle."""
    gone, patched, put = (f"{fresh}-{name}" for name in ("gone", "patched", "put"))
    make(anywhere, gone, number=fresh)
    make(anywhere, patched, put)
    entries = [
        entry("GET", f"Patient?identifier=urn:mrn|{fresh}"),
        entry("HEAD", f"Patient/{put}"),
        entry("PATCH", f"Patient/{patched}", female()),
        entry("PUT", f"Patient/{put}", numbered("x", put, active=True)),
        # Nobody has the number by then, as the one who has it is deleted first.
        entry("POST", "Patient", numbered(fresh), ifNoneExist=f"identifier=urn:mrn|{fresh}"),
        entry("DELETE", f"Patient/{gone}"),
        entry("GET", f"Patient/{patched}"),
    ]
    got = send(anywhere, *(entries[::-1] if turned else entries))
    answers = got.json["entry"][::-1] if turned else got.json["entry"]
    codes = [int(one["response"]["status"][:3]) for one in answers]
    assert codes == [200, 200, 200, 200, 201, 204, 200]
    (found,) = answers[0]["resource"]["entry"]
    assert found["resource"]["id"] != gone
    assert "resource" not in answers[1]
    assert answers[1]["response"]["etag"] == 'W/"2"'
    assert answers[6]["resource"]["gender"] == "female"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_conditions_inside(anywhere, fresh, kind):
    """Conditional create, update, patch and delete, each meeting one resource or none."""
    names = "created updated patched deleted".split()
    for name in names:
        make(anywhere, f"{fresh}-{name}")

    def by(name):
        return f"identifier=urn:mrn|{fresh}-{name}"

    got = send(
        anywhere,
        entry("POST", "Patient", numbered("x"), ifNoneExist=by("created")),
        entry("POST", "Patient", numbered(f"{fresh}-new"), ifNoneExist=by("new")),
        entry("PUT", f"Patient?{by('updated')}", numbered(f"{fresh}-updated", active=True)),
        entry("PUT", f"Patient?{by('other')}", numbered(f"{fresh}-other")),
        entry("PATCH", f"Patient?{by('patched')}", female()),
        entry("DELETE", f"Patient?{by('deleted')}"),
        entry("DELETE", f"Patient?{by('nobody')}"),
        type_=kind,
    )
    assert statuses(got) == [200, 201, 200, 201, 200, 204, 204]
    assert [version(anywhere, f"{fresh}-{name}") for name in names] == [1, 2, 2, 410]


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_both_kinds_of_patch(anywhere, fresh, kind):
    make(anywhere, f"{fresh}-a", f"{fresh}-b")
    replace = fhirpath(
        "add", "Patient", name=("valueString", "active"), value=("valueBoolean", True)
    )
    got = send(
        anywhere,
        entry("PATCH", f"Patient/{fresh}-a", female()),
        entry("PATCH", f"Patient/{fresh}-b", replace),
        type_=kind,
        prefer="return=representation",
    )
    assert statuses(got) == [200, 200]
    first, second = (one["resource"] for one in got.json["entry"])
    assert (first["gender"], second["active"]) == ("female", True)
    assert got.json["entry"][0]["response"]["etag"] == 'W/"2"'


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("PUT", {"ifMatch": 'W/"1"'}, 200),
        ("PUT", {"ifMatch": 'W/"2"'}, 412),
        ("PUT", {"ifNoneMatch": "*"}, 412),
        ("PATCH", {"ifMatch": 'W/"1"'}, 200),
        ("PATCH", {"ifMatch": 'W/"2"'}, 412),
        ("DELETE", {"ifMatch": 'W/"1"'}, 204),
        ("DELETE", {"ifMatch": 'W/"2"'}, 412),
        ("GET", {"ifNoneMatch": 'W/"1"'}, 304),
        ("GET", {"ifNoneMatch": 'W/"2"'}, 200),
    ],
)
def test_states_inside(anywhere, fresh, kind, method, headers, status):
    make(anywhere, fresh)
    body = {"PUT": numbered("x", fresh), "PATCH": female()}.get(method)
    got = send(anywhere, entry(method, f"Patient/{fresh}", body, **headers), type_=kind)
    if kind == "transaction" and status == 412:
        assert (got.status, got.expression) == (412, "Bundle.entry[0]")
    else:
        assert statuses(got) == [status]
    assert version(anywhere, fresh) == {"PUT": 2, "PATCH": 2, "DELETE": 410}.get(
        method if status < 300 else "", 1
    )


def test_if_modified_since_is_handed_on(server):
    """As the header has it: an instant is an HTTP date there."""
    make(server, "a")
    seen = []
    read = server.app._endpoint.engine.table.find("/Patient/a")[0]["GET"]
    original = read.answer

    def listening(call):
        seen.append(call.headers.get("if-modified-since"))
        return original(call)

    object.__setattr__(read, "answer", listening)
    try:
        later = (NOON + timedelta(hours=8)).isoformat().replace("+00:00", "+07:00")
        send(server, entry("GET", "Patient/a", ifModifiedSince=later))
    finally:
        object.__setattr__(read, "answer", original)
    assert seen == ["Sun, 01 Mar 2026 13:00:00 GMT"]


def test_if_modified_since_that_is_no_instant(server):
    got = send(server, entry("GET", "Patient/a", ifModifiedSince="yesterday"), type_="batch")
    (one,) = got.json["entry"]
    assert one["response"]["status"].startswith("400")
    place = one["response"]["outcome"]["issue"][0]["expression"]
    assert place == ["Bundle.entry[0].request.ifModifiedSince"]


# ---- links -------------------------------------------------------------------------------------

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="%s">x</a><img src="%s"/> %s</div>'
OID = "urn:oid:1.2.840.10008.1"


def test_links_by_their_type(anywhere, fresh):
    """Reference.reference, uri, url, oid, uuid, href and src; no canonical, no text, no code."""

    def made(link, oid):
        return {
            "resourceType": "Basic",
            "id": fresh,
            "code": {"text": ONE},
            "subject": {"reference": link, "display": ONE},
            "text": {"status": "generated", "div": DIV % (link, link, ONE)},
            "meta": {"profile": [ONE]},
            "identifier": [{"system": link, "value": ONE}],
            "extension": [
                {"url": "urn:e", "valueUri": link},
                {"url": "urn:e", "valueUrl": link},
                {"url": "urn:e", "valueUuid": link},
                {"url": "urn:e", "valueOid": oid},
                {"url": "urn:e", "valueCanonical": ONE},
                {"url": "urn:e", "valueString": ONE},
                {"url": "urn:e", "valueCode": ONE},
                {"url": "urn:e", "valueReference": {"reference": link}},
            ],
        }

    got = send(
        anywhere,
        entry("PUT", f"Basic/{fresh}", made(ONE, OID)),
        entry("POST", "Patient", PATIENT, ONE),
        entry("POST", "Device", {"resourceType": "Device"}, OID),
    )
    assert statuses(got) == [201, 201, 201]
    where = [one["response"]["location"].split("/") for one in got.json["entry"][1:]]
    patient, device = ("/".join(parts[-4:-2]) for parts in where)
    tree = anywhere.ask("GET", f"Basic/{fresh}").json
    expected = made(patient, device)
    assert tree.pop("meta")["profile"] == expected.pop("meta")["profile"]
    assert tree == expected


@pytest.mark.parametrize("kind", ["JSON Patch", "FHIRPath Patch"])
def test_links_in_a_patch(anywhere, fresh, kind):
    basic = {"resourceType": "Basic", "id": fresh, "code": {"text": ONE}}
    anywhere.ask("PUT", f"Basic/{fresh}", basic)
    make(anywhere, f"{fresh}-p")
    link, search = {"reference": ONE}, {"reference": f"Patient?identifier=urn:mrn|{fresh}-p"}
    if kind == "JSON Patch":
        change = binary(
            [
                {"op": "add", "path": "/subject", "value": link},
                {"op": "add", "path": "/author", "value": search},
            ]
        )
    else:
        change = fhirpath(
            "add", "Basic", name=("valueString", "subject"), value=("valueReference", link)
        )
        more = fhirpath(
            "add", "Basic", name=("valueString", "author"), value=("valueReference", search)
        )
        change["parameter"] += more["parameter"]
    got = send(
        anywhere,
        entry("PATCH", f"Basic/{fresh}", change),
        entry("PUT", f"Patient/{fresh}-q", numbered("q", f"{fresh}-q"), ONE),
    )
    assert statuses(got) == [200, 201]
    tree = anywhere.ask("GET", f"Basic/{fresh}").json
    assert tree["subject"]["reference"] == f"Patient/{fresh}-q"
    assert tree["author"]["reference"] == f"Patient/{fresh}-p"
    assert tree["code"]["text"] == ONE


def test_a_patched_resource_can_be_linked_to(anywhere, fresh):
    make(anywhere, fresh)
    basic = {"resourceType": "Basic", "id": fresh, "code": {"text": "x"}}
    got = send(
        anywhere,
        entry("PUT", f"Basic/{fresh}", {**basic, "subject": {"reference": TWO}}),
        entry("PATCH", f"Patient?identifier=urn:mrn|{fresh}", female(), TWO),
    )
    assert statuses(got) == [201, 200]
    linked = anywhere.ask("GET", f"Basic/{fresh}").json["subject"]["reference"]
    assert linked == f"Patient/{fresh}"


# ---- all or nothing ----------------------------------------------------------------------------

FAILING = {
    # the second entry -> status, words
    "patch of nothing": (("PATCH", "Patient/nobody", female()), 404, "Patient/nobody"),
    "condition that nobody meets": (
        ("PATCH", "Patient?identifier=urn:mrn|nobody", female()),
        *(404, "no Patient meets the condition"),
    ),
    "condition that says nothing": (("PATCH", "Patient", female()), 400, "condition is empty"),
    "delete of everybody": (("DELETE", "Patient"), 400, "condition is empty"),
    "several": (("DELETE", "Patient?name=nguyen"), 412, "several Patient"),
    "operation that fails": (("PATCH", "Patient/{}", female("/photo/0/x")), 422, "operation 1"),
    "result that is not valid": (
        ("PATCH", "Patient/{}", binary([{"op": "add", "path": "/gender", "value": "F"}])),
        *(422, "Patient.gender"),
    ),
    "result of another id": (
        ("PATCH", "Patient/{}", binary([{"op": "add", "path": "/id", "value": "x"}])),
        *(400, "id; it has to stay"),
    ),
    "no patch": (("PATCH", "Patient/{}"), 400, "needs a resource"),
    "a patch of another kind": (
        ("PATCH", "Patient/{}", binary([], "application/merge-patch+json")),
        *(415, "application/json-patch+json"),
    ),
    "a resource as a patch": (("PATCH", "Patient/{}", PATIENT), 400, "Parameters"),
    "a patch that is none": (("PATCH", "Patient/{}", binary({"op": "add"})), 400, "array"),
}


@pytest.mark.parametrize("row", FAILING.values(), ids=FAILING)
def test_a_failure_undoes_all_and_is_placed(anywhere, fresh, row):
    (method, path, *body), status, words = row
    make(anywhere, fresh)
    bad = entry(method, path.format(fresh), *body)
    marker = f"{fresh}-m"
    got = send(anywhere, entry("PUT", f"Patient/{marker}", numbered("m", marker)), bad)
    assert got.status == status, got.said
    assert words in got.said
    assert got.expression.startswith("Bundle.entry[1]")
    assert (version(anywhere, fresh), version(anywhere, marker)) == (1, 404)


@pytest.mark.parametrize("row", FAILING.values(), ids=FAILING)
@pytest.mark.spec("http.html#brules")
def test_in_a_batch_it_fails_alone(anywhere, fresh, row):
    (method, path, *body), status, words = row
    make(anywhere, fresh)
    bad = entry(method, path.format(fresh), *body)
    marker = f"{fresh}-m"
    good = entry("PUT", f"Patient/{marker}", numbered("m", marker))
    got = send(anywhere, bad, good, type_="batch")
    assert statuses(got) == [status, 201]
    issue = got.json["entry"][0]["response"]["outcome"]["issue"][0]
    assert words in issue["diagnostics"]
    assert issue["expression"][0].startswith("Bundle.entry[0]")
    assert version(anywhere, fresh) == 1


def test_the_trail_has_every_entry(anywhere, fresh):
    make(anywhere, f"{fresh}-a", f"{fresh}-b")
    rows = len(anywhere.store.rows("audit", limit=100_000))
    send(
        anywhere,
        entry("PATCH", f"Patient/{fresh}-a", female()),
        entry("DELETE", f"Patient?identifier=urn:mrn|{fresh}-b"),
        entry("DELETE", f"Patient?identifier=urn:mrn|{fresh}-c"),
    )
    new = anywhere.store.rows("audit", limit=100_000)[rows:]
    assert [b'"transaction"' in row.data for row in new] == [True, False, False, False]
    assert sum(b'"delete",204' in row.data for row in new) == 2
    assert sum(b'"patch",200' in row.data for row in new) == 1


@pytest.mark.spec("http.html#ops")
def test_what_prefer_outcome_says(anywhere, fresh):
    make(anywhere, f"{fresh}-a", f"{fresh}-b")
    got = send(
        anywhere,
        entry("PATCH", f"Patient/{fresh}-a", female()),
        entry("DELETE", f"Patient?identifier=urn:mrn|{fresh}-b"),
        entry("DELETE", f"Patient?identifier=urn:mrn|{fresh}-c"),
        prefer="return=OperationOutcome",
    )
    said = [one["response"]["outcome"]["issue"][0]["diagnostics"] for one in got.json["entry"]]
    assert said == [
        f"Patient/{fresh}-a was updated; it is at version 2",
        f"Patient/{fresh}-b was deleted",
        "no Patient meets the condition; nothing was deleted",
    ]

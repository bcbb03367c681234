"""Classic subscriptions by rest-hook: criteria, payload, retries, restart."""

import pytest

from fhir_server.subscriptions.delivery import Policy
from tests.fhir_server.subscriptions.receiving import (
    put,
    receiving,
    settle,
    started,
    status_of,
    subscribing,
    wish,
)

pytestmark = pytest.mark.spec("subscription.html")

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "male"}


def observation(id_="o", code="718-7", status="final"):
    coding = [{"system": "http://loinc.org", "code": code}]
    subject = {"reference": "Patient/p"}
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": status,
        "code": {"coding": coding},
        "subject": subject,
    }


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"


@pytest.fixture
def server(url):
    with subscribing(url) as server:
        put(server, PATIENT)
        yield server


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def subscribed(server, receiver, criteria="Observation?code=718-7", **channel):
    put(server, wish(criteria, receiver.address, **channel))
    settle(server)
    assert status_of(server) == "active"


@pytest.mark.parametrize(
    ("criteria", "fires"),
    [
        ("Observation?code=718-7", True),
        ("Observation?code=http://loinc.org|718-7", True),
        ("Observation", True),
        ("Observation?code=2345-7", False),
        ("Observation?status=final&subject=Patient/p", True),
        ("Observation?status=final&subject=Patient/other", False),
        ("Observation?subject:Patient.gender=male", True),
        ("Observation?subject:Patient.gender=female", False),
        ("Observation?status:not=final", False),
        ("Patient", False),
    ],
)
def test_criteria(server, receiver, criteria, fires):
    subscribed(server, receiver, criteria)
    put(server, observation())
    settle(server)
    assert [(got.method, got.path, got.body) for got in receiver.got] == [
        ("POST", "/hook", b"")
    ] * fires


def test_every_version_that_fits_is_told_and_no_deletion(server, receiver):
    subscribed(server, receiver, "Observation?status=final", payload="application/fhir+json")
    put(server, observation(status="preliminary"))
    put(server, observation())
    put(server, observation(status="amended"))
    put(server, observation())
    server.ask("DELETE", "Observation/o")
    settle(server)
    assert [(g.method, g.path, g.json["meta"]["versionId"]) for g in receiver.got] == [
        ("PUT", "/hook/Observation/o", "2"),
        ("PUT", "/hook/Observation/o", "4"),
    ]


@pytest.mark.parametrize(
    ("payload", "starts"),
    [
        ("application/fhir+json", b"{"),
        ("application/json", b"{"),
        ("application/fhir+xml", b"<"),
        ("application/fhir+xml; charset=utf-8", b"<"),
        ("text/xml", b"<"),
    ],
)
def test_the_payload_is_in_the_form_that_was_asked_for(server, receiver, payload, starts):
    subscribed(server, receiver, payload=payload)
    put(server, observation())
    settle(server)
    (got,) = receiver.got
    assert got.headers["content-type"] == payload.partition(";")[0]
    assert got.body.startswith(starts)
    assert (b"<Observation" in got.body) == (starts == b"<")


def test_headers_go_along(server, receiver):
    subscribed(server, receiver, header=["Authorization: Bearer x", "X-Ward: 7"])
    put(server, observation())
    settle(server)
    (got,) = receiver.got
    assert (got.headers["authorization"], got.headers["x-ward"]) == ("Bearer x", "7")


def test_a_write_that_is_undone_is_not_told(server, receiver):
    subscribed(server, receiver)
    entries = [
        {"resource": observation(), "request": {"method": "PUT", "url": "Observation/o"}},
        {"resource": PATIENT, "request": {"method": "PUT", "url": "Patient/p", "ifMatch": 'W/"9"'}},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert server.ask("POST", "", bundle).status == 412
    settle(server)
    assert receiver.got == []


@pytest.mark.parametrize(
    ("answers", "told", "status"),
    [
        ([500], 2, "active"),
        ([503, 404], 3, "active"),
        ([302], 2, "active"),
        ([500, 500, 500], 3, "error"),
    ],
)
def test_a_failure_is_tried_again_and_then_given_up(server, receiver, answers, told, status):
    subscribed(server, receiver)
    receiver.answers = list(answers)
    put(server, observation())
    settle(server)
    assert (len(receiver.got), status_of(server)) == (told, status)
    if status == "error":
        said = server.ask("GET", "Subscription/s").json["error"]
        assert said == "the endpoint answered 500, 3 times"


def test_who_begins_again_gets_what_was_missed(server, receiver):
    subscribed(server, receiver, payload="application/fhir+json")
    receiver.answers = [500, 500, 500]
    put(server, observation())
    settle(server)
    assert status_of(server) == "error"
    tree = server.ask("GET", "Subscription/s").json
    put(server, {**tree, "status": "requested"})
    settle(server)
    assert status_of(server) == "active"
    assert receiver.got[-1].path == "/hook/Observation/o"


def test_waits_grow_up_to_a_limit():
    policy = Policy(attempts=12, first_wait=1, longest_wait=300)
    assert [policy.wait(n) for n in (1, 2, 3, 9, 10)] == [1, 2, 4, 256, 300]


def test_nobody_is_hurried(url, receiver):
    """After a failure the next attempt waits; what happens meanwhile waits with it."""
    with subscribing(url, Policy(3, first_wait=3600)) as server:
        subscribed(server, receiver, "Observation")
        receiver.answers = [500]
        put(server, observation())
        put(server, observation("o2"))
        settle(server)
        assert len(receiver.got) == 1


def test_a_new_process_goes_on(server, receiver):
    """The outbox is in the store: what was written before the process died is told by the next."""
    subscribed(server, receiver, payload="application/fhir+json")
    put(server, observation())
    server.subscriptions.close()
    started(server, server.late, None)
    put(server, observation("o2"))
    settle(server)
    assert [got.path for got in receiver.got] == ["/hook/Observation/o", "/hook/Observation/o2"]


def test_the_thread_does_it_by_itself(server, receiver):
    server.subscriptions.start()
    put(server, wish("Observation", receiver.address))
    while status_of(server) != "active":
        pass
    put(server, observation())
    while not receiver.got:
        pass
    assert receiver.got[0].path == "/hook"


@pytest.mark.parametrize("how", ["off", "deleted", "ended"])
def test_an_end(server, receiver, how):
    tree = wish("Observation", receiver.address)
    if how == "ended":
        tree["end"] = "2026-03-01T12:00:00Z"  # the very moment of the clock
        put(server, tree)
    else:
        put(server, tree)
        settle(server)
        if how == "off":
            put(server, {**tree, "status": "off"})
        else:
            assert server.ask("DELETE", "Subscription/s").status == 204
    settle(server)
    put(server, observation())
    settle(server)
    assert receiver.got == []
    if how != "deleted":
        assert status_of(server) == "off"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"criteria": "Observashun?code=1"}, "neither a search"),
        ({"criteria": "Observation?colour=red"}, "no search parameter 'colour'"),
        ({"criteria": "http://test/topics/none"}, "there is no topic"),
        ({"criteria": "Patient?_has:Observation:patient:code=1"}, "_has"),
        ({"channel": {"type": "sms", "endpoint": "tel:1"}}, "it has rest-hook, websocket"),
        ({"channel": {"type": "rest-hook"}}, "not an http or https address"),
        ({"channel": {"type": "rest-hook", "endpoint": "ftp://x"}}, "not an http or https address"),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://["}},
            "not an http or https address",
        ),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://x", "payload": "text/plain"}},
            "by rest-hook; application/fhir+json, ",
        ),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://x", "header": ["no colon"]}},
            "Name: value",
        ),
        (
            {"channel": {"type": "rest-hook", "endpoint": "http://x", "header": ["Host: y"]}},
            "not for a subscriber",
        ),
        ({"status": "active"}, "a client writes requested or off"),
        ({"status": "error"}, "a client writes requested or off"),
    ],
)
def test_what_cannot_be_met_is_not_stored(server, changed, words):
    said = server.ask(
        "PUT", "Subscription/s", {**wish("Observation", "http://127.0.0.1:1/"), **changed}
    )
    assert (said.status, words in said.said) == (422, True), said.said
    assert server.ask("GET", "Subscription/s").status == 404

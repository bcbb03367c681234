"""Subscriptions by topic, as the backport to R4 has them."""

import pytest

from fhir_server.search.parse import parse
from fhir_server.store.port import ALL, AnyOf, Visibility
from tests.fhir_server.serving import NOON
from tests.fhir_server.subscriptions.receiving import (
    BACKPORT,
    CHANGED,
    FINAL,
    asked,
    content,
    put,
    receiving,
    settle,
    status_of,
    subscribing,
    wish,
)

pytestmark = pytest.mark.spec("subscriptions-backport")

R5 = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic"


def report(status, id_="r", patient="p"):
    return {
        "resourceType": "DiagnosticReport",
        "id": id_,
        "status": status,
        "code": {"text": "blood"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def patient(id_="p", gender="male"):
    return {"resourceType": "Patient", "id": id_, "gender": gender}


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"


@pytest.fixture
def server(url):
    with subscribing(url) as server:
        yield server


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def kinds(receiver):
    return [got.parameters["type"] for got in receiver.got]


def test_a_handshake_comes_first(server, receiver):
    put(server, wish(FINAL, receiver.address, **content("id-only")))
    settle(server)
    (got,) = receiver.got
    assert got.headers["content-type"] == "application/fhir+json"
    assert got.json["type"] == "history"
    said = got.parameters
    assert said["type"] == "handshake"
    assert said["subscription"] == "http://test/fhir/Subscription/s"
    assert (said["topic"], said["events-since-subscription-start"]) == (FINAL, "0")
    assert status_of(server) == "active"


def test_without_a_handshake_there_is_no_subscription(server, receiver):
    receiver.answers = [500, 500, 500]
    put(server, wish(FINAL, receiver.address))
    settle(server)
    assert status_of(server) == "error"
    put(server, report("final"))
    settle(server)
    assert kinds(receiver) == ["handshake"] * 3


@pytest.mark.parametrize(
    ("states", "events"),
    [
        (["final"], 1),
        (["registered"], 0),
        (["registered", "final"], 1),
        (["final", "final"], 1),
        (["final", "amended", "final"], 2),
    ],
)
def test_a_topic_looks_at_the_state_before_and_after(server, receiver, states, events):
    put(server, wish(FINAL, receiver.address))
    settle(server)
    for state in states:
        put(server, report(state))
    settle(server)
    told = [event for got in receiver.got[1:] for event in got.parameters["events"]]
    assert [event["event-number"] for event in told] == [str(n + 1) for n in range(events)]


@pytest.mark.parametrize(
    ("word", "focus", "resource"),
    [("empty", False, False), ("id-only", True, False), ("full-resource", True, True)],
)
def test_what_a_notification_shows(server, receiver, word, focus, resource):
    put(server, wish(FINAL, receiver.address, **content(word)))
    settle(server)
    put(server, report("final"))
    settle(server)
    got = receiver.got[-1]
    (event,) = got.parameters["events"]
    assert event["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert event.get("focus") == ("http://test/fhir/DiagnosticReport/r" if focus else None)
    entries = got.json["entry"][1:]
    assert [entry["fullUrl"] for entry in entries] == [event.get("focus")] * focus
    if focus:
        assert entries[0]["request"] == {"method": "POST", "url": "DiagnosticReport"}
        assert ("resource" in entries[0]) is resource


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("DiagnosticReport?patient=p", True),
        ("DiagnosticReport?patient=Patient/p", True),
        ("DiagnosticReport?patient=q", False),
    ],
)
def test_filters(server, receiver, text, fires):
    extension = [{"url": f"{BACKPORT}filter-criteria", "valueString": text}]
    put(server, {**wish(FINAL, receiver.address), "_criteria": {"extension": extension}})
    settle(server)
    put(server, report("final"))
    settle(server)
    assert (len(receiver.got) == 2) is fires


def test_a_filter_that_the_topic_does_not_have(server, receiver):
    extension = [
        {"url": f"{BACKPORT}filter-criteria", "valueString": "DiagnosticReport?status=final"}
    ]
    tree = {**wish(FINAL, receiver.address), "_criteria": {"extension": extension}}
    said = server.ask("PUT", "Subscription/s", tree)
    assert said.status == 422
    assert "can be filtered by code, patient" in said.said


def test_create_update_delete(server, receiver):
    put(server, wish(CHANGED, receiver.address))
    settle(server)
    put(server, patient())
    put(server, patient(gender="female"))
    server.ask("DELETE", "Patient/p")
    settle(server)
    (got,) = receiver.got[1:]  # all that waits goes in one notification
    assert len(got.parameters["events"]) == 3
    assert [entry["request"]["method"] for entry in got.json["entry"][1:]] == ["DELETE"]


def test_most_events_of_one_notification(server, receiver):
    extension = [{"url": f"{BACKPORT}max-count", "valuePositiveInt": 2}]
    put(server, wish(CHANGED, receiver.address, extension=extension))
    settle(server)
    for number in range(5):
        put(server, patient(f"p{number}"))
    settle(server)
    assert [len(got.parameters["events"]) for got in receiver.got[1:]] == [2, 2, 1]
    assert receiver.got[-1].parameters["events-since-subscription-start"] == "5"


def test_heartbeats_where_nothing_happens(server, receiver):
    extension = [{"url": f"{BACKPORT}heartbeat-period", "valueUnsignedInt": 60}]
    put(server, wish(FINAL, receiver.address, extension=extension))
    settle(server)
    assert kinds(receiver) == ["handshake"]
    server.subscriptions.standing("s").told_at -= 60  # a minute passes
    settle(server)
    assert kinds(receiver) == ["handshake", "heartbeat"]


def test_a_topic_that_is_stored(server, receiver):
    url = "http://test/topics/women"
    trigger = [
        {"url": "resource", "valueUri": "http://hl7.org/fhir/StructureDefinition/Patient"},
        {"url": "supportedInteraction", "valueCode": "create"},
        {
            "url": "queryCriteria",
            "extension": [{"url": "current", "valueString": "Patient?gender=female"}],
        },
        {"url": "fhirPathCriteria", "valueString": "%current.active = true"},
    ]
    topic = {
        "resourceType": "Basic",
        "id": "women",
        "code": {
            "coding": [{"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}]
        },
        "extension": [
            {"url": f"{R5}.url", "valueUri": url},
            {"url": f"{R5}.resourceTrigger", "extension": trigger},
        ],
    }
    put(server, topic)
    settle(server)
    put(server, wish(url, receiver.address))
    settle(server)
    for number, (gender, active) in enumerate(
        [("female", True), ("female", False), ("male", True)]
    ):
        put(server, {**patient(f"p{number}", gender), "active": active})
    settle(server)
    told = [event for got in receiver.got for event in got.parameters["events"]]
    assert [event["focus"] for event in told] == ["http://test/fhir/Patient/p0"]


def test_a_basic_that_is_no_topic_after_all(server):
    topic = {
        "resourceType": "Basic",
        "id": "t",
        "code": {"coding": [{"code": "SubscriptionTopic"}]},
    }
    said = server.ask("PUT", "Basic/t", topic)
    assert (said.status, "resourceTrigger" in said.said) == (422, True)


def test_nobody_is_told_what_they_may_not_see(url, receiver):
    """`men` are all that the subscriber sees."""
    men = AnyOf((parse("Patient", [("gender", "male")], zone=NOON.tzinfo).conditions,))
    seen = Visibility({"Patient": men}, others=ALL.others)
    with subscribing(
        url,
        store_for=lambda store: (
            lambda caller: store.restricted(seen) if caller.id == "narrow" else store
        ),
    ) as server:
        put(server, wish(CHANGED, receiver.address), x_requester="narrow")
        settle(server)
        put(server, patient("m"))
        put(server, patient("f", "female"))
        settle(server)
        told = [event for got in receiver.got for event in got.parameters["events"]]
        assert [event["focus"] for event in told] == ["http://test/fhir/Patient/m"]


@pytest.mark.parametrize(
    "path",
    [
        "Subscription/s/$status",
        "Subscription/$status?id=s",
        "Subscription/$status",
        "Subscription/$status?status=active",
    ],
)
def test_status_can_be_asked(url, receiver, path):
    with asked(url) as server:
        put(server, wish(CHANGED, receiver.address))
        settle(server)
        put(server, patient())
        settle(server)
        said = server.ask("GET", path).json
        assert (said["type"], said["total"]) == ("searchset", 1)
        parts = {p["name"]: p for p in said["entry"][0]["resource"]["parameter"]}
        assert parts["type"]["valueCode"] == "query-status"
        assert parts["status"]["valueCode"] == "active"
        assert parts["events-since-subscription-start"]["valueString"] == "1"


@pytest.mark.parametrize(
    ("query", "numbers", "status"),
    [
        ("", "1 2 3", 200),
        ("?eventsSinceNumber=2", "2 3", 200),
        ("?eventsSinceNumber=2&eventsUntilNumber=2", "2", 200),
        ("?eventsSinceNumber=9", "", 200),
        ("?content=empty", "1 2 3", 200),
        ("?content=full-resource&eventsUntilNumber=1", "1", 200),
        ("?content=everything", "", 400),
        ("?eventsSinceNumber=-1", "", 400),
    ],
)
def test_events_can_be_asked_again(url, receiver, query, numbers, status):
    with asked(url) as server:
        put(server, wish(CHANGED, receiver.address))
        settle(server)
        for number in range(3):
            put(server, patient(f"p{number}"))
        settle(server)
        said = server.ask("GET", f"Subscription/s/$events{query}")
        assert said.status == status
        if status == 200:
            parts = said.json["entry"][0]["resource"]["parameter"]
            events = [p["part"] for p in parts if p["name"] == "notification-event"]
            assert " ".join(event[0]["valueString"] for event in events) == numbers
            assert parts[3]["valueCode"] == "query-event"


def test_of_a_subscription_that_is_not_there(url):
    with asked(url) as server:
        assert server.ask("GET", "Subscription/nobody/$status").status == 404
        assert server.ask("GET", "Subscription/nobody/$events").status == 404

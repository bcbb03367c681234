"""Subscriptions of a server that is two processes: here two of them over one store."""

from datetime import UTC

import pytest

from fhir_profiles.json_text import dump
from fhir_server.clock import SteppedClock
from fhir_server.guard import Caller
from fhir_server.store.port import Document
from fhir_server.subscriptions import ledger
from fhir_server.subscriptions.service import Subscriptions
from tests.fhir_server.serving import BASE, NOON
from tests.fhir_server.store.stores import KINDS, opened
from tests.fhir_server.subscriptions.receiving import TOPICS, receiving, wish

pytestmark = pytest.mark.spec("subscription.html")
ME = Caller("me")


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    found = opened(request.param, tmp_path)
    yield found
    found.close()


def process(store):
    clock = SteppedClock(NOON)
    return Subscriptions(store, lambda caller: store, clock, UTC, BASE, TOPICS, shared=True)


def put(store, by, tree):
    """A write that comes in at one of the processes."""

    def work(writer):
        document = Document(tree, dump(tree))
        version = writer.put(document, id_=tree["id"], method="PUT", at=NOON)
        by.changed(writer, version, tree, ME)

    store.write(work).result()


def noted(store):
    return [f"{change.type}/{change.id}" for change in ledger.changes(store)]


def test_what_is_wished_for_at_one_is_noted_at_the_other(store):
    one, other = process(store), process(store)
    account = {"resourceType": "Account", "id": "a", "status": "active"}
    put(store, other, account)
    assert noted(store) == []
    put(store, one, wish("Account", "http://127.0.0.1:1/x"))
    put(store, other, account)
    assert noted(store) == ["Subscription/s", "Account/a"]


def test_a_wish_that_was_taken_back_with_its_transaction_is_none(store):
    one, other = process(store), process(store)
    tree = wish("Account", "http://127.0.0.1:1/x")

    def work(writer):
        version = writer.put(Document(tree, dump(tree)), id_="s", method="PUT", at=NOON)
        one.changed(writer, version, tree, ME)
        raise LookupError

    with pytest.raises(LookupError):
        store.write(work).result()
    for by in (one, other):
        put(store, by, {"resourceType": "Account", "id": "a", "status": "active"})
    assert noted(store) == []


def test_the_next_one_leads_where_the_first_has_ended(store):
    with receiving() as receiver:
        one, other = process(store), process(store)
        one.lead()
        put(store, other, wish("Account", receiver.address))
        until(lambda: other.standing("s").wish.status == "active")
        one.close()
        put(store, other, {"resourceType": "Account", "id": "a", "status": "active"})
        assert receiver.got == []
        other.lead()
        until(lambda: receiver.got)
        other.close()
    assert len(receiver.got) == 1


def until(true):
    while not true():
        pass


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_token_is_for_one_connection_and_its_time(store, seconds):
    one, other = process(store), process(store)
    one.new_token("secret", ["s", "t"], NOON.replace(second=seconds))
    expected = ["s", "t"] if seconds > 0 else []
    assert other.take_token("secret") == expected
    assert one.take_token("secret") == []

"""create, update, delete, with conditions; what a write answers."""

from datetime import UTC

import pytest

from fhir_server.audit import KIND, verify_chain
from fhir_server.guard import Caller
from fhir_server.search.parse import parse
from fhir_server.search.request import AnyOf
from fhir_server.store.port import Visibility
from tests.fhir_server.serving import PATIENT, serving

pytestmark = [
    pytest.mark.spec("http.html#create"),
    pytest.mark.spec("http.html#update"),
    pytest.mark.spec("http.html#delete"),
]

MRN = {"system": "https://example.org/mrn", "value": "17"}
KNOWN = {**PATIENT, "identifier": [MRN]}
BY_MRN = "identifier=https://example.org/mrn|17"


def test_create(server):
    got = server.ask("POST", "Patient", {**PATIENT, "id": "mine", "meta": {"versionId": "9"}})
    id_ = got.json["id"]
    assert got.status == 201
    assert id_ != "mine"  # the server chooses
    assert got.json["meta"] == {"versionId": "1", "lastUpdated": "2026-03-01T12:00:00.000Z"}
    assert got.headers["location"] == f"http://test/fhir/Patient/{id_}/_history/1"
    assert got.headers["etag"] == 'W/"1"'
    assert server.ask("GET", f"Patient/{id_}").body == got.body


def test_update_counts_versions(server):
    statuses = [
        (got.status, got.headers["etag"])
        for got in (server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}) for _ in range(3))
    ]
    assert statuses == [(201, 'W/"1"'), (200, 'W/"2"'), (200, 'W/"3"')]


@pytest.mark.parametrize("match", ['W/"1"', '"1"', "1", "*", 'W/"9", W/"1"'])
def test_update_of_the_version_that_is_known(server, match):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    got = server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}, if_match=match)
    assert (got.status, got.headers["etag"]) == (200, 'W/"2"')


def test_delete_is_done_once_and_asked_as_often_as_you_like(server):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    first, again = server.ask("DELETE", "Patient/a"), server.ask("DELETE", "Patient/a")
    assert [first.status, again.status] == [204, 204]
    assert server.ask("DELETE", "Patient/never").status == 204
    assert server.ask("GET", "Patient/a/_history").json["total"] == 2
    back = server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    assert (back.status, back.headers["etag"]) == (201, 'W/"3"')


@pytest.mark.parametrize(
    ("prefer", "created", "deleted"),
    [
        ("", "Patient", None),
        ("return=representation", "Patient", None),
        ("return=minimal", None, None),
        ("return=OperationOutcome", "OperationOutcome", "OperationOutcome"),
        ("respond-async, return=minimal; x=y", None, None),
        ("return=something", "Patient", None),
    ],
)
def test_prefer_return(server, prefer, created, deleted):
    made = server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}, prefer=prefer)
    gone = server.ask("DELETE", "Patient/a", prefer=prefer)
    for got, type_ in ((made, created), (gone, deleted)):
        assert (got.json["resourceType"] if got.body else None) == type_
        assert got.headers["etag"]
    assert gone.status == (200 if deleted else 204)
    assert made.headers["location"].endswith("Patient/a/_history/1")


# ---- conditions --------------------------------------------------------------------------------


@pytest.mark.parametrize("criteria", [BY_MRN, f"?{BY_MRN}", f"Patient?{BY_MRN}"])
def test_create_if_none_exists(server, criteria):
    first = server.ask("POST", "Patient", KNOWN, if_none_exist=criteria)
    again = server.ask("POST", "Patient", {**KNOWN, "active": True}, if_none_exist=criteria)
    assert [first.status, again.status] == [201, 200]
    assert again.body == first.body  # the one that is there, unchanged
    assert again.headers["location"] == first.headers["location"]
    assert server.ask("GET", "Patient").json["total"] == 1


def test_create_if_several_exist(server):
    for _ in range(2):
        server.make(KNOWN)
    got = server.ask("POST", "Patient", KNOWN, if_none_exist=BY_MRN)
    assert (got.status, got.code) == (412, "multiple-matches")


def test_a_deleted_resource_meets_no_condition(server):
    server.ask("DELETE", f"Patient/{server.make(KNOWN)}")
    assert server.ask("POST", "Patient", KNOWN, if_none_exist=BY_MRN).status == 201


CONDITIONAL = {
    # what is there before: ids of patients with the record number; id in the body -> status, id
    "nobody, no id": ([], None, 201, None),
    "nobody, an id": ([], "new", 201, "new"),
    "one, no id": (["a"], None, 200, "a"),
    "one, its id": (["a"], "a", 200, "a"),
    "one, another id": (["a"], "b", 400, None),
    "two": (["a", "b"], None, 412, None),
}


@pytest.mark.parametrize("row", CONDITIONAL.values(), ids=CONDITIONAL)
def test_update_by_condition(server, row):
    before, id_, status, written = row
    for one in before:
        server.ask("PUT", f"Patient/{one}", {**KNOWN, "id": one})
    body = {**KNOWN, "active": True} | ({"id": id_} if id_ else {})
    got = server.ask("PUT", f"Patient?{BY_MRN}", body)
    assert got.status == status
    if status < 400:
        assert written in (None, got.json["id"])
        assert server.ask("GET", f"Patient/{got.json['id']}").json["active"] is True
    else:
        totals = [server.ask("GET", f"Patient/{one}/_history").json["total"] for one in before]
        assert totals == [1] * len(before)


def test_update_by_condition_spares_others(server):
    """Nobody meets the condition, and the id in the body is somebody else's."""
    server.ask("PUT", "Patient/other", {**PATIENT, "id": "other"})
    got = server.ask("PUT", f"Patient?{BY_MRN}", {**KNOWN, "id": "other"})
    assert (got.status, got.code) == (409, "conflict")
    assert server.ask("GET", "Patient/other").json["meta"]["versionId"] == "1"


# ---- the hook, and who sees what ---------------------------------------------------------------


def test_on_write_sees_every_change_inside_its_transaction(url):
    seen = []

    def on_write(writer, version, tree):
        assert writer.read(version.type, version.id) == version
        writer.append("outbox", version.id, b"", at=version.updated)
        seen.append((version.method, version.version, tree.get("id"), "name" in tree))

    with serving(url, on_write=on_write) as server:
        id_ = server.make(PATIENT)
        server.ask("PUT", f"Patient/{id_}", {**PATIENT, "id": id_})
        server.ask("DELETE", f"Patient/{id_}")
        server.ask("DELETE", f"Patient/{id_}")
        assert seen == [("POST", 1, id_, True), ("PUT", 2, id_, True), ("DELETE", 3, None, False)]
        assert len(server.store.rows("outbox")) == 3


def test_what_the_hook_refuses_is_not_written(url):
    def on_write(writer, version, tree):
        writer.append("outbox", "x", b"", at=version.updated)
        raise ValueError("no")

    with serving(url, on_write=on_write) as server:
        assert server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}).status == 500
        assert server.ask("GET", "Patient/a").status == 404
        assert server.store.rows("outbox") == []


def test_the_caller_decides_which_store_is_seen(url):
    class NamedGuard:
        async def admit(self, request):
            return Caller(request.headers["x-requester"])

    stores = {}

    def store_for(store):
        stores["whole"] = store
        return lambda caller: stores[caller.id]

    with serving(url, guard=NamedGuard(), store_for=store_for) as server:
        assert server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}, x_requester="whole").status
        assert server.ask("GET", "Patient/a", x_requester="whole").status == 200
        assert server.ask("GET", "Patient/a", x_requester="nobody").status == 500


def test_who_sees_a_part_writes_conditionally_within_it(url):
    """What is hidden meets no condition; the trail is one for all."""

    def store_for(store):
        mine = AnyOf((parse("Patient", [("organization", "mine")], zone=UTC).conditions,))
        part = store.restricted(Visibility({"Patient": mine}))
        return lambda caller: part if caller.id == "part" else store

    def of(organization):
        return {**KNOWN, "managingOrganization": {"reference": f"Organization/{organization}"}}

    with serving(url, store_for=store_for, audited=True) as server:
        hidden = server.make(of("other"))
        assert server.ask("GET", f"Patient/{hidden}", x_requester="part").status == 404
        assert server.ask("GET", f"Patient/{hidden}/_history", x_requester="part").status == 404
        assert server.ask("GET", "Patient", x_requester="part").json["total"] == 0
        made = server.ask("POST", "Patient", of("mine"), if_none_exist=BY_MRN, x_requester="part")
        assert made.status == 201
        again = server.ask("POST", "Patient", of("mine"), if_none_exist=BY_MRN, x_requester="part")
        assert (again.status, again.json["id"]) == (200, made.json["id"])
        got = server.ask("POST", "Patient", of("mine"), if_none_exist=BY_MRN)
        assert got.code == "multiple-matches"
        rows = server.store.rows(KIND)
        assert len(rows) == 7
        assert verify_chain(rows) is None

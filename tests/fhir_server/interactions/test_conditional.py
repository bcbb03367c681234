"""Conditional delete, and conditions on every write: which resource is meant, or none."""

import pytest

from fhir_server.options import Options
from tests.fhir_server.serving import PATIENT, serving
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = pytest.mark.spec("http.html#cdelete")


def numbered(number, id_):
    return {**PATIENT, "id": id_, "identifier": [{"system": "urn:mrn", "value": number}]}


def put(server, fresh, count):
    ids = [f"{fresh}-{n}" for n in range(count)]
    for id_ in ids:
        assert server.ask("PUT", f"Patient/{id_}", numbered(fresh, id_)).status == 201
    return ids


def alive(server, fresh):
    got = server.ask("GET", f"Patient?identifier=urn:mrn|{fresh}")
    return [one["resource"]["id"] for one in got.json.get("entry", ())]


@pytest.mark.parametrize(("there", "status", "left"), [(0, 204, 0), (1, 204, 0), (2, 412, 2)])
def test_delete_one(anywhere, fresh, there, status, left):
    put(anywhere, fresh, there)
    got = anywhere.ask("DELETE", f"Patient?identifier=urn:mrn|{fresh}")
    assert got.status == status, got.body
    assert len(alive(anywhere, fresh)) == left
    if status == 412:
        assert got.code == "multiple-matches"
        assert fresh not in got.said  # a condition may name a person


def test_it_can_be_undone_like_any_delete(anywhere, fresh):
    (id_,) = put(anywhere, fresh, 1)
    assert anywhere.ask("DELETE", f"Patient?identifier=urn:mrn|{fresh}").headers["etag"] == 'W/"2"'
    assert anywhere.ask("GET", f"Patient/{id_}").status == 410
    assert anywhere.ask("GET", f"Patient/{id_}/_history").json["total"] == 2
    assert anywhere.ask("PUT", f"Patient/{id_}", numbered(fresh, id_)).status == 201


@pytest.mark.parametrize(
    "query", ["", "?", "?_format=json", "?_count=1", "?nam=x", "?birthdate=yesterday", "?name="]
)
def test_a_condition_that_says_nothing_deletes_nothing(anywhere, fresh, query):
    put(anywhere, fresh, 1)
    got = anywhere.ask("DELETE", f"Patient{query}", prefer="handling=lenient")
    assert got.status == 400, got.body
    assert len(alive(anywhere, fresh)) == 1


@pytest.mark.parametrize(
    ("there", "match", "status"),
    [(1, 'W/"1"', 204), (1, "*", 204), (1, 'W/"2"', 412), (0, 'W/"1"', 412)],
)
@pytest.mark.spec("http.html#concurrency")
def test_if_match(anywhere, fresh, there, match, status):
    put(anywhere, fresh, there)
    got = anywhere.ask("DELETE", f"Patient?identifier=urn:mrn|{fresh}", if_match=match)
    assert got.status == status, got.body
    assert len(alive(anywhere, fresh)) == (there if status == 412 else 0)


@pytest.mark.parametrize(
    ("there", "words"), [(0, "no Patient meets the condition"), (1, "was deleted")]
)
def test_prefer_outcome(anywhere, fresh, there, words):
    put(anywhere, fresh, there)
    where = f"Patient?identifier=urn:mrn|{fresh}"
    got = anywhere.ask("DELETE", where, prefer="return=OperationOutcome")
    assert got.status == 200
    assert words in got.said


def test_every_deletion_is_in_the_trail(anywhere, fresh):
    (id_,) = put(anywhere, fresh, 1)
    anywhere.ask("DELETE", f"Patient?identifier=urn:mrn|{fresh}")
    got = anywhere.ask("GET", f"AuditEvent?entity=Patient/{id_}&action=D").json
    (event,) = [one["resource"] for one in got["entry"]]
    assert any("query" in entity for entity in event["entity"])


# ---- several at once ---------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def generous(request, tmp_path, fresh):
    """A server that deletes up to three resources by one condition."""
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    seen = []
    options = Options(delete_multiple=3)
    with serving(
        urls[request.param],
        f"t{fresh[:12]}",
        options=options,
        audited=True,
        on_write=lambda writer, version, tree: seen.append((version.method, version.id)),
    ) as server:
        server.seen = seen
        yield server


@pytest.mark.parametrize(("there", "status", "left"), [(0, 204, 0), (3, 204, 0), (4, 412, 4)])
def test_delete_several(generous, fresh, there, status, left):
    ids = put(generous, fresh, there)
    generous.seen.clear()
    got = generous.ask("DELETE", f"Patient?identifier=urn:mrn|{fresh}")
    assert got.status == status, got.body
    assert len(alive(generous, fresh)) == left
    deleted = [("DELETE", id_) for id_ in ids] if status == 204 else []
    assert sorted(generous.seen) == deleted
    rows = [row for row in generous.store.rows("audit") if b'"delete",204' in row.data]
    assert len(rows) == (max(len(deleted), 1) if status == 204 else 0)
    if status == 412:
        assert "more than 3" in got.said


def test_several_and_what_was_done(generous, fresh):
    put(generous, fresh, 2)
    where = f"Patient?identifier=urn:mrn|{fresh}"
    got = generous.ask("DELETE", where, prefer="return=OperationOutcome")
    assert (got.status, got.said) == (200, "2 Patient resources met the condition and were deleted")


def test_one_of_several_in_another_state_spares_all(generous, fresh):
    first, _ = put(generous, fresh, 2)
    generous.ask("PUT", f"Patient/{first}", numbered(fresh, first))
    where = f"Patient?identifier=urn:mrn|{fresh}"
    assert generous.ask("DELETE", where, if_match='W/"1"').status == 412
    assert len(alive(generous, fresh)) == 2


@pytest.mark.spec("capabilitystatement.html")
def test_the_statement_says_how_many(generous):
    flags = {
        one["type"]: one["conditionalDelete"]
        for one in generous.ask("GET", "metadata").json["rest"][0]["resource"]
    }
    assert flags["Patient"] == "multiple"
    assert flags["AuditEvent"] == "not-supported"

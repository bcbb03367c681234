"""The audit trail: a row a request in the commit of its effect, a chain, AuditEvents on demand."""

import asyncio
import base64
from dataclasses import replace

import pytest

from fhir_profiles.validation import structure
from fhir_server.audit import KIND, AuditSink, Entry, entry_of, verify_chain
from fhir_server.audit_events import TYPE, audit_event, render_pending
from fhir_server.options import Options
from fhir_server.store.open import open_store
from tests.fhir_server.serving import NOON, PATIENT, entry, serving, transaction

pytestmark = pytest.mark.spec("auditevent.html")


@pytest.fixture(params=["memory", "sqlite"])
def server(request, tmp_path):
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"
    with serving(url, audited=True) as running:
        yield running


def trail(server):
    return [entry_of(row) for row in server.store.rows(KIND)]


OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": "Patient/a"},
}

# request -> interaction, status, type, id, version, patient, query
ROWS = {
    "read": ("GET", "Observation/o", ("read", 200, "Observation", "o", 1, "Patient/a", "")),
    "not there": ("GET", "Patient/zz", ("read", 404, "Patient", "zz", 0, "", "")),
    "vread": ("GET", "Patient/a/_history/1", ("vread", 200, "Patient", "a", 1, "Patient/a", "")),
    "history": (
        *("GET", "Patient/a/_history?_count=3"),
        ("history-instance", 200, "Patient", "a", 0, "Patient/a", "_count=3"),
    ),
    "search": (
        *("GET", "Observation?patient=a&code:not=x"),
        ("search-type", 200, "Observation", "", 0, "Patient/a", "patient=a&code:not=x"),
    ),
    "wrong search": ("GET", "Patient?nam=x", ("search-type", 400, "Patient", "", 0, "", "nam=x")),
    "delete": ("DELETE", "Observation/o", ("delete", 204, "Observation", "o", 2, "Patient/a", "")),
    "PATCH": ("PATCH", "Patient/a", ("patch", 415, "Patient", "a", 0, "", "")),
    "no such method": ("BREW", "Patient/a", ("brew", 405, "Patient", "a", 0, "", "")),
    "nowhere": ("GET", "Patient/a/b/c/d", ("get", 404, "", "", 0, "", "")),
    "no operation": ("POST", "$nix", ("operation", 404, "", "", 0, "", "")),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_one_row_a_request(server, row):
    method, path, expected = row
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    server.ask("PUT", "Observation/o", OBSERVATION)
    before = len(trail(server))
    server.ask(
        *(method, path),
        x_requester="dr-a",
        x_purpose_of_use="TREAT",
        x_facility="79001",
        x_request_id="req-7",
    )
    (made,) = trail(server)[before:]
    seen = made.interaction, made.status, made.type, made.id, made.version, made.patient, made.query
    assert seen == expected
    who = made.caller, made.purpose, made.facility, made.request, made.at
    assert who == ("dr-a", "TREAT", "79001", "req-7", "2026-03-01T12:00:00.000Z")


def test_writes(server):
    made = server.make(PATIENT)
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "b"})
    server.ask("POST", "Patient", PATIENT, if_none_exist="_id=a")
    seen = [(one.interaction, one.status, one.id, one.version) for one in trail(server)]
    assert seen == [
        ("create", 201, made, 1),
        ("update", 201, "a", 1),
        ("update", 400, "a", 0),
        ("create", 200, "a", 1),
    ]


def test_a_transaction_leaves_a_row_for_itself_and_every_entry(server):
    name = "urn:uuid:6a4bd8b5-7ef1-4c5e-8a3b-3c5cf0e6d001"
    observation = {**OBSERVATION, "subject": {"reference": name}}
    del observation["id"]
    server.ask(
        *("POST", ""),
        transaction(
            entry("POST", "Patient", PATIENT, name),
            entry("POST", "Observation", observation),
            entry("GET", "Patient?_summary=count"),
        ),
    )
    rows = trail(server)
    patient = f"Patient/{rows[1].id}"
    assert [(one.interaction, one.status, one.type, one.patient) for one in rows] == [
        ("transaction", 200, "", ""),
        ("create", 201, "Patient", patient),
        ("create", 201, "Observation", patient),
        ("search-type", 200, "Patient", ""),
    ]


def test_metadata_is_not_audited(server):
    server.ask("GET", "metadata")
    assert trail(server) == []


def test_without_a_sink_there_is_no_trail():
    with serving() as server:
        server.make(PATIENT)
        assert server.store.rows(KIND) == []
        assert server.ask("GET", "AuditEvent").json["total"] == 0


def test_a_query_by_post_is_in_the_trail_and_a_page_repeats_it(server):
    for _ in range(2):
        server.make(PATIENT)
    form = "name=an&_count=1"
    got = server.ask(
        "POST", "Patient/_search", form, content_type="application/x-www-form-urlencoded"
    )
    following = got.json["link"][1]["url"].removeprefix("http://test/fhir/")
    assert server.ask("GET", following).status == 200
    assert [one.query for one in trail(server)[2:]] == [form, form]


def test_an_answer_that_cannot_be_accounted_for_is_not_given():
    """The trail is full, or its disk: then nobody reads anything either."""
    with serving(audited=True) as server:
        server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
        audit = server.audit

        def broken(*_, **__):
            raise OSError("no space left")

        audit.append = broken
        got = server.ask("GET", "Patient/a")
        assert (got.status, got.code) == (500, "exception")
        assert server.ask("PUT", "Patient/b", {**PATIENT, "id": "b"}).status == 500
        del audit.append
        assert server.ask("GET", "Patient/b").status == 404


def together(server, times):
    """Reads that begin in the same turn of one loop."""

    async def all_of_them():
        asked = [server.ask_async("GET", "Patient/a") for _ in range(times)]
        return [one.status for one in await asyncio.gather(*asked)]

    return asyncio.run(all_of_them())


def test_reads_that_end_together_share_a_commit(server):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    writes, write = [], server.store.write
    server.store.write = lambda work: writes.append(work) or write(work)
    assert together(server, 40) == [200] * 40
    del server.store.write
    assert len(trail(server)) == 41
    assert verify_chain(server.store.rows(KIND)) is None
    assert len(writes) < 20


def test_what_goes_wrong_with_their_commit_all_of_them_hear(server):
    server.audit.append = lambda *_, **__: 1 / 0
    assert together(server, 10) == [500] * 10
    server.audit.store = None
    assert together(server, 2) == [500] * 2


# ---- the chain ---------------------------------------------------------------------------------


@pytest.fixture
def rows(tmp_path):
    store = open_store("memory:", "chain")
    sink = AuditSink(store, observer="x")
    one = Entry("", "read", 200, "Patient", "a", 1, "", "", "me", "", "", "", "")
    for number in range(6):
        made = [replaced(one, number), replaced(one, number + 100)]
        store.write(lambda writer, made=made: sink.append(writer, made, at=NOON)).result()
    yield store.rows(KIND)
    store.close()


def replaced(one, number):
    return Entry(
        *(number if name == "version" else getattr(one, name) for name in one.__struct_fields__)
    )


def test_an_untouched_chain_holds(rows):
    assert verify_chain(rows) is None
    assert verify_chain(rows[5:], after=rows[4]) is None
    assert verify_chain([]) is None


@pytest.mark.parametrize("at", [0, 5, 11])
def test_a_changed_row_is_found(rows, at):
    changed = replace(rows[at], data=rows[at].data.replace(b'"read"', b'"vrea"'))
    assert verify_chain([*rows[:at], changed, *rows[at + 1 :]]) == rows[at].seq


def test_a_row_dropped_doubled_or_moved_is_found(rows):
    assert verify_chain([*rows[:3], *rows[4:]]) == rows[4].seq
    assert verify_chain(rows[1:]) == rows[1].seq
    assert verify_chain([*rows[:4], rows[3], *rows[4:]]) == rows[3].seq
    assert verify_chain([rows[1], rows[0], *rows[2:]]) == rows[1].seq


def test_the_chain_goes_on_after_a_rollback_and_a_restore(server):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    server.store.snapshot()
    server.ask(
        "POST", "", transaction(entry("POST", "Patient", PATIENT), entry("GET", "Patient/zz"))
    )
    server.ask("GET", "Patient/a")
    assert verify_chain(server.store.rows(KIND)) is None
    server.store.restore()
    server.ask("GET", "Patient/a")
    assert verify_chain(server.store.rows(KIND)) is None
    assert len(server.store.rows(KIND)) == 2


# ---- AuditEvents -------------------------------------------------------------------------------


def test_audit_events_are_made_when_somebody_asks(server):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"}, x_requester="dr-a")
    server.ask("GET", "Patient?name=an", x_requester="dr-b", x_request_id="req-7")
    assert server.store.counts().get(TYPE, 0) == 0
    found = server.ask("GET", "AuditEvent?entity=Patient/a").json
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["agent"][0]["who"]["identifier"]["value"] == "dr-a"
    assert server.ask("GET", "AuditEvent?patient=a&action=C,U").json["total"] == 1
    (first, *_) = server.ask("GET", "AuditEvent?subtype=search-type&_sort=_id").json["entry"]
    query, trace = first["resource"]["entity"]
    assert base64.b64decode(query["query"]) == b"name=an"
    assert trace["what"]["identifier"]["value"] == "req-7"


def test_an_audit_event_is_read_by_id_before_any_search(server):
    server.ask("GET", "Patient/a")
    (row,) = server.store.rows(KIND)
    assert server.ask("GET", f"AuditEvent/audit-{row.seq}").json["outcome"] == "4"


def test_each_row_is_rendered_once(server):
    for _ in range(3):
        server.ask("GET", "Patient")
    assert [render_pending(server.audit), render_pending(server.audit)] == [3, 0]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_audit_events_are_valid(server, row):
    server.ask(row[0], row[1], x_requester="dr-a", x_purpose_of_use="TREAT", x_facility="79001")
    for one in server.store.rows(KIND):
        assert structure.check(audit_event(one, "test server")) == []


def test_clients_may_add_audit_events_but_not_touch_them(server):
    server.ask("GET", "Patient/a")
    tree = server.ask("GET", "AuditEvent").json["entry"][0]["resource"]
    assert server.ask("POST", "AuditEvent", tree).status == 201
    assert server.ask("PUT", f"AuditEvent/{tree['id']}", tree).status == 405
    assert server.ask("DELETE", f"AuditEvent/{tree['id']}").status == 405
    assert Options().validation == "structure"


@pytest.mark.parametrize(
    ("path", "waits"),
    [
        ("Patient?_revinclude=AuditEvent:patient", True),
        ("Patient?_revinclude=AuditEvent%3Apatient", True),
        ("Patient?_revinclude=%41uditEvent:patient", True),
        ("Patient?_revinclude=*", True),
        ("Patient?_revinclude:iterate=%2A", True),
        ("Patient?_has:AuditEvent:patient:action=C", True),
        ("Patient/a/*", True),
        ("_history", True),
        ("Patient?_revinclude=Observation:subject", False),
        ("Patient?_revinclude=Provenance:target&name=an", False),
        ("Patient?_include=*", False),
        ("Patient/a", False),
    ],
)
def test_only_who_may_see_audit_events_waits_for_them(server, path, waits):
    server.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    assert server.ask("GET", path).status == 200
    assert (server.store.counts().get(TYPE, 0) > 0) == waits

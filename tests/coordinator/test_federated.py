"""Searches over hospitals: who is asked, what comes back, how an answer says what is missing."""

import pytest

from coordinator.services.federated_read import Deadlines
from coordinator.services.federated_search import ERROR_HEADER, NOTICE
from fhir_profiles import systems
from fhir_server.audit import KIND, entry_of
from tests.coordinator.world import (
    CLINIC,
    DISTRICT,
    PROVINCE,
    PUBLIC,
    consent,
    endpoints,
    key,
    network,
    patient,
    pointer,
    report,
)

CCCD = "900164123456"
HOSPITALS = (PROVINCE, DISTRICT)
LDL, HBA1C = "18262-6", "4548-4"
LATER = "2026-02-22T08:00:00+07:00"
ASK = {"patient.identifier": key("1")}
BTG = {"X-Purpose-Of-Use": "BTG", "X-Purpose-Reason": "h%C3%B4n%20m%C3%AA"}


def _fill(world):
    """One person with an HbA1c in the province and an LDL in the district."""
    world.post(patient("1", cccd=CCCD), patient("2", group=DISTRICT, cccd=CCCD))
    world.hospital(PROVINCE, patient("1"), *report("7", "1"))
    later = {"group": DISTRICT, "at": LATER, "loinc": LDL}
    world.hospital(DISTRICT, patient("2", group=DISTRICT), *report("7", "2", **later))
    world.post(pointer("7", "1"), pointer("7", "2", **later))


@pytest.fixture
def world():
    with network(deadlines=Deadlines(hospital=1, total=4)) as world:
        _fill(world)
        yield world


def _search(world, type_="DiagnosticReport", params=None, **headers):
    answer = world.ask(
        "GET",
        f"/fhir/{type_}",
        params={**ASK, **(params or {})},
        headers={"X-Requester": "99009", **headers},
    )
    assert answer.status_code == 200, answer.text
    return answer


def _entries(bundle, mode="match"):
    return [entry for entry in bundle["entry"] if entry["search"]["mode"] == mode]


def _found(answer, mode="match"):
    """Addresses below the public one."""
    return [
        entry["fullUrl"].removeprefix(f"{PUBLIC}/hospitals/")
        for entry in _entries(answer.json(), mode)
    ]


def _issues(answer):
    return [
        (issue["severity"], issue["code"], issue["diagnostics"])
        for entry in _entries(answer.json(), "outcome")
        for issue in entry["resource"]["issue"]
    ]


def _asked(world):
    """Hospitals that were asked for reports by the coordinator."""
    return [
        group
        for group in HOSPITALS
        for row in world.stores[group].rows(KIND)
        if (entry := entry_of(row)).caller == "coordinator" and entry.type == "DiagnosticReport"
    ]


THERE = ("information", "informational", NOTICE)
P7, D7 = f"{PROVINCE}/fhir/DiagnosticReport/r-7", f"{DISTRICT}/fhir/DiagnosticReport/r-7"
PO, DO = f"{PROVINCE}/fhir/Observation/o-7", f"{DISTRICT}/fhir/Observation/o-7"


def test_results_of_a_person_from_every_hospital(world):
    answer = _search(world, params={"_sort": "-date", "_include": "DiagnosticReport:result"})
    assert _found(answer) == [D7, P7]
    assert sorted(_found(answer, "include")) == [PO, DO]
    assert _issues(answer) == [THERE]
    bundle = answer.json()
    assert bundle["total"] == 2
    assert "meta" not in bundle
    assert ERROR_HEADER not in answer.headers
    first = bundle["entry"][0]["resource"]
    assert first["meta"]["source"] == f"{PUBLIC}/hospitals/{DISTRICT}/fhir"
    assert first["result"] == [{"reference": f"{PUBLIC}/hospitals/{DO}"}]
    assert first["subject"] == {"reference": f"{PUBLIC}/hospitals/{DISTRICT}/fhir/Patient/p-2"}
    assert first["id"] == "r-7"


@pytest.mark.parametrize(
    ("type_", "params", "found", "asked"),
    [
        ("DiagnosticReport", {}, [P7, D7], [PROVINCE, DISTRICT]),
        ("DiagnosticReport", {"code": f"{systems.LOINC}|{HBA1C}"}, [P7], [PROVINCE]),
        ("DiagnosticReport", {"code": f"{HBA1C},{LDL}"}, [P7, D7], [PROVINCE, DISTRICT]),
        ("DiagnosticReport", {"code": "http://other|4548-4"}, [], []),
        ("DiagnosticReport", {"date": "ge2026-02-21"}, [D7], [PROVINCE, DISTRICT]),
        ("DiagnosticReport", {"category": "LAB"}, [P7, D7], [PROVINCE, DISTRICT]),
        ("DiagnosticReport", {"identifier": f"{systems.result(DISTRICT)}|7"}, [D7], None),
        ("DiagnosticReport", {"status": "preliminary"}, [], None),
        ("DiagnosticReport", {"performer": f"Organization/{DISTRICT}"}, [D7], None),
        ("DiagnosticReport", {"_id": "r-7"}, [P7, D7], None),
        ("Observation", {}, [PO, DO], [PROVINCE, DISTRICT]),
        ("Observation", {"code": f"{systems.LOINC}|{LDL}"}, [DO], None),
        ("Observation", {"category": "laboratory"}, [PO, DO], None),
        ("Observation", {"category": "imaging"}, [], []),
        ("Observation", {"value-quantity": "gt8"}, [], None),
    ],
)
def test_only_hospitals_with_a_matching_pointer_are_asked(world, type_, params, found, asked):
    assert sorted(_found(_search(world, type_, params))) == sorted(found)
    if asked is not None:
        assert _asked(world) == asked


@pytest.mark.parametrize(
    "question",
    [
        {"patient.identifier": key("2", DISTRICT)},
        {"patient.identifier": f"{systems.CCCD}|{CCCD}"},
        {"subject:identifier": key("1")},
        {"patient": "Patient/p-1"},
        {"patient": "p-2"},
        {"subject": f"{PUBLIC}/fhir/Patient/p-1"},
    ],
)
def test_whichever_way_the_person_is_named(world, question):
    answer = world.ask("GET", "/fhir/DiagnosticReport", params=question)
    assert sorted(_found(answer)) == [P7, D7]


def test_the_same_by_post(world):
    answer = world.ask("POST", "/fhir/DiagnosticReport/_search", data=ASK)
    assert answer.status_code == 200, answer.text
    assert sorted(_found(answer)) == [P7, D7]


def test_nobody_of_that_number(world):
    answer = world.ask("GET", "/fhir/Observation", params={"patient.identifier": key("99")})
    assert _found(answer) == []
    assert _issues(answer) == [THERE]
    assert answer.json()["total"] == 0
    assert _asked(world) == []


@pytest.mark.parametrize(
    ("params", "headers", "code", "says"),
    [
        ([], {}, "required", "patient.identifier"),
        ([*ASK.items(), ("patient", "p-1")], {}, "value", "one person"),
        ([("patient.identifier", "1")], {}, "value", "system|value"),
        ([("patient", "a,b")], {}, "value", "names no Patient"),
        ([*ASK.items(), ("colour", "red")], {}, "not-supported", "colour"),
        ([*ASK.items(), ("date", "yesterday")], {}, "value", "date"),
        ([*ASK.items(), ("_revinclude", "Provenance:target")], {}, "not-supported", "_revinclude"),
        ([*ASK.items(), ("subject:Patient.name", "A")], {}, "not-supported", "chained"),
        ([*ASK.items()], {"X-Purpose-Of-Use": "HMARKT"}, "value", "HMARKT"),
    ],
)
def test_a_wrong_question_asks_nobody(world, params, headers, code, says):
    answer = world.ask("GET", "/fhir/Observation", params=params, headers=headers)
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"]) == (400, code), answer.text
    assert says in issue["diagnostics"]
    assert _asked(world) == []


def test_lenient_handling_names_what_it_left_out(world):
    answer = _search(world, params={"colour": "red"}, Prefer="handling=lenient")
    assert len(_found(answer)) == 2
    (warning, notice) = _issues(answer)
    assert warning[:2] == ("warning", "not-supported")
    assert "colour" in warning[2]
    assert notice == THERE


def test_count_cuts_and_says_so(world):
    answer = _search(world, params={"_count": "1", "_sort": "date"})
    assert _found(answer) == [P7]
    assert answer.json()["total"] == 2
    assert [issue[:2] for issue in _issues(answer)] == [("warning", "incomplete"), THERE[:2]]
    assert _search(world, params={"_summary": "count"}).json()["total"] == 2
    some = _search(world, params={"_elements": "status"}).json()["entry"][0]["resource"]
    assert "issued" not in some


@pytest.mark.parametrize(
    ("state", "code", "header"),
    [
        ("unavailable", "transient", "Server.Hospital.Unavailable"),
        ("silent", "timeout", "Server.Hospital.Timeout"),
    ],
)
def test_a_hospital_that_fails_is_named_and_the_others_are_not_lost(world, state, code, header):
    world.faults.set(DISTRICT, state)
    answer = _search(world)
    assert _found(answer) == [P7]
    (failed, notice) = _issues(answer)
    assert failed[:2] == ("warning", code)
    assert DISTRICT in failed[2]
    assert notice == THERE
    assert [tag["code"] for tag in answer.json()["meta"]["tag"]] == ["incomplete"]
    assert answer.headers[ERROR_HEADER] == header
    world.faults.set(DISTRICT, "ok")
    assert len(_found(_search(world))) == 2


def test_an_answer_of_nobody_is_still_an_answer(world):
    for group in HOSPITALS:
        world.faults.set(group, "silent")
    answer = _search(world)
    assert _found(answer) == []
    assert len(_issues(answer)) == 3
    assert answer.json()["total"] == 0


def test_a_report_that_is_gone_at_the_source_is_just_not_there(world):
    world.ask("DELETE", f"/hospitals/{PROVINCE}/fhir/DiagnosticReport/r-7")
    answer = _search(world)
    assert _found(answer) == [D7]
    assert "meta" not in answer.json()


def test_the_same_result_from_two_hospitals_comes_once(world):
    copy = report("7", "2", group=PROVINCE)  # the district keeps a copy of the province's report
    copy[1]["id"], copy[0]["id"] = "copy-of-7", "o-copy-of-7"
    copy[1]["result"] = [{"reference": "Observation/o-copy-of-7"}]
    world.hospital(DISTRICT, *copy)
    posted = pointer("copy", "2", group=DISTRICT)
    posted["content"][0]["attachment"]["url"] = "DiagnosticReport/copy-of-7"
    world.post(posted)
    assert len(_found(_search(world))) == 2


def test_what_is_published_later_is_not_known_yet(world):
    world.post(pointer("8", "1") | {"date": "2026-03-03T00:00:00+07:00"})
    world.hospital(PROVINCE, *report("8", "1"))
    assert len(_found(_search(world))) == 2
    world.clock.advance(world.clock.now().replace(day=4))
    assert len(_found(_search(world))) == 3


@pytest.mark.parametrize("since", ["2026-04-01", ""])
def test_a_hospital_that_is_not_connected_is_not_asked(world, since):
    world.post(*endpoints(DISTRICT, since=since))
    answer = _search(world)
    assert _found(answer) == [P7]
    assert _asked(world) == [PROVINCE]
    assert "meta" not in answer.json()


# ---- consent -------------------------------------------------------------------------------------
def _actor(role, group):
    return {
        "role": {"coding": [{"system": systems.PARTICIPATION, "code": role}]},
        "reference": {"reference": f"Organization/{group}"},
    }


def _author(group):
    return _actor("AUT", group)


@pytest.mark.parametrize(
    ("stated", "headers", "found"),
    [
        ({"type": "deny", "actor": [_author(DISTRICT)]}, {}, [P7]),
        ({"type": "deny", "actor": [_author(DISTRICT)]}, BTG, [P7, D7]),
        (
            {"type": "deny", "actor": [_author(DISTRICT)]},
            {"X-Purpose-Of-Use": "BTG"},  # without a reason
            [P7],
        ),
        ({"type": "deny"}, {}, []),
        ({"type": "deny", "class": [{"code": "imaging"}]}, {}, [P7, D7]),
        ({"type": "deny", "dataPeriod": {"start": "2026-02-21"}}, {}, [P7]),
        ({"type": "permit"}, {"X-Purpose-Of-Use": "HRESCH"}, [P7, D7]),
        (None, {"X-Purpose-Of-Use": "HRESCH"}, []),
        (None, {"X-Purpose-Of-Use": "TREAT"}, [P7, D7]),
    ],
)
def test_consent_decides_before_anybody_is_asked(world, stated, headers, found):
    """Said with one registration, a word holds for all; and no answer tells that it was said."""
    if stated is not None:
        world.post(consent("2", group=DISTRICT, **stated))
    answer = _search(world, **headers)
    assert sorted(_found(answer)) == sorted(found)
    assert _issues(answer) == [THERE]
    assert answer.json()["total"] == len(found)
    assert _asked(world) == [g for g in HOSPITALS if any(name.startswith(g) for name in found)]


@pytest.mark.parametrize(("requester", "found"), [(CLINIC, [P7, D7]), (DISTRICT, [])])
def test_a_facility_asks_for_its_record_group(world, requester, found):
    """Nobody may see it, except the province's hospital; the clinic keeps its records there."""
    recipient = _actor("IRCP", PROVINCE)
    world.post(
        consent("1", type="deny", provision=[{"type": "permit", "actor": [recipient]}]),
    )
    answer = _search(world, **{"X-Requester": requester})
    assert sorted(_found(answer)) == sorted(found)


def test_head_is_a_get_without_the_body(world):
    plain = {"Accept-Encoding": "identity"}
    answer = world.ask("HEAD", "/fhir/DiagnosticReport", params=ASK, headers=plain)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 1000


def test_sensitive_results_need_a_permit_of_their_own(world):
    label = {"system": systems.ACT_CODE, "code": "HIV"}
    tree = report("7", "1")[1] | {"meta": {"security": [label]}}
    world.hospital(PROVINCE, tree)
    for type_, open_ in (("DiagnosticReport", D7), ("Observation", DO)):
        answer = _search(world, type_)
        assert _found(answer) == [open_]
        assert _issues(answer) == [THERE]
    world.post(consent("1", type="permit"))
    assert sorted(_found(_search(world))) == [P7, D7]


def test_results_of_somebody_who_may_only_be_the_same_are_not_shown(world):
    world.post(patient("3", "Nguyen Thi Anh", "1964", group=DISTRICT))
    world.hospital(DISTRICT, patient("3", group=DISTRICT), *report("9", "3", group=DISTRICT))
    world.post(pointer("9", "3", group=DISTRICT))
    assert len(_found(_search(world))) == 2


# ---- traces --------------------------------------------------------------------------------------
def test_the_coordinator_and_the_hospitals_note_who_asked_why(world):
    _search(world, **{"X-Purpose-Of-Use": "TREAT", "X-Request-Id": "call-1"})
    own = [entry_of(row) for row in world.stores["coordinator"].rows(KIND)]
    mine = [entry for entry in own if entry.request == "call-1"]
    assert [(e.caller, e.purpose, e.type, e.status) for e in mine] == [
        ("99009", "TREAT", "DiagnosticReport", 200)
    ]
    assert "1" in mine[0].query
    for group in HOSPITALS:
        theirs = [entry_of(row) for row in world.stores[group].rows(KIND)]
        seen = [entry for entry in theirs if entry.request == "call-1"]
        assert {(e.caller, e.facility, e.purpose) for e in seen} == {
            ("coordinator", "99009", "TREAT")
        }


def test_an_audit_event_is_left_by_a_refused_search_too(world):
    world.ask("GET", "/fhir/Observation", headers={"X-Requester": "99009"})
    last = world.ask("GET", "/fhir/AuditEvent", params={"_count": "1000"}).json()["entry"][-1]
    event = last["resource"]
    assert event["agent"][0]["who"]["identifier"]["value"] == "99009"
    assert event["outcomeDesc"] == "HTTP 400"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/fhir/Observation", 405),
        ("PUT", "/fhir/DiagnosticReport/x", 405),
        ("GET", "/fhir/Observation/x", 404),
        ("POST", "/fhir/Encounter", 404),
    ],
)
def test_results_are_not_kept_here(world, method, path, status):
    body = None if method == "GET" else report("1", "1")[0]
    assert world.ask(method, path, body).status_code == status


def test_a_batch_does_not_pretend_that_there_is_nothing(world):
    entry = {"request": {"method": "GET", "url": f"Observation?patient.identifier={key('1')}"}}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [entry]}
    answer = world.ask("POST", "/fhir", bundle)
    assert answer.json()["entry"][0]["response"]["status"].startswith("501")


def test_it_says_what_it_can_do(world):
    statement = world.ask("GET", "/fhir/metadata").json()
    resources = {entry["type"]: entry for entry in statement["rest"][0]["resource"]}
    names = [op["name"] for op in resources["Patient"]["operation"]]
    assert names[:2] == ["match", "ihe-pix"]
    assert resources["Observation"]["operation"][0]["name"] == "federated-search"
    assert {i["code"] for i in resources["Observation"]["interaction"]} & {"create"} == set()
    assert "Encounter" not in resources


def test_a_line_that_is_cut(world):
    """The coordinator is not reached by one hospital; everybody else is served."""
    world.faults.set("link/99009", "unavailable")
    headers = {"X-Requester": "99009"}
    answer = world.ask("GET", "/fhir/DiagnosticReport", params=ASK, headers=headers)
    assert answer.status_code == 503
    assert answer.json()["issue"][0]["code"] == "transient"
    assert world.ask("GET", "/fhir/DiagnosticReport", params=ASK).status_code == 200
    assert world.ask("GET", "/readyz", headers=headers).status_code == 200
    world.faults.set("coordinator", "unavailable")
    assert world.ask("GET", "/fhir/metadata").status_code == 503

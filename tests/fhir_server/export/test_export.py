"""Bulk Data export as a client sees it: kick-off, status, files, cancelling, restart."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, timedelta

import pytest

from fhir_server.clock import SteppedClock
from fhir_server.export.jobs import Jobs, Work
from fhir_server.export.operations import exports
from fhir_server.export.request import Request
from fhir_server.guard import Caller
from tests.fhir_server.serving import NOON, serving

pytestmark = pytest.mark.spec("bulkdata/export.html")

ASYNC = {"prefer": "respond-async"}


def patient(id_, **more):
    return {"resourceType": "Patient", "id": id_, **more}


def about(type_, id_, patient_, member="subject", **more):
    reference = {"reference": f"Patient/{patient_}"}
    return {"resourceType": type_, "id": id_, member: reference, **more}


def observation(id_, patient_, code="2345-7"):
    coding = {"coding": [{"system": "http://loinc.org", "code": code}]}
    return about("Observation", id_, patient_, status="final", code=coding)


def group(id_, *ids, gone=()):
    members = [{"entity": {"reference": f"Patient/{one}"}} for one in ids]
    members += [{"entity": {"reference": f"Patient/{one}"}, "inactive": True} for one in gone]
    listed = {"member": members} if members else {}
    return {"resourceType": "Group", "id": id_, "type": "person", "actual": True, **listed}


HELD = [
    patient("a", gender="female"),
    patient("b", gender="male"),
    observation("o1", "a"),
    observation("o2", "b", "718-7"),
    about("AllergyIntolerance", "al", "a", "patient"),
    {"resourceType": "Practitioner", "id": "pr"},
    group("both", "a", "b"),
    group("one", "a", gone="b"),
    group("none"),
]


@contextmanager
def exporting(url, folder, clock=None):
    clock, held = clock or SteppedClock(NOON), {}
    export = exports(folder, lambda caller: held["store"], clock, UTC)
    with serving(url, operations=export.operations()) as server:
        held["store"] = server.store
        server.export = export
        yield server
        export.jobs.close()


@pytest.fixture(params=["memory", "sqlite"])
def server(request, tmp_path):
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"
    with exporting(url, tmp_path / "exports") as server:
        for tree in HELD:
            assert server.ask("PUT", f"{tree['resourceType']}/{tree['id']}", tree).status == 201
        yield server


def below(address):
    return address.removeprefix("http://test/fhir/")


def finished(server, started):
    """The answer of the status address once it is no longer 202."""
    assert started.status == 202, started.body
    for _ in range(2000):
        said = server.ask("GET", below(started.headers["content-location"]))
        if said.status != 202:
            return said
        assert said.headers["x-progress"]
        assert said.headers["retry-after"] == "1"
    raise AssertionError("the export never ends")


def exported(server, path, body=None, method="GET"):
    """`Type/id` of everything in the files."""
    manifest = finished(server, server.ask(method, path, body, **ASYNC)).json
    found = []
    for file in manifest["output"]:
        got = server.ask("GET", below(file["url"]))
        assert got.headers["content-type"].startswith("application/fhir+ndjson")
        lines = got.body.decode().splitlines()
        assert len(lines) == file["count"]
        trees = [json.loads(line) for line in lines]
        assert {tree["resourceType"] for tree in trees} == {file["type"]}
        found += [f"{tree['resourceType']}/{tree['id']}" for tree in trees]
    return " ".join(found)


PATIENTS = "Patient/a Patient/b"
COMPARTMENT = f"AllergyIntolerance/al Group/both Group/one Observation/o1 Observation/o2 {PATIENTS}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            "$export",
            "AllergyIntolerance/al Group/both Group/none Group/one Observation/o1 Observation/o2 "
            f"{PATIENTS} Practitioner/pr",
        ),
        ("$export?_type=Patient", PATIENTS),
        ("$export?_type=Patient,Practitioner", f"{PATIENTS} Practitioner/pr"),
        ("$export?_type=Patient&_type=Practitioner", f"{PATIENTS} Practitioner/pr"),
        ("$export?_type=Device", ""),
        ("Patient/$export", COMPARTMENT),
        ("Patient/$export?_type=Observation", "Observation/o1 Observation/o2"),
        (
            "Group/both/$export?_type=Patient,Observation",
            f"Observation/o1 Observation/o2 {PATIENTS}",
        ),
        ("Group/one/$export?_type=Patient,Observation", "Observation/o1 Patient/a"),
        ("Group/none/$export", ""),
        ("$export?_type=Observation&_typeFilter=Observation%3Fcode%3D718-7", "Observation/o2"),
        (
            "$export?_type=Observation&_typeFilter=Observation%3Fcode%3D718-7"
            "&_typeFilter=Observation%3Fpatient%3Da",
            "Observation/o2 Observation/o1",
        ),
        (
            "$export?_type=Patient,Practitioner&_typeFilter=Patient%3Fgender%3Dmale",
            "Patient/b Practitioner/pr",
        ),
        ("$export?_type=Patient&_since=2026-03-01T12:00:00Z", ""),
        ("$export?_type=Patient&_since=2026-03-01T11:59:59%2B00:00", PATIENTS),
        ("$export?_type=Patient&_until=2026-03-01T11:00:00Z", ""),
        ("$export?_outputFormat=ndjson&_type=Patient", PATIENTS),
        ("$export?_outputFormat=application/fhir%2Bndjson&_type=Patient", PATIENTS),
    ],
)
def test_what_an_export_holds(server, path, expected):
    assert exported(server, path) == expected


def test_parameters_in_a_body(server):
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "_type", "valueString": "Patient,Observation"},
            {"name": "patient", "valueReference": {"reference": "Patient/b"}},
        ],
    }
    assert exported(server, "Patient/$export", body, "POST") == "Observation/o2 Patient/b"


def test_only_some_elements(server):
    started = server.ask("GET", "$export?_type=Patient&_elements=Patient.gender", **ASYNC)
    (file,) = finished(server, started).json["output"]
    first = json.loads(server.ask("GET", below(file["url"])).body.splitlines()[0])
    assert first["gender"] == "female"
    assert first["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_the_manifest(server):
    started = server.ask("GET", "Patient/$export?_type=Patient", **ASYNC)
    said = finished(server, started)
    assert said.headers["content-type"] == "application/json"
    assert said.headers["expires"] == "Mon, 02 Mar 2026 12:00:00 GMT"
    assert said.json["transactionTime"] == "2026-03-01T12:00:00.000Z"
    assert said.json["request"] == "http://test/fhir/Patient/$export?_type=Patient"
    assert said.json["requiresAccessToken"] is False
    assert (said.json["error"], said.json["deleted"]) == ([], [])


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("$export?_type=Patiant", 400, "no resource type 'Patiant'"),
        ("Patient/$export?_type=Practitioner", 400, "not in a patient's compartment"),
        ("$export?_since=yesterday", 400, "not one instant with a zone"),
        ("$export?_since=2026-01-01T00:00:00", 400, "not one instant with a zone"),
        ("$export?_outputFormat=csv", 400, "application/fhir+ndjson is"),
        ("$export?_typeFilter=Observation", 400, "Type?parameter=value"),
        ("$export?_typeFilter=Observation%3Fcolour%3Dred", 400, "no search parameter 'colour'"),
        ("$export?_typeFilter=Patient%3F_sort%3Dname", 400, "leave out _include, _sort"),
        ("$export?_elements=Patient.colour", 400, "no element 'colour'"),
        ("$export?patient=Patient/a", 400, "Patient or Group"),
        ("Patient/$export?patient=Patient/a", 400, "by POST"),
        ("$export?_mode=fast", 400, "no parameter '_mode'"),
        ("Group/nobody/$export", 404, "Group/nobody is not here"),
        ("Patient/a/$export", 405, "[base]/$export"),
    ],
)
def test_refusals(server, path, status, words):
    said = server.ask("GET", path, **ASYNC)
    assert (said.status, words in said.said) == (status, True), said.said


def test_an_export_is_asked_for_with_patience(server):
    said = server.ask("GET", "$export")
    assert said.status == 400
    assert "Prefer: respond-async" in said.said


@pytest.mark.parametrize("end", ["", "?job=", "?job=../../etc", f"?job={'0' * 32}", "?job=1&job=2"])
def test_no_such_job(server, end):
    assert server.ask("GET", f"$export-status{end}").status in (400, 404)


def test_files_that_are_not_of_the_export(server):
    where = server.ask("GET", "$export?_type=Patient", **ASYNC).headers["content-location"]
    finished(server, server.ask("GET", "$export?_type=Patient", **ASYNC))
    job = where.partition("job=")[2]
    for name in ("job.json", "Patient.2.ndjson", "../job.json", "Patient.1.ndjson%00"):
        assert server.ask("GET", f"$export-file?job={job}&file={name}").status in (400, 404)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("", 200),
        ("*/*", 200),
        ("application/fhir+ndjson", 200),
        ("application/fhir+ndjson, application/json;q=0.5", 200),
        ("application/fhir+json", 200),  # what a client of the whole server always sends
        ("application/json", 200),
        ("image/png", 406),
    ],
)
def test_what_a_client_may_accept_of_a_file(server, accept, status):
    said = finished(server, server.ask("GET", "$export?_type=Patient", **ASYNC)).json
    got = server.ask("GET", below(said["output"][0]["url"]), accept=accept)
    assert got.status == status
    kind = "application/fhir+ndjson" if status == 200 else "application/fhir+json"
    assert got.headers["content-type"].startswith(kind)


def test_somebody_elses_export_does_not_exist(server):
    started = server.ask("GET", "$export?_type=Patient", x_requester="one", **ASYNC)
    where = below(started.headers["content-location"])
    assert server.ask("GET", where, x_requester="two").status == 404
    assert server.ask("DELETE", where, x_requester="two").status == 404
    assert server.ask("GET", where, x_requester="one").status in (200, 202)


def test_cancelling_takes_the_files_away(server, tmp_path):
    started = server.ask("GET", "$export", **ASYNC)
    where = below(started.headers["content-location"])
    finished(server, started)
    assert server.ask("DELETE", where).status == 202
    assert server.ask("GET", where).status == 404
    assert server.ask("DELETE", where).status == 404
    assert list((tmp_path / "exports").iterdir()) == []


def test_files_are_kept_for_a_day(tmp_path):
    clock = SteppedClock(NOON)
    with exporting("memory:", tmp_path, clock) as server:
        first = server.ask("GET", "$export", **ASYNC)
        finished(server, first)
        clock.advance(NOON + timedelta(hours=25))
        finished(server, server.ask("GET", "$export", **ASYNC))
        assert server.ask("GET", below(first.headers["content-location"])).status == 404


# ---- jobs: cancelled while they run, and a process that dies -------------------------------------

SOMEBODY = Caller("somebody")


def started(jobs):
    return jobs.start(Request(types=("Patient", "Group")), SOMEBODY, "http://x/$export", "http://x")


def wait_for(jobs, job, state):
    while jobs.find(job.id, SOMEBODY).state != state:
        pass
    return jobs.find(job.id, SOMEBODY)


def test_a_dead_process_loses_no_finished_type(tmp_path):
    reached, written = threading.Event(), []

    def stuck(type_):
        written.append(type_)
        yield b"{}\n"
        if type_ == "Patient":
            reached.set()
            while True:
                yield b"{}\n"

    jobs = Jobs(tmp_path, lambda job: Work(["Group", "Patient"], stuck), SteppedClock(NOON))
    job = started(jobs)
    assert reached.wait(10)
    jobs.close()
    assert jobs.find(job.id, SOMEBODY).done == ("Group",)

    def quick(type_):
        written.append(type_)
        yield b"{}\n"

    jobs = Jobs(tmp_path, lambda job: Work(["Group", "Patient"], quick), SteppedClock(NOON))
    ended = wait_for(jobs, job, "complete")
    assert written == ["Group", "Patient", "Patient"]
    assert [(file.type, file.count) for file in ended.files] == [("Group", 1), ("Patient", 1)]
    jobs.close()


def test_a_running_export_can_be_cancelled(tmp_path):
    reached = threading.Event()

    def endless(type_):
        while True:
            reached.set()
            yield b"{}\n"

    jobs = Jobs(tmp_path, lambda job: Work(["Patient"], endless), SteppedClock(NOON))
    job = started(jobs)
    assert reached.wait(10)
    jobs.cancel(job)
    jobs.close()  # returns: the thread has stopped writing
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_fails_says_so(tmp_path):
    def broken(type_):
        raise OSError("disk")
        yield b""

    jobs = Jobs(tmp_path, lambda job: Work(["Patient"], broken), SteppedClock(NOON))
    assert "OSError" in wait_for(jobs, started(jobs), "failed").problem
    jobs.close()


def test_a_large_type_has_several_files(tmp_path):
    many = lambda type_: (b"{}\n" for _ in range(10_001))  # noqa: E731
    jobs = Jobs(tmp_path, lambda job: Work(["Patient"], many), SteppedClock(NOON))
    ended = wait_for(jobs, started(jobs), "complete")
    assert [(file.name, file.count) for file in ended.files] == [
        ("Patient.1.ndjson", 10_000),
        ("Patient.2.ndjson", 1),
    ]
    jobs.close()


def test_the_next_kick_off_waits_where_too_many_run(tmp_path):
    go = threading.Event()

    def waiting(type_):
        go.wait(20)
        yield b"{}\n"

    jobs = Jobs(tmp_path, lambda job: Work(["Patient"], waiting), SteppedClock(NOON))
    for _ in range(20):
        started(jobs)
    with pytest.raises(Exception, match="wait until one has ended") as refused:
        started(jobs)
    assert refused.value.status == 429
    go.set()
    jobs.close()


def test_of_two_processes_one_writes_what_either_was_asked_for(tmp_path):
    lines = lambda type_: iter([b"{}\n"])  # noqa: E731
    work_of = lambda job: Work(["Patient"], lines)  # noqa: E731
    follower = Jobs(tmp_path, work_of, SteppedClock(NOON), leads=False)
    leader = Jobs(tmp_path, work_of, SteppedClock(NOON))
    job = started(follower)
    follower.adopt()
    assert follower.progress(job) == "0 types are written"
    leader.adopt()
    ended = wait_for(follower, job, "complete")
    assert follower.content(ended, "Patient.1.ndjson") == b"{}\n"
    leader.close()
    second = started(follower)
    follower.lead()  # the leader has ended
    wait_for(follower, second, "complete")
    follower.cancel(second)
    assert [path.name for path in tmp_path.iterdir()] == [job.id]
    follower.close()

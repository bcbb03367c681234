"""Hospitals behind real sockets: alive, killed, mute, half-way, talking nonsense."""

import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import httpx2
import pytest
import uvicorn

from coordinator.services.directory import Directory
from coordinator.services.federated_read import Deadlines, FederatedRead
from fhir_profiles.json_text import dump
from fhir_server.clock import SteppedClock
from fhir_server.faults import Faults
from fhir_server.store.open import open_store
from fhir_server.store.port import Document
from hospitals.app import create_hospital_app
from tests.coordinator.world import NOW, PROVINCE, ZONE, endpoints, facility, patient, report

DEADLINES = Deadlines(hospital=1, total=4)  # long enough for a busy machine
BUNDLE = b'{"resourceType":"Bundle","type":"searchset"}'


class Hospital:
    """The province's hospital on uvicorn in the running loop."""

    def __init__(self):
        self.store = open_store("memory:", PROVINCE, zone=ZONE)
        trees = [patient("1"), *report("7", "1")]
        self.store.load([Document(tree, dump(tree)) for tree in trees], at=NOW)
        self.faults = Faults()
        app = create_hospital_app(
            PROVINCE,
            self.store,
            SteppedClock(NOW),
            public_url="http://x",
            faults=self.faults,
            publish=False,
        )
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", lifespan="off")
        config.timeout_graceful_shutdown = 0
        self._server = uvicorn.Server(config)
        self._task = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        return self

    async def kill(self):
        self._server.should_exit = True
        await self._task

    async def __aexit__(self, *error):
        await self.kill()
        self.store.close()


def _says(*parts):
    """A server that answers every request with these bytes; None: waits till the client goes."""

    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            if part is None:
                await reader.read()
                return
            writer.write(part)
            await writer.drain()

    return talk


def _http(status, body, *headers, length=None):
    head = [f"HTTP/1.1 {status}", "Content-Type: application/fhir+json", *headers]
    head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*head, "", ""]).encode() + body


@asynccontextmanager
async def _listening(talk):
    talking, writers = set(), []

    async def connected(reader, writer):
        talking.add(asyncio.current_task())
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client hung up
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()  # whoever still reads meets the end
        await asyncio.gather(*talking)
        await asyncio.gather(*(w.wait_closed() for w in writers), return_exceptions=True)


@asynccontextmanager
async def _reader(ports, deadlines=DEADLINES):
    """FederatedRead over hospitals at these ports, by code."""
    trees = [facility(code) for code in ports]
    for code, port in ports.items():
        endpoint = endpoints(code)[0]
        trees.append(endpoint | {"address": f"http://127.0.0.1:{port}/fhir"})
    store = open_store("memory:", "directory")
    store.load([Document(tree, dump(tree)) for tree in trees], at=NOW)
    async with httpx2.AsyncClient() as http:
        yield FederatedRead(Directory(store), http, deadlines)
    store.close()


NEXT = '"link":[{"relation":"next","url":"http://127.0.0.1:1/fhir/DiagnosticReport?_page=2"}]'


@pytest.mark.parametrize(
    ("talk", "state", "says"),
    [
        (_says(None), "silent", "within 1 s"),
        (_says(_http("200 OK", BUNDLE)[:-10], None), "silent", "within 1 s"),
        (_says(_http("200 OK", BUNDLE)[:-10]), "unavailable", "connection broke"),
        (_says(b""), "unavailable", "connection broke"),
        (_says(_http("503 Busy", b"")), "unavailable", "503"),
        (_says(_http("401 No", b"")), "refused", "401"),
        (
            _says(_http("302 Found", b"", "Location: http://127.0.0.1:1/")),
            "unavailable",
            "redirect",
        ),
        (_says(_http("200 OK", b"<html>")), "unavailable", "not FHIR"),
        (_says(_http("200 OK", b'{"resourceType":"Patient"}')), "unavailable", "Patient"),
        (
            _says(_http("200 OK", BUNDLE[:-1] + f",{NEXT}}}".encode())),
            "unavailable",
            "not followed",
        ),
    ],
    ids=[
        "mute",
        "half an answer, then nothing",
        "half an answer, then gone",
        "hangs up",
        "busy",
        "refuses",
        "redirects",
        "speaks something else",
        "answers another question",
        "leads elsewhere",
    ],
)
def test_one_that_fails_does_not_touch_the_other(talk, state, says):
    async def within():
        async with Hospital() as good, _listening(talk) as port:
            ports = {PROVINCE: good.port, "99008": port}
            async with _reader(ports) as federated:
                wanted = {code: ["DiagnosticReport/r-7"] for code in ports}
                return await federated.reports(wanted)

    answers = asyncio.run(within())
    good, bad = answers[PROVINCE], answers["99008"]
    assert (good.state, good.problem) == ("answered", "")
    assert [r["id"] for r in good.resources] == ["r-7", "o-7"]
    assert (bad.state, bad.resources) == (state, ())
    assert says in bad.problem
    assert bad.elapsed_ms < 3000


def test_a_hospital_that_is_killed_while_it_is_asked():
    async def within():
        async with Hospital() as hospital, _reader({PROVINCE: hospital.port}) as federated:
            wanted = {PROVINCE: ["DiagnosticReport/r-7"]}
            states = [(await federated.reports(wanted))[PROVINCE].state]
            hospital.faults.set(PROVINCE, "silent")  # it has accepted the question ...
            asked = asyncio.create_task(federated.reports(wanted))
            while not hospital.faults.held:
                await asyncio.sleep(0)
            await hospital.kill()  # ... and dies over it
            states.append((await asked)[PROVINCE].state)
            states.append((await federated.reports(wanted))[PROVINCE].state)
            return states

    first, during, after = asyncio.run(within())
    assert first == "answered"
    assert during in ("unavailable", "silent")  # the connection breaks, or its deadline comes first
    assert after == "unavailable"


def test_all_deadlines_run_at_once():
    async def within():
        async with _listening(_says(None)) as port:
            codes = [f"990{n}" for n in range(10, 30)]
            async with _reader(dict.fromkeys(codes, port)) as federated:
                loop = asyncio.get_running_loop()
                start = loop.time()
                answers = await federated.reports({c: ["DiagnosticReport/r-7"] for c in codes})
                return answers, loop.time() - start

    answers, seconds = asyncio.run(within())
    assert {answer.state for answer in answers.values()} == {"silent"}
    assert len(answers) == 20
    assert seconds < 4  # one deadline, not twenty


def test_the_total_ends_what_the_single_deadline_would_allow():
    deadlines = Deadlines(hospital=30, total=1)

    async def within():
        async with Hospital() as good, _listening(_says(None)) as port:
            ports = {PROVINCE: good.port, "99008": port}
            async with _reader(ports, deadlines) as federated:
                return await federated.reports({c: ["DiagnosticReport/r-7"] for c in ports})

    answers = asyncio.run(within())
    assert answers[PROVINCE].state == "answered"
    assert (answers["99008"].state, answers["99008"].resources) == ("silent", ())
    assert "1 s that all hospitals have" in answers["99008"].problem


def test_many_pages_share_one_deadline():
    """A hospital that answers every page just in time is ended by its own deadline."""

    async def slow(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.3)
            port = writer.get_extra_info("sockname")[1]
            slow.page += 1
            url = f"http://127.0.0.1:{port}/fhir/DiagnosticReport?_page={slow.page}"
            link = f',"link":[{{"relation":"next","url":"{url}"}}]}}'.encode()
            writer.write(_http("200 OK", BUNDLE[:-1] + link))
            await writer.drain()

    slow.page = 0

    async def within():
        async with _listening(slow) as port, _reader({"99008": port}) as federated:
            return (await federated.reports({"99008": ["DiagnosticReport/r-7"]}))["99008"]

    answer = asyncio.run(within())
    assert answer.state == "silent"
    assert slow.page > 1
    assert answer.elapsed_ms < 3000


@pytest.mark.parametrize("code", ["99008", "99009"])
def test_nobody_outside_the_directory_is_called(code):
    """99009 has no address, 99008 is not there at all: an answer, and no connection."""

    async def within():
        store = open_store("memory:", "directory")
        tree = facility("99009")
        store.load([Document(tree, dump(tree))], at=NOW)

        def refuse(request):
            raise AssertionError(f"called {request.url}")

        async with httpx2.AsyncClient(transport=httpx2.MockTransport(refuse)) as http:
            federated = FederatedRead(Directory(store), http, DEADLINES)
            answer = (await federated.reports({code: ["DiagnosticReport/r-7"]}))[code]
            other = await federated.resource(code, "Patient/p-1")
        store.close()
        return answer, other

    for answer in asyncio.run(within()):
        assert answer.state == "unavailable"
        assert "directory" in answer.problem


def test_one_resource():
    async def within():
        async with Hospital() as hospital, _reader({PROVINCE: hospital.port}) as federated:
            found = await federated.resource(PROVINCE, "Patient/p-1")
            missing = await federated.resource(PROVINCE, "Patient/p-9")
            wrong = await federated.resource(PROVINCE, "Patient/../Observation/o-7")
            return found, missing, wrong

    found, missing, wrong = asyncio.run(within())
    assert (found.state, found.resources[0]["id"]) == ("answered", "p-1")
    assert (missing.state, missing.resources) == ("refused", ())
    assert wrong.state == "refused"

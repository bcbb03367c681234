"""Small searches are answered at once, others in a worker thread; the answers are the same."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fhir_server import briefly
from fhir_server.store import sqlite
from fhir_server.store.brief import TooLong
from fhir_server.store.brief import briefly as only_briefly
from tests.fhir_server.serving import serving
from tests.fhir_server.store.stores import AT, SERVER, document, request

PEOPLE = 3000


class Counting(ThreadPoolExecutor):
    """Threads, and how often somebody needed one."""

    used = 0

    def submit(self, *work, **named):
        self.used += 1
        return super().submit(*work, **named)


def people():
    for number in range(PEOPLE):
        yield {
            "resourceType": "Patient",
            "id": f"p{number}",
            "name": [{"family": f"Nguyễn {number % 7}"}],
            "identifier": [{"system": "urn:mrn", "value": f"M{number}"}],
            "gender": "male" if number % 2 else "female",
        }
    yield {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "AAAA"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(f"sqlite:{tmp_path_factory.mktemp('brief')}") as running:
        running.store.load(map(document, people()), at=AT)
        with Counting(2) as pool:
            running.app._endpoint.engine.pool = pool
            yield running


@pytest.fixture(autouse=True)
def forgetful(server):
    server.app._endpoint.engine.brief = briefly.Brief(20)
    server.app._endpoint.engine.pool.used = 0


def threads(server, path, **headers):
    """How many pieces of work for a thread the request was."""
    pool = server.app._endpoint.engine.pool
    before = pool.used
    assert server.ask("GET", path, **headers).status == 200
    return pool.used - before


AT_ONCE = [
    "Patient?identifier=urn:mrn|M7",
    "Patient?_id=p1,p2",
    "Patient?identifier=M7&gender=male&_count=10",
    "Patient?identifier=M7&_summary=count",
    "Patient?identifier=M7&_sort=-_lastUpdated&_elements=name",
    "Patient?organization.name=hue",
]


@pytest.mark.parametrize("path", AT_ONCE)
def test_at_once(server, path):
    assert threads(server, path) == 0


IN_A_THREAD = [
    "Patient?identifier=M7&_count=51",
    "Patient?identifier=M7&_include=*",
    "Patient?identifier=M7&_revinclude=Observation:subject",
    "Patient?_has:Observation:patient:code=x",
    "Binary?_id=b",
    "Patient?identifier=" + ",".join(f"urn:mrn|M{number}" for number in range(100)),
    "Patient?" + "&".join(f"identifier:not=M{number}" for number in range(7)) + "&_id=p7",
    "?_id=p7",
    "Patient/p7/Observation",
]


@pytest.mark.parametrize("path", IN_A_THREAD)
def test_in_a_thread(server, path):
    assert threads(server, path) == 1


def test_what_takes_long_is_begun_again_in_a_thread_and_remembered(server, monkeypatch):
    path = "Patient?name:contains=uyen&gender:not=other&_total=accurate&_count=5"
    tries = []
    monkeypatch.setattr(briefly, "briefly", lambda: tries.append(1) or only_briefly())
    for _ in range(4):
        got = server.ask("GET", path).json
        assert (got["total"], len(got["entry"])) == (PEOPLE, 5)
    assert len(tries) == 1
    assert server.app._endpoint.engine.pool.used == 4
    # a while later it may be tried again, as there may be less to be gone through
    monkeypatch.setattr(briefly, "ELSEWHERE", 1)
    brief = server.app._endpoint.engine.brief = briefly.Brief(20)
    for _ in range(4):
        server.ask("GET", path)
    assert (len(tries), len(brief._long)) == (3, 1)


def test_what_is_heavy_is_remembered(server, monkeypatch):
    monkeypatch.setattr(briefly, "BYTES", 1000)
    assert threads(server, "Patient?identifier=M1,M2,M3,M4,M5") == 0
    assert threads(server, "Patient?identifier=M1,M2,M3,M4,M5") == 1
    assert threads(server, "Patient?_id=p1") == 0


def test_the_first_link_needs_a_key_and_so_a_thread(server):
    path = "Patient?gender=male&_count=2&_total=none"
    first = server.ask("GET", path).json
    assert [link["relation"] for link in first["link"]] == ["self", "next"]
    following = first["link"][1]["url"].removeprefix("http://test/fhir/")
    assert len(server.ask("GET", following).json["entry"]) == 2


def test_errors_are_answers(server):
    got = server.ask("GET", "Patient?nam=x")
    assert (got.status, got.code) == (400, "not-supported")
    assert server.app._endpoint.engine.pool.used == 0


def test_no_more_steps_than_that(server):
    """The watch is not asked: what is too much is always the same."""
    whole = request("Patient?name:contains=uyen&_count=0&_total=accurate")
    for _ in range(3):
        with only_briefly(), pytest.raises(TooLong):
            server.store.search(whole)
        assert server.store.search(whole).total == PEOPLE  # the same connection, unhurried
    assert sqlite.BRIEF_STEPS * sqlite.BRIEF_LOOKS <= sqlite.STEPS


@pytest.mark.parametrize("url", ["memory:", *([SERVER] if SERVER else [])])
def test_stores_that_promise_nothing(url):
    with serving(url) as running, Counting(1) as pool:
        running.app._endpoint.engine.pool = pool
        assert running.ask("GET", "Patient?_id=x").status == 200
        assert pool.used == 1


def test_reset(server):
    """Nothing of a try is left in the thread."""
    with pytest.raises(ZeroDivisionError), only_briefly():
        raise ZeroDivisionError
    assert server.store.search(request("Patient?name:contains=uyen&_count=0")).total == PEOPLE

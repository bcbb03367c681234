"""The same server on a real socket: clients at the same time, clients that misbehave."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.applications import Starlette

from fhir_server.app import mounted
from fhir_server.options import Options
from tests.fhir_server.serving import JSON, PATIENT, entry, on_a_socket, serving, transaction

MRN = {"system": "urn:mrn", "value": "17"}
KNOWN = {**PATIENT, "identifier": [MRN]}
CRITERIA = "identifier=urn:mrn|17"
SENT = {"content-type": JSON}


@pytest.fixture(params=["memory", "sqlite"])
def url(request, tmp_path):
    return "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"


@pytest.fixture
def live(url):
    with serving(url, audited=True, options=Options(max_body=100_000)) as server:
        app = Starlette(routes=mounted("/hospitals/79001/fhir", server.app))
        with on_a_socket(app) as address:
            base = f"{address}/hospitals/79001/fhir"
            with httpx2.Client(headers=SENT, limits=httpx2.Limits(max_connections=20)) as client:
                yield server, client, base


def at_once(work, times=16):
    """The same work in threads that start together."""
    start = threading.Barrier(times)

    def one(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_conditional_creates_make_one(live):
    server, client, base = live
    content = json.dumps(KNOWN)
    headers = {"if-none-exist": CRITERIA}
    got = at_once(lambda _: client.post(f"{base}/Patient", content=content, headers=headers))
    assert sorted(one.status_code for one in got) == [200] * 15 + [201]
    assert len({one.json()["id"] for one in got}) == 1
    assert server.store.counts()["Patient"] == 1


def test_conditional_creates_in_transactions_make_one(live):
    server, client, base = live
    bundle = json.dumps(transaction(entry("POST", "Patient", KNOWN, ifNoneExist=CRITERIA)))
    got = at_once(lambda _: client.post(base, content=bundle))
    statuses = sorted(one.json()["entry"][0]["response"]["status"] for one in got)
    assert statuses == ["200 OK"] * 15 + ["201 Created"]
    assert server.store.counts()["Patient"] == 1


def test_conditional_updates_make_one(live):
    _, client, base = live
    content = json.dumps(KNOWN)
    got = at_once(lambda _: client.put(f"{base}/Patient", params=CRITERIA, content=content))
    assert sorted(one.status_code for one in got) == [200] * 15 + [201]
    assert sorted(int(one.json()["meta"]["versionId"]) for one in got) == list(range(1, 17))


def test_of_updates_to_one_version_one_wins(live):
    _, client, base = live
    content = json.dumps({**PATIENT, "id": "a"})
    client.put(f"{base}/Patient/a", content=content)
    headers = {"if-match": 'W/"1"'}
    got = at_once(lambda _: client.put(f"{base}/Patient/a", content=content, headers=headers))
    assert sorted(one.status_code for one in got) == [200] + [412] * 15


def test_every_client_reads_its_own_writes(live):
    _, client, base = live

    def write_and_search(number):
        content = json.dumps({**PATIENT, "identifier": [{"system": "urn:n", "value": str(number)}]})
        made = client.post(f"{base}/Patient", content=content).json()["id"]
        found = client.get(f"{base}/Patient", params={"identifier": f"urn:n|{number}"}).json()
        return [one["resource"]["id"] for one in found["entry"]] == [made]

    assert all(at_once(write_and_search))


def test_the_base_with_and_without_a_slash(live):
    _, client, base = live
    bundle = json.dumps(transaction(entry("POST", "Patient", PATIENT)))
    assert [client.post(base + end, content=bundle).status_code for end in ("", "/")] == [200, 200]
    assert client.get(f"{base}/Patient").json()["total"] == 2
    assert client.get(f"{base}x/Patient").status_code == 404


# ---- clients that misbehave --------------------------------------------------------------------


def spoken(base, *parts, read=True):
    """Sends raw bytes and returns all that comes back before the server hangs up."""
    where = urlsplit(base)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        for part in parts:
            connection.sendall(part.replace(b"BASE", where.path.encode()))
        answer = b""
        while read and (more := connection.recv(65536)):
            answer += more
        return answer


def head(method, path, *headers):
    lines = [f"{method} BASE/{path} HTTP/1.1", "Host: x", f"Content-Type: {JSON}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    "parts",
    [
        (head("POST", "Patient", "Content-Length: 100000000"),),
        (
            head("POST", "Patient", "Transfer-Encoding: chunked"),
            b"%x\r\n" % 60_000 + b" " * 60_000 + b"\r\n",
            b"%x\r\n" % 60_000 + b" " * 60_000 + b"\r\n",
        ),
    ],
    ids=["by its header", "in fact"],
)
def test_a_body_too_large_is_not_read_to_its_end(live, parts):
    """The answer comes although the client has not finished, and then the server hangs up."""
    server, client, base = live
    answer = spoken(base, *parts)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"too-long"' in answer
    assert client.get(f"{base}/metadata").status_code == 200
    assert server.store.counts() == {}


def test_clients_that_hang_up_in_the_middle(live):
    server, client, base = live
    for _ in range(5):
        spoken(base, head("POST", "Patient", "Content-Length: 5000"), b"{", read=False)
        spoken(base, head("GET", "Patient"), read=False)
    made = client.post(f"{base}/Patient", content=json.dumps(PATIENT))
    assert made.status_code == 201
    assert server.store.counts()["Patient"] == 1


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("Patient/%2e%2e%2f%2e%2e", 404),
        ("Patient/a%00b", 400),
        ("Patient?name=%00", 400),
        ("Patient?_sort=';DROP TABLE x--", 400),
        ("Patient?identifier=" + "a" * 20_000, 200),
        ("Patient/" + "a" * 20_000, 400),
        ("Patient?" + "&".join(["name:missing=true"] * 900), 400),
        ("Patient?name=" + "%F0%9F%98%80" * 1000, 200),
        ("%F0%9F%98%80", 404),
    ],
)
def test_strange_addresses(live, target, status):
    _, client, base = live
    got = client.get(f"{base}/{target}")
    assert got.status_code == status, got.text
    assert client.get(f"{base}/Patient?_count=0").json()["total"] == 0


# ---- nothing blocks the loop -------------------------------------------------------------------


class Slow:
    """A store whose searches wait until they are let go."""

    def __init__(self, store):
        self.store, self.go, self.waiting = store, threading.Event(), threading.Semaphore(0)

    def __getattr__(self, name):
        return getattr(self.store, name)

    def search(self, request):
        self.waiting.release()
        assert self.go.wait(20)
        return self.store.search(request)


@pytest.fixture
def slow():
    stores = []

    def store_for(store):
        stores.append(Slow(store))
        return lambda caller: stores[0]

    options = Options(workers=2, max_waiting=3)
    with (
        serving(store_for=store_for, options=options) as server,
        on_a_socket(server.app) as base,
        httpx2.Client(headers=SENT, timeout=20) as client,
    ):
        yield stores[0], client, base


def test_reads_and_writes_go_on_while_searches_wait(slow):
    store, client, base = slow
    # A page of that size is never tried in the loop.
    with ThreadPoolExecutor(3) as pool:
        searches = [pool.submit(client.get, f"{base}/Patient?_count=100") for _ in range(2)]
        for _ in searches:
            assert store.waiting.acquire(timeout=20)
        written = client.put(f"{base}/Patient/a", content=json.dumps({**PATIENT, "id": "a"}))
        assert written.status_code == 201
        assert client.get(f"{base}/Patient/a").status_code == 200
        # A third waits for a thread; the next one is told to come back.
        searches.append(pool.submit(client.get, f"{base}/Patient?_count=100"))
        refused = until_refused(client, f"{base}/Patient/a/_history")
        assert refused.json()["issue"][0]["code"] == "transient"
        assert refused.headers["retry-after"] == "1"
        store.go.set()
        assert [one.result().json()["total"] for one in searches] == [1, 1, 1]
    assert client.get(f"{base}/Patient?_count=100").json()["total"] == 1


def until_refused(client, url):
    """The third search may still be on its way here; then this one takes its place and waits."""
    while True:
        try:
            got = client.get(url, timeout=0.5)
        except httpx2.ReadTimeout:
            continue
        if got.status_code == 503:
            return got

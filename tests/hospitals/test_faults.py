"""Faults on demand, over ASGI and over real sockets."""

import asyncio
import threading
import time

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from fhir_server.faults import FaultGate, Faults
from tests.hospitals.sockets import served


def _gated(faults, *nodes):
    async def hello(request):
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])
    return FaultGate(app, faults, lambda scope: nodes)


def _ask(app, work):
    async def within():
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://node.test") as http:
            return await work(http)

    return asyncio.run(within())


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({}, 200),
        ({"a": "ok"}, 200),
        ({"b": "unavailable"}, 200),  # somebody else
        ({"a": "unavailable"}, 503),
        ({"line": "unavailable"}, 503),
        ({"a": "ok", "line": "ok"}, 200),
    ],
)
def test_a_state_holds_from_the_moment_it_is_set(states, status):
    faults = Faults()
    app = _gated(faults, "line", "a")
    for node, state in states.items():
        faults.set(node, state)
    answer = _ask(app, lambda http: http.get("/"))
    assert answer.status_code == status
    if status == 503:
        outcome = answer.json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["code"] == "transient"
        assert answer.headers["content-type"].startswith("application/fhir+json")
    assert faults.states() == {n: s for n, s in states.items() if s != "ok"}


def test_a_state_that_there_is_not():
    with pytest.raises(ValueError, match="a: 'slow' is no state of a node; use ok, unavailable"):
        Faults().set("a", "slow")


async def _until_held(faults):
    while not faults.held:
        await asyncio.sleep(0)


def test_silent_ends_with_the_client_and_not_with_the_state():
    faults = Faults()
    app = _gated(faults, "a")
    faults.set("a", "silent")

    async def give_up(http):
        asked = asyncio.create_task(http.get("/"))
        await _until_held(faults)
        faults.set("a", "ok")  # too late for this one
        done, _ = await asyncio.wait([asked], timeout=0.05)
        assert not done
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert faults.held == 0
        return await http.get("/")

    assert _ask(app, give_up).status_code == 200


def test_release_lets_held_requests_go():
    faults = Faults()
    app = _gated(faults, "a")
    faults.set("a", "silent")

    async def stop(http):
        asked = [asyncio.create_task(http.post("/", content=b"x" * 100)) for _ in range(3)]
        while faults.held < 3:
            await asyncio.sleep(0)
        threading.Thread(target=faults.release).start()
        return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert _ask(app, stop) == [503, 503, 503]


def _soon(what, seconds=5.0):
    """Whether it becomes true; the test's own thread has nothing else to do."""
    last = time.monotonic() + seconds
    while not what() and time.monotonic() < last:
        pass
    return what()


def test_silent_over_a_socket_ends_when_the_client_hangs_up():
    faults = Faults()
    faults.set("a", "silent")
    with served(_gated(faults, "a")) as server:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(server.url, timeout=0.2)
        faults.set("a", "ok")
        assert httpx2.get(server.url).text == "hello"
        assert _soon(lambda: not faults.held)  # the server has noticed the closed connection


@pytest.mark.parametrize("way", ["release", "grace"])
def test_a_server_that_stops_is_not_kept_by_a_silent_request(way):
    """Either whoever stops it releases them, or uvicorn's grace period ends."""
    faults = Faults()
    faults.set("a", "silent")
    grace = {} if way == "release" else {"timeout_graceful_shutdown": 0.2}
    with served(_gated(faults, "a"), **grace) as server:
        answers = []

        def ask():
            try:
                answers.append(httpx2.get(server.url, timeout=10).status_code)
            except httpx2.TransportError as error:
                answers.append(type(error))

        client = threading.Thread(target=ask)
        client.start()
        assert _soon(lambda: faults.held)
        server.ask_to_stop()
        if way == "release":
            assert not server.ended(0.3)
            faults.release()
        assert server.ended(5)
        client.join(5)
        assert len(answers) == 1
        assert faults.held == 0

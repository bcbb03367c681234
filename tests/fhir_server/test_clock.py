"""Clocks and the guard that lets everybody in."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from starlette.requests import HTTPConnection

from fhir_server.clock import SteppedClock, WallClock, instant
from fhir_server.guard import Caller, OpenGuard

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HANOI = timezone(timedelta(hours=7))


def test_a_stepped_clock_stands_still_until_it_is_moved():
    clock = SteppedClock(START.astimezone(HANOI))
    assert [clock.now(), clock.now()] == [START, START]
    clock.advance(datetime(2026, 3, 2, 6, tzinfo=HANOI))
    assert clock.now().isoformat() == "2026-03-01T23:00:00+00:00"


@pytest.mark.parametrize(
    ("to", "problem"),
    [(START - timedelta(seconds=1), "earlier"), (START.replace(tzinfo=None), "no zone")],
)
def test_it_moves_forward_only(to, problem):
    clock = SteppedClock(START)
    with pytest.raises(ValueError, match=problem):
        clock.advance(to)
    assert clock.now() == START


def test_it_never_goes_back_whoever_moves_it():
    """Threads that step to many moments in any order leave it at the latest one."""
    clock = SteppedClock(START)
    steps = [START + timedelta(seconds=number) for number in range(500)]

    def walk(mine):
        for moment in mine:
            try:
                clock.advance(moment)
            except ValueError:
                assert clock.now() > moment

    threads = [threading.Thread(target=walk, args=[steps[start::7]]) for start in range(7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == steps[-1]


def test_the_wall_clock_is_utc():
    before = datetime.now(UTC)
    assert before <= WallClock().now() <= datetime.now(UTC)
    assert WallClock().now().tzinfo is UTC


def test_an_instant_has_milliseconds_and_its_zone():
    assert instant(datetime(2026, 3, 1, 19, 0, 0, 7000, HANOI)) == "2026-03-01T12:00:00.007Z"


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        ({}, Caller("anonymous")),
        ({"X-Requester": "dr-a", "X-Purpose-Of-Use": "TREAT"}, Caller("dr-a", "TREAT")),
        ({"X-Requester": " \x07dr\x00 "}, Caller("dr")),
        ({"X-Requester": "x" * 1000}, Caller("x" * 128)),
    ],
)
def test_the_open_guard_believes_what_it_is_told(headers, caller):
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    connection = HTTPConnection({"type": "http", "headers": raw})
    assert asyncio.run(OpenGuard().admit(connection)) == caller

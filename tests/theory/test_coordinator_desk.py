"""Queries at the coordinator: deadline, retries, back-off, and the table made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from simpy import Environment

from scenarios import available_answer, draws
from scenarios.available_answer import ANSWER_FILE, LOADS, load_available_answer, measure
from scenarios.coordinator_desk import (
    COORDINATOR_FILE,
    DRAWS_PER_ATTEMPT,
    LINK_CLASSES,
    CoordinatorDesk,
    Link,
    QueryPlan,
    load_query_plan,
)
from scenarios.desk_plans import Spread
from tests.theory import recursions
from vietnam.datafiles import InputError

SECOND = 1 / 60


def always(milliseconds: float) -> Spread:
    return Spread(((0.0, milliseconds), (1.0, milliseconds)))


def plan(
    record: float = 100, lost: float = 0.0, workers: int = 1, service: float = 100
) -> QueryPlan:
    """Round trip 200 ms, deadline 10 s, attempts of 3 s, pauses of 0.5 and 1.5 s."""
    link = Link(always(200), always(record), lost)
    return QueryPlan(
        workers=workers,
        service=always(service),
        deadline=10_000,
        attempt=3_000,
        pauses=(500, 1500),
        links=dict.fromkeys(LINK_CLASSES, link),
        busy=(1.0,) * 24,
    )


def ask(
    query_plan: QueryPlan,
    draw: Callable[[int], float] = lambda _slot: 0.5,
    up: Callable[[float], bool] = lambda _now: True,
) -> tuple[bool, float, int]:
    """Answered, seconds it took, attempts."""
    env = Environment()
    coordinator = CoordinatorDesk(env, query_plan)

    def one():
        return (
            yield from coordinator.query(
                "commune", "central", draw, up=lambda: up(env.now / SECOND)
            )
        )

    answered = env.run(until=env.process(one()))
    return answered, round(env.now / SECOND, 6), coordinator.attempts


@pytest.mark.parametrize(
    ("case", "query_plan", "up", "expected"),
    [  # both round trips 0.2 s, coordinator 0.1 s, record as given
        ("at once", plan(100), lambda now: True, (True, 0.6, 1)),
        ("just in time", plan(2490), lambda now: True, (True, 2.99, 1)),
        ("always too late", plan(2510), lambda now: True, (False, 10.0, 3)),
        ("lost, and lost again", plan(lost=0.6), lambda now: True, (False, 10.0, 3)),
        ("down for five seconds", plan(100), lambda now: now >= 3.4, (True, 4.1, 2)),
        ("down for good", plan(100), lambda now: False, (False, 10.0, 3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_counts_only_before_the_deadline(
    case: str, query_plan: QueryPlan, up: Callable[[float], bool], expected: tuple
) -> None:
    assert ask(query_plan, up=up) == expected


def test_each_attempt_has_its_own_draws() -> None:
    """Only the first attempt is lost: answered after patience, pause and one round."""
    drawn = {0: 0.01, DRAWS_PER_ATTEMPT: 0.99}
    answered = ask(plan(lost=0.25), draw=lambda slot: drawn.get(slot, 0.5))
    assert answered == (True, 4.1, 2)


def test_queries_wait_for_a_worker_in_order() -> None:
    """Ten askers at the same instant, one worker of 0.5 s: every half second one is answered,
    the later ones only on a further attempt; nobody is served after giving up."""
    env = Environment()
    coordinator = CoordinatorDesk(env, plan(service=500))
    told: list[tuple[int, bool, float]] = []

    def one(i: int):
        answered = yield from coordinator.query("central", "central", lambda _: 0.5)
        told.append((i, answered, round(env.now / SECOND, 3)))

    for i in range(10):
        env.process(one(i))
    env.run()
    assert told[:3] == [(0, True, 1.0), (1, True, 1.5), (2, True, 2.0)]
    assert coordinator.asked == 10
    assert coordinator.answered == sum(answered for _, answered, _ in told)
    assert coordinator.attempts > 10
    assert coordinator.dropped > 0


def test_slower_links_and_more_load_never_answer_more_often() -> None:
    table = load_available_answer().probability
    noise = 4 * np.sqrt(0.25 / available_answer.QUERIES)
    assert (table[1:] <= table[:-1] + noise).all(), "central, provincial, district, commune"
    assert (table[:, :, 1:] <= table[:, :, :-1] + noise).all(), "load"


def test_light_load_is_what_the_links_alone_allow() -> None:
    """Exact answer without a queue by counting all cases of a plan with two record times."""
    fast_or_slow = Spread(((0.0, 100.0), (0.5, 100.0), (0.500001, 9000.0), (1.0, 9000.0)))
    query_plan = replace(
        plan(workers=64), links=dict.fromkeys(LINK_CLASSES, Link(always(20), fast_or_slow, 0.1))
    )
    failed = 1 - 0.8 * 0.5  # lost at either end, or the slow record
    expected = 1 - failed**3
    found = sum(measure(query_plan, 9, 0.05, 2000)) / 8000
    assert abs(found - expected) < 4.03 * (expected * (1 - expected) / 8000) ** 0.5


def test_workers_are_a_first_come_first_served_queue() -> None:
    """Background queries alone equal Kiefer-Wolfowitz, query by query."""
    env = Environment()
    coordinator = CoordinatorDesk(env, replace(plan(workers=3), attempt=1e9))
    came: list[float] = []
    waits: list[float] = []
    request = coordinator.workers.request

    def watched():
        place, now = request(), env.now
        came.append(now)
        place.callbacks.append(lambda _: waits.append(env.now - now))
        return place

    coordinator.workers.request = watched

    def others():
        for i in range(5_000):
            yield env.timeout(-np.log1p(-draws.uniform(5, 0, 60, 0, i)) / 1620)  # load 0.9
            coordinator.occupy(0.5)

    env.process(others())
    env.run()
    expected = recursions.kiefer_wolfowitz(np.array(came), np.full(5_000, 100 / 60_000), 3)
    assert expected.max() > 0
    assert np.abs(np.array(waits) - expected).max() == 0
    assert coordinator.dropped == 0


@pytest.mark.parametrize("hour", [0, 9])
def test_the_table_can_be_measured_again(hour: int) -> None:
    query_plan = load_query_plan()
    answered = measure(query_plan, query_plan.busy.index(query_plan.busy[hour]), LOADS[0])
    lines = ANSWER_FILE.read_text(encoding="utf-8").splitlines()
    for link, count in zip(LINK_CLASSES, answered, strict=True):
        assert f"{link},{hour},{LOADS[0]},{count},{available_answer.QUERIES}" in lines


def test_the_notice_belongs_to_the_coordinator_of_today() -> None:
    notice = available_answer.notice(COORDINATOR_FILE.read_text(encoding="utf-8"))
    assert ANSWER_FILE.read_text(encoding="utf-8").startswith(notice)


def test_lookup_between_loads() -> None:
    table = load_available_answer()
    row = table.probability[3, 9]
    assert table.lookup(3, 9) == row[0]
    assert table.lookup(3, 9, 0.5) == row[1]
    assert table.lookup(3, 9, 0.65) == pytest.approx((row[1] + row[2]) / 2)
    assert table.lookup(3, 9, 7.0) == row[-1]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("workers: 16", "workers: 0", "coordinator.workers"),
        ("deadline_s: 10", "deadline_s: -1", "asking.deadline_s"),
        ("attempt_s: 3", "attempt_s: 30", "asking.attempt_s"),
        ("pauses_s: [0.5, 1.5]", "pauses_s: 3", "asking.pauses_s"),
        ("hours: [0.8, 0.8,", "hours: [0.8,", "busy.hours"),
        ("  district:", "  districts:", "links.districts"),
        ("lost: 0.0003", "lost: 3", "links.central.lost"),
        ("service_ms: {0: 30", "service_ms: {5: 30", "coordinator.service_ms"),
    ],
)
def test_a_bad_plan_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    path = tmp_path / "coordinator_desk.yaml"
    shipped = COORDINATOR_FILE.read_text(encoding="utf-8")
    assert old in shipped
    path.write_text(shipped.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_query_plan(path)
    assert caught.value.key == key
    assert caught.value.line
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\ncentral,0,0.05,", "\ncentral,0,0.5,", "twice|missing"),
        ("\ncentral,0,0.05,", "\ncentral,24,0.05,", "cannot be used"),
        ("\ncentral,0,0.05,", "\nregional,0,0.05,", "cannot be used"),
        ("\ncentral,0,0.05,", "\ncentral,0,0.05,9", "between 0 and asked"),
    ],
)
def test_a_bad_table_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "available_answer.csv"
    path.write_text(ANSWER_FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=words):
        load_available_answer(path)

"""Counting in the compiled engine: orders of the count period by class, volumes and a ledger."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.compiled import entry, inner
from scenarios.engines.gate_kernel import routing_failures
from scenarios.engines.population import WORLD_0, Work, empty_work, prepare, run_world
from scenarios.orders import CLASSES, GATES, Outcome, empty_outcome
from scenarios.world.demand import life as make_life
from scenarios.world.demand import person_traits
from scenarios.world.life import MAX_VISITS, Life, empty_life

Array = NDArray[Any]
DAY = 1440
GAP_DAYS = 400
TESTS = 16
LEDGER = (
    "person",
    "visit",
    "order",
    "minute",
    "test",
    "region",
    "facility",
    "home_commune",
    "kind",
    "setting",
    "class_without",
    "class_with",
    "avoidable",
    "failed_gates",
    "prior_facility",
    "prior_minute",
)


class Tally(NamedTuple):
    """Integer and value sums over the count period; adding two tallies adds their arrays.

    Axis 0 of `classes` are the arms (world 0, world 1, then one arm a perfect gate); the other
    per-class arrays hold worlds 0 and 1 only.
    """

    classes: Array  # [arms, CLASSES, tests]
    sole: Array  # [GATES] orders of world 1 lost at this gate alone
    recent: Array  # [2, CLASSES] the last 90 days
    cost: Array  # [2, CLASSES] VND
    dose: Array  # [2, CLASSES] mSv
    avoidable: Array  # [2]
    reach: Array  # [1] repeats of world 0 whose newest prior passed gates 1 to 4
    waiting: Array  # [1] minutes saved until the last result of a visit
    visits: Array  # [6 tiers, 3 settings, 6 kinds]
    away: Array  # [1] visits outside the home province
    lines: Array  # [tests, 2] performed lines in world 0, outpatient and emergency / inpatient
    elsewhere: (
        Array  # [91] orders by age in days of the newest result elsewhere; last = more or none
    )
    gap: Array  # [GAP_DAYS] days between consecutive visits to different record groups
    persons: Array  # [1]
    expected: Array  # [2] sum of chances in world 1: repeats not needed, and needed ones
    passed: Array  # [GATES] avoidable orders of world 1 whose newest prior passes the gate


def empty_tally(arms: int) -> Tally:
    i = np.int64
    return Tally(
        classes=np.zeros((arms, CLASSES, TESTS), i),
        sole=np.zeros(GATES, i),
        recent=np.zeros((2, CLASSES), i),
        cost=np.zeros((2, CLASSES)),
        dose=np.zeros((2, CLASSES)),
        avoidable=np.zeros(2, i),
        reach=np.zeros(1, i),
        waiting=np.zeros(1, i),
        visits=np.zeros((6, 3, 6), i),
        away=np.zeros(1, i),
        lines=np.zeros((TESTS, 2), i),
        elsewhere=np.zeros(92, i),
        gap=np.zeros(GAP_DAYS, i),
        persons=np.zeros(1, i),
        expected=np.zeros(2),
        passed=np.zeros(GATES, i),
    )


def add(a: Tally, b: Tally) -> Tally:
    return Tally(*(x + y for x, y in zip(a, b, strict=True)))


class Room(NamedTuple):
    """Scratch space of one worker."""

    life: Life
    work: Work
    without: Outcome
    shared: Outcome
    spare: Outcome
    by_minute: Array  # indices of visits


def empty_room() -> Room:
    return Room(
        empty_life(),
        empty_work(),
        empty_outcome(),
        empty_outcome(),
        empty_outcome(),
        np.zeros(MAX_VISITS, np.int64),
    )


@entry
def run_block(key, persons, first, masks, demand, cal, care, period, room, tally, ledger):
    """Run persons[first:] until done or the ledger is full; returns (next index, ledger rows).

    `masks` are the open gates of the arms after world 0, world 1 (mask 0) first. A ledger without
    rows is not written. Next index -1 says that a person had more visits or orders than fit.
    """
    rows = 0
    for i in range(first, persons.shape[0]):
        person = persons[i]
        visits, orders = make_life(key[0], key[1], person, demand, room.life)
        if visits < 0:
            return -1, i
        if ledger.shape[0] > 0 and rows + orders > ledger.shape[0]:
            return i, rows
        commune, age, _, _, _, _, z = person_traits(key[0], key[1], person, demand)
        tally.persons[0] += 1
        _count_visits(visits, commune, demand, cal, period, room, tally)
        if orders == 0:
            continue
        prepare(key, person, orders, room.life, room.work, demand, care)
        run_world(
            key,
            person,
            orders,
            np.int64(WORLD_0),
            z,
            age,
            room.life,
            room.work,
            cal,
            care,
            room.without,
        )
        _count_world_0(key, person, orders, z, cal, care, period, room, tally)
        run_world(
            key, person, orders, masks[0], z, age, room.life, room.work, cal, care, room.shared
        )
        _count_pair(orders, period, room, tally)
        for arm in range(1, masks.shape[0]):
            # an arm whose gate never stood alone repeats world 1 order by order
            if masks[arm] & room.shared.alone[0] == 0:
                _count_arm(1 + arm, orders, period, room.life, room.shared, tally)
                continue
            run_world(
                key, person, orders, masks[arm], z, age, room.life, room.work, cal, care, room.spare
            )
            _count_arm(1 + arm, orders, period, room.life, room.spare, tally)
        if ledger.shape[0] > 0:
            rows = _write(person, commune, orders, period, room, ledger, rows)
    return persons.shape[0], rows


@entry
def count_played(person, visits, orders, key, demand, cal, care, period, room, tally, ledger):
    """Count one person whose worlds another engine played: outcomes stand in `room` already.

    Returns the number of ledger rows written; a ledger without rows is not written.
    """
    commune, _, _, _, _, _, z = person_traits(key[0], key[1], person, demand)
    tally.persons[0] += 1
    _count_visits(visits, commune, demand, cal, period, room, tally)
    if orders == 0:
        return 0
    link_results(orders, room.life, room.work, room.without)
    _count_world_0(key, person, orders, z, cal, care, period, room, tally)
    _count_pair(orders, period, room, tally)
    if ledger.shape[0] == 0:
        return 0
    return _write(person, commune, orders, period, room, ledger, 0)


@inner
def link_results(orders, life, work, outcome):
    """Chains from each order to the older results of its slot, as run_world leaves them."""
    work.last[:] = -1
    for o in range(orders):
        slot = life.order_test[o] * 4 + life.order_region[o]
        work.available[o] = outcome.available[o]
        work.older[o] = work.last[slot]
        code = outcome.order_class[o]
        if not (code == 2 or code == 4 or code == 7 or code >= 20):
            work.last[slot] = o


@inner
def _by_minute(visits, room):
    """Indices of a person's visits by minute into `room.by_minute`; stable insertion sort."""
    order = room.by_minute
    minute = room.life.visit_minute
    for i in range(visits):
        j = i
        while j > 0 and minute[order[j - 1]] > minute[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@inner
def _count_visits(visits, commune, demand, cal, period, room, tally):
    """Visits of the count period by tier, setting and kind; gaps between record groups."""
    life = room.life
    before = -1
    _by_minute(visits, room)
    for i in range(visits):
        v = room.by_minute[i]
        t = life.visit_minute[v]
        facility = life.visit_facility[v]
        if period.begin <= t < period.end:
            tally.visits[
                demand.facility_tier[facility], life.visit_setting[v], life.visit_kind[v]
            ] += 1
            late = t >= period.merger
            here = period.province_after[facility] if late else period.province_before[facility]
            home = period.home_after[commune] if late else period.home_before[commune]
            if here != home:
                tally.away[0] += 1
            if before >= 0:
                other = life.visit_facility[before]
                if cal.record_group[other] != cal.record_group[facility]:
                    days = (t - life.visit_minute[before]) // DAY
                    tally.gap[min(days, GAP_DAYS - 1)] += 1
        before = v


@inner
def _count_world_0(key, person, orders, z, cal, care, period, room, tally):
    """Lines performed, reach and age of the newest result elsewhere, in the world without sharing.

    Runs right after world 0, while the links of `work` still hold its results.
    """
    life = room.life
    work = room.work
    for o in range(orders):
        t = life.order_minute[o]
        if t < period.begin or t >= period.end:
            continue
        code = room.without.order_class[o]
        test = life.order_test[o]
        visit = life.order_visit[o]
        performed = not (code == 2 or code == 4)
        if performed:
            inpatient = 1 if life.visit_setting[visit] == 2 else 0
            tally.lines[test, inpatient] += period.lines[test]
        if life.order_serial[o] > 0:
            continue
        newest, age = _newest_elsewhere(o, room, cal)
        tally.elsewhere[min(age, 91)] += 1
        if (code == 5 or code == 6) and newest >= 0:
            bits = routing_failures(key, person, o, newest, z, life, work, cal, care)
            if bits & 15 == 0:
                tally.reach[0] += 1


@inner
def _newest_elsewhere(o, room, cal):
    """(order, age in days) of the newest result from elsewhere within 90 days, else (-1, 91)."""
    life = room.life
    t = life.order_minute[o]
    group = cal.record_group[life.visit_facility[life.order_visit[o]]]
    p = room.work.older[o]
    while p >= 0 and t - life.order_minute[p] <= 90 * DAY:
        elsewhere = cal.record_group[life.visit_facility[life.order_visit[p]]] != group
        if elsewhere and life.order_minute[p] < t:
            return p, (t - life.order_minute[p]) // DAY
        p = room.work.older[p]
    return np.int32(-1), np.int64(91)


@inner
def _count_arm(arm, orders, period, life, outcome, tally):
    for o in range(orders):
        if period.begin <= life.order_minute[o] < period.end:
            tally.classes[arm, outcome.order_class[o], life.order_test[o]] += 1


@inner
def _count_pair(orders, period, room, tally):
    """Worlds 0 and 1 side by side: classes, cost, dose, lone gates, and waiting per visit."""
    life = room.life
    _count_arm(0, orders, period, life, room.without, tally)
    _count_arm(1, orders, period, life, room.shared, tally)
    for o in range(orders):
        t = life.order_minute[o]
        if t < period.begin or t >= period.end:
            continue
        test = life.order_test[o]
        price = period.price[test, life.visit_facility[life.order_visit[o]]]
        dose = period.dose[test, life.order_region[o]]
        late = t >= period.end - 90 * DAY
        _value(0, o, price, dose, late, room.without, tally)
        _value(1, o, price, dose, late, room.shared, tally)
        code = room.shared.order_class[o]
        failed = room.shared.failed[o]
        tally.expected[0 if room.shared.avoidable[o] else 1] += room.shared.chance[o]
        if room.shared.avoidable[o]:
            for gate in range(GATES):
                if room.shared.newest_failed[o] & (1 << gate) == 0:
                    tally.passed[gate] += 1
        if 8 <= code <= 19 and failed & (failed - 1) == 0:
            tally.sole[code - 8] += 1
    tally.waiting[0] += _waiting_saved(orders, period, room)


@inner
def _value(world, o, price, dose, late, outcome, tally):
    code = outcome.order_class[o]
    tally.cost[world, code] += price
    tally.dose[world, code] += dose
    tally.avoidable[world] += outcome.avoidable[o]
    if late:
        tally.recent[world, code] += 1


@inner
def _ready(minute, code, available):
    """Minute at which the clinician has a result: at once where one is reused."""
    reused = code == 2 or code == 4 or code == 7 or code >= 20
    return minute if reused else available


@inner
def _waiting_saved(orders, period, room):
    """Minutes until the last result of each visit, world 0 minus world 1, floored at 0, summed."""
    life = room.life
    saved = 0
    done = -1
    for o in range(orders):
        visit = life.order_visit[o]
        t = life.order_minute[o]
        if life.order_serial[o] > 0 or t < period.begin or t >= period.end or visit == done:
            continue
        done = visit  # ordinary orders of a visit share its minute and so follow one another
        without = 0
        shared = 0
        for p in range(o, orders):
            if life.order_minute[p] != t:
                break
            if life.order_visit[p] != visit or life.order_serial[p] > 0:
                continue
            without = max(
                without, _ready(t, room.without.order_class[p], room.without.available[p])
            )
            shared = max(shared, _ready(t, room.shared.order_class[p], room.shared.available[p]))
        saved += max(0, without - shared)
    return saved


@inner
def _write(person, commune, orders, period, room, ledger, rows):
    """One ledger row an order of the count period; column names in LEDGER."""
    life = room.life
    for o in range(orders):
        t = life.order_minute[o]
        if t < period.begin or t >= period.end:
            continue
        visit = life.order_visit[o]
        prior = room.shared.prior[o]
        row = ledger[rows]  # a view
        row[0] = person
        row[1] = life.visit_key[visit]
        row[2] = life.order_key[o]
        row[3] = t
        row[4] = life.order_test[o]
        row[5] = life.order_region[o]
        row[6] = life.visit_facility[visit]
        row[7] = commune
        row[8] = life.visit_kind[visit]
        row[9] = life.visit_setting[visit]
        row[10] = room.without.order_class[o]
        row[11] = room.shared.order_class[o]
        row[12] = room.shared.avoidable[o]
        row[13] = room.shared.failed[o]
        row[14] = life.visit_facility[life.order_visit[prior]] if prior >= 0 else -1
        row[15] = life.order_minute[prior] if prior >= 0 else -1
        rows += 1
    return rows

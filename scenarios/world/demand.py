"""One life: visits and order intents of a person, a pure function of (seed, replication, person).

Implements section 3 of the model page (docs/reference/model.md). Compiled by numba; with
NUMBA_DISABLE_JIT=1 the same functions run uncompiled. Nothing else decides who visits or what is
ordered; no draw depends on a world, a queue or a result.
"""

from __future__ import annotations

import math

import numpy as np

from scenarios import draws
from scenarios.compiled import entry, inner
from scenarios.draws import normal_quantile, pick, uniform, uniform_of_four
from scenarios.world.life import (
    BYPASS,
    EMERGENCY,
    FIRST,
    FOLLOW_UP,
    INPATIENT,
    MAX_CHAIN,
    MAX_SERIAL,
    MONITORING,
    OUTPATIENT,
    REFERRED,
    RETURNED,
)

DAY = 1440
CHRONIC_EPISODE = 1 << 20  # episode numbers from here on are months of a dispensing programme
_NO_CONDITION = -1


@entry
def person_traits(seed, replication, person, d):
    """(commune, age band, sex, insured, chronic programme or -1, frailty, complexity z)."""
    commune = home_commune(person, d)
    age = pick(d.age_cumulative, uniform(seed, replication, draws.AGE, person, 0))
    sex = 0 if uniform(seed, replication, draws.SEX, person, 0) < 0.5 else 1
    insured = uniform(seed, replication, draws.INSURED, person, 0) < d.insured
    u = uniform(seed, replication, draws.CHRONIC, person, 0)
    chronic = pick(d.chronic_cumulative[age], u) - 1
    u_frail = uniform(seed, replication, draws.FRAILTY, person, 0)
    x = u_frail * (d.frailty_quantiles.shape[0] - 1)
    i = int(x)
    frailty = d.frailty_quantiles[i] + (x - i) * (
        d.frailty_quantiles[min(i + 1, d.frailty_quantiles.shape[0] - 1)] - d.frailty_quantiles[i]
    )
    own = normal_quantile(uniform(seed, replication, draws.COMPLEXITY, person, 0))
    rho = d.frailty_complexity
    z = rho * normal_quantile(u_frail) + math.sqrt(1.0 - rho * rho) * own
    return commune, age, sex, insured, chronic, frailty, z


@inner
def home_commune(person, d):
    """Index of the commune a person lives in; binary search over the cumulative population."""
    low = 0
    high = d.commune_cumulative.shape[0]
    while low < high:
        middle = (low + high) // 2
        if d.commune_cumulative[middle] <= person:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def table_value(quantiles, u):
    """Linear interpolation in a table of equally spaced quantiles."""
    x = u * (quantiles.shape[0] - 1)
    i = int(x)
    return quantiles[i] + (x - i) * (quantiles[i + 1] - quantiles[i])


@entry
def life(seed, replication, person, d, out):
    """Write the visits and orders of one person into `out` (Life arrays).

    Returns (number of visits, number of orders). Orders are sorted by minute, then by their
    ordinal. A number of -1 says that the arrays were too small.
    """
    commune, age, sex, insured, chronic, frailty, _ = person_traits(seed, replication, person, d)
    rate = d.acute_rate * d.acute_multiplier[sex, age] * frailty * d.season_max
    if not insured:
        rate *= d.uninsured_rate
    visits = _acute(seed, replication, person, commune, age, rate, d, out)
    if chronic >= 0 and visits >= 0:
        visits = _programme(seed, replication, person, commune, chronic, visits, d, out)
    if visits < 0:
        return -1, -1
    orders = 0
    for v in range(visits):
        orders = _work_up(seed, replication, person, v, orders, d, out)
        if orders < 0:
            return -1, -1
    _sort_orders(orders, out)
    return visits, orders


@inner
def _acute(seed, replication, person, commune, age, rate, d, out):
    """Acute episodes: a Poisson process with seasonal thinning, each episode a chain of visits."""
    visits = 0
    t = 0.0
    for episode in range(CHRONIC_EPISODE):
        u = uniform(seed, replication, draws.EPISODE_GAP, person, episode)
        t -= math.log(u) / rate
        if t >= d.horizon or visits < 0:
            break
        month = d.month_of_day[int(t) // DAY]
        u = uniform(seed, replication, draws.EPISODE_SEASON, person, episode)
        if u >= d.season[month] / d.season_max:
            continue
        condition = pick(
            d.condition_cumulative[age],
            uniform(seed, replication, draws.CONDITION, person, episode),
        )
        after = 1 if t >= d.free_movement_from else 0
        door = pick(
            d.door_cumulative[condition, after],
            uniform(seed, replication, draws.DOOR, person, episode),
        )
        u = uniform(seed, replication, draws.FACILITY, person, episode)
        facility = _through_door(commune, door, u, d)
        visits = _chain(
            seed,
            replication,
            person,
            commune,
            episode,
            condition,
            int(t),
            facility,
            np.int32(FIRST),
            visits,
            d,
            out,
        )
    return visits


@inner
def _programme(seed, replication, person, commune, condition, visits, d, out):
    """Monthly dispensing visits at one facility, each able to start a short chain of its own."""
    condition += d.acute_conditions
    u = uniform(seed, replication, draws.CHRONIC_PHASE, person, 0)
    t = u * 29.0 * DAY
    door = pick(
        d.door_cumulative[condition, 0],
        uniform(seed, replication, draws.CHRONIC_FACILITY, person, 0),
    )
    u = uniform(seed, replication, draws.CHRONIC_FACILITY, person, 1)
    facility = _through_door(commune, door, u, d)
    month = 0
    while t < d.horizon and visits >= 0:
        episode = CHRONIC_EPISODE + month
        if uniform(seed, replication, draws.ATTENDANCE, person, month) < d.attendance:
            visits = _chain(
                seed,
                replication,
                person,
                commune,
                episode,
                condition,
                int(t),
                facility,
                np.int32(MONITORING),
                visits,
                d,
                out,
            )
        t += 29.0 * DAY
        month += 1
    return visits


@inner
def _through_door(commune, door, u, d):
    if door == 0:
        return d.commune_station[commune]
    place = d.commune_place[commune]
    return d.choice_id[place, door, pick(d.choice_cumulative[place, door], u)]


@inner
def _chain(
    seed, replication, person, commune, episode, condition, start, facility, kind, visits, d, out
):
    """The visits of one episode: first visit, then referral, return, bypass or follow-up."""
    earlier = -1  # facility that sent the person here
    t = start
    shape = True  # whether the visit falls into opening hours
    for position in range(MAX_CHAIN):
        key = episode * MAX_CHAIN + position
        tier = d.facility_tier[facility]
        u = uniform(seed, replication, draws.SETTING, person, key)
        setting = _setting(u, condition, tier, kind, d)
        if shape and setting != EMERGENCY:
            u = uniform(seed, replication, draws.MINUTE, person, key)
            t = d.open_day[t // DAY] * DAY + int(table_value(d.opening_minutes, u))
        if t >= d.horizon:
            return visits
        if visits >= out.visit_minute.shape[0]:
            return -1
        out.visit_minute[visits] = t
        out.visit_facility[visits] = facility
        out.visit_kind[visits] = kind
        out.visit_setting[visits] = setting
        out.visit_condition[visits] = condition
        out.visit_key[visits] = key
        out.visit_episode[visits] = min(episode, CHRONIC_EPISODE)
        out.visit_sender[visits] = earlier
        stay = 0
        if setting == INPATIENT:
            u = uniform(seed, replication, draws.STAY, person, key)
            stay = int(table_value(d.stay_days, u) * DAY)
        out.visit_stay[visits] = stay
        visits += 1
        kind, target, gap = _next_step(
            seed,
            replication,
            person,
            commune,
            key,
            condition,
            facility,
            earlier,
            kind,
            setting,
            t,
            d,
        )
        if kind < 0:
            return visits
        earlier = facility
        facility = target
        t += stay + gap
        shape = gap >= DAY
    return visits


@inner
def _setting(u, condition, tier, kind, d):
    """Outpatient, emergency or inpatient; transferred persons are admitted more often."""
    admit = d.admit[condition, tier]
    if kind == REFERRED:
        admit = min(0.9, admit * d.admit_when_referred)
    if u < admit:
        return INPATIENT
    if u < admit + (1.0 - admit) * d.emergency[condition] and kind != RETURNED:
        return EMERGENCY
    return OUTPATIENT


@inner
def _next_step(
    seed, replication, person, commune, key, condition, facility, earlier, kind, setting, t, d
):
    """(kind, facility, gap in minutes) of the next visit of the episode; kind -1 ends it.

    One uniform decides between transfer, bypass and follow-up, so a scenario that raises one of
    them changes only the persons at the margin.
    """
    u = uniform(seed, replication, draws.NEXT_STEP, person, key)
    u_gap = uniform(seed, replication, draws.NEXT_GAP, person, key)
    u_place = uniform(seed, replication, draws.NEXT_FACILITY, person, key)
    if kind == REFERRED:
        if u < d.return_share:
            return RETURNED, earlier, int(table_value(d.gap_returned, u_gap) * DAY)
        u = (u - d.return_share) / (1.0 - d.return_share)
    transfer = d.transfer[d.facility_tier[facility], 1 if setting == INPATIENT else 0]
    if d.referral_cumulative[facility, 0] < 0.0:
        transfer = 0.0
    bypass = d.bypass[condition, 1 if t >= d.free_movement_from else 0]
    place = d.commune_place[commune]
    nowhere = d.bypass_cumulative[place, 0] < 0.0
    only_here = d.bypass_cumulative[place, 0] >= 1.0 and d.bypass_id[place, 0] == facility
    if nowhere or only_here or kind == RETURNED:
        bypass = 0.0
    if u < transfer:
        to = d.referral_id[facility, pick(d.referral_cumulative[facility], u_place)]
        return REFERRED, to, int(table_value(d.gap_referred, u_gap) * DAY) + 120
    if u < transfer + bypass:
        choice = pick(d.bypass_cumulative[place], u_place)
        to = d.bypass_id[place, choice]
        if to == facility:  # to another facility: the next best of the district
            to = d.bypass_id[place, (choice + 1) % d.bypass_id.shape[1]]
        return BYPASS, to, int(table_value(d.gap_bypass, u_gap) * DAY)
    if u < transfer + bypass + d.follow_up[condition]:
        return FOLLOW_UP, facility, int(table_value(d.gap_follow_up, u_gap) * DAY)
    return _NO_CONDITION, facility, 0


@inner
def _work_up(seed, replication, person, visit, orders, d, out):
    """Order intents of one visit: a group is wanted iff u < q, no earlier result being known."""
    condition = out.visit_condition[visit]
    setting = out.visit_setting[visit]
    tier = d.facility_tier[out.visit_facility[visit]]
    key = out.visit_key[visit]
    monitoring = out.visit_kind[visit] == MONITORING
    four = (0.0, 0.0, 0.0, 0.0)
    for test in range(d.work_up.shape[1]):
        if test % 4 == 0:
            row = key * 4 + test // 4
            four = uniform_of_four(seed, replication, draws.ORDER, person, row)
        q = d.work_up[condition, test, tier, setting]
        if monitoring and setting != INPATIENT:
            q = _monitoring_q(seed, replication, person, key, condition, test, tier, d)
        if q <= 0.0:
            continue
        u = four[test % 4]
        if u >= q:
            continue
        region = 0
        if d.imaging_row[test] >= 0:
            region = pick(d.region_cumulative[condition, d.imaging_row[test]], u / q)
        repeats = 0
        if setting == INPATIENT and d.serial_days[test] > 0:
            repeats = int((out.visit_stay[visit] - 1) // (d.serial_days[test] * DAY))
        for serial in range(min(repeats, MAX_SERIAL - 1) + 1):
            minute = out.visit_minute[visit] + serial * d.serial_days[test] * DAY
            if minute >= d.horizon:
                break
            if orders >= out.order_minute.shape[0]:
                return -1
            out.order_minute[orders] = minute
            out.order_visit[orders] = visit
            out.order_test[orders] = test
            out.order_region[orders] = region
            out.order_serial[orders] = serial
            out.order_key[orders] = (key * 16 + test) * MAX_SERIAL + serial
            orders += 1
    return orders


@inner
def _monitoring_q(seed, replication, person, key, condition, test, tier, d):
    """A monitoring test is due every n-th visit of the programme, with a phase of its own."""
    every = d.every[condition, test]
    if every == 0 or d.work_up_possible[test, tier] == 0:
        return 0.0
    phase = int(uniform(seed, replication, draws.CHRONIC_PHASE, person, 1 + test) * every)
    month = key // MAX_CHAIN - CHRONIC_EPISODE
    if (month + phase) % every != 0:
        return 0.0
    return d.monitoring


@inner
def _sort_orders(orders, out):
    """Stable sort by minute, ties keep their ordinal: an index first, then one move a column."""
    rank = out.rank
    minute = out.order_minute
    for i in range(orders):
        j = i
        while j > 0 and minute[rank[j - 1]] > minute[i]:
            rank[j] = rank[j - 1]
            j -= 1
        rank[j] = i
    for column in (out.order_minute, out.order_key):
        for i in range(orders):
            out.moved[i] = column[rank[i]]
        for i in range(orders):
            column[i] = out.moved[i]
    for column in (out.order_visit, out.order_test, out.order_region, out.order_serial):
        for i in range(orders):
            out.moved[i] = column[rank[i]]
        for i in range(orders):
            column[i] = out.moved[i]

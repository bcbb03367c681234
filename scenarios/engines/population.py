"""Compiled engine: persons one by one, every world and every perfect-gate arm in one pass.

Exact as long as persons influence one another only through calendars (model section 4). Equals
engines/reference.py order by order; the tests hold it to that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios import draws
from scenarios.compiled import entry, inner
from scenarios.draws import uniform
from scenarios.engines.gate_kernel import (
    ACCEPT_BIT,
    CRITICAL_PRIOR,
    RETRIEVED_BITS,
    SEEN_BIT,
    VALID_BIT,
    accept_probability,
    answered,
    available_minute,
    behaviour_failures,
    first_gate,
    look_probability,
    mode_at,
    routing_failures,
    rule_failures,
    use_chance,
)
from scenarios.orders import GATES
from scenarios.world.demand import life as make_life
from scenarios.world.demand import person_traits
from scenarios.world.life import FIRST, MAX_ORDERS, REFERRED, RETURNED

Array = NDArray[Any]
WORLD_0 = -1  # open_mask of the world without sharing
GATE_BITS = (1 << GATES) - 1
BEHAVIOUR_BITS = SEEN_BIT | ACCEPT_BIT
KEYS = 64  # test x 4 regions


class Work(NamedTuple):
    """Scratch arrays of one person: facts both worlds share, links from result to older result."""

    available: Array
    u_needed: Array
    u_accepted: Array
    older: Array
    last: Array


def empty_work(orders: int = MAX_ORDERS) -> Work:
    return Work(
        np.zeros(orders, np.int64),
        np.zeros(orders),
        np.zeros(orders),
        np.zeros(orders, np.int32),
        np.zeros(KEYS, np.int32),
    )


@inner
def prepare(key, person, orders, life, work, demand, care):
    """Draws and result times that do not depend on a world."""
    for o in range(orders):
        v = life.order_visit[o]
        tier = demand.facility_tier[life.visit_facility[v]]
        work.available[o] = available_minute(
            key,
            (person, life.order_key[o]),
            life.order_minute[o],
            tier,
            life.visit_setting[v],
            life.order_test[o],
            care,
        )
        work.u_needed[o] = uniform(key[0], key[1], draws.NEEDED, person, life.order_key[o])
        work.u_accepted[o] = uniform(key[0], key[1], draws.ACCEPTED, person, life.order_key[o])


@entry
def one_world(key, person, open_mask, demand, cal, care, life, work, out):
    """One world of one person, for tests and explanations; number of orders, written into `out`."""
    visits, orders = make_life(key[0], key[1], person, demand, life)
    _, age, _, _, _, _, z = person_traits(key[0], key[1], person, demand)
    if visits < 0:
        return visits
    given_orders(key, person, orders, open_mask, z, age, demand, cal, care, life, work, out)
    return orders


@entry
def given_orders(key, person, orders, open_mask, z, age, demand, cal, care, life, work, out):
    """One world over orders that stand in `life` already; theory tests write theirs by hand."""
    prepare(key, person, orders, life, work, demand, care)
    run_world(key, person, orders, open_mask, z, age, life, work, cal, care, out)


@inner
def run_world(key, person, orders, open_mask, z, age, life, work, cal, care, out):
    """One world over one person's orders (model 5). `open_mask`: bits of gates held open."""
    work.last[:] = -1
    out.alone[0] = 0
    for o in range(orders):
        slot = life.order_test[o] * 4 + life.order_region[o]
        code = _one_order(key, person, o, slot, open_mask, z, age, life, work, cal, care, out)
        out.order_class[o] = code
        out.available[o] = work.available[o]
        work.older[o] = work.last[slot]
        if not (code == 2 or code == 4 or code == 7 or code >= 20):
            work.last[slot] = o


@inner
def _one_order(key, person, o, slot, open_mask, z, age, life, work, cal, care, out):
    out.failed[o] = 0
    out.prior[o] = -1
    out.avoidable[o] = 0
    out.chance[o] = 0.0
    if life.order_serial[o] > 0:
        return 0
    newest, own = _scan(o, slot, life, work, cal, care)
    if newest < 0:
        return _stranger(np.int64(1), key, person, o, open_mask, z, age, life, work, cal, care, out)
    test = life.order_test[o]
    same = life.visit_episode[life.order_visit[newest]] == life.visit_episode[life.order_visit[o]]
    need = care.need[care.result_class[test], 1 if same else 0]
    needed = work.u_needed[o] < need
    if own >= -1:
        facility = life.visit_facility[life.order_visit[o]]
        emr = 1 if cal.emr_from[facility] <= life.order_minute[o] else 0
        u = uniform(key[0], key[1], draws.NOTICED, person, life.order_key[o])
        if own >= 0 and not needed and u < care.noticed[emr]:
            return 2
        return _stranger(np.int64(3), key, person, o, open_mask, z, age, life, work, cal, care, out)
    carried = _paper(key, person, o, newest, life, work, cal, care)
    if carried and not needed and work.u_accepted[o] < care.accept_paper:
        return 4
    out.avoidable[o] = 0 if needed else 1
    if open_mask == WORLD_0:
        return 5 if needed else 6
    code = _shared(
        key, person, o, newest, needed, carried, open_mask, z, age, life, work, cal, care, out
    )
    if code == 7 or code == 20:
        return code
    return _stranger(code, key, person, o, open_mask, z, age, life, work, cal, care, out)


@inner
def _scan(o, slot, life, work, cal, care):
    """(newest prior or -1, own prior: >= 0 available, -1 not yet available, -2 none)."""
    t = life.order_minute[o]
    group = cal.record_group[life.visit_facility[life.order_visit[o]]]
    window = care.window[life.order_test[o]]
    newest = -1
    own = -2
    p = work.last[slot]
    while p >= 0 and t - life.order_minute[p] <= window:
        if life.order_minute[p] < t:
            if newest < 0:
                newest = p
            if cal.record_group[life.visit_facility[life.order_visit[p]]] == group and own < 0:
                own = p if work.available[p] <= t else -1
        p = work.older[p]
    return newest, own


@inner
def _paper(key, person, o, newest, life, work, cal, care):
    """Whether the newest available prior is carried on paper or film."""
    t = life.order_minute[o]
    p = newest
    window = care.window[life.order_test[o]]
    while p >= 0 and t - life.order_minute[p] <= window:
        if work.available[p] <= t:
            visit = life.order_visit[o]
            kind = life.visit_kind[visit]
            referred = 1 if kind in (REFERRED, RETURNED) else 0
            chance = care.carried[care.film[life.order_test[o]], referred]
            source = life.visit_facility[life.order_visit[p]]
            if cal.emr_from[source] <= life.order_minute[p]:
                chance *= care.paper_after_emr
            u = uniform(key[0], key[1], draws.PAPER, person, life.visit_key[visit])
            return u < chance
        p = work.older[p]
    return False


@inner
def _shared(key, person, o, newest, needed, carried, open_mask, z, age, life, work, cal, care, out):
    """All twelve gates of every prior, newest first; class of the order and where it was lost."""
    t = life.order_minute[o]
    window = care.window[life.order_test[o]]
    closest = -1
    used = -1
    newer_critical = False
    p = newest
    while p >= 0 and t - life.order_minute[p] <= window:
        if life.order_minute[p] < t:
            bits = routing_failures(key, person, o, p, z, life, work, cal, care)
            bits |= rule_failures(key, person, o, p, life, cal, care)
            bits |= behaviour_failures(key, person, o, p, needed, age, z, life, work, cal, care)
            critical = bits & CRITICAL_PRIOR
            if newer_critical:
                bits |= VALID_BIT
            closed = bits & GATE_BITS & ~open_mask
            if needed and open_mask & ACCEPT_BIT:
                closed |= bits & ACCEPT_BIT  # opening gate 12 does not give up needed repeats
            if closed & ~BEHAVIOUR_BITS == 0:
                chance = use_chance(
                    key, person, o, p, needed, carried, open_mask, age, z, life, cal, care
                )
                out.chance[o] = max(out.chance[o], chance)
            if used >= 0:
                p = work.older[p]
                continue
            if closed == 0:
                used = p
                out.newest_failed[o] = 0 if p == newest else out.newest_failed[o]
                out.failed[o] = 0
                out.prior[o] = p
                p = work.older[p]
                continue
            if p == newest:
                out.newest_failed[o] = bits & GATE_BITS
            _note_alone(closed, critical, out)
            gate = first_gate(closed)
            if gate > closest:
                closest = gate
                out.failed[o] = closed
                out.prior[o] = p
            if critical and closed & RETRIEVED_BITS == 0:
                newer_critical = True
        p = work.older[p]
    if used >= 0:
        return np.int64(20) if needed else np.int64(7)
    return np.int64(5) if needed else np.int64(7 + closest)


@inner
def _note_alone(closed, critical, out):
    """Remember gates that alone stand between a prior and its use, or hide a critical prior."""
    if closed & (closed - 1) == 0:
        out.alone[0] |= closed
    hidden = closed & RETRIEVED_BITS
    if critical and hidden & (hidden - 1) == 0:
        out.alone[0] |= hidden


@inner
def _stranger(code, key, person, o, open_mask, z, age, life, work, cal, care, out):
    """A false link shows a stranger's result (model section 5, step 8); class 21 if it is used."""
    if open_mask == WORLD_0:
        return code
    visit = life.order_visit[o]
    facility = life.visit_facility[visit]
    group = cal.record_group[facility]
    if uniform(key[0], key[1], draws.FALSE_LINK, person, group) >= care.false_link:
        return code
    out.alone[0] = GATE_BITS
    t = life.order_minute[o]
    if cal.query_from[facility] > t and not open_mask & 1:
        return code
    visit_key = life.visit_key[visit]
    if not open_mask & 64 and not answered(key, person, visit_key, facility, group, t, cal, care):
        return code
    u = uniform(key[0], key[1], draws.STRANGER, person, life.order_key[o])
    if u >= care.stranger_result:
        return code
    mode = mode_at(
        t, np.int32(FIRST), np.int32(-1), np.int32(-1), key, person, visit_key, cal, care
    )
    u = uniform(key[0], key[1], draws.SEEN, person, visit_key)
    if not open_mask & SEEN_BIT and u >= look_probability(mode, t, facility, z, cal, care):
        return code
    p = care.accept_needed
    if code != 5:
        condition = life.visit_condition[visit]
        p = accept_probability(mode, life.order_test[o], facility, condition, age, cal, care)
    accepted = work.u_accepted[o] < p or (code != 5 and open_mask & ACCEPT_BIT != 0)
    return 21 if accepted else code

"""The twelve gates compiled (model section 6): all are evaluated, each failure is one bit.

The plain counterpart is scenarios/gates.py; the tests hold the two equal, order by order.
"""

from __future__ import annotations

import math

import numpy as np

from scenarios import draws
from scenarios.care import CHILD_BANDS
from scenarios.compiled import inner
from scenarios.draws import logistic, logit, pick, uniform
from scenarios.world.life import EMERGENCY, INPATIENT, REFERRED, RETURNED

NEVER = 1 << 60
PULL, FLAG, PUSH, MANDATE = range(4)
KEY_SPAN = 65536  # facilities a (visit, source) key has room for
SEEN_BIT = 1 << 10
ACCEPT_BIT = 1 << 11
VALID_BIT = 1 << 8
RETRIEVED_BITS = 0xFF  # gates 1 to 8: the prior reaches the rules on validity
CRITICAL_PRIOR = 1 << 12  # not a gate: says that the prior is critical, for older priors


@inner
def available_minute(key, person, minute, tier, setting, test, care):
    """Minute at which the result of an order is there, by the turnaround table of its facility."""
    u = uniform(key[0], key[1], draws.TURNAROUND, person[0], person[1])
    row = care.turnaround[tier, care.modality[test], setting]
    x = u * (row.shape[0] - 1)
    i = int(x)
    wait = int(row[i] + (row[i + 1] - row[i]) * (x - i) + 0.5)
    return minute + max(1, wait)


@inner
def in_outage(row, minute, cal):
    """Whether link `row` (or the coordinator) is down at a minute, by binary search."""
    low = cal.outage_offset[row]
    high = cal.outage_offset[row + 1]
    first = low
    while low < high:
        middle = (low + high) // 2
        if cal.outage_start[middle] <= minute:
            low = middle + 1
        else:
            high = middle
    return low > first and minute < cal.outage_end[low - 1]


@inner
def published_minute(available, specimen, facility, minute, cal):
    """Minute of publication; a source not yet connected counts as connected all along."""
    connected = cal.publish_from[facility]
    if connected > minute or available >= connected:
        return available + cal.publish_delay
    if connected - available <= cal.backload:
        return connected
    return NEVER


@inner
def registration_class(key, person, record_group, care):
    u = uniform(key[0], key[1], draws.REGISTRATION, person, record_group)
    return pick(care.registration_cumulative, u)


@inner
def consent_passes(key, person, visit_key, source, emergency, care):
    """Gate 6: consent stated by source, one-time code by visit, recorded emergency override."""
    denied = uniform(key[0], key[1], draws.CONSENT, person, source) < care.denied
    code = 0
    if uniform(key[0], key[1], draws.CODE_REQUIRED, person, visit_key) < care.code_required:
        obtained = uniform(key[0], key[1], draws.CODE_OBTAINED, person, visit_key)
        code = 2 if obtained < care.code_obtained else 1
    return care.consent_passes[1 if denied else 0, code, 1 if emergency else 0] == 1


@inner
def answered(key, person, visit_key, facility, source, minute, cal, care):
    """Gate 7: coordinator and both links up, and the answer before the deadline."""
    coordinator = cal.outage_offset.shape[0] - 2
    u = uniform(key[0], key[1], draws.ANSWERED, person, visit_key * KEY_SPAN + source)
    hour = (minute // 60) % 24
    p = care.answer[cal.link_class[source], cal.link_class[facility], hour]
    up = not in_outage(facility, minute, cal) and not in_outage(source, minute, cal)
    return u < p and up and not in_outage(coordinator, minute, cal)


@inner
def laboratory_level(facility, minute, cal):
    level = cal.laboratory_level[facility, 0]
    for i in range(1, cal.laboratory_from.shape[1]):
        if cal.laboratory_from[facility, i] <= minute:
            level = cal.laboratory_level[facility, i]
    return level


@inner
def dated_row(since, minute):
    """Index of the last dated row that began at or before a minute; the first row before that."""
    row = 0
    for i in range(1, since.shape[0]):
        if since[i] <= minute:
            row = i
    return row


@inner
def mode_at(minute, kind, sender_group, source, key, person, visit_key, cal, care):
    """Alert mode for one prior: push reaches only what the sender of this transfer attached."""
    mode = cal.mode[dated_row(cal.mode_from, minute)]
    if mode != PUSH:
        return mode
    if kind in (REFERRED, RETURNED) and sender_group == source:
        sent = uniform(key[0], key[1], draws.PACKET, person, visit_key) < care.packet_sent
        if sent:
            return PUSH
    return cal.push_base


@inner
def look_probability(mode, minute, facility, z, cal, care):
    """Gate 11: habit grows with time since connection, complex persons are looked up more often."""
    since = max(0, minute - cal.query_from[facility])
    first = care.look_first_day
    p = care.look[mode] * (first + (1.0 - first) * (1.0 - math.exp(-since / care.habit_minutes)))
    if p <= 0.0 or p >= 1.0:
        return p
    return logistic(logit(p) + care.look_complexity * z)


@inner
def accept_probability(mode, test, facility, condition, age, cal, care):
    """Gate 12 for a repeat that is not needed."""
    p = care.accept[care.result_class[test]]
    if p <= 0.0 or p >= 1.0:
        return p
    x = logit(p) + care.specialty[condition] + cal.facility_effect[facility]
    if age < CHILD_BANDS:
        x += care.paediatrics
    p = logistic(x) * cal.income[facility]
    if mode == MANDATE:
        p *= 1.0 + care.accept_forced
    return p


@inner
def routing_failures(key, person, order, prior, z, life, work, cal, care):
    """Bits of the failed gates 1 to 8 for one prior of one order."""
    visit = life.order_visit[order]
    facility = life.visit_facility[visit]
    other = life.visit_facility[life.order_visit[prior]]
    source = cal.record_group[other]
    group = cal.record_group[facility]
    t = life.order_minute[order]
    specimen = life.order_minute[prior]
    test = life.order_test[order]
    visit_key = life.visit_key[visit]
    bits = 0
    if cal.query_from[facility] > t:
        bits |= 1
    if specimen < cal.emr_from[other]:
        bits |= 2
    if cal.publish_from[other] > t:
        bits |= 4
    if published_minute(work.available[prior], specimen, other, t, cal) > t:
        bits |= 8
    theirs = registration_class(key, person, source, care)
    ours = registration_class(key, person, group, care)
    if care.identity_passes[theirs, ours] == 0:
        bits |= 16
    emergency = life.visit_setting[visit] == EMERGENCY
    if not consent_passes(key, person, visit_key, source, emergency, care):
        bits |= 32
    if not answered(key, person, visit_key, facility, source, t, cal, care):
        bits |= 64
    if cal.map_from[facility, test] > t or cal.map_from[other, test] > t:
        bits |= 128
    return bits


@inner
def rule_failures(key, person, order, prior, life, cal, care):
    """Bits of the failed gates 9 and 10, and CRITICAL_PRIOR."""
    visit = life.order_visit[order]
    facility = life.visit_facility[visit]
    other = life.visit_facility[life.order_visit[prior]]
    t = life.order_minute[order]
    specimen = life.order_minute[prior]
    test = life.order_test[order]
    policy = dated_row(cal.policy_from, t)
    inpatient = 1 if life.visit_setting[visit] == INPATIENT else 0
    expired = 1 if t - specimen > care.validity[policy, test, inpatient] else 0
    differs = 1 if cal.method[facility, test] != cal.method[other, test] else 0
    u = uniform(key[0], key[1], draws.CRITICAL, person, life.order_key[prior])
    critical = 1 if u < care.critical else 0
    u = uniform(key[0], key[1], draws.INTERVENING, person, life.order_key[order])
    event = 1 if u < care.intervening[care.result_class[test]] else 0
    bits = 0
    if care.validity_passes[expired, differs, critical, event, 0] == 0:
        bits |= VALID_BIT
    recognised = care.recognition_passes[
        policy,
        test,
        laboratory_level(other, specimen, cal),
        laboratory_level(facility, t, cal),
        cal.accredited[other],
        cal.images[other, test],
    ]
    if recognised == 0:
        bits |= 1 << 9
    if critical:
        bits |= CRITICAL_PRIOR
    return bits


@inner
def behaviour_failures(key, person, order, prior, needed, age, z, life, work, cal, care):
    """Bits of the failed gates 11 and 12; a needed repeat is given up with its own probability."""
    visit = life.order_visit[order]
    facility = life.visit_facility[visit]
    source = cal.record_group[life.visit_facility[life.order_visit[prior]]]
    sender = life.visit_sender[visit]
    sender_group = cal.record_group[sender] if sender >= 0 else np.int32(-1)
    t = life.order_minute[order]
    visit_key = life.visit_key[visit]
    kind = life.visit_kind[visit]
    mode = mode_at(t, kind, sender_group, source, key, person, visit_key, cal, care)
    bits = 0
    u = uniform(key[0], key[1], draws.SEEN, person, visit_key)
    if u >= look_probability(mode, t, facility, z, cal, care):
        bits |= SEEN_BIT
    p = care.accept_needed
    if not needed:
        condition = life.visit_condition[visit]
        p = accept_probability(mode, life.order_test[order], facility, condition, age, cal, care)
    if work.u_accepted[order] >= p:
        bits |= ACCEPT_BIT
    return bits


@inner
def use_chance(key, person, order, prior, needed, carried, open_mask, age, z, life, cal, care):
    """P(looks and accepts) for a prior that passed gates 1 to 10, whatever was drawn for it.

    Papers that were carried and not accepted say that the draw of acceptance was high.
    """
    visit = life.order_visit[order]
    facility = life.visit_facility[visit]
    source = cal.record_group[life.visit_facility[life.order_visit[prior]]]
    sender = life.visit_sender[visit]
    sender_group = cal.record_group[sender] if sender >= 0 else np.int32(-1)
    t = life.order_minute[order]
    kind = life.visit_kind[visit]
    visit_key = life.visit_key[visit]
    mode = mode_at(t, kind, sender_group, source, key, person, visit_key, cal, care)
    look = 1.0
    if not open_mask & SEEN_BIT:
        look = look_probability(mode, t, facility, z, cal, care)
    if needed:
        return look * care.accept_needed
    if open_mask & ACCEPT_BIT:
        return look
    condition = life.visit_condition[visit]
    p = accept_probability(mode, life.order_test[order], facility, condition, age, cal, care)
    if carried and care.accept_paper < 1.0:
        p = max(0.0, p - care.accept_paper) / (1.0 - care.accept_paper)
    return look * p


@inner
def first_gate(bits):
    """Number of the first failed gate, 13 when none failed."""
    for gate in range(1, 13):
        if bits & (1 << (gate - 1)):
            return gate
    return 13

"""Random numbers keyed by what they are about (Philox4x32-10).

Salmon et al. 2011, doi 10.1145/2063384.2063405.

A draw is u(purpose, entity, occurrence) under key (seed, replication). Nothing depends on how many
draws came before, so worlds, scenarios, engines, shards and parameter draws share every uniform.
"""

from __future__ import annotations

import math

import numpy as np

from scenarios.compiled import entry

_MASK = np.uint64(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_SHIFT = np.uint64(32)
_5 = np.uint64(5)
_6 = np.uint64(6)

# Purposes have fixed numbers that are never reused: adding one shifts no other draw.
AGE = 1
SEX = 2
INSURED = 3
CHRONIC = 4
FRAILTY = 5
COMPLEXITY = 6
CHRONIC_PHASE = 7
CHRONIC_FACILITY = 8
EPISODE_GAP = 10
EPISODE_SEASON = 11
CONDITION = 12
DOOR = 13
FACILITY = 14
SETTING = 15
MINUTE = 16
NEXT_STEP = 17
NEXT_GAP = 18
NEXT_FACILITY = 19
STAY = 20
ATTENDANCE = 21
ORDER = 22
SERIAL = 23
TURNAROUND = 30
CRITICAL = 31
INTERVENING = 32
NEEDED = 33
NOTICED = 34
PAPER = 35
ACCEPTED = 36
REGISTRATION = 37
CONSENT = 38
CODE_REQUIRED = 39
CODE_OBTAINED = 40
ANSWERED = 41
SEEN = 42
FALSE_LINK = 43
STRANGER = 44
PACKET = 45
CODE_MAP = 50
METHOD = 51
IMAGES = 52
FACILITY_EFFECT = 53
OUTAGE_GAP = 54
OUTAGE_LENGTH = 55
BACKGROUND = 60
SERVICE = 61
REPORTING = 62
QUERY_LATENCY = 63
VALUE = 64
PARAMETER = 70
PARAMETER_STRATUM = 71
NAME_FAMILY = 80
NAME_MIDDLE = 81
NAME_GIVEN = 82
BIRTH = 83

PURPOSES = {k: v for k, v in dict(globals()).items() if k.isupper() and isinstance(v, int)}


@entry
def philox(c0, c1, c2, c3, k0, k1):
    """Ten rounds of Philox4x32 on a 4 x 32 bit counter and a 2 x 32 bit key; four 32-bit words."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (
            (p1 >> _SHIFT) ^ c1 ^ k0,
            p1 & _MASK,
            (p0 >> _SHIFT) ^ c3 ^ k1,
            p0 & _MASK,
        )
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@entry
def uniform(seed, replication, purpose, entity, occurrence):
    """One 53-bit uniform in the open interval (0, 1).

    entity < 2**32, occurrence < 2**63, seed and replication < 2**32; all non-negative.
    """
    occ = np.uint64(occurrence)
    w0, w1, _, _ = philox(
        np.uint64(entity),
        occ & _MASK,
        occ >> _SHIFT,
        np.uint64(purpose),
        np.uint64(seed),
        np.uint64(replication),
    )
    return (float(w0 >> _5) * 67108864.0 + float(w1 >> _6) + 0.5) / 9007199254740992.0


@entry
def uniform_of_four(seed, replication, purpose, entity, occurrence):
    """Four 32-bit uniforms of one block, for draws that come in rows (order intents of a visit)."""
    occ = np.uint64(occurrence)
    w0, w1, w2, w3 = philox(
        np.uint64(entity),
        occ & _MASK,
        occ >> _SHIFT,
        np.uint64(purpose),
        np.uint64(seed),
        np.uint64(replication),
    )
    return (
        (float(w0) + 0.5) / 4294967296.0,
        (float(w1) + 0.5) / 4294967296.0,
        (float(w2) + 0.5) / 4294967296.0,
        (float(w3) + 0.5) / 4294967296.0,
    )


@entry
def normal_quantile(u):
    """Inverse of the standard normal distribution, by Acklam (|relative error| < 1.2e-9)."""
    if u < 0.02425:
        q = math.sqrt(-2.0 * math.log(u))
        return _tail(q)
    if u > 0.97575:
        q = math.sqrt(-2.0 * math.log(1.0 - u))
        return -_tail(q)
    q = u - 0.5
    r = q * q
    a = (-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02
    a = ((a * r + 1.383577518672690e02) * r - 3.066479806614716e01) * r + 2.506628277459239e00
    b = (-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02
    b = ((b * r + 6.680131188771972e01) * r - 1.328068155288572e01) * r + 1.0
    return a * q / b


@entry
def _tail(q):
    a = (-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e00
    a = ((a * q - 2.549732539343734e00) * q + 4.374664141464968e00) * q + 2.938163982698783e00
    b = (7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e00
    b = (b * q + 3.754408661907416e00) * q + 1.0
    return a / b


@entry
def logit(p):
    return math.log(p / (1.0 - p))


@entry
def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


@entry
def pick(cumulative, u):
    """Index of the first cumulative share that exceeds u (inversion of a discrete distribution)."""
    for i in range(cumulative.shape[0] - 1):
        if u < cumulative[i]:
            return i
    return cumulative.shape[0] - 1

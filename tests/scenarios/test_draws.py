"""Draws: Philox known answers, frozen purposes, uniformity, and no dependence on what came before.

Known answers: kat_vectors of Random123 (Salmon et al. 2011, doi 10.1145/2063384.2063405).
"""

from __future__ import annotations

import inspect
import math
import statistics
from itertools import product

import numpy as np
import pytest

from scenarios import draws

ONES = 0xFFFFFFFF
KNOWN = [
    pytest.param(
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
        id="all bits 0",
    ),
    pytest.param(
        (ONES, ONES, ONES, ONES),
        (ONES, ONES),
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        id="all bits 1",
    ),
    pytest.param(
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        id="digits of pi",
    ),
]

# A purpose keeps its number for ever. A new one gets a new number and a new line here.
FROZEN = {
    "AGE": 1,
    "SEX": 2,
    "INSURED": 3,
    "CHRONIC": 4,
    "FRAILTY": 5,
    "COMPLEXITY": 6,
    "CHRONIC_PHASE": 7,
    "CHRONIC_FACILITY": 8,
    "EPISODE_GAP": 10,
    "EPISODE_SEASON": 11,
    "CONDITION": 12,
    "DOOR": 13,
    "FACILITY": 14,
    "SETTING": 15,
    "MINUTE": 16,
    "NEXT_STEP": 17,
    "NEXT_GAP": 18,
    "NEXT_FACILITY": 19,
    "STAY": 20,
    "ATTENDANCE": 21,
    "ORDER": 22,
    "SERIAL": 23,
    "TURNAROUND": 30,
    "CRITICAL": 31,
    "INTERVENING": 32,
    "NEEDED": 33,
    "NOTICED": 34,
    "PAPER": 35,
    "ACCEPTED": 36,
    "REGISTRATION": 37,
    "CONSENT": 38,
    "CODE_REQUIRED": 39,
    "CODE_OBTAINED": 40,
    "ANSWERED": 41,
    "SEEN": 42,
    "FALSE_LINK": 43,
    "STRANGER": 44,
    "PACKET": 45,
    "CODE_MAP": 50,
    "METHOD": 51,
    "IMAGES": 52,
    "FACILITY_EFFECT": 53,
    "OUTAGE_GAP": 54,
    "OUTAGE_LENGTH": 55,
    "BACKGROUND": 60,
    "SERVICE": 61,
    "REPORTING": 62,
    "QUERY_LATENCY": 63,
    "VALUE": 64,
    "PARAMETER": 70,
    "PARAMETER_STRATUM": 71,
    "NAME_FAMILY": 80,
    "NAME_MIDDLE": 81,
    "NAME_GIVEN": 82,
    "BIRTH": 83,
}
# u(seed, replication, purpose, entity, occurrence), written down once: the draws of stored results.
WRITTEN = [
    ((1, 0, 33, 0, 0), 0.9545276004651582),
    ((1, 0, 42, 123456, 134217760), 0.8955632756324758),
    ((4294967295, 7, 16, 7600000, 12), 0.3999165324109943),
    ((20251122, 3, 70, 2166136261, 31), 0.7421447264755587),
]


def plain_philox(counter: tuple[int, ...], key: tuple[int, ...]) -> tuple[int, ...]:
    """The algorithm of the paper on whole numbers, to hold against the compiled one."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 1 << 32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % (1 << 32), (k[1] + 0xBB67AE85) % (1 << 32)]
    return tuple(c)


def plain_uniform(seed, replication, purpose, entity, occurrence) -> float:
    counter = (entity, occurrence % (1 << 32), occurrence >> 32, purpose)
    w0, w1, _, _ = plain_philox(counter, (seed, replication))
    return ((w0 >> 5) * 2**26 + (w1 >> 6) + 0.5) / 2**53


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_known_answers(counter, key, words):
    assert tuple(map(int, draws.philox(*map(np.uint64, (*counter, *key))))) == words
    assert plain_philox(counter, key) == words


EDGES = (0, 1, 2**31, 2**32 - 1)


@pytest.mark.parametrize("occurrence", [0, 1, 2**32 - 1, 2**32, 2**62 + 12345])
def test_uniform_is_philox_on_purpose_entity_occurrence(occurrence):
    for seed, replication, entity in product(EDGES, EDGES, EDGES):
        at = (seed, replication, draws.NEEDED, entity, occurrence)
        assert draws.uniform(*at) == plain_uniform(*at)
        assert 0.0 < draws.uniform(*at) < 1.0


@pytest.mark.parametrize(("at", "u"), WRITTEN)
def test_written_draws(at, u):
    assert draws.uniform(*at) == u


def test_a_block_of_four_is_the_four_words():
    words = plain_philox((5, 9, 0, draws.ORDER), (3, 2))
    assert draws.uniform_of_four(3, 2, draws.ORDER, 5, 9) == tuple(
        (word + 0.5) / 2**32 for word in words
    )


def test_purposes_are_frozen():
    assert draws.PURPOSES == FROZEN, "give a new purpose a new number and a line in FROZEN"
    assert len(set(FROZEN.values())) == len(FROZEN)


def test_a_new_purpose_moves_no_other_draw():
    """The page of purposes with one more at its top gives every other purpose the same draws."""
    source = inspect.getsource(draws)
    source = source.replace("from scenarios.compiled import entry", "entry = lambda f: f")
    assert source.count("\nAGE = 1\n") == 1
    wider: dict = {"__name__": "wider"}
    exec(
        compile(source.replace("\nAGE = 1\n", "\nNEWCOMER = 72\nAGE = 1\n"), "wider", "exec"), wider
    )
    assert set(wider["PURPOSES"]) == {*draws.PURPOSES, "NEWCOMER"}
    mine = {name: draws.uniform(1, 0, number, 17, 4) for name, number in draws.PURPOSES.items()}
    theirs = {name: wider["uniform"](1, 0, wider[name], 17, 4) for name in draws.PURPOSES}
    assert mine == theirs
    assert wider["uniform"](1, 0, wider["NEWCOMER"], 17, 4) not in mine.values()


def test_no_dependence_on_the_order_of_calls():
    keys = [(7, r, p, e, o) for r in (0, 1) for p in (5, 42) for e in (0, 9) for o in (0, 3, 8)]
    forwards = {key: draws.uniform(*key) for key in keys}
    backwards = {key: draws.uniform(*key) for key in reversed(keys * 2)}
    assert forwards == backwards
    assert len(set(forwards.values())) == len(keys)


# --- statistics ---------------------------------------------------------------------------------
# Fixed keys, so a pass stays a pass; a generator that was good would fail each of these once in
# 100,000 sets of keys. With 64,000 draws in 256 classes, shares that are off by 5 % (root mean
# square) raise chi-square by 64,000 x 0.05^2 = 160, 7 of its deviations: missed once in 300.
DRAWS, BINS = 64_000, 256
FALSE_ALARM = 4.26  # one-sided 1e-5 of the standard normal distribution

ROWS = {
    "persons": lambda i: (1, 0, draws.FRAILTY, i, 0),
    "occurrences": lambda i: (1, 0, draws.EPISODE_GAP, 12, i),
    "keys of orders": lambda i: (1, 0, draws.NEEDED, 12, (i * 8 + 3) * 256 + 16),
    "replications": lambda i: (1, i, draws.SEEN, 12, 5),
    "seeds": lambda i: (i, 0, draws.SEEN, 12, 5),
    "visit and source": lambda i: (1, 0, draws.ANSWERED, i // 40, (i % 40) * 65536 + 7),
}


def row(name: str) -> np.ndarray:
    return np.array([draws.uniform(*ROWS[name](i)) for i in range(DRAWS)])


def wilson_hilferty(chi_square: float, freedom: int) -> float:
    """Normal score of a chi-square value (Wilson and Hilferty 1931)."""
    part = 2.0 / (9.0 * freedom)
    return ((chi_square / freedom) ** (1.0 / 3.0) - 1.0 + part) / math.sqrt(part)


@pytest.mark.parametrize("name", ROWS)
def test_uniform_along(name):
    u = row(name)
    for values in (u, (u * BINS) % 1.0):  # the leading bits, and the ones after them
        counts = np.bincount((values * BINS).astype(int), minlength=BINS)
        chi_square = float(((counts - DRAWS / BINS) ** 2).sum() / (DRAWS / BINS))
        assert abs(wilson_hilferty(chi_square, BINS - 1)) < FALSE_ALARM
    for lag in (1, 2, 7, 16):
        r = float(np.corrcoef(u[:-lag], u[lag:])[0, 1])
        assert abs(r) * math.sqrt(DRAWS) < FALSE_ALARM


def test_purposes_are_independent():
    a = row("persons")
    b = np.array([draws.uniform(1, 0, draws.COMPLEXITY, i, 0) for i in range(DRAWS)])
    assert abs(float(np.corrcoef(a, b)[0, 1])) * math.sqrt(DRAWS) < FALSE_ALARM


def test_the_statistics_can_fail():
    """A generator with shares off by 4 % or more is caught."""
    u = row("persons")
    slanted = np.where(np.floor(u * 2) == 0, u * 0.96, u)
    counts = np.bincount((slanted * BINS).astype(int), minlength=BINS)
    chi_square = float(((counts - DRAWS / BINS) ** 2).sum() / (DRAWS / BINS))
    assert wilson_hilferty(chi_square, BINS - 1) > FALSE_ALARM


@pytest.mark.parametrize("u", [1e-12, 1e-4, 0.02, 0.0243, 0.3, 0.5, 0.9, 0.97575, 0.98, 1 - 1e-9])
def test_normal_quantile(u):
    exact = statistics.NormalDist().inv_cdf(u)
    assert draws.normal_quantile(u) == pytest.approx(exact, rel=2e-9, abs=2e-9)


@pytest.mark.parametrize(("u", "index"), [(0.0, 0), (0.1999, 0), (0.2, 1), (0.7, 2), (0.9999, 2)])
def test_pick_inverts(u, index):
    assert draws.pick(np.array([0.2, 0.7, 1.0]), u) == index

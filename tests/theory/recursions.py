"""Waits without events: recursions that any first-come-first-served desk must reproduce exactly.

Compiled, so that once a desk equals its recursion the recursion can supply the sample size.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from scenarios import draws

SERVICE_EXPONENTIAL, SERVICE_FIXED, SERVICE_UNIFORM, SERVICE_TWO_POINT = 0, 1, 2, 3


@njit(cache=True)
def lindley(gaps, services):
    """Waits of a single server: W' = max(0, W + S - A); ``gaps[i]`` is before customer i."""
    waits = np.zeros_like(gaps)
    for i in range(1, gaps.shape[0]):
        waits[i] = max(0, waits[i - 1] + services[i - 1] - gaps[i])
    return waits


@njit(cache=True)
def kiefer_wolfowitz(arrivals, services, servers):
    """Waits of G/G/c in order of arrival: each takes the place that is free first."""
    free = np.zeros(servers, arrivals.dtype)  # rising
    waits = np.zeros_like(arrivals)
    for i in range(arrivals.shape[0]):
        start = max(arrivals[i], free[0])
        waits[i] = start - arrivals[i]
        _replace_first(free, start + services[i])
    return waits


@njit(cache=True)
def loss(arrivals, services, servers):
    """Who is turned away when all places are taken (G/G/c/c)."""
    free = np.zeros(servers, arrivals.dtype)
    lost = np.zeros(arrivals.shape[0], np.bool_)
    for i in range(arrivals.shape[0]):
        if free[0] > arrivals[i]:
            lost[i] = True
        else:
            _replace_first(free, arrivals[i] + services[i])
    return lost


@njit(cache=True)
def two_classes(arrivals, services, urgent, servers):
    """Waits of G/G/c with two classes, urgent first, nobody interrupted, no two equal times."""
    n = arrivals.shape[0]
    free = np.zeros(servers, arrivals.dtype)
    waits = np.zeros_like(arrivals)
    place = np.zeros(2, np.int64)  # next unserved of the urgent, of the others
    for _ in range(n):
        for k in range(2):
            while place[k] < n and urgent[place[k]] == (k == 1):
                place[k] += 1
        first = min(place[0], place[1])
        start = max(free[0], arrivals[first])
        i = place[0] if place[0] < n and arrivals[place[0]] <= start else place[1]
        waits[i] = start - arrivals[i]
        _replace_first(free, start + services[i])
        place[0 if urgent[i] else 1] += 1
    return waits


@njit(cache=True)
def _replace_first(free, value):
    """The smallest of a rising row gives way to ``value``; the row rises again."""
    j = 0
    while j + 1 < free.shape[0] and free[j + 1] < value:
        free[j] = free[j + 1]
        j += 1
    free[j] = value


@njit(cache=True)
def service_minutes(kind, mean, u):
    """Inversion: exponential; constant; uniform on 0..2 means; half the mean or three times it."""
    if kind == SERVICE_EXPONENTIAL:
        return -math.log1p(-u) * mean
    if kind == SERVICE_FIXED:
        return mean
    if kind == SERVICE_UNIFORM:
        return 2 * mean * u
    return 0.5 * mean if u < 0.8 else 3.0 * mean


def second_moment(kind: int, mean: float) -> float:
    """E[S^2] of `service_minutes`."""
    return mean * mean * (2.0, 1.0, 4 / 3, 0.8 * 0.25 + 0.2 * 9.0)[kind]


@njit(cache=True)
def stream(seed, replication, n, arrival, kind, mean):
    """Poisson arrivals and services from the project's own draws: arrivals, services."""
    arrivals, services = np.zeros(n), np.zeros(n)
    now = 0.0
    for i in range(n):
        u = draws.uniform(seed, replication, 60, 0, 2 * i)
        now += -math.log1p(-u) / arrival
        arrivals[i] = now
        services[i] = service_minutes(
            kind, mean, draws.uniform(seed, replication, 60, 0, 2 * i + 1)
        )
    return arrivals, services


@njit(cache=True)
def mean_waits(seed, replications, n, warm_up, arrival, kind, mean, servers, beyond):
    """Per replication: mean wait, share waiting at all, share waiting more than ``beyond``."""
    out = np.zeros((replications, 3))
    for r in range(replications):
        arrivals, services = stream(seed, r, n, arrival, kind, mean)
        waits = kiefer_wolfowitz(arrivals, services, servers)[warm_up:]
        out[r, 0] = waits.mean()
        out[r, 1] = (waits > 0).mean()
        out[r, 2] = (waits > beyond).mean()
    return out


@njit(cache=True)
def mean_lost(seed, replications, n, warm_up, arrival, kind, mean, servers):
    """Per replication: share turned away."""
    out = np.zeros(replications)
    for r in range(replications):
        arrivals, services = stream(seed, r, n, arrival, kind, mean)
        out[r] = loss(arrivals, services, servers)[warm_up:].mean()
    return out


@njit(cache=True)
def mean_waits_two_classes(seed, replications, n, warm_up, arrival, kind, mean, share):
    """Per replication: mean wait of the urgent and of the others, one server."""
    out = np.zeros((replications, 2))
    for r in range(replications):
        arrivals, services = stream(seed, r, n, arrival, kind, mean)
        urgent = np.zeros(n, np.bool_)
        for i in range(n):
            urgent[i] = draws.uniform(seed, r, 61, 0, i) < share
        waits = two_classes(arrivals, services, urgent, 1)[warm_up:]
        out[r, 0] = waits[urgent[warm_up:]].mean()
        out[r, 1] = waits[~urgent[warm_up:]].mean()
    return out

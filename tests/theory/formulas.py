"""Queueing formulas under their textbook names (Gross, Shortle, Thompson, Harris: Fundamentals of
Queueing Theory; Kleinrock: Queueing Systems 1). Rates per minute, times in minutes.
"""

from __future__ import annotations

import math


def erlang_b(servers: int, load: float) -> float:
    """Share of arrivals lost in M/G/c/c at the offered load a = arrival rate x mean service."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Share of arrivals that wait in M/M/c."""
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1 - blocked))


def mmc_mean_wait(arrival: float, service: float, servers: int) -> float:
    """Wq of M/M/c: mean minutes before service."""
    return erlang_c(servers, arrival / service) / (servers * service - arrival)


def mmc_mean_queue(arrival: float, service: float, servers: int) -> float:
    """Lq of M/M/c."""
    return arrival * mmc_mean_wait(arrival, service, servers)


def mmc_wait_exceeds(minutes: float, arrival: float, service: float, servers: int) -> float:
    """P(W > t) in M/M/c."""
    return erlang_c(servers, arrival / service) * math.exp(-(servers * service - arrival) * minutes)


def pollaczek_khinchine(arrival: float, mean: float, second_moment: float) -> float:
    """Wq of M/G/1 from the first two moments of the service time."""
    return arrival * second_moment / (2 * (1 - arrival * mean))


def cobham(arrivals: tuple[float, float], mean: float, second_moment: float) -> tuple[float, float]:
    """Wq of the two classes in M/G/1, the first before the second, nobody interrupted."""
    residual = sum(arrivals) * second_moment / 2
    first = 1 - arrivals[0] * mean
    return residual / first, residual / (first * (1 - sum(arrivals) * mean))

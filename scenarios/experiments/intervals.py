"""Intervals (model section 10): ci95 over replications, ui95 over parameter draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
_Z = 1.959964
Interval = tuple[float, float]


def t_quantile(df: int) -> float:
    """97.5 % quantile of Student's t; table to 30, Cornish-Fisher beyond (error < 1e-4)."""
    if df <= len(_T):
        return _T[df - 1]
    z3, z5 = _Z**3, _Z**5
    return _Z + (z3 + _Z) / (4 * df) + (5 * z5 + 16 * z3 + 3 * _Z) / (96 * df**2)


def ratio_interval(
    numerators: Sequence[float], denominators: Sequence[float]
) -> tuple[float, Interval]:
    """Ratio of sums over replications and its 95 % t interval by the jackknife.

    With all denominators 1 this is the mean and its t interval. One replication has no interval:
    both ends are NaN.
    """
    x, y = np.asarray(numerators, float), np.asarray(denominators, float)
    n = len(x)
    whole = x.sum() / y.sum() if y.sum() else 0.0
    if n < 2:
        return float(whole), (math.nan, math.nan)
    left_x, left_y = x.sum() - x, y.sum() - y
    left = np.divide(left_x, left_y, out=np.zeros(n), where=left_y != 0)
    pseudo = n * whole - (n - 1) * left
    centre = float(pseudo.mean())
    half = t_quantile(n - 1) * float(pseudo.std(ddof=1)) / math.sqrt(n)
    return float(whole), (centre - half, centre + half)


def draw_interval(values: Sequence[float]) -> Interval:
    """2.5 and 97.5 % of the per-draw values; NaN without draws."""
    if not len(values):
        return math.nan, math.nan
    low, high = np.quantile(np.asarray(values, float), (0.025, 0.975))
    return float(low), float(high)

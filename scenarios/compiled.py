"""How engines are compiled: `entry` can be called from Python, `inner` only from compiled code.

`inner` leaves out the wrappers that unpack tables of fifty arrays, which halves the time to compile.
With NUMBA_DISABLE_JIT=1 both are plain functions.
"""

from __future__ import annotations

from numba import njit

entry = njit(cache=True)
inner = njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)

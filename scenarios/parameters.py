"""The parameter table: value, range, unit and source of every number, and its random draws.

Sampling by Latin hypercube (McKay, Beckman, Conover 1979); triangular distributions by inversion.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from scenarios import draws
from vietnam.datafiles import Document, InputError, read_yaml

FILE = Path(__file__).with_name("parameters.yaml")
KEYS = {"value", "low", "high", "log", "fixed", "unit", "source"}
# Limits that do not follow from a unit: outside of them a table of the model means nothing.
LIMITS = {
    "demand.chronic_scale": (0.0, 2.4),  # beyond it more than all old people are in a programme
    "demand.frailty_shape": (0.1, 100.0),
    "demand.distance_km": (0.1, 10_000.0),
    "look.habit_days": (0.01, 10_000.0),
    "link.outage_hours": (0.1, 10_000.0),
}
# Shares of one whole: together at most 1, at the ends of their ranges too.
SHARES_OF_ONE = (("identity.typo", "identity.old_card", "identity.no_id"),)
# Parameters that change the world without sharing; scenarios that differ in one cannot be compared.
WORLD_0_GROUPS = ("demand", "local", "paper", "need", "price")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number with its range and source; `low <= value <= high` in `unit`."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str
    log: bool = False
    fixed: bool = False

    @property
    def assumption(self) -> bool:
        return "ASSUMPTION" in self.source

    @property
    def group(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def distribution(self) -> str:
        if self.fixed or self.low == self.high:
            return "fixed"
        return "log-triangular" if self.log else "triangular"

    def quantile(self, u: float) -> float:
        """Inverse of the triangular distribution (mode = central value) at u in (0, 1)."""
        if self.distribution == "fixed":
            return self.value
        low, mode, high = self.low, self.value, self.high
        if self.log:
            low, mode, high = math.log(low), math.log(mode), math.log(high)
        turn = (mode - low) / (high - low)
        if u < turn:
            x = low + math.sqrt(u * (high - low) * (mode - low))
        else:
            x = high - math.sqrt((1.0 - u) * (high - low) * (high - mode))
        return math.exp(x) if self.log else x


@lru_cache(maxsize=1)
def load_parameters() -> Mapping[str, Parameter]:
    """The shipped table, name -> Parameter, in file order."""
    document = read_yaml(FILE)
    return {name: parse_row(document, name, row) for name, row in document.value.items()}


def parse_row(document: Document, name: str, row: object) -> Parameter:
    """One row of a parameter table; InputError names what is wrong with it."""
    if not isinstance(row, dict) or not {"value", "low", "high", "unit", "source"} <= set(row):
        raise document.error((name,), "is not a full row", "give value, low, high, unit and source")
    unknown = set(row) - KEYS
    if unknown:
        raise document.error((name,), f"unknown key {sorted(unknown)[0]!r}", f"use {sorted(KEYS)}")
    parameter = Parameter(name, **row)
    problem = problem_of(parameter)
    if problem:
        raise document.error((name,), problem, "low <= value <= high, above 0 on a log scale")
    return parameter


def problem_of(p: Parameter) -> str | None:
    """What is wrong with the numbers of a parameter, or None."""
    numbers = (p.value, p.low, p.high)
    if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in numbers):
        return f"value {p.value!r} with range {p.low!r}..{p.high!r} is not finite"
    if not p.low <= p.value <= p.high:
        return f"value {p.value} lies outside its range {p.low}..{p.high}"
    if p.log and p.low <= 0 and p.low != p.high:
        return f"range {p.low}..{p.high} reaches 0 on a logarithmic scale"
    least, most = LIMITS.get(p.name) or _domain(p.unit)
    if p.low < least or p.high > most:
        wanted = f"at least {least:g}" + (f" and at most {most:g}" if most < math.inf else "")
        span = f"{p.value:g}" if p.low == p.high else f"{p.value:g} ({p.low:g} to {p.high:g})"
        return f"{span} is out of range for {p.unit}: it must be {wanted}"
    return None


def joint_problems(parameters: Mapping[str, Parameter]) -> Iterator[tuple[str, str]]:
    """(a name, what is wrong) for parameters that exclude each other."""
    for names in SHARES_OF_ONE:
        total = sum(parameters[name].high for name in names)
        if total > 1.0:
            largest = max(names, key=lambda name: parameters[name].high)
            yield largest, f"{' + '.join(names)} reach {total:g}, more than the whole"


def _domain(unit: str) -> tuple[float, float]:
    """What numbers a unit allows: shares lie in 0..1, amounts are not negative."""
    if unit.startswith(("probability", "share", "per ")):
        return 0.0, 1.0
    if unit.startswith(("position", "correlation")):
        return -1.0, 1.0
    if unit.startswith(("logit", "relative change")):
        return -math.inf if unit.startswith("logit") else -1.0, math.inf
    return 0.0, math.inf


def unknown_parameter(name: str, file: str, line: int | None) -> InputError:
    near = difflib.get_close_matches(name, load_parameters(), n=1, cutoff=0.4)
    remedy = f"did you mean {near[0]!r}?" if near else "`lienthong show pilots` lists all"
    return InputError(file, line, name, "is not a parameter", remedy)


def overridden(p: Parameter, value: float, low: float | None, high: float | None, source: str):
    """A scenario's own value; without its own range the value is taken as certain."""
    low = value if low is None else low
    high = value if high is None else high
    return replace(p, value=value, low=low, high=high, source=source, log=p.log and low > 0)


def central(parameters: Mapping[str, Parameter]) -> dict[str, float]:
    return {name: p.value for name, p in parameters.items()}


def latin_hypercube(
    parameters: Mapping[str, Parameter], count: int, seed: int
) -> Sequence[dict[str, float]]:
    """`count` draws, each parameter stratified and keyed by its name: a new one moves no other."""
    columns = {name: _column(p, count, seed) for name, p in parameters.items()}
    return [{name: column[i] for name, column in columns.items()} for i in range(count)]


def _column(p: Parameter, count: int, seed: int) -> list[float]:
    entity = name_number(p.name)
    u = [draws.uniform(seed, 0, draws.PARAMETER, entity, i) for i in range(count)]
    order = [draws.uniform(seed, 0, draws.PARAMETER_STRATUM, entity, i) for i in range(count)]
    strata = sorted(range(count), key=order.__getitem__)
    return [p.quantile((stratum + x) / count) for stratum, x in zip(strata, u, strict=True)]


def name_number(name: str) -> int:
    """A stable 32-bit number for a name (FNV-1a), to key draws by what they are about."""
    h = 0x811C9DC5
    for byte in name.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h

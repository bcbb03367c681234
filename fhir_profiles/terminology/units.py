"""Units of one kind: filters on the canonical form of a unit (https://hl7.org/fhir/R4/ucum.html).

R4 has two: units of time (`canonical` = `s`) and of length (`m`).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from fhir_profiles.terminology.filters import Filter
from fhir_profiles.terminology.rules import UCUM, is_unit


def canonical_unit(one: Filter, system: str, code: str) -> bool | None:
    """Whether a unit measures what the filter's unit does; None: another filter."""
    if system != UCUM or one.property != "canonical" or one.op != "=":
        return None
    if not is_unit(code):
        return False
    wanted, found = _dimension(one.value), _dimension(code)
    return None if wanted is None or found is None else wanted == found


@lru_cache(maxsize=4096)
def _dimension(code: str) -> Any:
    """What a unit measures; None: that cannot be told (an arbitrary unit)."""
    try:
        return _registry().from_ucum(code).dimensionality
    except Exception:  # whatever pint says of a unit that it does not know
        return None


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # type: ignore[import-untyped]  # a second, with all that it imports

    return PintUcumRegistry()

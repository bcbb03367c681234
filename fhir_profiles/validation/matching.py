"""Fixed and pattern values (https://hl7.org/fhir/R4/profiling.html#fixed)."""

from __future__ import annotations

from typing import Any


def same(wanted: Any, value: Any) -> bool:
    """A fixed value: exactly this."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return wanted is value
    return bool(wanted == value)


def covers(pattern: Any, value: Any) -> bool:
    """A pattern: what it holds has to be there, more may be."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            covers(inside, value.get(name)) for name, inside in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(
            any(covers(inside, item) for item in value) for inside in pattern
        )
    return same(pattern, value)

"""The tiny scenarios give exactly the numbers that were written down."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.baselines import FILE, counted
from tests.scenarios.worlds import TINY

STORED = json.loads(FILE.read_text("utf-8"))
CHANGED = (
    "a result changed: if that is meant, say so under 'Results change' in CHANGELOG.md (scenario, "
    "number before and after, why), then run `python -m tests.scenarios.baselines`"
)


def test_every_tiny_scenario_is_stored():
    assert set(STORED) == set(TINY)


def flat(row, path=()):
    """`with_sharing.lost.9` -> number."""
    if not isinstance(row, dict):
        return {".".join(path): row}
    return {key: n for name, part in row.items() for key, n in flat(part, (*path, name)).items()}


@pytest.mark.parametrize("name", TINY)
def test_counts_are_the_stored_ones(name):
    stored, now = flat(STORED[name]), flat(counted(name))
    moved = [
        f"{key}: {stored.get(key)} -> {now.get(key)}"
        for key in {**stored, **now}
        if stored.get(key) != now.get(key)
    ]
    assert not moved, "\n".join([CHANGED, *moved])


@pytest.mark.parametrize("name", TINY)
def test_stored_counts_say_something(name):
    """Both worlds hold the same orders; something is reused, something lost, something unsafe."""
    stored = STORED[name]
    without, shared = stored["without_sharing"], stored["with_sharing"]
    assert sum(without.values()) == sum(shared.values()) > 10_000
    assert shared["shared_reused"] > 10
    assert shared["unsafe_missed_change"] > 0
    assert stored["avoidable"] > 500
    assert without["performed_repeat"] > 500

"""Small studies for engine tests: scenarios that exercise every gate, in a few hundred persons."""

from __future__ import annotations

from functools import lru_cache

from scenarios.parameters import central
from scenarios.plan import Plan, compile_plan
from scenarios.scenario import load_scenario

TINY = ("tiny-two-hospitals", "tiny-referral-chain", "tiny-everything-open")

# Values far from the central ones, so that a few hundred persons meet every class and gate.
LOUD = {
    "demand.acute_rate": "4",
    "demand.bypass": "0.3",
    "demand.transfer_district_outpatient": "0.3",
    "look.pull": "0.7",
    "accept.needed": "0.5",
    "identity.false_link": "0.3",
    "identity.stranger_result": "0.7",
    "identity.no_id": "0.2",
    "consent.denied": "0.2",
    "publish.critical": "0.2",
    "publish.delay_hours": "24",
    "need.labile_same": "0.4",
}


@lru_cache(maxsize=8)
def plan_of(**changes: str) -> Plan:
    """The pilots with loud parameters and everybody connected from the start."""
    return study("pilots", **{**LOUD, **changes})


@lru_cache(maxsize=32)
def study(name: str, seed: int = 7, replication: int = 0, **changes: str) -> Plan:
    """A scenario of the library at central values; `look__pull="0"` changes a parameter."""
    sets = {key.replace("__", "."): value for key, value in changes.items()}
    scenario = load_scenario(name, sets)
    return compile_plan(scenario, central(scenario.resolved), seed, replication)

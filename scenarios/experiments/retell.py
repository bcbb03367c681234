"""Orders of a finished run told again by the reference engine, with the reasons of every gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coordinator.rules.decision import WORDS, Verdict
from coordinator.rules.gates import GATE_OF
from scenarios.engines.reference import ReferenceWorld, person_orders
from scenarios.gates import GateBook
from scenarios.parameters import central
from scenarios.plan import Plan, compile_plan, input_hashes
from scenarios.scenario import Scenario


def plan_of_run(summary: Mapping[str, Any]) -> Plan | None:
    """The plan of a run's first replication, or None if its inputs are no longer the ones here."""
    provenance = summary["provenance"]
    content = provenance.get("scenario")
    if not content or summary.get("resolution") != "population":
        return None
    scenario = Scenario.model_validate(content)
    plan = compile_plan(scenario, central(scenario.resolved), summary["seed"], 0)
    same = input_hashes(scenario, plan.network)[0] == provenance["input_hash"]
    return plan if same else None


def reasons(plan: Plan, person: int, orders: Sequence[int]) -> dict[int, dict[str, list[str]]]:
    """Order key -> closed gate number -> the rulebook's words, for the prior that came closest."""
    who, intents = person_orders(plan, person)
    world = ReferenceWorld(GateBook(plan), who, sharing=True)
    wanted = set(orders)
    found: dict[int, dict[str, list[str]]] = {}
    for told in world.run(intents):
        if told.order.key not in wanted or told.prior is None:
            continue
        for assessment in told.assessments:
            if assessment.result is told.prior:
                found[told.order.key] = _by_gate(assessment.reasons)
    return found


def _by_gate(codes: Sequence[Verdict]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for code in codes:
        out.setdefault(str(int(GATE_OF[code])), []).append(WORDS[code].en)
    return out

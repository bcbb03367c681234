"""The desks of a whole network, staffed for the people simulated and everybody else (model.md 9).

A facility's planned volume comes from its kind and beds. Orders of simulated persons are part of
it; the rest of the plan is background load. Where the simulated demand alone exceeds the plan,
there is no background and the desk gets the places that this demand needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simpy import Environment

from scenarios.desk_plans import SETTINGS, DeskPlan, DeskPlans
from scenarios.desks import BackgroundLoad, Draw, FacilityDesks

TARGET = 0.8  # ASSUMPTION (0.6-0.85): how busy a desk may be planned in the day shift
ALONE = 1e-6  # of the planned size: one place a desk, then as many as the simulated people need
Orders = Mapping[tuple[str, str], float]  # (modality, setting) -> orders on an average working day


class Kind(Protocol):
    """What is needed of `vietnam.facilities.Facility`."""

    @property
    def tier(self) -> str: ...
    @property
    def beds(self) -> int: ...


@dataclass(frozen=True)
class Staffing:
    """A facility's plan and the part of its volume that is not simulated."""

    plan: DeskPlan
    background: Orders


def staffing(plan: DeskPlan, simulated: Orders, target: float = TARGET) -> Staffing:
    """Fills the simulated demand up to the planned volume and staffs the desks for the sum."""
    planned = {(m, s): plan.orders_a_day(m, s) for m in plan.servers for s in SETTINGS}
    background = {key: max(0.0, n - simulated.get(key, 0.0)) for key, n in planned.items()}
    total = {
        key: background.get(key, 0.0) + simulated.get(key, 0.0)
        for key in planned.keys() | simulated.keys()
    }
    return Staffing(plan.staffed(total, target), background)


def network_desks(
    env: Environment,
    facilities: Sequence[Kind],
    simulated: Mapping[int, Orders],
    plans: DeskPlans,
    draw: Draw,
    *,
    first_weekday: int,
    target: float = TARGET,
    background: bool = True,
) -> dict[int, FacilityDesks]:
    """Desks by facility index; `elsewhere` has none (use the table).

    Without `background` only facilities that simulated people visit have desks, for them alone.
    """
    built = {}
    for index, facility in enumerate(facilities):
        if facility.tier == "elsewhere":
            continue
        plan = plans.for_facility(facility.tier, facility.beds)
        if not background:
            if index not in simulated:
                continue
            alone = plan.sized(ALONE).staffed(simulated[index], target)
            built[index] = FacilityDesks(env, alone, first_weekday=first_weekday)
            continue
        staffed = staffing(plan, simulated.get(index, {}), target)
        built[index] = FacilityDesks(env, staffed.plan, first_weekday=first_weekday)
        BackgroundLoad(built[index], draw, facility=index, orders_a_day=staffed.background)
    return built

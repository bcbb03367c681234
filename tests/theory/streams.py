"""Hand-made worlds for the oracles: Poisson orders, every gate open unless it is shut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from coordinator.rules.gates import Gate
from scenarios.care import Care
from scenarios.engines.population import WORLD_0, empty_work, given_orders
from scenarios.orders import Outcome, empty_outcome
from scenarios.rollout import NEVER, Calendars
from scenarios.world.life import Life, empty_life
from scenarios.world.tables import DemandTables
from tests.scenarios.worlds import study

WORLD_1 = 0
MEAN_GAP = (
    100_000  # minutes between orders, so that whole minutes are as good as a continuous clock
)
Array = np.ndarray


@dataclass(frozen=True)
class World:
    """Calendars and care of a hand-made world of `facilities` facilities."""

    demand: DemandTables
    calendars: Calendars
    care: Care


def open_world(facilities: int, window: int, *, accept: float = 1.0, groups: Any = None) -> World:
    """Everybody connected for ever, nothing needed, noticed or carried; results within a minute."""
    plan = study("tiny-everything-open")
    count, always = facilities, np.full(facilities, -NEVER, np.int64)
    calendars = plan.calendars._replace(
        record_group=np.arange(count, dtype=np.int32) if groups is None else groups,
        tier=np.zeros(count, np.int32),
        emr_from=always,
        publish_from=always,
        query_from=always,
        publish_delay=0,
        backload=0,
        map_from=np.full((count, 16), -NEVER, np.int64),
        method=np.zeros((count, 16), np.int8),
        images=np.ones((count, 16), np.int8),
        laboratory_from=np.full((count, 4), NEVER, np.int64),
        laboratory_level=np.full((count, 4), 5, np.int8),
        accredited=np.ones(count, np.int8),
        link_class=np.zeros(count, np.int32),
        outage_offset=np.zeros(count + 2, np.int64),
        outage_start=np.array([NEVER], np.int64),
        outage_end=np.array([NEVER], np.int64),
        facility_effect=np.zeros(count),
        income=np.ones(count),
    )
    care = plan.care._replace(
        window=np.full(16, window, np.int64),
        turnaround=np.zeros_like(plan.care.turnaround),
        identity_passes=np.ones_like(plan.care.identity_passes),
        recognition_passes=np.ones_like(plan.care.recognition_passes),
        validity=np.full_like(plan.care.validity, window),
        answer=np.ones_like(plan.care.answer),
        look=np.ones(4),
        look_first_day=1.0,
        accept=np.full(3, accept),
        specialty=np.zeros_like(plan.care.specialty),
        need=np.zeros((3, 2)),
        noticed=np.zeros(2),
        carried=np.zeros((2, 2)),
        intervening=np.zeros(3),
        paediatrics=0.0,
        accept_needed=0.0,
        denied=0.0,
        code_required=0.0,
        critical=0.0,
        false_link=0.0,
    )
    demand = plan.demand._replace(facility_tier=np.zeros(count, np.int32))
    return World(demand, calendars, care)


def _everywhere(array: Array, value: int) -> Array:
    return np.full_like(array, value)


# What shuts a gate, for every facility and person: changes of (calendars, care).
SHUT: dict[Gate, Callable[[Calendars, Care], tuple[Calendars, Care]]] = {
    Gate.REQUESTER_CONNECTED: lambda c, k: (
        c._replace(query_from=_everywhere(c.query_from, NEVER)),
        k,
    ),
    Gate.SOURCE_ELECTRONIC: lambda c, k: (c._replace(emr_from=_everywhere(c.emr_from, NEVER)), k),
    Gate.SOURCE_CONNECTED: lambda c, k: (
        c._replace(publish_from=_everywhere(c.publish_from, NEVER)),
        k,
    ),
    Gate.PUBLISHED: lambda c, k: (c._replace(publish_delay=1 << 40, backload=-NEVER), k),
    Gate.LINKED: lambda c, k: (c, k._replace(identity_passes=_everywhere(k.identity_passes, 0))),
    Gate.CONSENTED: lambda c, k: (c, k._replace(consent_passes=_everywhere(k.consent_passes, 0))),
    Gate.ANSWERED: lambda c, k: (c, k._replace(answer=_everywhere(k.answer, 0))),
    Gate.MAPPED: lambda c, k: (c._replace(map_from=_everywhere(c.map_from, NEVER)), k),
    Gate.VALID: lambda c, k: (c, k._replace(validity_passes=_everywhere(k.validity_passes, 0))),
    Gate.RECOGNISED: lambda c, k: (
        c,
        k._replace(recognition_passes=_everywhere(k.recognition_passes, 0)),
    ),
    Gate.SEEN: lambda c, k: (c, k._replace(look=_everywhere(k.look, 0))),
    Gate.ACCEPTED: lambda c, k: (c, k._replace(accept=_everywhere(k.accept, 0), accept_needed=0.0)),
}


def poisson(dice: np.random.Generator, orders: int) -> Array:
    """Minutes of a Poisson stream with MEAN_GAP between orders."""
    return np.cumsum(dice.exponential(MEAN_GAP, orders)).astype(np.int64)


@cache
def _room(orders: int) -> tuple[Life, Any, Outcome]:
    return empty_life(orders, orders), empty_work(orders), empty_outcome(orders)


def play(
    world: World, minutes: Array, places: Array, open_mask: int, *, person: int = 0, seed: int = 11
) -> Array:
    """Order classes of one stream: each order is a visit of its own, all of the same test."""
    count = len(minutes)
    life, work, out = _room(count)
    life.visit_minute[:] = life.order_minute[:] = minutes
    life.visit_facility[:] = places
    life.visit_key[:] = life.order_key[:] = life.visit_episode[:] = np.arange(count)
    life.visit_sender[:] = -1
    life.order_visit[:] = np.arange(count)
    given_orders(
        (seed, 0), person, count, open_mask, 0.0, 3,
        world.demand, world.calendars, world.care, life, work, out,
    )  # fmt: skip
    return out.order_class.copy()


__all__ = ["MEAN_GAP", "SHUT", "WORLD_0", "WORLD_1", "World", "open_world", "play", "poisson"]

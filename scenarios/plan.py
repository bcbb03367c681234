"""One scenario at one set of parameter values, compiled to the arrays and tables engines run on."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.care import Care, care_tables, study_days
from scenarios.period import Period
from scenarios.rollout import Calendars, calendars
from scenarios.scenario import Scenario, fingerprint
from scenarios.world.tables import DAY, DemandTables, demand_tables
from vietnam.catalogue import Catalogue, load_catalogue
from vietnam.datafiles import InputError
from vietnam.facilities import Network, load_network
from vietnam.units import MERGER

Array = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What an engine needs to compute a person. `key` = (seed, replication) of every draw."""

    scenario: Scenario
    network: Network
    catalogue: Catalogue
    values: Mapping[str, float]
    key: tuple[int, int]
    start: dt.date
    days: int
    demand: DemandTables
    calendars: Calendars
    care: Care
    period: Period

    @property
    def population(self) -> int:
        """Residents in scope."""
        return int(self.demand.commune_cumulative[-1])

    def day(self, minute: int) -> dt.date:
        return self.start + dt.timedelta(days=int(minute) // DAY)


@lru_cache(maxsize=4)
def _network(name: str) -> Network:
    return load_network(name)


def compile_plan(
    scenario: Scenario, values: Mapping[str, float], seed: int, replication: int
) -> Plan:
    """Arrays for one run. InputError if network, regulations and catalogue do not fit together."""
    network, catalogue = _network(scenario.network), load_catalogue()
    if not any(commune.population for commune in network.communes):
        raise InputError(
            scenario.name,
            None,
            "network",
            f"nobody lives in {scenario.network!r}",
            "give it communes and residents (docs/reference/network.md)",
        )
    start, days = study_days(scenario, catalogue)
    key = (seed, replication)
    return Plan(
        scenario=scenario,
        network=network,
        catalogue=catalogue,
        values=values,
        key=key,
        start=start,
        days=days,
        demand=demand_tables(network, catalogue, values, start, days, scenario.free_movement_from),
        calendars=calendars(scenario, network, catalogue, values, start, days, key),
        care=care_tables(scenario, catalogue, values),
        period=_period(scenario, network, catalogue, values, start),
    )


def _period(
    scenario: Scenario,
    network: Network,
    catalogue: Catalogue,
    values: Mapping[str, float],
    start: dt.date,
) -> Period:
    begin = (scenario.count_from - start).days * DAY
    groups, facilities = catalogue.groups, network.facilities
    price = np.zeros((len(groups), len(facilities)))
    for g in groups:
        for f in facilities:
            line = catalogue.price(g.key, f.price_class, scenario.count_from)
            price[g.index, f.index] = g.service_lines * line * values["price.factor"]
    dose = np.zeros((len(groups), 4))
    for g in groups:
        for i in range(4):
            dose[g.index, i] = g.dose(g.regions[i]) if g.regions else g.dose()
    before, after = MERGER - dt.timedelta(days=1), MERGER
    return Period(
        begin=begin,
        end=begin + scenario.days * DAY,
        price=price,
        lines=np.array([g.service_lines for g in groups], np.int64),
        dose=dose,
        province_before=np.array([int(f.provinces.at(before)) for f in facilities], np.int32),
        province_after=np.array([int(f.provinces.at(after)) for f in facilities], np.int32),
        home_before=np.array([int(c.province_before) for c in network.communes], np.int32),
        home_after=np.array([int(c.province_after) for c in network.communes], np.int32),
        merger=(MERGER - start).days * DAY,
    )


def sampled_persons(population: int, scale: float) -> Array:
    """Whole persons, spread evenly over the population, so every commune is represented.

    A person has the same life at every scale.
    """
    count = max(1, round(population * scale))
    return ((np.arange(count) + 0.5) * (population / count)).astype(np.int64)


def input_hashes(scenario: Scenario, network: Network) -> tuple[str, str]:
    """(hash of all inputs, hash of the inputs of the world without sharing)."""
    catalogue = load_catalogue()
    shared = {
        "network": network.canonical(),
        "catalogue": [dataclasses.asdict(g) for g in catalogue.groups],
    }
    everything = {
        **shared,
        "scenario": scenario.model_dump(),
        "parameters": {n: dataclasses.asdict(p) for n, p in scenario.resolved.items()},
    }
    return fingerprint(everything), fingerprint({**shared, **scenario.world_0_inputs()})

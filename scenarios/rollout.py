"""Calendars: all that changes with time and facility, written before any person is computed.

Persons influence one another only through what stands here: connections, records, laboratories,
modes, laws and outages.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios import draws
from scenarios.compiled import entry
from scenarios.draws import uniform
from scenarios.scenario import MODES, Scenario
from scenarios.world.tables import TIERS
from vietnam.catalogue import Catalogue
from vietnam.facilities import Facility, Network

DAY = 1440
NEVER = 1 << 60
LINK_CLASSES = ("central", "provincial", "district", "commune")
Array = NDArray[Any]


class Calendars(NamedTuple):
    """Arrays over F facilities and 16 test groups; times in minutes since the start, NEVER = never.

    `outage_offset[f]:outage_offset[f + 1]` are the outages of facility f's link; row F is the
    coordinator.
    """

    record_group: Array  # [F] facility index that keeps the record
    tier: Array  # [F]
    emr_from: Array  # [F]
    publish_from: Array  # [F]
    query_from: Array  # [F]
    mode_from: Array  # [M]
    mode: Array  # [M] index in MODES
    push_base: int
    publish_delay: int
    backload: int
    map_from: Array  # [F, 16]
    method: Array  # [F, 16] 0 usual, 1 another method or unit
    images: Array  # [F, 16] 1 = signed report and complete images leave the facility
    laboratory_from: Array  # [F, 4]
    laboratory_level: Array  # [F, 4]
    accredited: Array  # [F]
    link_class: Array  # [F]
    outage_offset: Array  # [F + 2]
    outage_start: Array
    outage_end: Array
    policy_from: Array  # [P]
    facility_effect: Array  # [F] logit
    income: Array  # [F] factor on acceptance


def calendars(
    scenario: Scenario,
    network: Network,
    catalogue: Catalogue,
    values: Mapping[str, float],
    start: dt.date,
    days: int,
    key: tuple[int, int],
) -> Calendars:
    """The calendars of a scenario at one set of parameter values; `key` = (seed, replication)."""
    facilities = network.facilities
    shape = (len(facilities), len(catalogue.groups))

    def minute(day: dt.date | None) -> int:
        return NEVER if day is None else (day - start).days * DAY

    publish, query = _connections(scenario, facilities, minute)
    level_from, level = _laboratory(facilities, minute)
    offset, begin, end = outages(network, values, days, key)
    mapped = _shares(key, draws.CODE_MAP, shape, values["publish.mapped"])
    sd = values["accept.facility_sd"]
    return Calendars(
        record_group=np.array([network.index(f.record_group) for f in facilities], np.int32),
        tier=np.array([TIERS.index(f.tier) for f in facilities], np.int32),
        emr_from=np.array([_emr(scenario, f, minute) for f in facilities], np.int64),
        publish_from=publish,
        query_from=query,
        mode_from=np.array([minute(row.since) for row in scenario.modes], np.int64),
        mode=np.array([MODES.index(row.mode) for row in scenario.modes], np.int32),
        push_base=MODES.index(scenario.push_base),
        publish_delay=round(values["publish.delay_hours"] * 60),
        backload=scenario.backload_days * DAY,
        map_from=np.where(mapped, -NEVER, NEVER).astype(np.int64),
        method=_methods(catalogue, key, shape, values["publish.method_differs"]),
        images=_shares(key, draws.IMAGES, shape, values["publish.images_complete"]).astype(np.int8),
        laboratory_from=level_from,
        laboratory_level=level,
        accredited=np.array([f.iso15189 for f in facilities], np.int8),
        link_class=np.array([LINK_CLASSES.index(f.link_class) for f in facilities], np.int32),
        outage_offset=offset,
        outage_start=begin,
        outage_end=end,
        policy_from=np.array([minute(row.since) for row in scenario.regulations], np.int64),
        facility_effect=np.array(
            [
                sd * draws.normal_quantile(draws.uniform(*key, draws.FACILITY_EFFECT, f.index, 0))
                for f in facilities
            ]
        ),
        income=np.full(len(facilities), values["accept.income"]),
    )


def _connections(scenario: Scenario, facilities: Any, minute: Any) -> tuple[Array, Array]:
    """Connection dates; the world without sharing is the same with everything NEVER."""
    publish = np.full(len(facilities), NEVER, np.int64)
    query = publish.copy()
    for f in facilities:
        if scenario.connect == "never" or f.tier == "elsewhere":
            continue
        if scenario.connect == "network":
            publish[f.index], query[f.index] = minute(f.publish_from), minute(f.query_from)
        else:
            publish[f.index] = query[f.index] = minute(scenario.connect)
    return publish, query


def _emr(scenario: Scenario, f: Facility, minute: Any) -> int:
    if f.tier == "elsewhere":
        return -NEVER  # model section 6: its results pass the electronic gate
    if scenario.emr == "network" or (f.emr_from is not None and f.emr_from <= scenario.emr):
        return int(minute(f.emr_from))
    return int(minute(scenario.emr))


def _laboratory(facilities: Any, minute: Any) -> tuple[Array, Array]:
    since = np.full((len(facilities), 4), NEVER, np.int64)
    level = np.zeros((len(facilities), 4), np.int8)
    for f in facilities:
        for i, (day, value) in enumerate(list(f.laboratory_levels.items)[-4:]):
            since[f.index, i] = minute(day) if i else -NEVER
            level[f.index, i] = value
    return since, level


def _methods(
    catalogue: Catalogue, key: tuple[int, int], shape: tuple[int, int], share: float
) -> Array:
    """Laboratories with another method or unit; pictures and curves have neither."""
    other = _shares(key, draws.METHOD, shape, share)
    laboratory = np.array([g.modality == "laboratory" for g in catalogue.groups])
    return np.asarray(other & laboratory, np.int8)


def _shares(key: tuple[int, int], purpose: int, shape: tuple[int, int], share: float) -> Array:
    """A persistent yes/no of each (facility, test), yes with probability `share`."""
    return np.array(
        [
            [draws.uniform(*key, purpose, f, k) < share for k in range(shape[1])]
            for f in range(shape[0])
        ]
    )


def outages(
    network: Network, values: Mapping[str, float], days: int, key: tuple[int, int]
) -> tuple[Array, Array, Array]:
    """Outages of every link and of the coordinator as sorted intervals: offsets, starts, ends.

    Up and down times are exponential, drawn by (link, ordinal of the outage).
    """
    mean = values["link.outage_hours"] * 60.0
    links = [f.link_class for f in network.facilities] + ["coordinator"]
    up = np.array([values[f"link.availability_{link}"] for link in links])
    mean_up = np.where(up < 1.0, mean * up / np.maximum(1.0 - up, 1e-12), np.inf)
    expected = days * DAY / (mean_up + mean)
    room = int(np.sum(expected + 8.0 * np.sqrt(expected) + 16.0))
    start, end = np.zeros(room, np.int64), np.zeros(room, np.int64)
    offset = np.zeros(len(links) + 1, np.int64)
    _fails(key, mean_up, mean, days * DAY, offset, start, end)
    return offset, start[: offset[-1]].copy(), end[: offset[-1]].copy()


@entry
def _fails(key, mean_up, mean_down, horizon, offset, start, end):
    """Fill the intervals of one link after another; `offset` gets where each link begins."""
    n = 0
    for link in range(mean_up.shape[0]):
        t = 0.0
        for ordinal in range(start.shape[0]):
            u = uniform(key[0], key[1], draws.OUTAGE_GAP, link, ordinal)
            t += -mean_up[link] * math.log(u)
            if not t < horizon or n >= start.shape[0]:
                break
            u = uniform(key[0], key[1], draws.OUTAGE_LENGTH, link, ordinal)
            length = max(1.0, -mean_down * math.log(u))
            start[n] = int(t)
            end[n] = int(t + length) + 1
            t += length
            n += 1
        offset[link + 1] = n

"""From network, illness tables and parameters to the arrays that demand reads (DemandTables)."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.world.life import SETTINGS
from vietnam.calendar import is_working_day
from vietnam.catalogue import Catalogue
from vietnam.datafiles import read_yaml
from vietnam.facilities import Commune, Facility, Network
from vietnam.places import distance_km

TIERS = ("central", "provincial", "district", "commune", "private", "elsewhere")
ILLNESS_FILE = Path(__file__).with_name("illness.yaml")
CHOICES = 8  # facilities considered behind one door
DAY = 1440
Array = NDArray[Any]


class DemandTables(NamedTuple):
    """All that `life` reads. C communes, A age bands, K conditions (acute first), F facilities.

    Cumulative rows end at 1; a row that starts below 0 is empty. Minutes count from the start date.
    """

    commune_cumulative: Array  # [C] persons up to and with this commune
    commune_station: Array  # [C] facility index
    commune_place: Array  # [C] row of choice_id
    age_cumulative: Array  # [A]
    acute_multiplier: Array  # [2, A]
    chronic_cumulative: Array  # [A, 1 + programmes]; column 0 = no programme
    frailty_quantiles: Array
    season: Array  # [12]
    month_of_day: Array  # [days]
    open_day: Array  # [days] the next working day
    condition_cumulative: Array  # [A, acute conditions]
    door_cumulative: Array  # [K, 2, 7]
    choice_id: Array  # [places, 7, CHOICES]
    choice_cumulative: Array
    facility_tier: Array  # [F]
    referral_id: Array  # [F, CHOICES]
    referral_cumulative: Array
    bypass_id: Array  # [places, CHOICES] where people of a district go on their own
    bypass_cumulative: Array
    admit: Array  # [K, 6]
    emergency: Array  # [K]
    follow_up: Array  # [K]
    bypass: Array  # [K, 2]
    transfer: Array  # [6, 2]
    work_up: Array  # [K, 16, 6, 3]
    work_up_possible: Array  # [16, 6]
    every: Array  # [K, 16] visits between monitoring orders, 0 never
    imaging_row: Array  # [16] row of region_cumulative or -1
    region_cumulative: Array  # [K, 2, 4]
    serial_days: Array  # [16]
    stay_days: Array
    opening_minutes: Array
    gap_follow_up: Array
    gap_referred: Array
    gap_returned: Array
    gap_bypass: Array
    acute_conditions: int
    horizon: int
    free_movement_from: int
    acute_rate: float  # episodes per minute
    season_max: float
    insured: float
    uninsured_rate: float
    frailty_complexity: float
    attendance: float
    monitoring: float
    return_share: float
    admit_when_referred: float


@lru_cache(maxsize=1)
def illness() -> dict[str, Any]:
    """The illness tables as plain values."""
    return read_yaml(ILLNESS_FILE).value


def conditions() -> list[str]:
    return [*illness()["conditions"], *illness()["chronic"]]


def demand_tables(
    network: Network,
    catalogue: Catalogue,
    values: Mapping[str, float],
    start: dt.date,
    days: int,
    free_movement: dt.date,
) -> DemandTables:
    """Arrays for `days` days from `start`, at one set of parameter values."""
    ill = illness()
    every_condition = [*ill["conditions"].values(), *ill["chronic"].values()]
    acute = len(ill["conditions"])
    tier = np.array([TIERS.index(f.tier) for f in network.facilities], np.int32)
    referral_id, referral_cum = _edges(network, "referral")
    bypass_id, bypass_cum = _bypass_edges(network)
    calendar = [start + dt.timedelta(days=i) for i in range(days + 60)]
    season = np.array(ill["season"], float)
    season = season / season.mean()
    multiplier = np.array([ill["ages"]["male"], ill["ages"]["female"]], float)
    multiplier /= (multiplier.mean(axis=0) * np.array(ill["ages"]["share"])).sum()
    return DemandTables(
        commune_cumulative=np.cumsum([c.population for c in network.communes]).astype(np.int64),
        commune_station=np.array([network.index(c.station) for c in network.communes], np.int32),
        **_doors(network, every_condition, values),
        age_cumulative=_cumulative(np.array(ill["ages"]["share"])),
        acute_multiplier=multiplier,
        chronic_cumulative=_programmes(ill["chronic"], values["demand.chronic_scale"]),
        frailty_quantiles=gamma_quantiles(values["demand.frailty_shape"]),
        season=season,
        month_of_day=np.array([d.month - 1 for d in calendar], np.int8),
        open_day=_open_days(calendar),
        condition_cumulative=_cumulative(
            np.array([c["weight"] for c in ill["conditions"].values()]).T.copy()
        ),
        facility_tier=tier,
        referral_id=referral_id,
        referral_cumulative=referral_cum,
        bypass_id=bypass_id,
        bypass_cumulative=bypass_cum,
        admit=_admit(every_condition, values["demand.admission"]),
        emergency=np.array([c["emergency"] for c in every_condition], float),
        follow_up=np.array([c["follow_up"] for c in every_condition], float),
        bypass=_bypass(len(every_condition), acute, values),
        transfer=_transfer(values),
        **_orders(catalogue, every_condition, values),
        stay_days=np.array(ill["stay_days"], float),
        opening_minutes=np.array(ill["opening_minutes"], float),
        **{f"gap_{k}": np.array(v, float) for k, v in ill["gaps"].items()},
        acute_conditions=acute,
        horizon=days * DAY,
        free_movement_from=(free_movement - start).days * DAY,
        acute_rate=values["demand.acute_rate"] / (365.0 * DAY),
        season_max=float(season.max()),
        insured=values["demand.insured"],
        uninsured_rate=values["demand.uninsured_rate"],
        frailty_complexity=values["demand.frailty_complexity"],
        attendance=values["demand.attendance"],
        monitoring=values["demand.monitoring"],
        return_share=values["demand.return_share"],
        admit_when_referred=3.0,
    )


def gamma_quantiles(shape: float, points: int = 1001) -> Array:
    """Quantiles of the gamma distribution with mean 1 at the middle of `points` equal steps.

    By integrating the density after x = y**(1/shape), which removes the pole at 0. Draws lie on
    straight lines between them, so the mean of these lines is what is made 1.
    """
    scale = 1.0 / shape
    top = (shape + 12.0 * math.sqrt(shape) + 20.0) * scale
    y = np.linspace(0.0, top**shape, 200_001)
    x = y ** (1.0 / shape)
    density = np.exp(-x / scale)
    cdf = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) * 0.5 * np.diff(y))])
    q = np.interp((np.arange(points) + 0.5) / points, cdf / cdf[-1], x)
    return np.asarray(q / ((q[1:] + q[:-1]).mean() / 2.0))


def _cumulative(weights: Array) -> Array:
    c = np.cumsum(np.asarray(weights, float), axis=-1)
    return np.asarray(c / c[..., -1:])


def _programmes(chronic: Mapping[str, Any], scale: float) -> Array:
    shares = np.array([c["prevalence"] for c in chronic.values()], float).T * scale
    return _cumulative(np.hstack([1.0 - shares.sum(axis=1, keepdims=True), shares]))


def _open_days(calendar: list[dt.date]) -> Array:
    out = np.zeros(len(calendar), np.int32)
    nxt = len(calendar) - 1
    for i in range(len(calendar) - 1, -1, -1):
        nxt = i if is_working_day(calendar[i]) else nxt
        out[i] = nxt
    return out


def _edges(network: Network, kind: str) -> tuple[Array, Array]:
    """Per facility the heaviest out-edges of a kind, as (index, cumulative share)."""
    ids = np.zeros((len(network.facilities), CHOICES), np.int32)
    cumulative = np.full((len(network.facilities), CHOICES), -1.0)
    for facility in network.facilities:
        edges = [
            (data["weight"], network.index(to))
            for _, to, edge_kind, data in network.graph.out_edges(
                facility.code, keys=True, data=True
            )
            if edge_kind == kind and data["weight"] > 0
        ]
        _fill(ids, cumulative, facility.index, edges)
    return ids, cumulative


def _bypass_edges(network: Network) -> tuple[Array, Array]:
    """Bypass edges leave the medical centre of a district and stand for the people around it."""
    ids, cumulative = _edges(network, "bypass")
    centres = [_centre(network, communes) for communes in districts(network).values()]
    return ids[centres], cumulative[centres]


def districts(network: Network) -> dict[str, list[Commune]]:
    """Communes by old district; the order of the districts is the order of `places`."""
    out: dict[str, list[Commune]] = {}
    for commune in network.communes:
        out.setdefault(commune.district_code, []).append(commune)
    return out


def _centre(network: Network, communes: list[Commune]) -> int:
    """The facility that keeps the records of a district's stations."""
    return network.index(network.facilities[network.index(communes[0].station)].record_group)


def _fill(ids: Array, cumulative: Array, row: Any, weighted: list[tuple[float, int]]) -> None:
    best = sorted(weighted, key=lambda e: (-e[0], e[1]))[:CHOICES]
    if not best:
        return
    share = _cumulative(np.array([w for w, _ in best]))
    ids[row][: len(best)] = [i for _, i in best]
    ids[row][len(best) :] = best[0][1]  # never drawn; the next after the last is the first
    cumulative[row][: len(best)] = share
    cumulative[row][len(best) :] = 1.0


def _doors(network: Network, every: list[Any], values: Mapping[str, float]) -> dict[str, Array]:
    """Which facilities lie behind each door for the people of a district, by beds and distance."""
    by_district = districts(network)
    places = {code: i for i, code in enumerate(by_district)}
    ids = np.zeros((len(places), 7, CHOICES), np.int32)
    cumulative = np.full((len(places), 7, CHOICES), -1.0)
    for code, communes in by_district.items():
        people = sum(c.population for c in communes)
        at = (
            sum(c.latitude * c.population for c in communes) / people,
            sum(c.longitude * c.population for c in communes) / people,
        )
        own = _centre(network, communes)
        for door in range(1, 7):
            weighted = [
                (_attraction(f, at, values["demand.distance_km"], door, own), f.index)
                for f in network.facilities
                if _behind(f, door)
            ]
            _fill(ids, cumulative, (places[code], door), weighted)
    before = np.array([c["doors"] for c in every], float)
    after = before.copy()
    after[:, 2:5] *= values["demand.free_movement"]
    empty = np.asarray((cumulative[:, :, 0] < 0).any(axis=0))
    empty[0] = False
    for shares in (before, after):
        shares[:, empty] = 0.0
    return {
        "commune_place": np.array([places[c.district_code] for c in network.communes], np.int32),
        "door_cumulative": np.stack([_cumulative(before), _cumulative(after)], axis=1),
        "choice_id": ids,
        "choice_cumulative": cumulative,
    }


def _behind(f: Facility, door: int) -> bool:
    if door in (2, 3):
        return f.tier == "provincial" and (f.specialty == "general") == (door == 2)
    return f.tier == ("", "district", "", "", "central", "private", "elsewhere")[door]


def _attraction(f: Facility, at: tuple[float, float], scale: float, door: int, own: int) -> float:
    """Gravity: sqrt(beds) * exp(-distance / scale); the own district centre counts ten times."""
    if door == 6:
        return 1.0
    far = scale * (4.0 if door == 4 else 1.0)  # people travel further to a central hospital
    pull = math.sqrt(max(f.beds, 10)) * math.exp(-distance_km(at, f.point) / far)
    return pull * (10.0 if f.index == own else 1.0) + 1e-12


def _admit(every: list[Any], scale: float) -> Array:
    """Admission by tier: none at a station, more at higher hospitals. ASSUMPTION factors."""
    factor = np.array([1.8, 1.4, 1.0, 0.0, 0.7, 1.0])
    base = np.array([c["admit"] for c in every], float) * scale
    return np.minimum(base[:, None] * factor[None, :], 0.9)


def _bypass(count: int, acute: int, values: Mapping[str, float]) -> Array:
    out = np.full((count, 2), values["demand.bypass"])
    out[acute:] *= values["demand.bypass_chronic"]
    out[:, 1] *= values["demand.free_movement"]
    return np.minimum(out, 0.5)


def _transfer(values: Mapping[str, float]) -> Array:
    v = values
    outpatient, inpatient = (
        v["demand.transfer_provincial_outpatient"],
        v["demand.transfer_provincial_inpatient"],
    )
    district = (
        v["demand.transfer_district_outpatient"],
        v["demand.transfer_district_inpatient"],
    )
    commune = v["demand.transfer_commune"]
    return np.array(
        [
            (0.0, 0.0),
            (outpatient, inpatient),
            district,
            (commune, commune),
            district,
            (0.0, 0.0),
        ]
    )


def _orders(
    catalogue: Catalogue, every: list[Any], values: Mapping[str, float]
) -> dict[str, Array]:
    """Work-up probabilities and what belongs to them."""
    ill = illness()
    groups = catalogue.groups
    shape = (len(every), len(groups), len(TIERS), len(SETTINGS))
    q = np.zeros(shape)
    interval = np.zeros(shape[:2], np.int32)
    possible = np.zeros((len(groups), len(TIERS)), np.int8)
    panel = np.array([ill["inpatient_panel"].get(g.key, 0.0) for g in groups])
    for g in groups:
        lab = g.modality == "laboratory"
        scale = values["demand.laboratory_scale" if lab else "demand.imaging_scale"]
        tier = np.array(ill["tier_factor"][g.modality], float)
        possible[g.index] = tier > 0
        for c, condition in enumerate(every):
            base = condition.get("orders", {}).get(g.key, 0.0)
            interval[c, g.index] = condition.get("every", {}).get(g.key, 0)
            for s, setting in enumerate(SETTINGS):
                wanted = base * ill["setting_factor"][setting] * tier
                if setting == "inpatient":
                    wanted = np.where(tier > 0, np.maximum(wanted, panel[g.index]), 0.0)
                q[c, g.index, :, s] = np.minimum(wanted * scale, 0.98)
    by_region = [g.key for g in groups if g.regions]
    regions = np.array([[c["regions"][k] for k in by_region] for c in every], float)
    return {
        "work_up": q,
        "work_up_possible": possible,
        "every": interval,
        "imaging_row": np.array(
            [by_region.index(g.key) if g.regions else -1 for g in groups], np.int32
        ),
        "region_cumulative": _cumulative(regions),
        "serial_days": np.array([ill["serial_days"].get(g.key, 0) for g in groups], np.int64),
    }

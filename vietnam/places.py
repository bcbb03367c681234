"""What a network consists of: facilities with dated names and parents, communes, the graph.

A facility keeps one stable code and many dated names, owners and provinces: the mergers of
1 July 2025 renamed and re-parented facilities while codes kept the old numbering.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import networkx as nx

from vietnam.datafiles import Timeline

FacilityClass = Literal["special", "I", "II", "III", "IV", "none"]
Tier = Literal["central", "provincial", "district", "commune", "private", "elsewhere"]
TechnicalLevel = Literal["initial", "basic", "specialised"]
LinkClass = Literal["central", "provincial", "district", "commune"]
EdgeKind = Literal["referral", "return", "bypass"]

ELSEWHERE = "99999"
COMMUNE_COLUMNS = (
    *("code", "district_code", "province_before", "province_after"),
    *("population", "latitude", "longitude", "station"),
)
EARTH_RADIUS_KM = 6371.0


def distance_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two (latitude, longitude) points in km (haversine)."""
    lat_a, lat_b = math.radians(a[0]), math.radians(b[0])
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin(math.radians(b[1] - a[1]) / 2) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))


@dataclass(frozen=True)
class Facility:
    """One facility. ``index`` is its place in ``Network.facilities``.

    ``provinces`` holds two-digit codes: old numbering before 1 July 2025, new from then on.
    ``laboratory_levels`` is the level of Decision 2429/QD-BYT, 0 = not rated. A date that is None
    means never. ``provenance`` says for each field where it comes from, or ASSUMPTION.
    """

    code: str
    index: int
    names: Timeline[str]
    owners: Timeline[str]
    provinces: Timeline[str]
    parents: Timeline[str | None]
    facility_class: FacilityClass
    tier: Tier
    technical_level: TechnicalLevel
    specialty: str
    beds: int
    latitude: float
    longitude: float
    laboratory_levels: Timeline[int]
    iso15189: bool
    emr_from: dt.date | None
    publish_from: dt.date | None
    query_from: dt.date | None
    link_class: LinkClass
    record_group: str
    provenance: Mapping[str, str] = field(repr=False, compare=False)

    @property
    def point(self) -> tuple[float, float]:
        """(latitude, longitude) in degrees."""
        return self.latitude, self.longitude

    @property
    def price_class(self) -> str:
        """Class whose price factor applies: ``private`` for private facilities."""
        return "private" if self.tier == "private" else self.facility_class

    @property
    def connected(self) -> bool:
        """True if it publishes or queries on any day."""
        return self.publish_from is not None or self.query_from is not None

    def distance_km(self, other: Facility) -> float:
        return distance_km(self.point, other.point)


@dataclass(frozen=True)
class Commune:
    """A commune before 1 July 2025 (old GSO code), its residents and its health station."""

    code: str
    name: str
    district_code: str
    district_name: str
    province_before: str
    province_after: str
    population: int
    latitude: float
    longitude: float
    station: str


@dataclass(frozen=True)
class Network:
    """Facilities in index order (the last one is ``elsewhere``), communes, and the graph.

    ``graph`` has facility codes as nodes and edges keyed by kind (``referral``, ``return``,
    ``bypass``); the weights of one kind that leave a node sum to 1.
    """

    name: str
    title: str
    facilities: tuple[Facility, ...]
    communes: tuple[Commune, ...]
    graph: nx.MultiDiGraph = field(repr=False, compare=False)
    source_files: tuple[str, ...]

    @cached_property
    def by_code(self) -> dict[str, Facility]:
        return {facility.code: facility for facility in self.facilities}

    def index(self, code: str) -> int:
        """Place of a facility in ``facilities``; KeyError for an unknown code."""
        return self.by_code[code].index

    @property
    def elsewhere(self) -> Facility:
        return self.facilities[-1]

    @cached_property
    def record_groups(self) -> dict[str, tuple[str, ...]]:
        """Codes of the facilities that share one record, by the code that keeps it."""
        groups: dict[str, list[str]] = {}
        for facility in self.facilities:
            groups.setdefault(facility.record_group, []).append(facility.code)
        return {code: tuple(members) for code, members in groups.items()}

    @property
    def connected(self) -> tuple[Facility, ...]:
        return tuple(facility for facility in self.facilities if facility.connected)

    def edges(self, kind: EdgeKind) -> Iterator[tuple[str, str, float]]:
        """(from code, to code, weight) of one kind of edge."""
        for start, end, key, weight in self.graph.edges(keys=True, data="weight"):
            if key == kind:
                yield start, end, weight

    def flows(self, code: str, kind: EdgeKind) -> dict[str, float]:
        """Where edges of a kind lead from a facility: code -> weight; {} if nowhere."""
        return {
            end: weight
            for _, end, key, weight in self.graph.out_edges(code, keys=True, data="weight")
            if key == kind
        }

    def canonical(self) -> dict[str, Any]:
        """Everything that can change a result, as plain JSON values (for hashing)."""
        return {
            "facilities": [_canonical_facility(facility) for facility in self.facilities],
            "communes": [[getattr(c, name) for name in COMMUNE_COLUMNS] for c in self.communes],
            "edges": sorted(
                [start, end, kind, round(weight, 9)]
                for start, end, kind, weight in self.graph.edges(keys=True, data="weight")
            ),
        }


def _day(day: dt.date | None) -> str | None:
    return None if day is None else day.isoformat()


def _dated(timeline: Timeline[Any]) -> list[list[Any]]:
    return [[day.isoformat(), value] for day, value in timeline.items]


def _canonical_facility(facility: Facility) -> dict[str, Any]:
    timelines = ("names", "owners", "provinces", "parents", "laboratory_levels")
    days = ("emr_from", "publish_from", "query_from")
    plain = (
        *("code", "facility_class", "tier", "technical_level", "specialty", "beds"),
        *("latitude", "longitude", "iso15189", "link_class", "record_group"),
    )
    return {
        **{name: getattr(facility, name) for name in plain},
        **{name: _dated(getattr(facility, name)) for name in timelines},
        **{name: _day(getattr(facility, name)) for name in days},
    }

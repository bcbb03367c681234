"""Referral, return and bypass edges of a network (networkx).

referral  station -> its centre -> provincial hospitals -> central hospital, as the law's levels run
return    every referral edge backwards
bypass    district -> provincial, central or private hospital: patients who refer themselves, by the
          pull of beds that falls with distance (a gravity model; no Vietnamese source: ASSUMPTION)
The weights of one kind that leave a facility sum to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import networkx as nx

from vietnam.datafiles import Document, did_you_mean
from vietnam.network_file import NetworkFile, ReferralRules
from vietnam.places import EdgeKind, Facility

REFERRAL_REACH_KM = 40.0


def build_graph(
    doc: Document, file: NetworkFile, facilities: Sequence[Facility]
) -> nx.MultiDiGraph:
    """The graph of all facilities; ``elsewhere`` is a node without edges."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(f.code for f in facilities)
    referral = _referrals(doc, file, facilities)
    for start, targets in referral.items():
        _add(graph, "referral", start, targets)
    back: dict[str, dict[str, float]] = {}
    for start, targets in referral.items():
        for end, weight in _shares(targets).items():
            back.setdefault(end, {})[start] = weight
    for start, targets in back.items():
        _add(graph, "return", start, targets)
    for start, targets in _bypasses(file.referral, facilities).items():
        _add(graph, "bypass", start, targets)
    return graph


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    return {code: weight / total for code, weight in weights.items()} if total > 0 else {}


def _add(graph: nx.MultiDiGraph, kind: EdgeKind, start: str, weights: Mapping[str, float]) -> None:
    for end, weight in _shares(weights).items():
        graph.add_edge(start, end, key=kind, weight=weight)


def pull(here: Facility, there: Facility, reach_km: float) -> float:
    """Beds times exp(-distance / reach): what draws a patient to a hospital."""
    return there.beds * math.exp(-here.distance_km(there) / reach_km)


def _referrals(
    doc: Document, file: NetworkFile, facilities: Sequence[Facility]
) -> dict[str, dict[str, float]]:
    out: dict[str, dict[str, float]] = {}
    for facility in facilities:
        if facility.record_group != facility.code:
            out[facility.code] = {facility.record_group: 1.0}
        elif facility.tier == "commune":
            parent = facility.parents.values[0]
            out[facility.code] = {parent: 1.0} if parent else {}
        elif facility.tier in ("district", "private"):
            out[facility.code] = _to_province(file.referral, facility, facilities)
        elif facility.tier in ("provincial", "central"):
            out[facility.code] = _to_central(doc, file.referral, facility, facilities)
    return out


def _to_province(
    rules: ReferralRules, here: Facility, facilities: Sequence[Facility]
) -> dict[str, float]:
    """General hospitals by pull (central ones of the province with them), the rest by specialty."""
    province = here.provinces.values[0]
    near = [
        f
        for f in facilities
        if f.tier in ("provincial", "central") and f.provinces.values[0] == province
    ]
    general = _pulls(here, (f for f in near if f.specialty == "general"))
    special = _pulls(here, (f for f in near if f.specialty != "general"))
    share = rules.general_share if special else 1.0
    weights = {code: weight * share for code, weight in _shares(general).items()}
    rest = 1.0 - share if general else 1.0
    weights.update({code: weight * rest for code, weight in _shares(special).items()})
    return weights


def _pulls(here: Facility, candidates: Iterable[Facility]) -> dict[str, float]:
    return {f.code: pull(here, f, REFERRAL_REACH_KM) for f in candidates if f.code != here.code}


def _to_central(
    doc: Document, rules: ReferralRules, here: Facility, facilities: Sequence[Facility]
) -> dict[str, float]:
    """The central hospitals that the file names for the province, else all by pull."""
    tiers = {f.code: f.tier for f in facilities}
    province = here.provinces.values[0]
    named = rules.centrals.get(province)
    if named is None:
        if here.tier == "central":
            return {}
        centrals = (f for f in facilities if f.tier == "central")
        return {f.code: pull(here, f, rules.reach_km.central) for f in centrals}
    for code in named:
        if tiers.get(code) != "central":
            known = [c for c, tier in tiers.items() if tier == "central"]
            raise doc.error(
                ("referral", "centrals", province, code),
                f"{code} is no central hospital of this network",
                did_you_mean(code, known),
            )
    return {code: share for code, share in named.items() if code != here.code}


def _bypasses(rules: ReferralRules, facilities: Sequence[Facility]) -> dict[str, dict[str, float]]:
    reach = {tier: getattr(rules.reach_km, tier) for tier in ("central", "provincial", "private")}
    targets = [f for f in facilities if f.tier in reach and f.beds > 0]
    out: dict[str, dict[str, float]] = {}
    for here in facilities:
        if here.tier != "district":
            continue
        pulls = {there.code: pull(here, there, reach[there.tier]) for there in targets}
        least = 0.001 * sum(pulls.values())  # a tail of hundreds of edges would carry no patient
        out[here.code] = {code: weight for code, weight in pulls.items() if weight > least}
    return out

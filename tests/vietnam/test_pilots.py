"""The shipped network of the two pilots: what must be in it, and what must be marked."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

from vietnam.datafiles import read_yaml
from vietnam.facilities import NETWORKS, load_network, parse_network
from vietnam.network_dates import reached
from vietnam.network_file import NetworkFile
from vietnam.network_reader import inside
from vietnam.units import MERGER

BEFORE, AFTER = dt.date(2025, 6, 30), MERGER
FIRST, LAST = dt.date(2025, 2, 6), dt.date(2025, 11, 15)


@pytest.fixture(scope="module")
def pilots():
    return load_network("pilots")


def test_connected_facilities_are_412(pilots):
    assert len(pilots.connected) == 412
    assert {f.publish_from for f in pilots.connected} >= {FIRST, LAST}
    for facility in pilots.connected:
        assert FIRST <= facility.publish_from <= LAST
        assert facility.query_from == facility.publish_from


def test_the_ramp_only_rises(pilots):
    days = sorted(f.publish_from for f in pilots.connected)
    on = [sum(day <= dt.date(2025, month, 1) for day in days) for month in (3, 5, 7, 9, 11)]
    assert on == sorted(on)
    assert on[0] < 12
    assert on[-1] > 350


NEVER = [
    # who, which facilities
    ("private", lambda f: f.tier == "private"),
    ("elsewhere", lambda f: f.tier == "elsewhere"),
    ("military", lambda f: "Bộ Quốc phòng" in f.owners.values),
    ("merged-in provinces", lambda f: f.provinces.at(BEFORE) in ("24", "06")),
]


@pytest.mark.parametrize("which", [w for _, w in NEVER], ids=[n for n, _ in NEVER])
def test_who_never_connects(pilots, which):
    members = [f for f in pilots.facilities if which(f)]
    assert members
    assert not [f.code for f in members if f.connected]


NAMES = [
    # code, before the merger, after it
    ("99001", "Bệnh viện Bạch Mai", "Bệnh viện Bạch Mai"),
    ("99002", "Bệnh viện Chợ Rẫy", "Bệnh viện Chợ Rẫy"),
    ("99011", "Bệnh viện Đa khoa tỉnh Bắc Ninh", "Bệnh viện Đa khoa Bắc Ninh số 2"),
    ("99041", "Bệnh viện Đa khoa tỉnh Bắc Giang", "Bệnh viện Đa khoa Bắc Ninh số 1"),
    ("99023", "Trung tâm Y tế huyện Tiên Du", "Trung tâm Y tế khu vực Tiên Du"),
]


@pytest.mark.parametrize(("code", "before", "after"), NAMES, ids=[row[0] for row in NAMES])
def test_dated_names(pilots, code, before, after):
    names = pilots.by_code[code].names
    assert (names.at(BEFORE), names.at(AFTER)) == (before, after)


PROVINCES = [
    # code, old number, new number, owner after
    ("99001", "01", "01", "Bộ Y tế"),
    ("99011", "27", "24", "Sở Y tế tỉnh Bắc Ninh"),
    ("99041", "24", "24", "Sở Y tế tỉnh Bắc Ninh"),
    ("99061", "19", "19", "Sở Y tế tỉnh Thái Nguyên"),
    ("99091", "06", "19", "Sở Y tế tỉnh Thái Nguyên"),
    ("99101", "74", "79", "Sở Y tế Thành phố Hồ Chí Minh"),
    ("99131", "89", "91", "Sở Y tế tỉnh An Giang"),
    ("99002", "79", "79", "Bộ Y tế"),
]


@pytest.mark.parametrize(("code", "old", "new", "owner"), PROVINCES, ids=[r[0] for r in PROVINCES])
def test_dated_provinces_and_owners(pilots, code, old, new, owner):
    facility = pilots.by_code[code]
    assert (facility.provinces.at(BEFORE), facility.provinces.at(AFTER)) == (old, new)
    assert facility.owners.at(AFTER) == owner


PUBLISHED = [
    # code, EMR date
    ("99001", dt.date(2024, 11, 15)),
    ("99011", dt.date(2024, 7, 1)),
]


@pytest.mark.parametrize(("code", "day"), PUBLISHED)
def test_published_emr_dates(pilots, code, day):
    assert pilots.by_code[code].emr_from == day


def test_bac_ninh_is_electronic_by_december_2025(pilots):
    members = [
        f
        for f in pilots.facilities
        if f.provinces.at(BEFORE) == "27" and f.tier in ("provincial", "district", "commune")
    ]
    assert all(f.emr_from <= dt.date(2025, 12, 18) for f in members)


def test_adoption_follows_the_published_curve(pilots):
    """630 of 1,650 hospitals on 24 September 2025, outside the groups with curves of their own."""
    own = ("27", "24")
    group = [
        f
        for f in pilots.facilities
        if f.tier in ("provincial", "district")
        and f.facility_class not in ("I", "special")
        and f.provinces.at(BEFORE) not in own
    ]
    apart = [f for f in group if not f.connected]  # connecting brings electronic records
    share = sum(f.emr_from <= dt.date(2025, 9, 24) for f in apart) / len(apart)
    assert share <= 0.38 + 1 / len(apart)
    assert all(f.emr_from <= f.publish_from for f in group if f.connected)


def test_the_curve_itself_is_the_published_one():
    """630 of 1,650 on 24 September 2025: the curve reaches that share on that day, not before."""
    doc = read_yaml(NETWORKS / "pilots.yaml")
    curves = NetworkFile.model_validate(doc.value).emr
    rest = next(
        c for c in curves if c.classes is None and c.provinces is None and "district" in c.tiers
    )
    day = reached(rest.points, 0.38)
    assert abs((day - dt.date(2025, 9, 24)).days) <= 7


def test_stations_write_into_their_centre(pilots):
    stations = [f for f in pilots.facilities if f.tier == "commune"]
    assert len(stations) == 539
    for station in stations:
        keeper = pilots.by_code[station.record_group]
        assert keeper.record_group == keeper.code
        assert station.emr_from == keeper.emr_from
        assert station.parents.at(BEFORE) == keeper.code
        assert station.parents.at(AFTER) is None
        if station.connected:
            assert keeper.publish_from <= station.publish_from
        assert station.distance_km(keeper) < 30


RESIDENTS = {"27": 1_520_000, "19": 1_350_000, "74": 2_820_000, "89": 1_910_000}
AFTER_MERGER = {"27": "24", "19": "19", "74": "79", "89": "91"}
COMMUNES = {"27": 121, "19": 172, "74": 91, "89": 155}


def test_residents_are_those_of_the_four_provinces(pilots):
    people, count = Counter(), Counter()
    for commune in pilots.communes:
        people[commune.province_before] += commune.population
        count[commune.province_before] += 1
        assert commune.province_after == AFTER_MERGER[commune.province_before]
        assert commune.population > 0
    assert people == RESIDENTS
    assert count == COMMUNES


def test_each_commune_has_its_own_station(pilots):
    stations = [commune.station for commune in pilots.communes]
    assert len(set(stations)) == len(stations)
    for commune in pilots.communes:
        station = pilots.by_code[commune.station]
        assert station.point == (commune.latitude, commune.longitude)
        assert commune.name in station.names.at(BEFORE)


def test_codes_indexes_and_elsewhere(pilots):
    codes = [f.code for f in pilots.facilities]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("99") and len(code) == 5 for code in codes)
    assert [f.index for f in pilots.facilities] == list(range(len(codes)))
    assert pilots.index("99999") == len(codes) - 1
    assert pilots.elsewhere.emr_from is None
    assert all(inside(*f.point) for f in pilots.facilities)


def test_what_is_assumed_is_marked(pilots):
    real = {"OpenStreetMap", "GeoNames", "ASSUMPTION"}
    for facility in pilots.facilities:
        marks = facility.provenance
        assert any(word in marks["coordinates"] for word in real), facility.code
        assert marks["beds"].startswith("ASSUMPTION") or facility.code == "99101"
        assert marks["laboratory_level"].startswith("ASSUMPTION")
        if facility.connected:
            assert marks["publish_from"].startswith("ASSUMPTION")


CHAINS = [
    # from, kind, some targets
    ("99301", "referral", {"99071"}),
    ("99023", "referral", {"99011", "99012"}),
    ("99011", "referral", {"99001"}),
    ("99061", "referral", {"99003", "99001"}),
    ("99003", "referral", {"99001"}),
    ("99131", "referral", {"99002"}),
    ("99001", "return", {"99011", "99061"}),
    ("99023", "bypass", {"99001", "99011", "99032"}),
]


@pytest.mark.parametrize(("start", "kind", "ends"), CHAINS)
def test_edges(pilots, start, kind, ends):
    assert ends <= set(pilots.flows(start, kind))


def test_weights_of_a_kind_sum_to_one(pilots):
    for code in pilots.graph:
        for kind in ("referral", "return", "bypass"):
            if flows := pilots.flows(code, kind):
                assert sum(flows.values()) == pytest.approx(1.0)


def test_referral_leads_up_and_never_round(pilots):
    up = nx.DiGraph([(a, b) for a, b, _ in pilots.edges("referral")])
    assert nx.is_directed_acyclic_graph(up)
    ends = {"99001", "99002"}
    for commune in pilots.communes:
        assert nx.descendants(up, commune.station) & ends
    assert {(b, a) for a, b in up.edges} == {(a, b) for a, b, _ in pilots.edges("return")}
    assert not list(pilots.graph.edges("99999"))


def test_loading_is_quick_and_repeatable():
    path = NETWORKS / "pilots.yaml"
    start = time.process_time()
    again = parse_network(read_yaml(path))
    assert time.process_time() - start < 1.5
    assert again.canonical() == load_network("pilots").canonical()
    assert load_network("pilots") is load_network("pilots")
    assert len(Path(path).read_text(encoding="utf-8").splitlines()) <= 1500

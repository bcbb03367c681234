"""Every way a network file can be wrong: the text, then line, key and words of the refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from vietnam.datafiles import InputError
from vietnam.facilities import load_network

HEAD = "name: small\nfacilities:\n"
ONE = """\
  - {code: "99801", name: A, tier: provincial, province: "27", latitude: 21.1, longitude: 106.0}
"""
TWO = """\
  - {code: "99802", name: B, tier: district, province: "27", latitude: 21.2, longitude: 106.1}
"""


def one(**changes: str) -> str:
    """The line of facility 99801 with other or more keys, written as YAML."""
    entry = {
        "code": '"99801"',
        "name": "A",
        "tier": "provincial",
        "province": '"27"',
        "latitude": "21.1",
        "longitude": "106.0",
        **changes,
    }
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in entry.items()) + "}\n"


PERIODS = "name:\n      - {to: 2025-06-30, is: A}\n      - {from: %s, is: B}\n"
DATED = ONE.replace("name: A, ", "").replace("{", "").replace("}", "").replace(", ", "\n    ")

ERRORS = [
    # what, text, line, key, problem, remedy
    ("empty", "", 1, "", "not a network file", "Begin with"),
    ("a list", "- 1", 1, "", "not a network file", "Begin with"),
    ("no facilities", "name: small\nfacilities: []\n", 2, "facilities", "at least 1", "network.md"),
    ("key missing", "name: small\n", 1, "facilities", "missing", "Add it"),
    ("unknown key", HEAD + ONE + "conections: 1\n", 4, "conections", "unknown", "'connections'"),
    (
        "unknown key of a facility",
        HEAD + one(lattitude="21"),
        3,
        "facilities.0.lattitude",
        "unknown key",
        "'latitude'",
    ),
    ("code is a number", HEAD + one(code="99801"), 3, "facilities.0.code", "not a text", '"99801"'),
    ("code too long", HEAD + one(code='"998012"'), 3, "facilities.0.code", "form", "five digits"),
    (
        "code twice",
        HEAD + ONE + TWO.replace("99802", "99801"),
        4,
        "facilities.1.code",
        "99801 is already used on line 3",
        "its own code",
    ),
    ("code of elsewhere", HEAD + one(code='"99999"'), 3, "facilities.0.code", "loader", "out"),
    ("unknown tier", HEAD + one(tier="provincal"), 3, "facilities.0.tier", "known", "'provincial'"),
    ("unknown class", HEAD + one(**{"class": "V"}), 3, "facilities.0.class", "known", "'IV'"),
    ("beds as text", HEAD + one(beds='"80"'), 3, "facilities.0.beds", "whole number", "quotes"),
    ("beds below zero", HEAD + one(beds="-1"), 3, "facilities.0.beds", "too small", "0"),
    (
        "laboratory level",
        HEAD + one(laboratory_level="6"),
        3,
        "facilities.0.laboratory_level",
        "too large",
        "5",
    ),
    ("bad date", HEAD + one(emr_from="soon"), 3, "facilities.0.emr_from", "date", "2025-07-01"),
    (
        "quoted date",
        HEAD + one(emr_from='"2025-07-01"'),
        3,
        "facilities.0.emr_from",
        "not a date",
        "unquoted",
    ),
    ("no such day", HEAD + one(emr_from="2025-02-30"), 3, "facilities.0.emr_from", "date", "as"),
    (
        "swapped point",
        HEAD + one(latitude="106.0", longitude="21.1"),
        3,
        "facilities.0.latitude",
        "not in Viet Nam",
        "Exchange latitude and longitude",
    ),
    (
        "point abroad",
        HEAD + one(latitude="48.9", longitude="2.3"),
        3,
        "facilities.0.latitude",
        "48.9, 2.3 is not in Viet Nam",
        "8 to 23.5",
    ),
    ("new province", HEAD + one(province='"03"'), 3, "facilities.0.province", "no province", "27"),
    ("province number", HEAD + one(province="27"), 3, "facilities.0.province", "text", '"27"'),
    (
        "unknown parent",
        HEAD + ONE + TWO.replace("name: B", 'name: B, parent: "99809"'),
        4,
        "facilities.1.parent",
        "unknown parent '99809'",
        "'99802'",
    ),
    (
        "parents in a circle",
        HEAD + one(parent='"99802"') + TWO.replace("name: B", 'name: B, parent: "99801"'),
        3,
        "facilities.0.parent",
        "99801 > 99802 > 99801",
        "no parent",
    ),
    (
        "own parent",
        HEAD + one(parent='"99801"'),
        3,
        "facilities.0.parent",
        "99801 > 99801",
        "no parent",
    ),
    (
        "circle from a day on",
        HEAD
        + one(parent='[{to: 2025-06-30, is: null}, {from: 2025-07-01, is: "99802"}]')
        + TWO.replace("name: B", 'name: B, parent: "99801"'),
        3,
        "facilities.0.parent",
        "circle on 2025-07-01",
        "no parent",
    ),
    (
        "overlapping names",
        HEAD + DATED + "    " + PERIODS % "2025-06-30",
        10,
        "facilities.0.name.1",
        "overlap from 2025-06-30",
        "in order of time",
    ),
    (
        "gap between names",
        HEAD + DATED + "    " + PERIODS % "2025-07-02",
        10,
        "facilities.0.name.1",
        "no value between 2025-06-30 and 2025-07-02",
        "in order of time",
    ),
    (
        "unknown record group",
        HEAD + one(record_group='"99809"'),
        3,
        "facilities.0.record_group",
        "unknown facility '99809'",
        "'99801'",
    ),
    (
        "record group of a record group",
        HEAD
        + one(record_group='"99802"')
        + TWO.replace("name: B", 'name: B, record_group: "99801"'),
        3,
        "facilities.0.record_group",
        "99802 keeps its own records at 99801",
        "Name 99801",
    ),
    ("unknown source", HEAD + one(point="OSN"), 3, "facilities.0.point", "unknown source", "Known"),
    (
        "source of no field",
        HEAD + one(sources="{bed: a long text}"),
        3,
        "facilities.0.sources.bed",
        "unknown field",
        "'beds'",
    ),
    (
        "connected total",
        HEAD + ONE + "connections: {basis: x, total: 2, steps: []}\n",
        4,
        "connections.total",
        "connect 0 facilities, not 2",
        "Change total",
    ),
    (
        "step backwards",
        HEAD + ONE + "connections:\n  basis: x\n  total: 0\n  steps:\n"
        "    - {from: 2025-03-01, to: 2025-02-01}\n",
        8,
        "connections.steps.0.to",
        "ends on 2025-02-01",
        "Exchange",
    ),
    (
        "step with unknown facility",
        HEAD + ONE + "connections:\n  basis: x\n  total: 1\n  steps:\n"
        '    - {from: 2025-02-01, to: 2025-02-01, codes: ["99809"]}\n',
        8,
        "connections.steps.0.codes",
        "unknown facility '99809'",
        "Correct",
    ),
    (
        "share above one",
        HEAD + ONE + "emr:\n  - basis: x\n    tiers: [provincial]\n"
        "    points: [{day: 2025-01-01, share: 1.5}]\n",
        7,
        "emr.0.points.0.share",
        "too large",
        "1",
    ),
    (
        "referral to no central hospital",
        HEAD + ONE + 'referral:\n  centrals: {"27": {"99801": 1.0}}\n',
        5,
        "referral.centrals.27.99801",
        "no central hospital",
        "Known",
    ),
    (
        "missing commune file",
        HEAD + ONE + "communes: {basis: x, communes: no.csv, districts: no.csv, weights: {},"
        " provinces: {}}\n",
        None,
        "",
        "no such file",
        "Check the name",
    ),
]


@pytest.mark.parametrize("row", ERRORS, ids=[row[0] for row in ERRORS])
def test_refused_with_file_line_key_and_remedy(tmp_path: Path, row):
    _, text, line, key, problem, remedy = row
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_network(path)
    error = caught.value
    assert (error.line, error.key) == (line, key), str(error)
    assert problem in error.problem, str(error)
    assert remedy in error.remedy, str(error)
    if line is not None:
        assert error.file == str(path)


def test_unknown_network_name():
    with pytest.raises(InputError, match=r"no such network\. Did you mean 'pilots'"):
        load_network("pilot")


COMMUNES = "code,name,district_code,province_code,new_code,new_name\n00001,Xã A,900,27,00009,Xã B\n"
DISTRICTS = (
    "code,name,province_code,latitude,longitude,source,spread_km\n"
    "900,Huyện C,27,21.0,106.0,ASSUMPTION,5\n"
)
RULES = """\
communes:
  basis: x
  communes: c.csv
  districts: d.csv
  weights: {Xã: 1.0}
  provinces:
    "27": {total: 1000, low: 900, high: 1100, source: x}
"""
SERVED = ONE.replace("name: A", 'name: A, serves: ["900"]')
STATIONS = """\
stations:
  {basis: x, first_code: "99802", name: "Trạm %s", name_after: B, owner_after: C,
   governance_after: commune, changed_on: 2025-07-01}
"""
COMMUNE_ERRORS = [
    # what, text, key, problem
    ("nobody serves", HEAD + ONE + RULES, "facilities", "no facility serves district 900"),
    (
        "no weight",
        HEAD + SERVED + RULES.replace("Xã: 1.0", "Phường: 1.0"),
        "communes.weights",
        "no weight",
    ),
    (
        "no population",
        HEAD + SERVED + RULES.replace('"27"', '"19"'),
        "communes.provinces",
        "province 27",
    ),
    (
        "unknown district",
        HEAD + SERVED.replace("900", "901") + RULES,
        "facilities.0.serves",
        "unknown district '901'",
    ),
    (
        "served twice",
        HEAD + SERVED + TWO.replace("name: B", 'name: B, serves: ["900"]') + RULES,
        "facilities.1.serves",
        "already served by 99801",
    ),
    (
        "unknown word in a name",
        HEAD + SERVED + RULES + STATIONS % "{comune}",
        "stations.name",
        "{comune} is not known",
    ),
    (
        "attribute of a word",
        HEAD + SERVED + RULES + STATIONS % "{commune.x}",
        "stations.name",
        "{commune.x} is not known",
    ),
    (
        "change before all time",
        HEAD + SERVED + RULES + (STATIONS % "{commune}").replace("2025-07-01", "0001-01-01"),
        "stations.changed_on",
        "too small",
    ),
    (
        "generated code in use",
        HEAD + SERVED + TWO + RULES + STATIONS % "{commune}",
        "",
        "99802",
    ),
]


@pytest.mark.parametrize("row", COMMUNE_ERRORS, ids=[row[0] for row in COMMUNE_ERRORS])
def test_communes_that_do_not_fit(tmp_path: Path, row):
    _, text, key, problem = row
    (tmp_path / "c.csv").write_text(COMMUNES, encoding="utf-8")
    (tmp_path / "d.csv").write_text(DISTRICTS, encoding="utf-8")
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_network(path)
    assert caught.value.key.startswith(key), str(caught.value)
    assert problem in caught.value.problem, str(caught.value)


def test_a_small_network_with_communes_loads(tmp_path: Path):
    (tmp_path / "c.csv").write_text(COMMUNES, encoding="utf-8")
    (tmp_path / "d.csv").write_text(DISTRICTS, encoding="utf-8")
    path = tmp_path / "network.yaml"
    path.write_text(HEAD + SERVED + RULES + STATIONS % "{commune}", encoding="utf-8")
    network = load_network(path)
    assert [f.code for f in network.facilities] == ["99801", "99802", "99999"]
    assert [(c.code, c.population, c.station) for c in network.communes] == [
        ("00001", 1000, "99802")
    ]
    assert network.by_code["99802"].names.values == ("Trạm Xã A", "B")
    assert network.source_files == (str(path), str(tmp_path / "c.csv"), str(tmp_path / "d.csv"))

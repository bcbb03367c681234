"""Scenario files that cannot be used: one message with line, key and remedy; nothing has run."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.care import validity_minutes
from scenarios.parameters import LIMITS, central, load_parameters, problem_of
from scenarios.plan import compile_plan
from scenarios.scenario import LIBRARY, load_scenario
from scenarios.world.tables import illness
from tests.scenarios.worlds import TINY
from vietnam.catalogue import load_catalogue
from vietnam.datafiles import InputError
from vietnam.regulations import load_regulations

GOOD = """\
name: mine
title: A scenario of my own
why: to see what is refused
network: tiny
count_from: 2025-04-01
count_to: 2025-12-31
modes:
  - {since: 2025-02-06, mode: pull}
  - {since: 2025-07-01, mode: flag}
regulations:
  - {since: 2017-08-01, regulation: level-rule-2017}
backload_days: 30
parameters:
  look.flag: 0.5
  look.pull: {value: 0.2, low: 0.1, high: 0.3, source: "mine"}
"""
HUGE = "1" + "0" * 400


def change(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


def refused(tmp_path: Path, text: str | bytes) -> InputError:
    path = tmp_path / "mine.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        load_scenario(str(path))
    error = caught.value
    assert error.file == str(path)
    assert error.remedy
    assert len(str(error).splitlines()) == 1
    assert len(str(error)) < 400 + len(str(path))
    return error


def test_the_scenario_that_the_rows_change_is_good(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    scenario = load_scenario(str(path))
    assert scenario.resolved["look.pull"].high == 0.3
    assert scenario.resolved["look.flag"].distribution == "fixed"


# --- the file as a whole --------------------------------------------------------------------------

FILES = [
    pytest.param("", 1, "", "is not a scenario", id="empty"),
    pytest.param("# nothing yet\n", 1, "", "is not a scenario", id="only a comment"),
    pytest.param("- a\n- b\n", 1, "", "is not a scenario", id="a list"),
    pytest.param("just words\n", 1, "", "is not a scenario", id="a word"),
    pytest.param("name: [\n", 2, "", "not well formed", id="broken YAML"),
    pytest.param("name:\tx\n\ty: z\n", 1, "", "not well formed", id="tabs"),
    pytest.param(b"\x00\x01\x02", 1, "", "control character", id="binary"),
    pytest.param(GOOD.encode("utf-16"), 1, "", "not UTF-8", id="UTF-16"),
    pytest.param(GOOD.encode().replace(b"own", b"caf\xe9"), 2, "", "not UTF-8", id="Latin 1"),
    pytest.param(GOOD + "network: tiny\n", 16, "network", "already stands", id="a key twice"),
    pytest.param(
        GOOD + "  look.flag: 0.6\n",
        16,
        "parameters.look.flag",
        "already stands",
        id="parameter twice",
    ),
    pytest.param(
        change("title: A", "title: &a A").replace("why: to see what is refused", "why: *a"),
        3,
        "why",
        "alias",
        id="an alias",
    ),
    pytest.param("name: x\n---\nname: y\n", 2, "", "another document", id="two documents"),
]


@pytest.mark.parametrize(("text", "line", "key", "fragment"), FILES)
def test_files(tmp_path, text, line, key, fragment):
    error = refused(tmp_path, text)
    assert (error.line, error.key) == (line, key)
    assert fragment in error.problem


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_scenario(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("name", "fragment", "remedy"),
    [
        ("pilot", "is not a scenario", "'pilots'"),
        ("tiny-two-hospital", "is not a scenario", "'tiny-two-hospitals'"),
        ("nothing.yaml", "no such file", "name"),
        (".", "folder", "file"),
        ("a\x00b.yaml", "cannot be read", "name"),
    ],
)
def test_names(name, fragment, remedy):
    with pytest.raises(InputError) as caught:
        load_scenario(name)
    assert fragment in caught.value.problem
    assert remedy in caught.value.remedy


# --- rows: what is changed in the good scenario -> line, key, fragment ----------------------------

ROWS = [
    # keys
    ("network: tiny", "netwrk: tiny", 4, "netwrk", "unknown key"),
    ("mode: pull", "mode: pull, loud: true", 8, "modes.0.loud", "unknown key"),
    ("low: 0.1", "lo: 0.1", 15, "parameters.look.pull.lo", "unknown key"),
    ("{value: 0.2", "{valu: 0.2", 15, "parameters.look.pull.valu", "unknown key"),
    ("count_to: 2025-12-31\n", "", 1, "count_to", "is missing"),
    ("name: mine\n", "", 1, "name", "is missing"),
    ("since: 2025-02-06, ", "", 8, "modes.0.since", "is missing"),
    # parameters
    ("look.pull:", "look.pul:", 15, "look.pul", "is not a parameter"),
    ("look.flag: 0.5", "look.flag: much", 14, "parameters.look.flag", "'much' is not allowed"),
    ("look.flag: 0.5", "look.flag: '0.5'", 14, "parameters.look.flag", "a valid number"),
    ("look.flag: 0.5", "look.flag: true", 14, "parameters.look.flag", "True is not allowed"),
    ("look.flag: 0.5", "look.flag: [0.5]", 14, "parameters.look.flag", "[0.5] is not allowed"),
    ("look.flag: 0.5", "look.flag:", 14, "parameters.look.flag", "None is not allowed"),
    ("look.flag: 0.5", "look.flag: -0.1", 14, "parameters.look.flag", "at least 0 and at most 1"),
    ("look.flag: 0.5", "look.flag: 1.1", 14, "parameters.look.flag", "at least 0 and at most 1"),
    ("look.flag: 0.5", "price.factor: -1", 14, "parameters.price.factor", "at least 0"),
    ("look.flag: 0.5", "accept.forced: -3", 14, "parameters.accept.forced", "at least -1"),
    ("value: 0.2", "value: '0.2'", 15, "parameters.look.pull.value", "a valid number"),
    ("value: 0.2", "value: 0.05", 15, "parameters.look.pull", "outside its range"),
    ("low: 0.1", "low: 0.25", 15, "parameters.look.pull", "outside its range"),
    ("low: 0.1", "low: -0.1", 15, "parameters.look.pull", "at least 0 and at most 1"),
    ('source: "mine"', "source: 7", 15, "parameters.look.pull.source", "7 is not allowed"),
    (
        "look.flag: 0.5",
        "demand.frailty_complexity: 2",
        14,
        "parameters.demand.frailty_complexity",
        "at most 1",
    ),
    (
        "look.flag: 0.5",
        "demand.frailty_shape: 0",
        14,
        "parameters.demand.frailty_shape",
        "at least 0.1",
    ),
    (
        "look.flag: 0.5",
        "demand.distance_km: 0",
        14,
        "parameters.demand.distance_km",
        "at least 0.1",
    ),
    (
        "look.flag: 0.5",
        "demand.chronic_scale: 9",
        14,
        "parameters.demand.chronic_scale",
        "at most 2.4",
    ),
    ("look.flag: 0.5", "look.habit_days: 0", 14, "parameters.look.habit_days", "at least 0.01"),
    ("look.flag: 0.5", "link.outage_hours: 0", 14, "parameters.link.outage_hours", "at least 0.1"),
    (
        "look.flag: 0.5",
        "identity.no_id: 0.9",
        14,
        "parameters.identity.no_id",
        "more than the whole",
    ),
    ("parameters:\n", "parameters: [1]\nx:\n", 14, "x", "unknown key"),
    # windows longer than the measurement window
    (
        "look.flag: 0.5",
        "publish.validity_position: 1.5",
        14,
        "parameters.publish.validity_position",
        "at most 1",
    ),
    # huge numbers
    ("look.flag: 0.5", "look.flag: .inf", 14, "parameters.look.flag", "not a finite number"),
    ("look.flag: 0.5", "look.flag: .nan", 14, "parameters.look.flag", "not a finite number"),
    ("look.flag: 0.5", "look.flag: 1e999", 14, "parameters.look.flag", "not a finite number"),
    ("look.flag: 0.5", f"look.flag: {HUGE}", 14, "parameters.look.flag", "too large"),
    ("look.flag: 0.5", "demand.acute_rate: 1e300", 14, "parameters.demand.acute_rate", "1e+300"),
    ("backload_days: 30", f"backload_days: {HUGE}", 12, "backload_days", "too large"),
    ("backload_days: 30", "backload_days: 3651", 12, "backload_days", "3650"),
    # types
    ("backload_days: 30", "backload_days: -1", 12, "backload_days", "-1 is not allowed"),
    ("backload_days: 30", "backload_days: 1.5", 12, "backload_days", "a valid integer"),
    ("backload_days: 30", "backload_days: true", 12, "backload_days", "a valid integer"),
    ("backload_days: 30", "backload_days: many", 12, "backload_days", "'many'"),
    ("backload_days: 30", "scale: 0", 12, "scale", "greater than 0"),
    ("backload_days: 30", "scale: 1.01", 12, "scale", "less than or equal to 1"),
    ("backload_days: 30", "recognition: all", 12, "recognition", "'law' or 'nothing'"),
    ("backload_days: 30", "push_base: push", 12, "push_base", "'mandate'"),
    ("backload_days: 30", "connect: soon", 12, "connect", "a valid date or 'network' or 'never'"),
    ("backload_days: 30", "emr: never", 12, "emr", "a valid date or 'network'"),
    ("name: mine", "name: My Own", 1, "name", "'My Own' is not allowed"),
    ("name: mine", "name: ../mine", 1, "name", "'../mine' is not allowed"),
    ("name: mine", "name: 7", 1, "name", "a valid string"),
    ("title: A scenario of my own", 'title: ""', 2, "title", "at least 1 character"),
    ("  - {since: 2025-02-06, mode: pull}", "  - pull", 8, "modes.0", "'pull' is not allowed"),
    ("mode: pull", "mode: shout", 8, "modes.0.mode", "'pull', 'flag', 'push' or 'mandate'"),
    # names of other things
    ("network: tiny", "network: tinny", 4, "network", "'tinny' is no network"),
    ("network: tiny", "network: mine/own.yaml", 4, "network", "no file 'mine/own.yaml'"),
    ("network: tiny", "network: 7", 4, "network", "a valid string"),
    ("level-rule-2017", "level-rule-2071", 11, "regulations.0.regulation", "is no regulation set"),
    # dates
    ("count_from: 2025-04-01", "count_from: someday", 5, "count_from", "'someday'"),
    ("count_from: 2025-04-01", "count_from: 2025-02-30", 5, "count_from", "not a date"),
    ("count_from: 2025-04-01", "count_from: 20250401", 5, "count_from", "a valid date"),
    ("count_from: 2025-04-01", "count_from: 2025-04-01T10:00:00", 5, "count_from", "not a date"),
    ("count_from: 2025-04-01", "count_from: 1000-01-01", 5, "count_from", "before 2016"),
    ("count_to: 2025-12-31", "count_to: 2025-03-31", 6, "count_to", "ends before it begins"),
    ("count_to: 2025-12-31", "count_to: 2029-12-31", 6, "count_to", "longer than three years"),
    (
        "since: 2025-07-01",
        "since: 2025-01-01",
        9,
        "modes.1.since",
        "does not come after 2025-02-06",
    ),
    ("since: 2025-07-01", "since: 2025-02-06", 9, "modes.1.since", "does not come after"),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fragment"),
    ROWS,
    ids=[row[1][:40] or f"no {row[0][:8]}" for row in ROWS],
)
def test_rows(tmp_path, old, new, line, key, fragment):
    error = refused(tmp_path, change(old, new))
    assert (error.line, error.key) == (line, key)
    assert fragment in error.problem


def test_remedies_name_what_was_meant(tmp_path):
    assert "'network'" in refused(tmp_path, change("network: tiny", "netwrk: tiny")).remedy
    assert "'look.pull'" in refused(tmp_path, change("look.pull:", "look.pul:")).remedy
    assert "'tiny'" in refused(tmp_path, change("network: tiny", "network: tinny")).remedy
    assert "'mode'" in refused(tmp_path, change("mode: pull", "moda: pull")).remedy
    assert "'value'" in refused(tmp_path, change("{value: 0.2", "{valu: 0.2")).remedy


def test_a_line_left_empty_is_no_parameter(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD[: GOOD.index("  look.flag")], encoding="utf-8")
    assert load_scenario(str(path)).parameters == {}


# --- values set on the command line ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "key", "fragment"),
    [
        ({"look.pul": "0.1"}, "look.pul", "is not a parameter"),
        ({"look.pull": "much"}, "look.pull", "is not a number"),
        ({"look.pull": "nan"}, "look.pull", "is not a number"),
        ({"look.pull": HUGE}, "look.pull", "is not a number"),
        ({"look.pull": "2"}, "parameters.look.pull", "at most 1"),
        ({"identity.typo": "0.5", "identity.no_id": "0.6"}, "parameters.identity.no_id", "whole"),
        ({"scale": "half"}, "scale", "is not a number"),
        ({"scale": "2"}, "scale", "less than or equal to 1"),
        ({"backload_days": "1.5"}, "backload_days", "not a whole number"),
        ({"connect": "soon"}, "connect", "'never'"),
        ({"emr": "2025-02-30"}, "emr", "'2025-02-30' is not allowed"),
        ({"mode": "shout"}, "modes.0.mode", "'shout'"),
        ({"regulation": "draft"}, "regulations.0.regulation", "is no regulation set"),
        ({"count_to": "2026-01-01"}, "count_to", "is not a parameter"),
    ],
    ids=str,
)
def test_sets(sets, key, fragment):
    with pytest.raises(InputError) as caught:
        load_scenario("tiny-two-hospitals", sets)
    assert (caught.value.file, caught.value.line, caught.value.key) == ("--set", None, key)
    assert fragment in caught.value.problem


def test_good_sets():
    sets = {
        "look.pull": "0.5",
        "connect": "2025-01-01",
        "emr": "network",
        "mode": "mandate",
        "regulation": "draft-2026-08",
        "backload_days": "7",
        "scale": "0.5",
    }
    scenario = load_scenario("tiny-two-hospitals", sets)
    assert scenario.resolved["look.pull"].value == 0.5
    assert scenario.connect.isoformat() == "2025-01-01"
    assert (scenario.backload_days, scenario.scale, scenario.emr) == (7, 0.5, "network")
    assert [row.mode for row in scenario.modes] == ["mandate"]


# --- what only shows when tables are made ---------------------------------------------------------


def test_a_network_without_residents_is_refused(tmp_path):
    network = tmp_path / "empty.yaml"
    network.write_text(
        "name: empty\nfacilities:\n"
        '  - {code: "99801", name: A, tier: district, province: "27", '
        "latitude: 21.1, longitude: 106.0}\n",
        encoding="utf-8",
    )
    scenario = load_scenario("tiny-two-hospitals").model_copy(update={"network": str(network)})
    with pytest.raises(InputError, match="nobody lives in"):
        compile_plan(scenario, central(scenario.resolved), 1, 0)


def test_a_window_longer_than_the_measurement_window_is_refused():
    """v <= w: otherwise a result would be recognised that the study no longer calls a prior."""
    regulations, catalogue = list(load_regulations().values()), load_catalogue()
    assert validity_minutes(regulations, catalogue, 1.0).max() > 0
    with pytest.raises(InputError, match=r"stays valid for .* days, its repeats count for"):
        validity_minutes(regulations, catalogue, 3.0)


def test_limits_leave_room_for_every_shipped_range():
    for name, (least, most) in LIMITS.items():
        parameter = load_parameters()[name]
        assert least <= parameter.low <= parameter.high <= most
    for parameter in load_parameters().values():
        assert problem_of(parameter) is None


def test_the_limit_of_programmes_is_where_all_old_people_are_in_one():
    shares = [
        sum(column)
        for column in zip(*(c["prevalence"] for c in illness()["chronic"].values()), strict=True)
    ]
    assert LIMITS["demand.chronic_scale"][1] * max(shares) < 1.0
    assert (LIMITS["demand.chronic_scale"][1] + 0.1) * max(shares) > 1.0


@pytest.mark.parametrize("name", TINY)
def test_tiny_scenarios_say_why(name):
    text = (LIBRARY / f"{name}.yaml").read_text("utf-8")
    assert load_scenario(name).name == name
    assert "Its numbers say nothing about Viet Nam" in " ".join(text.split())

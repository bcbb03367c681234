"""The regulation sets: what they hold, and how a damaged file is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from coordinator.rules.facts import RecognitionRule
from vietnam.catalogue import load_catalogue
from vietnam.datafiles import InputError, parse_yaml
from vietnam.regulations import (
    REGULATIONS_FILE,
    RULES,
    load_regulation,
    load_regulations,
    parse_regulations,
)

GROUPS = [group.key for group in load_catalogue().groups]
DAY = 1440


def test_the_shipped_sets() -> None:
    assert list(load_regulations()) == ["none", "level-rule-2017", "draft-2025", "draft-2026-08"]
    with pytest.raises(KeyError):
        load_regulation("draft-2030")


@pytest.mark.parametrize("key", load_regulations())
def test_every_set_speaks_about_every_group_and_names_its_sources(key: str) -> None:
    regulation = load_regulation(key)
    assert list(regulation.on_list) == GROUPS
    assert set(regulation.validity_days) == set(regulation.retest_days) == set(GROUPS)
    assert regulation.title_vi
    assert regulation.title_en
    assert regulation.source
    for validity in regulation.validity_days.values():
        assert "ASSUMPTION" in validity.source
    for retest in (*regulation.retest_days.values(), *regulation.retest_other_days.values()):
        assert retest.source
        assert retest.hard is None or retest.hard <= retest.outpatient


def test_the_words_of_the_file_are_the_rules_of_the_rulebook() -> None:
    assert [rule.name for rule in RecognitionRule] == list(RULES)
    assert {r.recognition_rule for r in load_regulations().values()} == set(RULES)


@pytest.mark.parametrize("group", load_catalogue().groups, ids=lambda group: group.key)
def test_no_validity_is_longer_than_the_window_of_a_repeat(group) -> None:
    for regulation in load_regulations().values():
        for inpatient in (False, True):
            longest = regulation.validity_minutes(group.key, inpatient, "high")
            assert 0 < longest <= group.window_days * DAY


@pytest.mark.parametrize(
    ("key", "listed", "left_out"),
    [
        ("none", [], GROUPS),
        ("level-rule-2017", ["cbc", "hba1c"], ["chest_xray", "ct", "ecg", "gastroscopy"]),
        ("draft-2025", ["cbc", "ct", "abdominal_ultrasound"], ["ecg", "gastroscopy"]),
        ("draft-2026-08", ["cbc", "ct"], ["abdominal_ultrasound", "ecg"]),
    ],
)
def test_lists(key: str, listed: list[str], left_out: list[str]) -> None:
    on_list = load_regulation(key).on_list
    assert all(on_list[test] for test in listed)
    assert not any(on_list[test] for test in left_out)


@pytest.mark.parametrize(
    ("test", "inpatient", "days"),
    [
        ("cbc", False, 1),
        ("electrolytes", True, 1),
        ("ast_alt", False, 7),
        ("ast_alt", True, 1),
        ("hba1c", False, 60),
        ("chest_xray", False, 10),
        ("ct", True, 30),
        ("ecg", False, 1),
    ],
)
def test_central_validity(test: str, inpatient: bool, days: float) -> None:
    assert load_regulation("draft-2026-08").validity_minutes(test, inpatient) == days * DAY


def test_validity_has_a_low_and_a_high_end() -> None:
    regulation = load_regulation("level-rule-2017")
    assert regulation.validity_minutes("cbc", True, "low") == DAY // 2
    assert regulation.validity_minutes("cbc", True, "high") == 3 * DAY


@pytest.mark.parametrize(
    ("test", "inpatient", "child", "days"),
    [
        ("hba1c", False, False, 60),
        ("cbc", True, False, 1),
        ("ast_alt", True, False, 2),
        ("glucose", True, False, 0),  # serial: never called a duplicate
        ("hba1c", False, True, 0),  # no interval is stated for children
        ("tsh", False, False, 28),
        ("hs_troponin", False, False, 0),
    ],
)
def test_retest_intervals(test: str, inpatient: bool, child: bool, days: float) -> None:
    assert load_regulation("draft-2025").retest_minutes(test, inpatient, child) == days * DAY


def test_dates_and_special_lists() -> None:
    in_force = {key: r.in_force_from for key, r in load_regulations().items()}
    assert in_force["level-rule-2017"] == dt.date(2017, 8, 1)
    assert in_force["draft-2025"] is None
    regulation = load_regulation("level-rule-2017")
    assert "crossmatch" in regulation.never_reuse
    assert "hs_troponin" in regulation.method_dependent


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ("listed: [cbc,", "listed: [cbd,", "listed.0", "unknown test group 'cbd'"),
        ("rule: DRAFT_2025", "rule: DRAFT_2024", "recognition_rule", "unknown recognition rule"),
        ("status: draft", "status: drafted", "status", "unknown status"),
        ("tests: [ecg]", "tests: [ekg]", "tests.0", "unknown test group 'ekg'"),
        ("tests: [ecg]", "tests: [ecg, ct]", "tests.1", "ct stands in two rows"),
        ("tests: [ct, mri]", "tests: [ct]", "validity", "mri missing"),
        (
            "low: 30, central: 60, high: 60",
            "low: 30, central: 60, high: 90",
            "tests.0",
            "90 d is longer than the window of hba1c",
        ),
        (
            "low: 30, central: 60, high: 60",
            "low: 61, central: 60, high: 60",
            "outpatient",
            "not in order",
        ),
        ("  hba1c: {outpatient: 60", "  hba1c: {outpatient: -60", "retest.hba1c", "negative"),
        ("  hba1c: {outpatient: 60", "  hbA1c: {outpatient: 60", "hbA1c", "unknown test group"),
    ],
)
def test_a_damaged_file_is_refused_with_line_and_key(
    old: str, new: str, key: str, problem: str
) -> None:
    text = Path(REGULATIONS_FILE).read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_regulations(parse_yaml(text.replace(old, new, 1), "regulations.yaml"))
    assert caught.value.key.endswith(key)
    assert problem in caught.value.problem
    assert caught.value.line is not None
    assert caught.value.remedy

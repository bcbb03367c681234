"""Provinces through the merger of 1 July 2025."""

from __future__ import annotations

import datetime as dt

import pytest

from vietnam.units import (
    MERGER,
    predecessors,
    province_at,
    province_timeline,
    provinces_at,
    successor,
)

BEFORE = dt.date(2025, 6, 30)


def test_63_provinces_became_34():
    assert len(provinces_at(BEFORE)) == 63
    assert len(provinces_at(MERGER)) == 34
    assert {successor(code) for code in provinces_at(BEFORE)} == set(provinces_at(MERGER))


CODES = [
    # old code, old name, new code, new name
    ("01", "Hà Nội", "01", "Hà Nội"),
    ("06", "Bắc Kạn", "19", "Thái Nguyên"),
    ("19", "Thái Nguyên", "19", "Thái Nguyên"),
    ("24", "Bắc Giang", "24", "Bắc Ninh"),
    ("27", "Bắc Ninh", "24", "Bắc Ninh"),
    ("74", "Bình Dương", "79", "Hồ Chí Minh"),
    ("77", "Bà Rịa - Vũng Tàu", "79", "Hồ Chí Minh"),
    ("79", "Hồ Chí Minh", "79", "Hồ Chí Minh"),
    ("89", "An Giang", "91", "An Giang"),
    ("91", "Kiên Giang", "91", "An Giang"),
]


@pytest.mark.parametrize(("old", "name", "new", "new_name"), CODES, ids=[c[0] for c in CODES])
def test_codes(old, name, new, new_name):
    assert province_at(old, BEFORE).short_name == name
    assert successor(old) == new
    assert province_at(new, MERGER).short_name == new_name
    line = province_timeline(old)
    assert (line.at(BEFORE), line.at(MERGER)) == (old, new)
    assert old in predecessors(new)


def test_a_code_means_two_provinces():
    assert province_at("24", BEFORE).name == "Tỉnh Bắc Giang"
    assert province_at("24", MERGER).name == "Tỉnh Bắc Ninh"


UNKNOWN = [("27", MERGER), ("03", BEFORE), ("99", MERGER)]


@pytest.mark.parametrize(("code", "day"), UNKNOWN)
def test_codes_that_are_not_in_force(code, day):
    with pytest.raises(KeyError):
        province_at(code, day)


def test_predecessors():
    assert predecessors("79") == ("74", "77", "79")
    assert predecessors("27") == ()

"""What numbers say, and how far they are trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vietnam.identifiers import (
    make_cccd,
    parse_bhxh,
    parse_bhyt,
    parse_bhyt_list,
    parse_cccd,
    parse_cmnd,
    parse_facility_code,
)

CCCD = [
    # text, outcome, reasons, province, sex, birth year
    ("027085012345", "plausible", (), "27", "male", 1985),
    ("074162034567", "plausible", (), "74", "female", 1962),
    ("019204000001", "plausible", (), "19", "male", 2004),
    ("091310999999", "plausible", (), "91", "female", 2010),
    (" 027085012345 ", "plausible", (), "27", "male", 1985),
    ("999085012345", "plausible", (), None, "male", 1985),
    ("900085012345", "plausible", (), None, "male", 1985),
    ("003085012345", "odd", ("unknown_place",), None, "male", 1985),
    ("899085012345", "odd", ("unknown_place",), None, "male", 1985),
    ("027485012345", "odd", ("unknown_century",), "27", "male", 2185),
    ("003985012345", "odd", ("unknown_place", "unknown_century"), None, "female", 2385),
    ("02708501234", "malformed", ("not_12_digits",), None, None, None),
    ("0270850123456", "malformed", ("not_12_digits",), None, None, None),
    ("02708501234O", "malformed", ("not_12_digits",), None, None, None),
    ("０２７０８５０１２３４５", "malformed", ("not_12_digits",), None, None, None),
    ("", "malformed", ("not_12_digits",), None, None, None),
]


@pytest.mark.parametrize("row", CCCD, ids=[repr(row[0]) for row in CCCD])
def test_cccd(row):
    text, outcome, reasons, province, sex, year = row
    cccd = parse_cccd(text)
    assert (cccd.outcome, cccd.reasons) == (outcome, reasons)
    assert (cccd.province, cccd.sex, cccd.birth_year) == (province, sex, year)


AGAINST = [
    # sex, birth year, outcome, reasons (number says male, 1985)
    ("male", 1985, "plausible", ()),
    ("female", 1985, "odd", ("sex_disagrees",)),
    ("male", 1984, "odd", ("birth_year_disagrees",)),
    ("male", 2085, "odd", ("birth_year_disagrees",)),
    ("female", 1984, "odd", ("sex_disagrees", "birth_year_disagrees")),
    (None, None, "plausible", ()),
]


@pytest.mark.parametrize(("sex", "year", "outcome", "reasons"), AGAINST)
def test_cccd_against_what_is_known_of_the_person(sex, year, outcome, reasons):
    cccd = parse_cccd("027085012345", sex=sex, birth_year=year)
    assert (cccd.outcome, cccd.reasons) == (outcome, reasons)


@given(
    place=st.integers(900, 999),
    sex=st.sampled_from(["male", "female"]),
    year=st.integers(1900, 2099),
    serial=st.integers(0, 999_999),
)
def test_made_numbers_read_back(place, sex, year, serial):
    cccd = parse_cccd(make_cccd(place, sex, year, serial), sex=sex, birth_year=year)
    assert (cccd.outcome, cccd.sex, cccd.birth_year) == ("plausible", sex, year)
    assert cccd.generated


@pytest.mark.parametrize(
    "parts", [(1000, 1990, 0), (-1, 1990, 0), (900, 1899, 0), (900, 2100, 0), (900, 1990, 10**6)]
)
def test_parts_that_no_number_has(parts):
    with pytest.raises(ValueError, match="no CCCD"):
        make_cccd(parts[0], "male", *parts[1:])


@given(st.text(max_size=20))
def test_no_text_breaks_a_parser(text):
    assert parse_cccd(text).outcome in ("malformed", "odd", "plausible")
    assert parse_bhyt(text).format in ("malformed", "bhxh10", "cccd12", "card15")
    assert parse_facility_code(text).outcome in ("malformed", "odd", "plausible")


BHYT = [
    # text, format, social insurance number, object, level, province
    ("HT4790123456789", "card15", "0123456789", "HT", 4, "79"),
    ("ht4790123456789", "card15", "0123456789", "HT", 4, "79"),
    ("0791234567", "bhxh10", "0791234567", None, None, None),
    ("027085012345", "cccd12", None, None, None, None),
    ("H14790123456789", "malformed", None, None, None, None),
    ("HT479012345678", "malformed", None, None, None, None),
    ("079123456", "malformed", None, None, None, None),
    ("", "malformed", None, None, None, None),
]


@pytest.mark.parametrize("row", BHYT, ids=[repr(row[0]) for row in BHYT])
def test_bhyt(row):
    card = parse_bhyt(row[0])
    assert (card.format, card.bhxh, card.object_code, card.benefit_level, card.province) == row[1:]


def test_a_card_that_is_a_cccd_carries_it():
    assert parse_bhyt("027085012345").cccd == parse_cccd("027085012345")


def test_several_cards():
    cards = parse_bhyt_list("HT4790123456789;0791234567; ;x")
    assert [card.format for card in cards] == ["card15", "bhxh10", "malformed"]


OTHERS = [
    # parser, text, outcome
    (parse_bhxh, "0791234567", "plausible"),
    (parse_bhxh, "079123456", "malformed"),
    (parse_cmnd, "012345678", "plausible"),
    (parse_cmnd, "0123456789", "malformed"),
    (parse_cmnd, "01234567a", "malformed"),
]


@pytest.mark.parametrize(("parser", "text", "outcome"), OTHERS)
def test_numbers_known_by_their_form(parser, text, outcome):
    assert parser(text).outcome == outcome


FACILITIES = [
    # text, outcome, province, generated
    ("79024", "plausible", "79", False),
    ("27001", "plausible", "27", False),
    ("01C51", "plausible", "01", False),
    ("99001", "plausible", None, True),
    ("03001", "odd", None, False),
    ("7902", "malformed", None, False),
    ("7902a", "malformed", None, False),
    ("A9024", "malformed", None, False),
]


@pytest.mark.parametrize(("text", "outcome", "province", "generated"), FACILITIES)
def test_facility_codes(text, outcome, province, generated):
    code = parse_facility_code(text)
    assert (code.outcome, code.province, code.generated) == (outcome, province, generated)

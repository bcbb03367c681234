"""Names: parts, keys that meet, and the generator as a pure function."""

from __future__ import annotations

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vietnam.name_tables import FAMILY
from vietnam.people_names import PersonName, fold, make_name, name_key, parse_name

PARTS = [
    # text, family, middle, given
    ("Nguyễn Thị Ánh", "Nguyễn", "Thị", "Ánh"),
    ("Nguyễn Văn An", "Nguyễn", "Văn", "An"),
    ("Lê Minh", "Lê", "", "Minh"),
    ("Y Moan", "Y", "", "Moan"),
    ("Hoa", "", "", "Hoa"),
    ("Tôn Thất Tùng", "Tôn Thất", "", "Tùng"),
    ("Tôn Nữ Thị Ninh", "Tôn Nữ", "Thị", "Ninh"),
    ("  Trần   Ngọc  Bảo Châu ", "Trần", "Ngọc Bảo", "Châu"),
]


@pytest.mark.parametrize(("text", "family", "middle", "given"), PARTS)
def test_parts(text, family, middle, given):
    name = parse_name(text)
    assert name == PersonName(family, middle, given)
    assert name.full == " ".join(text.split())


def test_no_name():
    with pytest.raises(ValueError, match="no name"):
        parse_name("  ")


KEYS = [
    # spellings that meet, key
    (("Nguyễn Thị Ánh", "NGUYỄN THỊ ÁNH", "nguyen thi anh", "Nguyễn  Thị Ánh"), "nguyen thi anh"),
    (("Đặng Đình Đức", "đặng đình đức", "Dang Dinh Duc", "ĐẶNG ĐÌNH ĐỨC"), "dang dinh duc"),
    (("Hòa", "Hoà", "hoa"), "hoa"),
    (("Nguyễn-Văn.An", "Nguyễn Văn An"), "nguyen van an"),
    (("Ưng Ơn", "ung on"), "ung on"),
]


@pytest.mark.parametrize(("spellings", "key"), KEYS)
def test_spellings_meet_in_any_unicode_form(spellings, key):
    for spelling in spellings:
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert name_key(unicodedata.normalize(form, spelling)) == key


def test_names_that_do_not_meet():
    assert name_key("Nguyễn Văn An") != name_key("Nguyễn An Văn")


@given(st.text(max_size=40))
def test_keys_are_stable(text):
    assert name_key(name_key(text)) == name_key(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


unit = st.floats(0, 1, exclude_max=True)


@given(st.sampled_from(["male", "female"]), st.integers(1910, 2026), unit, unit, unit)
def test_made_names_are_names(sex, year, u1, u2, u3):
    name = make_name(sex, year, u1, u2, u3)
    assert name == make_name(sex, year, u1, u2, u3)
    assert parse_name(name.full) == name
    assert name.family in dict(FAMILY)


def grid(sex: str, year: int, steps: int = 60) -> Counter[str]:
    """Middle names over an even grid of uniforms."""
    return Counter(make_name(sex, year, 0.5, (i + 0.5) / steps, 0.5).middle for i in range(steps))


def test_the_share_of_thi_falls_with_the_decade():
    shares = [grid("female", year)["Thị"] / 60 for year in (1955, 1975, 1995, 2015)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == pytest.approx(0.75, abs=0.02)
    assert shares[-1] < 0.1


def test_nguyen_is_the_commonest_family():
    families = Counter(make_name("male", 1980, (i + 0.5) / 1000, 0, 0).family for i in range(1000))
    assert families.most_common(1)[0][0] == "Nguyễn"
    assert families["Nguyễn"] / 1000 == pytest.approx(0.36, abs=0.04)


def test_the_edges_of_the_unit_interval():
    for u in (0.0, 1 - 2**-53):
        assert make_name("female", 2000, u, u, u).full

"""The catalogue of test groups: the table of the model, codes with right check digits, prices."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from vietnam.catalogue import CATALOGUE_FILE, load_catalogue, parse_catalogue
from vietnam.datafiles import InputError, parse_yaml, read_text

DAY = dt.date(2025, 3, 1)

MODEL = [
    # key, class, modality, window, lines
    ("cbc", "labile", "laboratory", 14, 1),
    ("glucose", "labile", "laboratory", 14, 1),
    ("creatinine_urea", "labile", "laboratory", 14, 2),
    ("electrolytes", "labile", "laboratory", 14, 1),
    ("ast_alt", "labile", "laboratory", 14, 2),
    ("crp", "labile", "laboratory", 14, 1),
    ("urinalysis", "labile", "laboratory", 14, 1),
    ("coagulation", "labile", "laboratory", 14, 3),
    ("lipids", "stable", "laboratory", 30, 4),
    ("hba1c", "stable", "laboratory", 60, 1),
    ("chest_xray", "imaging_function", "xray", 30, 1),
    ("abdominal_ultrasound", "imaging_function", "ultrasound", 30, 1),
    ("ct", "imaging_function", "ct", 30, 1),
    ("mri", "imaging_function", "mri", 90, 1),
    ("ecg", "imaging_function", "ecg", 14, 1),
    ("gastroscopy", "imaging_function", "endoscopy", 30, 1),
]


def test_groups_are_those_of_the_model():
    got = [
        (g.key, g.result_class, g.modality, g.window_days, g.service_lines)
        for g in load_catalogue().groups
    ]
    assert got == MODEL
    assert [g.index for g in load_catalogue().groups] == list(range(16))


def test_only_ct_and_mri_are_ordered_by_region():
    regions = {g.key: g.regions for g in load_catalogue().groups if g.regions}
    assert regions == dict.fromkeys(("ct", "mri"), ("head", "chest", "abdomen", "spine"))


def loinc_check_digit(number: str) -> int:
    """Modulus 10 check digit of the LOINC users' guide: every second digit is doubled."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return -total % 10


CODES = sorted(
    {
        code
        for group in load_catalogue().groups
        for code in (
            group.loinc,
            *(member.loinc for member in group.members),
            *(region.loinc for region in group.body_regions),
        )
        if code is not None
    }
)


@pytest.mark.parametrize("code", CODES)
def test_loinc_check_digits(code):
    number, digit = code.split("-")
    assert int(digit) == loinc_check_digit(number)


def test_the_check_digit_finds_a_typing_error():
    assert loinc_check_digit("4548") == 4
    assert loinc_check_digit("4458") != 4


def test_shared_codes_have_their_form_and_are_used_once():
    codes = [code for group in load_catalogue().groups for code in group.ma_dich_vu]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"\d\d\.\d{4}\.\d{4}", code) for code in codes)
    for group in load_catalogue().groups:
        assert len(group.ma_dich_vu) in (0, group.service_lines)


def test_members():
    keys = [m.key for g in load_catalogue().groups for m in g.members]
    assert len(set(keys)) == len(keys)
    for group in load_catalogue().groups:
        assert bool(group.members) == (group.modality == "laboratory")
        assert all(member.loinc and member.unit for member in group.members)


PRICES = [
    # key, class, VND of one billed line
    ("cbc", "special", 49_700),
    ("cbc", "IV", 49_700),
    ("cbc", "private", 124_250),
    ("hba1c", "I", 105_300),
    ("lipids", "II", 28_000),
    ("ct", "I", 550_100),
    ("mri", "I", 1_341_500),
]


@pytest.mark.parametrize(("key", "facility_class", "vnd"), PRICES)
def test_prices(key, facility_class, vnd):
    assert load_catalogue().price(key, facility_class, DAY) == vnd


def test_every_price_and_dose_has_a_source_and_a_range():
    for group in load_catalogue().groups:
        assert group.price_source
        assert group.price_range[0] < 1 < group.price_range[1]
        assert group.dose_source
        assert group.dose_range[0] <= group.dose_msv <= group.dose_range[1]


DOSES = [
    # key, region, mSv
    ("chest_xray", None, 0.02),
    ("ct", "head", 2.0),
    ("ct", "abdomen", 7.7),
    ("mri", "head", 0.0),
    ("abdominal_ultrasound", None, 0.0),
]


@pytest.mark.parametrize(("key", "region", "msv"), DOSES)
def test_doses(key, region, msv):
    assert load_catalogue().by_key[key].dose(region) == msv


def test_codes_by_region():
    ct = load_catalogue().by_key["ct"]
    assert (ct.code(), ct.code("head"), ct.code("spine")) == (None, "24725-4", None)
    with pytest.raises(KeyError, match="no region 'foot'"):
        ct.code("foot")


DAMAGE = [
    # what, replace, by, key
    ("unknown group", "  cbc:", "  cbd:", "groups.cbd"),
    ("order", "  cbc:", "  glucose_:", "groups.glucose_"),
    ("unknown source", "source: HIS", "source: HIZ", "groups.cbc.price.source"),
    ("unknown modality", "modality: xray", "modality: x-ray", "groups.chest_xray.modality"),
]


@pytest.mark.parametrize(("old", "new", "key"), [d[1:] for d in DAMAGE], ids=[d[0] for d in DAMAGE])
def test_a_damaged_catalogue_is_refused(old, new, key):
    text = read_text(CATALOGUE_FILE)
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_catalogue(parse_yaml(text.replace(old, new, 1), "catalogue.yaml"))
    assert caught.value.key == key
    assert caught.value.line is not None

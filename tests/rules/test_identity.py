"""From two registrations to facts: numbers in any field, names, birth dates; and the weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.rules.decision import Verdict
from coordinator.rules.facts import (
    Agreement,
    Assurance,
    BirthAgreement,
    CccdAgreement,
    IdentityFacts,
    Manual,
    Registration,
    ScoreBand,
    Sex,
    SexAgreement,
)
from coordinator.rules.identity import identity_facts, judge_identity
from coordinator.rules.weights import DEFAULT_WEIGHTS

MISSING, DISAGREE, CLOSE, AGREE = Agreement
AN = Registration(
    key="99001/1",
    name="Nguyễn Văn An",
    birth_year=1985,
    birth_month=3,
    birth_day=17,
    sex=Sex.MALE,
    cccd="027085012345",
    bhxh="0123456789",
)


def facts(**other: object) -> IdentityFacts:
    """AN beside AN registered elsewhere, with some entries different."""
    return identity_facts(AN, replace(AN, **{"key": "99002/7", **other}))


@pytest.mark.parametrize(
    ("name", "agreement"),
    [
        ("Nguyễn Văn An", AGREE),
        ("NGUYỄN  văn an ", AGREE),
        ("Nguye\u0302\u0303n Va\u0306n An", AGREE),  # decomposed letters
        ("Nguyen Van An", CLOSE),
        ("An Nguyễn Văn", CLOSE),  # given name first
        ("Nguyễn An", CLOSE),  # middle name left out
        ("Nguyễn V. An", CLOSE),
        ("Nguyễn Văn Anh", DISAGREE),  # brothers are named one letter apart
        ("Nguyễn Thị An", DISAGREE),
        ("Trần Văn An", DISAGREE),
        ("An", DISAGREE),
        ("", MISSING),
        ("  ", MISSING),
        (None, MISSING),
    ],
)
def test_names(name: str | None, agreement: Agreement) -> None:
    assert facts(name=name).name is agreement


def test_d_with_stroke_folds_to_d() -> None:
    left, right = Registration(name="Đặng Thị Đào"), Registration(name="Dang Thi Dao")
    assert identity_facts(left, right).name is CLOSE


@pytest.mark.parametrize(
    ("year", "month", "day", "agreement"),
    [
        (1985, 3, 17, BirthAgreement.FULL),
        (1985, None, None, BirthAgreement.YEAR),
        (1985, 3, None, BirthAgreement.YEAR),
        (1985, 1, 1, BirthAgreement.YEAR),  # stands for "only the year is known"
        (1985, 3, 18, BirthAgreement.CLOSE),
        (1985, 4, 17, BirthAgreement.CLOSE),
        (1986, 3, 17, BirthAgreement.CLOSE),
        (1985, 5, 18, BirthAgreement.DISAGREE),
        (1986, 3, 18, BirthAgreement.DISAGREE),
        (1986, None, None, BirthAgreement.DISAGREE),
        (1986, 1, 1, BirthAgreement.DISAGREE),
        (None, 3, 17, BirthAgreement.MISSING),
    ],
)
def test_birth_dates(
    year: int | None, month: int | None, day: int | None, agreement: BirthAgreement
) -> None:
    assert facts(birth_year=year, birth_month=month, birth_day=day).birth is agreement


def test_day_and_month_swapped_are_close() -> None:
    left = Registration(birth_year=1985, birth_month=3, birth_day=4)
    right = Registration(birth_year=1985, birth_month=4, birth_day=3)
    assert identity_facts(left, right).birth is BirthAgreement.CLOSE


@pytest.mark.parametrize(
    ("cccd", "agreement"),
    [
        ("027085012345", AGREE),
        (" 027085012345 ", AGREE),
        ("027085012346", CLOSE),  # one digit
        ("027085012354", CLOSE),  # neighbours swapped
        ("027085012543", DISAGREE),  # digits swapped over a distance
        ("027085012367", DISAGREE),
        ("02708501234", MISSING),  # malformed: refused
        (None, MISSING),
    ],
)
def test_personal_id_numbers(cccd: str | None, agreement: Agreement) -> None:
    assert facts(cccd=cccd).cccd.name == agreement.name


@pytest.mark.parametrize(
    ("fields", "cccd", "bhxh"),
    [
        ({"bhxh": None, "bhyt_cards": ("HT4790123456789",)}, AGREE, AGREE),
        ({"bhxh": None, "bhyt_cards": ("0123456789",)}, AGREE, AGREE),
        ({"cccd": None, "bhyt_cards": ("027085012345",)}, AGREE, AGREE),
        ({"cccd": None, "cmnd": "027085012345"}, AGREE, AGREE),
        ({"cccd": None, "bhxh": None, "bhyt_cards": ("XX",)}, MISSING, MISSING),
        ({"bhxh": "0123456788"}, AGREE, CLOSE),
        ({"bhxh": "9999999999", "bhyt_cards": ("GD4270123456789",)}, AGREE, AGREE),
        ({"bhxh": "12345"}, AGREE, MISSING),
    ],
)
def test_numbers_are_found_in_whatever_field_they_were_typed(
    fields: dict[str, object], cccd: Agreement, bhxh: Agreement
) -> None:
    banded = facts(**fields)
    assert (banded.cccd.name, banded.bhxh) == (cccd.name, bhxh)


def test_old_identity_cards() -> None:
    left = Registration(cmnd="123456789")
    for number, agreement in {"123456789": AGREE, "123456780": CLOSE, "": MISSING}.items():
        assert identity_facts(left, Registration(cmnd=number)).cmnd is agreement


@pytest.mark.parametrize(
    ("fields", "agreement"),
    [
        ({}, CccdAgreement.AGREE),
        ({"birth_year": 1958}, CccdAgreement.ODD),  # the number says 1985
        ({"sex": Sex.FEMALE}, CccdAgreement.ODD),  # the number says male
        ({"sex": None, "birth_year": None}, CccdAgreement.AGREE),
        ({"cccd": "099999000000"}, CccdAgreement.DISAGREE),
    ],
)
def test_a_shared_number_is_odd_if_it_contradicts_either_registration(
    fields: dict[str, object], agreement: CccdAgreement
) -> None:
    assert facts(**fields).cccd is agreement


def test_sex_and_proofing() -> None:
    assert facts(sex=Sex.FEMALE).sex is SexAgreement.DISAGREE
    assert facts(sex=None).sex is SexAgreement.MISSING
    proofed = replace(AN, assurance=Assurance.SUBSTANTIAL)
    assert identity_facts(proofed, replace(proofed, assurance=Assurance.HIGH)).proofed
    assert not identity_facts(proofed, replace(proofed, assurance=Assurance.LOW)).proofed


@pytest.mark.parametrize(
    ("fields", "manual"),
    [
        ({}, Manual.NONE),
        ({"same_as": frozenset({AN.key})}, Manual.SAME),
        ({"same_as": frozenset({AN.key}), "not_same_as": frozenset({AN.key})}, Manual.NOT_SAME),
        ({"not_same_as": frozenset({"99009/3"})}, Manual.NONE),
    ],
)
def test_manual_statements(fields: dict[str, object], manual: Manual) -> None:
    assert facts(**fields).manual is manual


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, Verdict.MATCH_CCCD),
        ({"cccd": "027085012346", "bhxh": None}, Verdict.MATCH_SCORE),
        ({"cccd": None, "bhyt_cards": ("HT4790123456789",)}, Verdict.MATCH_BHXH),
        ({"cccd": None, "bhxh": None}, Verdict.REVIEW_NAME_AND_BIRTH_ONLY),
        ({"birth_year": 1958, "bhxh": None}, Verdict.REVIEW_CCCD_ODD),
        (
            {"birth_year": 1958, "birth_day": 18, "sex": Sex.FEMALE},
            Verdict.REVIEW_CCCD_CONTRADICTED,
        ),
        ({"cccd": "089085999999", "bhxh": None}, Verdict.REVIEW_CCCD_DIFFERS),
    ],
)
def test_the_same_man_at_another_desk(fields: dict[str, object], code: Verdict) -> None:
    assert judge_identity(facts(**fields)).code is code


# ---- properties ---------------------------------------------------------------------------------
NUMBERS = st.sampled_from(["027085012345", "027085012354", "089190000001", "12345", "", None])
REGISTRATIONS = st.builds(
    Registration,
    key=st.sampled_from(["99001/1", "99001/2", "99002/1"]),
    name=st.sampled_from(["Nguyễn Văn An", "Nguyen Van An", "Nguyễn V An", "Trần Bình", "", None]),
    birth_year=st.none() | st.integers(1984, 1986),
    birth_month=st.none() | st.integers(1, 3),
    birth_day=st.none() | st.integers(1, 3),
    sex=st.none() | st.sampled_from(Sex),
    cccd=NUMBERS,
    cmnd=st.sampled_from([None, "123456789", "123456798", "027085012345"]),
    bhyt_cards=st.lists(
        st.sampled_from(["HT4790123456789", "0123456789", "027085012345", "?"]), max_size=2
    ).map(tuple),
    bhxh=st.sampled_from([None, "0123456789", "0123456798"]),
    assurance=st.sampled_from(Assurance),
    same_as=st.frozensets(st.sampled_from(["99001/1", "99001/2"]), max_size=1),
    not_same_as=st.frozensets(st.sampled_from(["99001/1", "99001/2"]), max_size=1),
)


@given(REGISTRATIONS, REGISTRATIONS)
def test_who_comes_first_does_not_matter(a: Registration, b: Registration) -> None:
    assert identity_facts(a, b) == identity_facts(b, a)


@given(REGISTRATIONS)
def test_a_registration_never_disagrees_with_itself(a: Registration) -> None:
    own = identity_facts(a, a)
    assert DISAGREE not in (own.bhxh, own.cmnd, own.name)
    assert own.cccd is not CccdAgreement.DISAGREE
    assert own.sex is not SexAgreement.DISAGREE
    assert own.birth is not BirthAgreement.DISAGREE


@given(REGISTRATIONS, REGISTRATIONS)
def test_only_a_number_or_a_steward_links(a: Registration, b: Registration) -> None:
    banded = identity_facts(a, b)
    if judge_identity(banded).permits:
        numbers = {n.name for n in (banded.cccd, banded.bhxh, banded.cmnd)}
        assert banded.manual is Manual.SAME or numbers & {"CLOSE", "AGREE"}


# ---- weights ------------------------------------------------------------------------------------
@pytest.mark.parametrize("field", DEFAULT_WEIGHTS.fields)
def test_chances_of_a_field_add_up_to_one(field: str) -> None:
    weight = DEFAULT_WEIGHTS.fields[field]
    assert sum(weight.m.values()) == pytest.approx(1)
    assert sum(weight.u.values()) == pytest.approx(1)
    assert "ASSUMPTION" in weight.source
    assert weight.m.keys() == weight.u.keys()


@pytest.mark.parametrize("field", DEFAULT_WEIGHTS.fields)
def test_agreement_weighs_more_than_closeness_and_closeness_more_than_disagreement(
    field: str,
) -> None:
    weight = DEFAULT_WEIGHTS.fields[field]
    bits = [weight.bits(level) for level in sorted(weight.m) if level.name not in ("YEAR", "ODD")]
    assert bits == sorted(bits)
    assert weight.bits(MISSING) == 0


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (DEFAULT_WEIGHTS.match_at, ScoreBand.MATCH),
        (DEFAULT_WEIGHTS.match_at - 0.01, ScoreBand.REVIEW),
        (DEFAULT_WEIGHTS.review_at, ScoreBand.REVIEW),
        (DEFAULT_WEIGHTS.review_at - 0.01, ScoreBand.NO),
    ],
)
def test_thresholds_belong_to_the_band_above(score: float, band: ScoreBand) -> None:
    assert DEFAULT_WEIGHTS.band(score) is band


def test_other_weights_decide_otherwise() -> None:
    typo = IdentityFacts(
        cccd=CccdAgreement.CLOSE, name=AGREE, birth=BirthAgreement.FULL, sex=SexAgreement.AGREE
    )
    assert judge_identity(typo).code is Verdict.MATCH_SCORE
    strict = replace(DEFAULT_WEIGHTS, match_at=60.0)
    assert judge_identity(typo, strict).code is Verdict.REVIEW_SCORE

"""Units: what converts into what, with values a laboratory would recognise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.rules.facts import UnitComparison
from coordinator.rules.units import MOLAR_MASS, UNITS, compare_units, conversion, convert
from vietnam.catalogue import load_catalogue

SAME, CONVERTIBLE, NOT = (
    UnitComparison.SAME,
    UnitComparison.CONVERTIBLE,
    UnitComparison.NOT_COMPARABLE,
)


@pytest.mark.parametrize(
    ("analyte", "source", "target", "comparison"),
    [
        ("glucose", "mmol/L", "mmol/L", SAME),
        ("glucose", "mmol/l", "mmol/L", SAME),  # another spelling
        ("glucose", "mg/dL", "mmol/L", CONVERTIBLE),
        ("creatinine", "µmol/L", "umol/L", SAME),
        ("creatinine", "mg/dL", "umol/L", CONVERTIBLE),
        ("crp", "mg/dL", "mg/L", CONVERTIBLE),
        ("crp", "mg/L", "mmol/L", NOT),  # no molar mass in use
        ("leukocytes", "G/L", "10*9/L", SAME),  # as printed in Viet Nam
        ("leukocytes", "/uL", "10*9/L", CONVERTIBLE),
        ("alt", "U/L", "ukat/L", CONVERTIBLE),
        ("hba1c", "%", "mmol/mol", CONVERTIBLE),
        ("hba1c", "%", "mmol/L", NOT),
        ("haematocrit", "%", "L/L", CONVERTIBLE),
        ("sodium", "mmol/L", "mg/dL", NOT),  # mass units are not in use
        ("glucose", "mmol/L", "U/L", NOT),
        ("glucose", "mg/dL", "U/L", NOT),
        ("urine_protein", "{presence}", "{presence}", SAME),
        ("urine_protein", "{presence}", "g/L", NOT),
        ("urine_protein", "g/L", "+", NOT),
    ],
)
def test_comparison(analyte: str, source: str, target: str, comparison: UnitComparison) -> None:
    assert compare_units(analyte, source, target) is comparison


@pytest.mark.parametrize(
    ("analyte", "value", "source", "target", "expected"),
    [
        ("glucose", 126, "mg/dL", "mmol/L", 6.99),  # the diabetes threshold, 7.0 mmol/L
        ("glucose", 7.0, "mmol/L", "mg/dL", 126.1),
        ("creatinine", 1.0, "mg/dL", "umol/L", 88.4),
        ("cholesterol", 200, "mg/dL", "mmol/L", 5.17),
        ("triglycerides", 150, "mg/dL", "mmol/L", 1.694),
        ("urea", 60, "mg/dL", "mmol/L", 9.99),
        ("urea_nitrogen", 28, "mg/dL", "mmol/L", 10.0),
        ("uric_acid", 7.0, "mg/dL", "umol/L", 416.4),
        ("bilirubin", 1.0, "mg/dL", "umol/L", 17.1),
        ("calcium", 10, "mg/dL", "mmol/L", 2.495),
        ("hba1c", 6.5, "%", "mmol/mol", 47.5),  # 48 in clinical tables
        ("hba1c", 53, "mmol/mol", "%", 7.0),
        ("alt", 60, "U/L", "ukat/L", 1.0),
        ("haemoglobin", 13.5, "g/dL", "g/L", 135),
        ("leukocytes", 7500, "/uL", "10*9/L", 7.5),
        ("sodium", 140, "mmol/L", "mmol/l", 140),
    ],
)
def test_values(analyte: str, value: float, source: str, target: str, expected: float) -> None:
    assert convert(analyte, value, source, target) == pytest.approx(expected, rel=2e-3)


def test_what_cannot_be_converted_is_refused() -> None:
    with pytest.raises(ValueError, match="sodium: mmol/L cannot be converted into mg/dL"):
        convert("sodium", 140, "mmol/L", "mg/dL")


def test_every_unit_of_the_catalogue_compares_with_itself() -> None:
    members = [member for group in load_catalogue().groups for member in group.members]
    assert members
    for member in members:
        assert compare_units(member.key, member.unit, member.unit) is SAME


@given(
    st.sampled_from(["hba1c", "crp", *MOLAR_MASS]),
    st.sampled_from([*UNITS, "mmol/mol"]),
    st.sampled_from([*UNITS, "mmol/mol"]),
)
def test_there_and_back_is_where_it_began(analyte: str, source: str, target: str) -> None:
    there, back = conversion(analyte, source, target), conversion(analyte, target, source)
    assert (there is None) == (back is None)
    if there and back:
        assert there.slope * back.slope == 1
        assert back.slope * there.offset + back.offset == 0

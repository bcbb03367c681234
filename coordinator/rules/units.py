"""Units: the same, convertible or not comparable, in UCUM (https://ucum.org).

Deliberately small: the units that Vietnamese laboratories print for the tests in the catalogue.
A unit that is not listed is comparable only with itself. Molar masses: sums of the standard
atomic weights (IUPAC); triglycerides as triolein, as laboratories do.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final, NamedTuple

from coordinator.rules.facts import UnitComparison


class Scale(NamedTuple):
    """A unit as a dimension and the factor to that dimension's first unit."""

    dimension: str
    factor: Fraction


class Line(NamedTuple):
    """value in the target unit = slope * value + offset."""

    slope: Fraction
    offset: Fraction = Fraction(0)


UNITS: Final[Mapping[str, Scale]] = MappingProxyType(
    {
        # mass concentration, first unit g/L
        **{
            unit: Scale("mass", Fraction(10) ** power)
            for unit, power in {
                "g/L": 0,
                "g/dL": 1,
                "mg/mL": 0,
                "mg/dL": -2,
                "mg/L": -3,
                "ug/mL": -3,
                "ug/dL": -5,
                "ug/L": -6,
                "ng/mL": -6,
                "ng/L": -9,
                "pg/mL": -9,
            }.items()
        },
        # substance concentration, first unit mol/L
        **{
            unit: Scale("substance", Fraction(10) ** power)
            for unit, power in {"mol/L": 0, "mmol/L": -3, "umol/L": -6, "nmol/L": -9}.items()
        },
        # catalytic concentration, first unit katal per litre
        "U/L": Scale("catalytic", Fraction(1, 60_000_000)),
        "[IU]/L": Scale("catalytic", Fraction(1, 60_000_000)),
        "ukat/L": Scale("catalytic", Fraction(1, 1_000_000)),
        "nkat/L": Scale("catalytic", Fraction(1, 1_000_000_000)),
        # number concentration, first unit 1/L
        **{
            unit: Scale("number", Fraction(10) ** power)
            for unit, power in {
                "10*12/L": 12,
                "10*9/L": 9,
                "10*6/uL": 12,
                "10*3/uL": 9,
                "/uL": 6,
            }.items()
        },
        # fractions, seconds
        "1": Scale("fraction", Fraction(1)),
        "L/L": Scale("fraction", Fraction(1)),
        "%": Scale("fraction", Fraction(1, 100)),
        "s": Scale("time", Fraction(1)),
    }
)

SPELLINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # how hospital software in Viet Nam prints them
        "G/L": "10*9/L",
        "T/L": "10*12/L",
        "10^9/L": "10*9/L",
        "10^12/L": "10*12/L",
        "10^3/uL": "10*3/uL",
        "10^6/uL": "10*6/uL",
        "K/uL": "10*3/uL",
        "M/uL": "10*6/uL",
        "U/l": "U/L",
        "IU/L": "[IU]/L",
        "mmol/l": "mmol/L",
        "umol/l": "umol/L",
        "µmol/L": "umol/L",
        "µmol/l": "umol/L",
        "μmol/L": "umol/L",
        "μmol/l": "umol/L",
        "mg/dl": "mg/dL",
        "mg/l": "mg/L",
        "g/l": "g/L",
        "g/dl": "g/dL",
        "l/l": "L/L",
        "sec": "s",
        "giây": "s",
    }
)

MOLAR_MASS: Final[Mapping[str, Fraction]] = MappingProxyType(
    {
        "glucose": Fraction("180.156"),
        "creatinine": Fraction("113.12"),
        "urea": Fraction("60.056"),
        "urea_nitrogen": Fraction("28.014"),
        "uric_acid": Fraction("168.11"),
        "bilirubin": Fraction("584.67"),
        "cholesterol": Fraction("386.66"),
        "hdl": Fraction("386.66"),
        "ldl": Fraction("386.66"),
        "triglycerides": Fraction("885.45"),
        "calcium": Fraction("40.078"),
        "magnesium": Fraction("24.305"),
        "phosphate": Fraction("30.974"),  # as phosphorus
        "iron": Fraction("55.845"),
    }
)
"""Grams per mole. Electrolytes are left out: their mass units are not in use."""

_HBA1C: Final[Mapping[tuple[str, str], Line]] = MappingProxyType(
    {
        ("mmol/mol", "%"): Line(Fraction("0.09148"), Fraction("2.152")),
        ("%", "mmol/mol"): Line(1 / Fraction("0.09148"), -Fraction("2.152") / Fraction("0.09148")),
    }
)
"""The NGSP/IFCC master equation (ngsp.org/ifcc.asp): NGSP % = 0.09148 x IFCC mmol/mol + 2.152."""


def conversion(analyte: str, source: str, target: str) -> Line | None:
    """How to turn a value of `analyte` from one unit into another; None if it cannot be done."""
    source, target = SPELLINGS.get(source, source), SPELLINGS.get(target, target)
    if source == target:
        return Line(Fraction(1))
    if analyte == "hba1c" and (source, target) in _HBA1C:
        return _HBA1C[source, target]
    if source not in UNITS or target not in UNITS:
        return None
    return _by_dimension(UNITS[source], UNITS[target], MOLAR_MASS.get(analyte))


def _by_dimension(here: Scale, there: Scale, molar_mass: Fraction | None) -> Line | None:
    ratio = here.factor / there.factor
    if here.dimension == there.dimension:
        return Line(ratio)
    if molar_mass and (here.dimension, there.dimension) == ("mass", "substance"):
        return Line(ratio / molar_mass)
    if molar_mass and (here.dimension, there.dimension) == ("substance", "mass"):
        return Line(ratio * molar_mass)
    return None


def compare_units(analyte: str, source: str, target: str) -> UnitComparison:
    """Bands two units of one analyte: SAME, CONVERTIBLE or NOT_COMPARABLE."""
    if SPELLINGS.get(source, source) == SPELLINGS.get(target, target):
        return UnitComparison.SAME
    if conversion(analyte, source, target) is None:
        return UnitComparison.NOT_COMPARABLE
    return UnitComparison.CONVERTIBLE


def convert(analyte: str, value: float, source: str, target: str) -> float:
    """The value in the target unit. ValueError if the units are not comparable."""
    line = conversion(analyte, source, target)
    if line is None:
        raise ValueError(f"{analyte}: {source} cannot be converted into {target}")
    return float(line.slope * Fraction(value) + line.offset)

"""https://hl7.org/fhir/R4/search.html#quantity with units: what measures the same compares."""

from decimal import Decimal

import pytest

from fhir_server.search.params.units import UCUM, scale

pytestmark = pytest.mark.spec("search.html#quantity")


def observation(id_, value, code=None, system=UCUM, **members):
    coded = {"system": system, "code": code} if code else {}
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {},
        "valueQuantity": {"value": value, **coded, **members},
    }


RESOURCES = [
    observation("g", 5.4, "g/L", unit="g/L"),
    observation("mg", 540, "mg/dL", unit="mg/100mL"),
    observation("mmol", 5.4, "mmol/L"),
    observation("fever", 38.5, "Cel"),
    observation("fahrenheit", 98.6, "[degF]"),
    observation("rate", 72, "{beats}/min"),
    observation("iu", 5, "[iU]/L"),
    observation("kiu", 0.005, "k[iU]/L"),
    observation("perlitre", 5, "/L"),
    observation("ph", 7.4, "[pH]"),
    observation("score", 15, "{score}"),
    observation("strange", 5.4, "bottles"),
    observation("local", 5.4, "g/L", system="http://local.example/units"),
    observation("below", 10, "mg/dL", comparator="<"),
    observation("above", 30, "g/L", comparator=">="),
]

ROWS = [
    (f"5.4|{UCUM}|g/L", "g mg"),
    (f"540|{UCUM}|mg/dL", "g mg"),
    (f"0.54|{UCUM}|g/dL", "g mg"),
    # as precise as it is written, in the unit that it is written in
    (f"5|{UCUM}|g/L", "g mg"),
    (f"5.40|{UCUM}|g/L", "g mg"),
    (f"5.5|{UCUM}|g/L", ""),
    (f"541|{UCUM}|mg/dL", ""),
    # prefixes: exactly what is written
    (f"gt539.9|{UCUM}|mg/dL", "g mg above"),
    (f"gt540|{UCUM}|mg/dL", "above"),
    (f"ge540|{UCUM}|mg/dL", "g mg above"),
    (f"le5.4|{UCUM}|g/L", "g mg below"),
    (f"lt5.4|{UCUM}|g/L", "below"),
    (f"sa5|{UCUM}|g/L", "g mg above"),
    (f"eb6|{UCUM}|g/L", "g mg below"),
    (f"ap5|{UCUM}|g/L", "g mg"),
    (f"ne5.4|{UCUM}|g/L", "below above"),
    # values with a comparator are open at one end
    (f"lt0.1|{UCUM}|g/L", "below"),
    (f"ge10|{UCUM}|mg/dL", "g mg above"),
    (f"eb10|{UCUM}|mg/dL", "below"),
    (f"ge30|{UCUM}|g/L", "above"),
    (f"gt100|{UCUM}|g/L", "above"),
    (f"le30|{UCUM}|g/L", "g mg below"),
    # mass is not substance
    (f"5.4|{UCUM}|mmol/L", "mmol"),
    (f"5400|{UCUM}|umol/L", "mmol"),
    # scales that begin elsewhere
    (f"37.0|{UCUM}|Cel", "fahrenheit"),
    (f"ge38|{UCUM}|Cel", "fever"),
    (f"gt100|{UCUM}|[degF]", "fever"),
    (f"le310.15|{UCUM}|K", "fahrenheit"),
    # annotations say nothing, arbitrary units are their own kind
    (f"72|{UCUM}|/min", "rate"),
    (f"1.2|{UCUM}|/s", "rate"),
    (f"5|{UCUM}|[IU]/L", "iu kiu"),
    (f"5|{UCUM}|/L", "perlitre"),
    (f"15|{UCUM}|1", "score"),
    # logarithms, and what is no unit, compare with themselves
    (f"7.4|{UCUM}|[pH]", "ph"),
    (f"5.4|{UCUM}|bottles", "strange"),
    # another system, the unit as it is written, no unit
    ("5.4|http://local.example/units|g/L", "local"),
    ("5.4||g/L", "g local"),
    ("540||mg/100mL", "mg"),
    ("5.4||mg/dL", ""),
    ("5.4", "g mmol strange local"),
]


@pytest.mark.parametrize(("value", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_quantity(find, value, expected):
    assert find(f"Observation?value-quantity={value}") == expected


SAME = [
    ("1", "mg/dL", "10", "mg/L"),
    ("1", "10*9/L", "1000", "10*6/L"),
    ("1", "10*3/uL", "1", "10*9/L"),
    ("7.5", "kPa", "7500", "Pa"),
    ("1", "[lb_av]", "453.59237", "g"),
    ("1", "h", "3600", "s"),
    ("1", "wk", "7", "d"),
    ("98.6", "[degF]", "37", "Cel"),
    ("1", "mL/min/{1.73_m2}", "1", "mL/min"),
    ("1", "[in_i]", "2.54", "cm"),
]


@pytest.mark.parametrize(("one", "unit", "other", "than"), SAME)
def test_the_same_measure(one, unit, other, than):
    a, b = scale(UCUM, unit), scale(UCUM, than)
    assert a.unit == b.unit
    assert a.of(Decimal(one)) == b.of(Decimal(other))


NOT_SCALED = ["", "bottles", "[pH]", "B", "10*999999999", "m9999", "mg/", "x" * 200, "mg\u00b5"]


@pytest.mark.parametrize("code", NOT_SCALED)
def test_what_has_no_scale(code):
    assert scale(UCUM, code) is None


def test_units_of_other_systems_have_no_scale():
    assert scale("http://local.example/units", "mg") is None

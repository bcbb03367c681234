"""https://hl7.org/fhir/R4/search.html#number"""

from decimal import Decimal

import pytest

from fhir_server.search.params.number import Written

pytestmark = pytest.mark.spec("search.html#number")


def risk(id_, *probabilities):
    return {
        "resourceType": "RiskAssessment",
        "id": id_,
        "status": "final",
        "prediction": [
            {"probabilityDecimal": p} if not isinstance(p, dict) else {"probabilityRange": p}
            for p in probabilities
        ],
    }


def sequence(id_, start):
    return {
        "resourceType": "MolecularSequence",
        "id": id_,
        "coordinateSystem": 0,
        "variant": [{"start": start, "end": start + 10}],
    }


RESOURCES = [
    risk("half", 0.5),
    risk("more", 0.55),
    risk("tiny", 5.4e-3),
    risk("range", {"low": {"value": 0.2}, "high": {"value": 0.6}}),
    risk("upward", {"low": {"value": 0.9}}),
    risk("two", 0.1, 0.9),
    risk("none"),
    sequence("s99", 99),
    sequence("s100", 100),
    sequence("s104", 104),
    sequence("negative", -5),
]

ROWS = [
    # as wide as it is written
    ("MolecularSequence?variant-start=100", "s100"),
    ("MolecularSequence?variant-start=1e2", "s99 s100 s104"),
    ("MolecularSequence?variant-start=100.00", "s100"),
    ("MolecularSequence?variant-start=-5", "negative"),
    ("RiskAssessment?probability=0.5", "half"),
    ("RiskAssessment?probability=0.50", "half"),
    ("RiskAssessment?probability=0.6", "more"),
    ("RiskAssessment?probability=0.55", "more"),
    ("RiskAssessment?probability=5.4e-3", "tiny"),
    ("RiskAssessment?probability=0.0054", "tiny"),
    ("RiskAssessment?probability=0.01", "tiny"),
    ("RiskAssessment?probability=ne0.5", "more tiny range upward two"),
    # greater and less compare with exactly what is written
    ("MolecularSequence?variant-start=gt100", "s104"),
    ("MolecularSequence?variant-start=ge100", "s100 s104"),
    ("MolecularSequence?variant-start=lt100", "s99 negative"),
    ("MolecularSequence?variant-start=le100", "s99 s100 negative"),
    ("MolecularSequence?variant-start=lt-4", "negative"),
    # ranges
    ("RiskAssessment?probability=gt0.55", "range upward two"),
    ("RiskAssessment?probability=lt0.3", "tiny range two"),
    ("RiskAssessment?probability=sa0.55", "upward two"),
    ("RiskAssessment?probability=eb0.55", "half tiny two"),
    ("RiskAssessment?probability=ap0.5", "half more range"),
    ("RiskAssessment?probability=gt100", "upward"),
    # any of, missing
    ("MolecularSequence?variant-start=99,104", "s99 s104"),
    ("RiskAssessment?probability=0.1&probability=0.9", "two"),
    ("RiskAssessment?probability:missing=true", "none"),
]


@pytest.mark.parametrize(("query", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_number(find, query, expected):
    assert find(query) == expected


@pytest.mark.parametrize(
    ("written", "low", "high"),
    [
        ("100", "99.5", "100.5"),
        ("100.00", "99.995", "100.005"),
        ("1e2", "95", "105"),
        ("5.40e-3", "0.005395", "0.005405"),
    ],
)
def test_ranges_of_the_specification(written, low, high):
    """The lower end of a range belongs to it, the upper one does not."""
    (alternative,) = Written.of(written).meets()
    values = {(check.column, check.op): check.value for check in alternative}
    assert values["low", ">="] == float(Decimal(low))
    assert values["high", "<="] < float(Decimal(high))
    assert values["high", "<="] == pytest.approx(float(high), rel=1e-12)

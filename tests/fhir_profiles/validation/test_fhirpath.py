"""FHIRPath: the language on small values, and every invariant of R4 beside fhirpathpy."""

from __future__ import annotations

import random
from contextlib import redirect_stdout
from decimal import Decimal
from io import StringIO
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir_profiles.definitions.element_rules import _file
from fhir_profiles.definitions.tables import structure
from fhir_profiles.validation.constraints import ELSEWHERE, needs
from fhir_profiles.validation.fhirpath.compiler import compiled, holds
from fhir_profiles.validation.fhirpath.functions import FhirPathTrouble
from fhir_profiles.validation.fhirpath.nodes import Env, Node, raw, resource_node
from tests.fhir_profiles.validation.made import made

pytestmark = pytest.mark.spec("fhirpath.html")

CONSTRAINTS = [
    (path, one["key"], one["expression"])
    for path, facts in _file("element_rules")["elements"].items()
    for one in facts.get("constraints", ())
]

PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "name": [
        {"use": "official", "family": "Nguyễn", "given": ["An", "Văn"]},
        {"use": "usual", "given": ["Tí"]},
    ],
    "birthDate": "1990-02-28",
    "_gender": {"extension": [{"url": "urn:absent", "valueCode": "unknown"}]},
    "multipleBirthInteger": 2,
    "contained": [{"resourceType": "Organization", "id": "o", "name": "BV"}],
    "managingOrganization": {"reference": "#o"},
    "extension": [
        {"url": "urn:weight", "valueQuantity": {"value": 60, "code": "kg", "system": "u"}}
    ],
}


def answer(expression: str) -> list[Any]:
    node = resource_node(PATIENT)
    inside = resource_node(PATIENT["contained"][0])
    env = Env(node, node, lambda text, _: inside if text == "#o" else None, context=[node])
    return [raw(item) for item in compiled(expression)(env, [node])]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name.given", ["An", "Văn", "Tí"]),
        ("Patient.name.first().family", ["Nguyễn"]),
        ("Observation.status", []),
        ("name[1].use", ["usual"]),
        ("name.where(use = 'official').given.last()", ["Văn"]),
        ("name.select(given.count())", [2, 1]),
        ("multipleBirth is integer", [True]),
        ("multipleBirth is Integer", [True]),
        ("multipleBirth.ofType(boolean)", []),
        ("(multipleBirth as integer) + 1", [3]),
        ("gender.exists()", [True]),
        ("gender.hasValue()", [False]),
        ("gender.extension('urn:absent').value", ["unknown"]),
        ("gender.count()", [1]),
        ("birthDate < @2000-01-01", [True]),
        ("birthDate = @1990", []),
        ("active and gender.empty().not()", [True]),
        ("{} or true", [True]),
        ("{} and false", [False]),
        ("{} implies true", [True]),
        ("true xor false", [True]),
        ("name.given contains 'An'", [True]),
        ("'Tí' in name.given", [True]),
        ("name.given | name.given", ["An", "Văn", "Tí"]),
        ("name.given.combine(name.given).isDistinct()", [False]),
        ("name.given.intersect('An' | 'X')", ["An"]),
        ("name.given.exclude('An' | 'X')", ["Văn", "Tí"]),
        ("name.all(given.exists())", [True]),
        ("name.exists(family = 'Trần')", [False]),
        ("name.given.tail()", ["Văn", "Tí"]),
        ("name.given.skip(2)", ["Tí"]),
        ("name.given.take(1)", ["An"]),
        ("name.use.first() & '-' & 'x'", ["official-x"]),
        ("'abc'.substring(1)", ["bc"]),
        ("'abc'.startsWith('ab') and 'abc'.endsWith('bc') and 'abc'.contains('b')", [True]),
        ("'abc'.matches('[a-c]+')", [True]),
        ("'xabcx'.matches('[a-c]+')", [False]),
        ("'xabcx'.matches('^xa')", [True]),
        ("'a.b'.replaceMatches('\\\\..*', '')", ["a"]),
        ("'a-b'.replace('-', '+').upper()", ["A+B"]),
        ("'12'.toInteger() + 1", [13]),
        ("'x'.toInteger()", []),
        ("'1.50'.toDecimal() = 1.5", [True]),
        ("7 div 2 + 7 mod 2", [4]),
        ("7 / 2", [Decimal("3.5")]),
        ("-1 < 0", [True]),
        ("iif(active, 'yes', 'no')", ["yes"]),
        ("managingOrganization.resolve().name", ["BV"]),
        ("managingOrganization.resolve() is Organization", [True]),
        ("contained.name", ["BV"]),
        ("descendants().where($this is HumanName).count()", [2]),
        ("children().count() > 5", [True]),
        ("name.repeat(given).count()", [3]),
        ("%resource.active", [True]),
        ("%ucum", ["http://unitsofmeasure.org"]),
        ("extension('urn:weight').value < 61", []),
        ("'Nguyễn' ~ 'nguyễn'", [True]),
        ("name.use.subsetOf('official' | 'usual' | 'old')", [True]),
        ("(1 | 2).supersetOf(1)", [True]),
        ("(true | false).anyTrue()", [True]),
        ("(1 | 2 | 3).count() >= 3 and (1 | 1).count() = 1", [True]),
        ("'a\\u0062c'.length()", [3]),
    ],
)
def test_the_language(expression: str, expected: list[Any]) -> None:
    assert answer(expression) == expected


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("name.", "is no FHIRPath"),
        ("now()", "now() is not evaluated here"),
        ("%unknown", "there is no constant %unknown"),
        ("conformsTo('x')", "conformsTo() is not evaluated here"),
    ],
)
def test_what_is_not_evaluated_is_said(expression: str, words: str) -> None:
    with pytest.raises(FhirPathTrouble) as trouble:
        compiled(expression)
    assert words in str(trouble.value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("name.given.single()", "single() on several values"),
        ("name.use < 'a'", "several values are compared"),
        ("name.use in ('a' | 'b')", "`in` asks for one value"),
        ("name.given and true", "one boolean is expected"),
        ("name.family + 1", "asks for two numbers"),
    ],
)
def test_what_makes_no_sense_is_said(expression: str, words: str) -> None:
    with pytest.raises(FhirPathTrouble) as trouble:
        answer(expression)
    assert words in str(trouble.value)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2025", "2026", True),
        ("2025-03-02", "2025-03-01", False),
        ("2025-03", "2025-03-01", None),
        ("2025-03-01", "2025-03-01T08:00:00Z", None),
        ("2025-03-01T08:00:00+07:00", "2025-03-01T01:00:00Z", True),
        ("2025-03-01T08:00:01+07:00", "2025-03-01T01:00:00Z", False),
        ("2025-03-01T08:00:00.001Z", "2025-03-01T08:00:00.0010Z", True),
        ("2024-12-31T23:30:00-02:00", "2025-01-01T01:29:00Z", False),
        ("2024-02-29T23:00:00-02:00", "2024-03-01T01:00:00Z", True),
    ],
)
def test_periods(start: str, end: str, expected: bool | None) -> None:
    """None: the two are of different precision, so nobody can tell."""
    node = Node({"start": start, "end": end}, "Period")
    rule = "start.hasValue().not() or end.hasValue().not() or (start <= end)"
    assert holds(rule, node, Env(node, node)) is expected


# ---- all invariants of R4 ----------------------------------------------------------------------

# fhirpathpy 2.2.4 has no hasValue() and no resolve(), compares no quantities, finds nothing by a
# type name when the focus has a base path, and matches parts of a text.
THEY_CANNOT = {"age-1", "cnt-3", "per-1", "bdl-10", "ctm-1", "rng-2", "txt-1", "txt-2"}
THEY_DIFFER = {"app-4", "eld-19", "eld-20"}


def test_there_are_all_invariants() -> None:
    assert len({(path, key) for path, key, _ in CONSTRAINTS}) == 237


@pytest.mark.parametrize(("path", "key", "expression"), CONSTRAINTS)
def test_every_invariant_compiles(path: str, key: str, expression: str) -> None:
    if key in ("txt-1", "txt-2"):  # htmlChecks(): `validation.narrative`
        assert key in ELSEWHERE
        return
    assert compiled(expression)


TYPED = [row for row in CONSTRAINTS if row[1] not in THEY_CANNOT | THEY_DIFFER]


def is_structure(path: str) -> bool:
    try:
        structure(path)
    except KeyError:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "key", "expression"), [row for row in TYPED if is_structure(row[0])]
)
def test_fhirpathpy_agrees(path: str, key: str, expression: str) -> None:
    dice = random.Random(f"{path} {key}")
    for _ in range(12):
        tree = made(path, dice)
        node = Node(tree, path)
        ours = holds(expression, node, Env(node, node, context=[node]))
        known = {"resource": tree, "rootResource": tree}
        with redirect_stdout(StringIO()):  # trace() prints
            theirs = fhirpathpy.evaluate(
                tree, {"base": path, "expression": expression}, known, models["r4"]
            )
        assert ours is (theirs == [True]), tree


@pytest.mark.parametrize(
    ("path", "key", "expression"), [row for row in CONSTRAINTS if is_structure(row[0])]
)
def test_what_is_not_run_would_be_true(path: str, key: str, expression: str) -> None:
    """An invariant is left out where none of the elements that it names is there."""
    asked = None if key in ("txt-1", "txt-2") else needs(expression, path)
    dice = random.Random(f"{path} {key}")
    for _ in range(12 if asked is not None else 0):
        tree = made(path, dice)
        left = {name: value for name, value in tree.items() if name not in (asked or ())}
        node = Node(left, path)
        assert holds(expression, node, Env(node, node, context=[node])) is True


@pytest.mark.parametrize(
    "expression", ["text.exists(", "a b", "a.", "(a", "a..b", "a =", "'x", "a)", "", "a[", "§"]
)
@pytest.mark.spec("fhirpath.html")
def test_what_is_no_fhirpath(expression: str) -> None:
    with pytest.raises(FhirPathTrouble) as trouble:
        compiled(expression)
    assert "is no FHIRPath (column " in str(trouble.value)

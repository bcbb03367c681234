"""Profiles and extensions that the caller keeps: used like shipped ones, and never trusted."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.full import validate
from tests.fhir_profiles.validation.good import GOOD
from tests.fhir_profiles.validation.listed import LISTED

URL = "http://example.org/StructureDefinition"
CORE = "http://hl7.org/fhir/StructureDefinition"


def definition(name: str, base: str, type_: str, *elements: Tree, **more: Any) -> Tree:
    for element in elements:
        element["path"] = ".".join(s.partition(":")[0] for s in element["id"].split("."))
    return {
        "resourceType": "StructureDefinition",
        "url": f"{URL}/{name}",
        "name": "X",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": type_,
        "baseDefinition": base,
        "derivation": "constraint",
        "differential": {"element": list(elements)},
    } | more


def rule(expression: str) -> Tree:
    constraint = {"key": "x-1", "severity": "error", "human": "x", "expression": expression}
    return {"id": "Patient", "constraint": [constraint]}


KEPT = {
    one["url"]: one
    for one in (
        definition("named", f"{CORE}/Patient", "Patient", {"id": "Patient.name", "min": 1}),
        definition("born", f"{URL}/named", "Patient", {"id": "Patient.birthDate", "min": 1}),
        definition("circle", f"{URL}/circle", "Patient", {"id": "Patient.name", "min": 1}),
        definition("lost", f"{URL}/nowhere", "Patient", {"id": "Patient.name", "min": 1}),
        definition("wrong", f"{CORE}/Patient", "Patient", {"id": "Patient.nose", "min": 1}),
        definition("slow", f"{CORE}/Patient", "Patient", rule("name.text.matches('(a+)+b')")),
        definition("ruled", f"{CORE}/Patient", "Patient", rule("name.text.exists()")),
        definition("odd", f"{CORE}/Patient", "Patient", {"id": "Patient.name", "max": "many"}),
        definition("colour", f"{CORE}/Extension", "Extension",
                   {"id": "Extension.url", "fixedUri": f"{URL}/colour"},
                   {"id": "Extension.value[x]", "type": [{"code": "code"}]},
                   context=[{"type": "element", "expression": "Patient"}]),
        definition("malformed", f"{CORE}/Patient", "Patient") | {"kind": 3},
    )
}  # fmt: skip


def said(profile: str, tree: Tree) -> list[tuple[str, str, str]]:
    issues = validate(
        tree, profiles=[f"{URL}/{profile}"], terminology=LISTED, fetch=lambda u: KEPT.get(u)
    )
    return [(one.severity, one.code, one.expression) for one in issues]


NOBODY: Tree = {"resourceType": "Patient", "text": GOOD["PATIENT"]["text"]}
NAMED = NOBODY | {"name": [{"text": "a" * 40}]}


@pytest.mark.parametrize(
    ("profile", "tree", "expected"),
    [
        ("named", NAMED, []),
        ("named", NOBODY, [("error", "required", "Patient.name")]),
        ("born", NAMED, [("error", "required", "Patient.birthDate")]),
        ("born", NOBODY, [("error", "required", "Patient.name"),
                          ("error", "required", "Patient.birthDate")]),
        ("ruled", NOBODY, [("error", "invariant", "Patient")]),
        ("circle", NAMED, [("error", "not-found", "Patient")]),
        ("lost", NAMED, [("error", "not-found", "Patient")]),
        ("wrong", NAMED, [("error", "not-found", "Patient")]),
        ("odd", NAMED, [("error", "not-found", "Patient")]),
        ("malformed", NAMED, [("error", "not-found", "Patient")]),
        # a regular expression that somebody stored is not run
        ("slow", NAMED, [("information", "not-supported", "Patient")]),
    ],
)  # fmt: skip
@pytest.mark.spec("profiling.html#resources")
def test_profiles_that_are_kept(profile: str, tree: Tree, expected: list[Any]) -> None:
    assert sorted(said(profile, tree)) == sorted(expected)


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({"valueCode": "red"}, []),
        ({"valueString": "red"}, [("error", "value", "Patient.extension[0].value")]),
    ],
)
@pytest.mark.spec("defining-extensions.html#context")
def test_extensions_that_are_kept(extension: Tree, expected: list[Any]) -> None:
    tree = deepcopy(NAMED) | {"extension": [{"url": f"{URL}/colour"} | extension]}
    assert said("named", tree) == expected

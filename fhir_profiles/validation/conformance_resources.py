"""Profiles and search parameters as data: does a differential fit its base, is an expression one?

https://hl7.org/fhir/R4/structuredefinition.html and https://hl7.org/fhir/R4/searchparameter.html
"""

from __future__ import annotations

from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.snapshots import NoProfile, ProfileTrouble, Snapshot, type_of
from fhir_profiles.validation.fhirpath.grammar import NotFhirPath, parsed
from fhir_profiles.validation.fhirpath.nodes import Node
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.session import Scope, Walker

MAX_ELEMENTS: Final = 1000
MAX_CONSTRAINTS: Final = 20  # of one element
MAX_EXPRESSION: Final = 4000  # letters


def check_definition(walk: Walker, _scope: Scope, node: Node, place: Place) -> None:
    """A StructureDefinition that constrains a type or profile which is known here."""
    tree = node.value
    base, view = tree.get("baseDefinition"), tree.get("differential")
    elements = _dicts(view.get("element")) if isinstance(view, dict) else []
    where: Place = ((place, "differential", "differential"), "element", "element")
    for index, element in enumerate(elements[:MAX_ELEMENTS]):
        _expressions(walk, element, (where, index, ""))
    if tree.get("derivation") != "constraint" or not isinstance(base, str) or not elements:
        return
    if type_of(base) is None or not all(isinstance(one.get("path"), str) for one in elements):
        return
    if len(elements) > MAX_ELEMENTS:
        said = f"a differential of more than {MAX_ELEMENTS} elements is not compared with its base"
        walk.session.unchecked("differential", said, where)
        return
    made = Snapshot(base)
    for index, element in enumerate(elements):
        try:
            made.apply(element)
        except ProfileTrouble as err:
            said = f"{err}; correct the path, or say the type above it first"
            walk.session.add("error", "structure", said, (where, index, ""))
            return
        except (NoProfile, KeyError, TypeError, ValueError, AttributeError):
            return  # its parts are malformed: said where they stand


def _expressions(walk: Walker, element: Tree, place: Place) -> None:
    for index, one in enumerate(_dicts(element.get("constraint"))[:MAX_CONSTRAINTS]):
        text = one.get("expression")
        if isinstance(text, str):
            here: Place = ((place, "constraint", "constraint"), index, "")
            _readable(walk, text, (here, "expression", "expression"))


def check_search_parameter(walk: Walker, _scope: Scope, node: Node, place: Place) -> None:
    text = node.value.get("expression")
    if isinstance(text, str):
        _readable(walk, text, (place, "expression", "expression"))


def _readable(walk: Walker, text: str, place: Place) -> None:
    if len(text) > MAX_EXPRESSION:
        walk.session.unchecked("long", "a long expression is not read", place)
        return
    try:
        parsed(text)
    except (NotFhirPath, RecursionError) as err:
        said = f"this is no FHIRPath: {err}"
        walk.session.add("error", "value", said, place)


def _dicts(listed: Any) -> list[Tree]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []

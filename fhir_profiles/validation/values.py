"""Values with their places: what an element of a resource holds, one by one."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import Tree
from fhir_profiles.validation.fhirpath.nodes import Node, resource_node, steps
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.session import Scope

_TYPED = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/\S+)?$")


class Value(NamedTuple):
    node: Node
    place: Place


def values_of(parent: Value, name: str) -> list[Value]:
    """The values of an element by its FHIRPath name, each with its place."""
    tree = parent.node.value
    if not isinstance(tree, dict):
        tree = parent.node.extra
        if not isinstance(tree, dict) or name not in ("extension", "id"):
            return []
        type_ = "Extension" if name == "extension" else "string"
        return _listed(tree, name, name, type_, parent.place)
    for json, type_ in steps(parent.node.type).get(name, ()):
        if json in tree or f"_{json}" in tree:
            return _listed(tree, json, name, type_, parent.place)
    return []


def _listed(tree: Tree, json: str, name: str, type_: str, above: Place) -> list[Value]:
    value, extra = tree.get(json), tree.get(f"_{json}")
    place = (above, json if value is not None else f"_{json}", name)
    if not isinstance(value, list) and not isinstance(extra, list):
        return [Value(_node(value, type_, extra), place)]
    values = value if isinstance(value, list) else []
    extras = extra if isinstance(extra, list) else []
    found = []
    for index in range(max(len(values), len(extras))):
        one = values[index] if index < len(values) else None
        other = extras[index] if index < len(extras) else None
        if one is not None or other is not None:
            found.append(Value(_node(one, type_, other), (place, index, "")))
    return found


def _node(value: Any, type_: str, extra: Any) -> Node:
    return resource_node(value) if type_ == "Resource" else Node(value, type_, extra)


def literal_type(reference: Tree, scope: Scope) -> str | None:
    """The resource type that a reference leads to, as far as that is known."""
    text = reference.get("reference")
    if isinstance(text, str):
        target = scope.resolve(text)
        if target is not None and target.type != "Resource":
            return target.type
        found = _TYPED.match(text)
        if found and found[1] in resource_types():
            return found[1]
    told = reference.get("type")
    return told if isinstance(told, str) and told in resource_types() else None

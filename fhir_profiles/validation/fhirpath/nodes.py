"""Values on the way of a path, with their FHIR types (https://hl7.org/fhir/R4/fhirpath.html#types).

A collection is a list of `Node` (a part of a resource) and plain Python values (what an expression
made itself: a boolean, a number, a string).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles.definitions.tables import resource_types, structure

PARENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "code": "string",
        "id": "string",
        "markdown": "string",
        "canonical": "uri",
        "oid": "uri",
        "url": "uri",
        "uuid": "uri",
        "positiveInt": "integer",
        "unsignedInt": "integer",
        "Age": "Quantity",
        "Count": "Quantity",
        "Distance": "Quantity",
        "Duration": "Quantity",
        "MoneyQuantity": "Quantity",
        "SimpleQuantity": "Quantity",
    }
)
"""Types that are a kind of another one, as far as expressions ask for it."""
NOT_DOMAIN: Final = frozenset({"Bundle", "Binary", "Parameters"})


class Node:
    """A part of a resource. `extra` is what stands under `_name`: id and extensions of a value."""

    __slots__ = ("extra", "type", "value")

    def __init__(self, value: Any, type_: str, extra: Any = None) -> None:
        self.value, self.type, self.extra = value, type_, extra


Item = Any
"""A Node or a plain Python value."""


@dataclass(slots=True)
class Env:
    """What an expression may ask beside its focus."""

    resource: Node
    root: Node
    resolve: Callable[[str, Node], Node | None] = lambda _text, _from: None
    member: Callable[[str, Node], bool | None] = lambda _value_set, _node: None
    context: list[Item] = field(default_factory=list)
    memo: dict[int, list[Item]] = field(default_factory=dict)
    """What paths from %resource gave: the same wherever in the resource they are asked."""
    long: dict[int, tuple[list[Item], set[Any]]] = field(default_factory=dict)
    """Long collections with the keys of their items, for `intersect` inside of `where`."""
    undecided: bool = False  # a comparison had no answer: other precision, other unit


def raw(item: Item) -> Any:
    return item.value if type(item) is Node else item


def resource_node(tree: Any) -> Node:
    type_ = tree.get("resourceType") if isinstance(tree, dict) else None
    return Node(tree, type_ if isinstance(type_, str) and type_ in resource_types() else "Resource")


@cache
def steps(type_: str) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """FHIRPath name -> the JSON names it may have, each with the type inside."""
    try:
        known = structure(type_)
    except KeyError:
        return MappingProxyType({})
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, element in known.elements.items():
        stem = element.choice or name
        found[stem] = (*found.get(stem, ()), (name, element.content or element.types[0]))
    return MappingProxyType(found)


@cache
def _names(type_: str) -> Mapping[str, str]:
    return MappingProxyType({json: inner for way in steps(type_).values() for json, inner in way})


def child(node: Item, name: str) -> list[Item]:
    """The values of one element of a node."""
    if type(node) is not Node:
        return []
    value = node.value
    if type(value) is not dict:
        value = node.extra
        if type(value) is not dict or name not in ("extension", "id"):
            return []
        return _values(value, name, "Extension" if name == "extension" else "string")
    ways = steps(node.type).get(name)
    if ways is None:
        return []
    if len(ways) == 1:
        json, type_ = ways[0]
        return _values(value, json, type_) if json in value or f"_{json}" in value else []
    for json, type_ in ways:
        if json in value or f"_{json}" in value:
            return _values(value, json, type_)
    return []


def _values(parent: dict[str, Any], name: str, type_: str) -> list[Item]:
    value, extra = parent.get(name), parent.get(f"_{name}")
    if type(value) is list or type(extra) is list:
        values = value if type(value) is list else []
        extras = extra if type(extra) is list else []
        longer = max(len(values), len(extras))
        return [
            _node(one, type_, other)
            for one, other in zip(
                [*values, *[None] * (longer - len(values))],
                [*extras, *[None] * (longer - len(extras))],
                strict=True,
            )
            if one is not None or other is not None
        ]
    if value is None and extra is None:
        return []
    return [_node(value, type_, extra)]


def _node(value: Any, type_: str, extra: Any) -> Node:
    return resource_node(value) if type_ == "Resource" else Node(value, type_, extra)


def children(node: Item) -> Iterator[Item]:
    if type(node) is not Node:
        return
    value = node.value
    if type(value) is not dict:
        if type(node.extra) is dict:
            yield from child(node, "id")
            yield from child(node, "extension")
        return
    names = _names(node.type)
    for json in value:
        plain = json.removeprefix("_")
        if plain != json and plain in value:
            continue
        if (type_ := names.get(plain)) is not None:
            yield from _values(value, plain, type_)


def descendants(node: Item) -> Iterator[Item]:
    for one in children(node):
        yield one
        yield from descendants(one)


def is_type(item: Item, name: str) -> bool:
    """`Quantity`, `FHIR.Quantity`, `System.Boolean`; a primitive also by its name in System."""
    space, _, name = name.rpartition(".")
    if type(item) is not Node:
        return name.lower() == _system(item) and space != "FHIR"
    here: str | None = item.type
    if space == "System" or (name[:1].isupper() and name.lower() in _SYSTEM):
        return name.lower() in (here, PARENTS.get(here or "", ""))
    while here:
        if here == name:
            return True
        here = PARENTS.get(here)
    if name == "Resource":
        return item.type in resource_types()
    if name == "DomainResource":
        return item.type in resource_types() and item.type not in NOT_DOMAIN
    return name in ("BackboneElement", "Element") and "." in item.type


_SYSTEM: Final = frozenset("boolean string integer decimal date datetime time".split())


def _system(item: Any) -> str:
    if isinstance(item, bool):
        return "boolean"
    if isinstance(item, int):
        return "integer"
    return "string" if isinstance(item, str) else "decimal"

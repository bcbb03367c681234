"""What can be selected where: the fields of FHIR types as GraphQL sees them.

https://hl7.org/fhir/R4/graphql.html: names are those of the JSON (`valueQuantity`, `_birthDate`);
`resource` follows a Reference, `ConditionList` and `ConditionConnection` go to what refers here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from fhir_profiles.definitions import tables
from fhir_profiles.json_text import Tree

Kind = Literal["plain", "parts", "extras", "type", "follow", "list", "connection", "one"]
ANY: Final = "Resource"
TYPENAME: Final = "__typename"
CONNECTION: Final = "(connection)"
EDGE: Final = "(edge)"
SYSTEM: Final = "(system)"
_INTERFACES: Final = ("Resource", "DomainResource")


@dataclass(frozen=True, slots=True)
class Shape:
    """A field: `plain` has a value, `parts` have fields of their own, of one of these types.

    `extras` are id and extensions of a primitive; `follow` goes to the target of a reference.
    `target` is the type of resource that is searched for, or read by its id.
    """

    name: str
    kind: Kind
    types: tuple[str, ...] = ()
    listed: bool = False
    target: str = ""


@cache
def shape(type_: str, name: str) -> Shape | None:
    """The field of that name in a type, or none."""
    if name == TYPENAME:
        return Shape(name, "type")
    if type_ in (SYSTEM, CONNECTION, EDGE) or type_.startswith((CONNECTION, EDGE)):
        return _of_ours(type_, name)
    if is_resource(type_):
        if name == "resourceType":
            return Shape(name, "type")
        if (found := _search(name)) is not None:
            return found
    if type_ == "Reference" and name == "resource":
        return Shape(name, "follow", (ANY,))
    return _element(type_, name)


def _of_ours(type_: str, name: str) -> Shape | None:
    if type_ == SYSTEM:
        if name in tables.resource_types():
            return Shape(name, "one", (name,), target=name)
        return _search(name)
    own, _, target = type_.partition(":")
    if own == EDGE:
        if name == "resource":
            return Shape(name, "parts", (target,))
        return Shape(name, "plain") if name in ("mode", "score") else None
    if name == "edges":
        return Shape(name, "parts", (f"{EDGE}:{target}",), listed=True)
    plain = ("count", "offset", "pagesize", "first", "previous", "next", "last")
    return Shape(name, "plain") if name in plain else None


def _search(name: str) -> Shape | None:
    for end, kind in (("List", "list"), ("Connection", "connection")):
        target = name.removesuffix(end)
        if target != name and target in tables.resource_types():
            if kind == "list":
                return Shape(name, "list", (target,), listed=True, target=target)
            return Shape(name, "connection", (f"{CONNECTION}:{target}",), target=target)
    return None


def _element(type_: str, name: str) -> Shape | None:
    extras = name.startswith("_")
    element = tables.structure(type_).elements.get(name.removeprefix("_"))
    if element is None:
        return None
    listed = element.max != 1
    if element.content is not None:
        return None if extras else Shape(name, "parts", (element.content,), listed)
    plain = element.types[0] in tables.primitive_types()
    if extras:
        return Shape(name, "extras", ("Element",), listed) if plain else None
    return (
        Shape(name, "plain", (), listed) if plain else Shape(name, "parts", element.types, listed)
    )


@cache
def shapes(types: tuple[str, ...], name: str) -> tuple[Shape, ...]:
    """The field in all the types that have it; of any resource those of every one."""
    found = (shape(type_, name) for type_ in spread(types))
    return tuple(dict.fromkeys(one for one in found if one is not None))


def spread(types: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(tables.resource_types())) if ANY in types else types


def is_resource(type_: str) -> bool:
    return type_ in tables.resource_types()


@cache
def known(condition: str) -> str | None:
    """The type that a type condition names: `Patient`, `HumanName`, `PatientContact`."""
    return _conditions().get(condition)


@cache
def _conditions() -> dict[str, str]:
    """All types by the names that GraphQL has for them: resources, and what is in them."""
    waiting = sorted(tables.resource_types())
    found: dict[str, str] = {}
    for type_ in waiting:  # grows while it is walked
        if graph_name(type_) in found:
            continue
        found[graph_name(type_)] = type_
        for element in tables.structure(type_).elements.values():
            inner = (element.content,) if element.content else element.types
            waiting += [one for one in inner if one not in tables.primitive_types()]
    return found


@cache
def graph_name(type_: str) -> str:
    """What GraphQL calls a type; a name has no dots there."""
    own, _, target = type_.partition(":")
    if own in (CONNECTION, EDGE):
        return f"{target}{'Connection' if own == CONNECTION else 'Edge'}"
    if type_ == SYSTEM:
        return "Query"
    return "".join(word[0].upper() + word[1:] for word in type_.split("."))


def applies(condition: str, type_: str) -> bool:
    """Whether a fragment for `condition` is meant for something of this type."""
    if condition in _INTERFACES:
        return is_resource(type_)
    return graph_name(type_) == condition


def type_of(node: Any, types: tuple[str, ...]) -> str:
    """What a value is: of a resource it says so itself, else there is one type it can be."""
    if ANY in types or is_resource(types[0]):
        said = node.get("resourceType") if isinstance(node, dict) else None
        return said if isinstance(said, str) and is_resource(said) else "Basic"
    return types[0]


def values_of(node: Tree, found: Shape) -> list[Any]:
    """What stands there, as a list; what does not fit the definition is as if it were not."""
    value = node.get(found.name)
    values = value if isinstance(value, list) else [] if value is None else [value]
    if found.kind == "plain":
        return [one for one in values if not isinstance(one, dict | list)]
    return [one for one in values if isinstance(one, dict)]

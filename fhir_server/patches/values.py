"""Values of a FHIRPath Patch, made to fit where they go (https://hl7.org/fhir/R4/fhirpatch.html).

A value is a `value[x]` of Parameters, a resource, or is built of parts named after elements: the
only way to write a backbone element. Its type has to be right for its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from fhir_profiles.definitions import tables
from fhir_profiles.json_text import MAX_DEPTH, Tree
from fhir_profiles.validation.fhirpath.nodes import PARENTS
from fhir_server.patches.places import ways

_PARAMETER: Final = "Parameters.parameter"
_NOT_IN_VALUES: Final = {"xhtml": "string"}  # what value[x] has no type for, and what comes instead


class ValueTrouble(ValueError):
    """A value that does not fit where it is to go."""


@dataclass(frozen=True, slots=True)
class Value:
    """`type` is empty if the value is built of `parts`."""

    type: str
    value: Any = None
    extra: Any = None
    parts: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True, slots=True)
class Fitted:
    """A value with the name in JSON that it goes to, and what belongs under `_name`."""

    name: str
    repeats: bool
    value: Any
    extra: Any = None


# ---- reading -----------------------------------------------------------------------------------


def read(part: Tree, depth: int = 0) -> Value:
    """The value of a part of Parameters. ValueTrouble: there is none, or several."""
    if depth > MAX_DEPTH:
        raise ValueTrouble(f"it is nested deeper than {MAX_DEPTH} levels")
    names = {name.removeprefix("_") for name in part if name.removeprefix("_").startswith("value")}
    given = [*names, *(name for name in ("resource", "part") if name in part)]
    if len(given) != 1:
        said = "has no value" if not given else f"has several values ({', '.join(sorted(given))})"
        raise ValueTrouble(f"the part {str(part.get('name'))[:60]!r} {said}")
    name = given[0]
    if name == "part":
        return Value("", parts=tuple(_parts(part[name], depth)))
    if name == "resource":
        tree = part[name]
        type_ = tree.get("resourceType") if isinstance(tree, dict) else None
        if type_ not in tables.resource_types():
            raise ValueTrouble("it is no resource of R4")
        return Value(str(type_), tree)
    element = tables.structure(_PARAMETER).elements.get(name)
    if element is None:
        raise ValueTrouble(f"{name[:60]!r} is no value[x] of Parameters")
    return Value(element.types[0], part.get(name), part.get(f"_{name}"))


def _parts(listed: Any, depth: int) -> list[tuple[str, Value]]:
    if not isinstance(listed, list) or not listed:
        raise ValueTrouble("part is an array of parts, each with the name of an element")
    found = []
    for part in listed:
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str):
            raise ValueTrouble("each part has the name of an element")
        found.append((name, read(part, depth + 1)))
    return found


# ---- fitting -----------------------------------------------------------------------------------


def fitted(inside: str, name: str, value: Value) -> Fitted:
    """The value as an element of a structure. ValueTrouble, PathTrouble: it does not fit there."""
    ways_ = ways(inside, name)
    fitting = [way for way in ways_ if _is_right(value, way[1])]
    # Of a choice the exact type (`valueCode` before `valueString`).
    exact = [way for way in fitting if way[1] == value.type]
    if not fitting or (len(fitting) > 1 and not exact):
        wanted = ", ".join(type_ for _, type_ in ways_[:20])
        said = f"the value is a {value.type}" if value.type else "its parts leave the type open"
        raise ValueTrouble(f"{inside}.{name} is of type {wanted}; {said}")
    json, type_ = (exact or fitting)[0]
    repeats = tables.structure(inside).elements[json].max is None
    if value.parts:
        return Fitted(json, repeats, _built(type_, value.parts))
    # A copy: later operations may change what was written, and the patch may be applied again.
    return Fitted(json, repeats, deepcopy(value.value), deepcopy(value.extra))


def _is_right(value: Value, type_: str) -> bool:
    if value.parts:
        return type_ not in tables.primitive_types() and type_ != "Resource"
    if type_ == "Resource":
        return value.type in tables.resource_types()
    wanted = _NOT_IN_VALUES.get(type_, type_)
    # A code is a string. The other way round is let through: validation looks at its text.
    return wanted in (value.type, PARENTS.get(value.type)) or PARENTS.get(wanted) == value.type


def _built(type_: str, parts: Sequence[tuple[str, Value]]) -> Tree:
    tree: Tree = {}
    for name, value in parts:
        one = fitted(type_, name, value)
        if not one.repeats and _held(tree, one.name):
            raise ValueTrouble(f"{type_}.{name} can stand there once only")
        put(tree, one, None)
    return tree


# ---- writing: values and what stands under `_name` keep together ---------------------------------

Pair = tuple[Any, Any]


def pairs(holder: Tree, name: str) -> list[Pair]:
    """The list there, each value with what belongs to it under `_name`."""
    values, extras = holder.get(name), holder.get(f"_{name}")
    return list(zip_longest(_listed(values), _listed(extras)))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def write_pairs(holder: Tree, name: str, listed: Sequence[Pair]) -> None:
    for key, values in ((name, [one for one, _ in listed]), (f"_{name}", [x for _, x in listed])):
        if any(value is not None for value in values):
            holder[key] = values
        else:
            holder.pop(key, None)


def put(holder: Tree, new: Fitted, place: int | None) -> None:
    """Writes a value: into the list at a place (None: its end), or as the only one."""
    if new.repeats:
        listed = pairs(holder, new.name)
        listed.insert(len(listed) if place is None else place, (new.value, new.extra))
        write_pairs(holder, new.name, listed)
        return
    for key, value in ((new.name, new.value), (f"_{new.name}", new.extra)):
        if value is not None:
            holder[key] = value
        else:
            holder.pop(key, None)


def _held(tree: Tree, name: str) -> bool:
    return name in tree or f"_{name}" in tree

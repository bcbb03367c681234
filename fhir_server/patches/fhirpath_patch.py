"""FHIRPath Patch: Parameters that say what to change (https://hl7.org/fhir/R4/fhirpatch.html).

A path leads to one element; only a delete may find nothing. Deleting the last thing inside an
element deletes the element, as FHIR has no empty ones. Values of a primitive list and their
extensions (`given`, `_given`) move together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fhir_profiles.definitions import tables
from fhir_profiles.json_text import MAX_DEPTH, Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.patches import places, values
from fhir_server.patches.patch import (
    Effort,
    TooMuch,
    impossible,
    measure,
    require_few,
    unreadable,
)
from fhir_server.patches.places import PathTrouble, Spot, Step
from fhir_server.patches.values import Fitted, Value, ValueTrouble

MAX_EFFORT: Final = 300_000  # elements that the paths of one patch may pass
MAX_CONDITIONS: Final = 5_000  # letters of all different conditions in where(...); parsing is slow
# type -> the parts that it needs beside type and path
_NEEDS: Final = {
    "add": ("name", "value"),
    "insert": ("value", "index"),
    "delete": (),
    "replace": ("value",),
    "move": ("source", "destination"),
}
_PARTS: Final = frozenset("type path name value index source destination".split())
_TYPES: Final = {
    "type": ("valueCode", "valueString"),
    "path": ("valueString",),
    "name": ("valueString",),
    "index": ("valueInteger",),
    "source": ("valueInteger",),
    "destination": ("valueInteger",),
}


class _Impossible(ValueError):
    """An operation that cannot be carried out here."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. Which of the rest it has follows from its type."""

    type: str
    path: tuple[Step, ...]
    text: str
    name: str = ""
    value: Value | None = None
    index: int = 0
    source: int = 0
    destination: int = 0


@dataclass(frozen=True, slots=True)
class FhirPathPatch:
    """Operations whose shape and paths were looked at already."""

    operations: list[Operation]

    def apply(self, tree: Tree) -> Tree:
        """As `Patch.apply`."""
        effort = Effort(MAX_EFFORT)
        for number, operation in enumerate(self.operations, 1):
            try:
                _APPLY[operation.type](tree, operation, effort)
            except (_Impossible, PathTrouble, TooMuch, ValueTrouble) as err:
                where = _expression(number - 1)
                raise impossible(number, f"{operation.type}: {err}", expression=where) from None
        return tree


def _expression(index: int) -> str:
    return f"Parameters.parameter[{index}]"


# ---- reading -----------------------------------------------------------------------------------


def read(tree: Tree) -> FhirPathPatch:
    """The patch in Parameters. FhirError 400: it is none, 413: it is too long."""
    if tree.get("resourceType") != "Parameters":
        raise FhirError(
            Kind.INVALID_REQUEST,
            "a FHIRPath Patch is a resource of type Parameters; a JSON Patch has the Content-Type "
            "application/json-patch+json",
            expression="resourceType",
        )
    listed = tree.get("parameter")
    if not isinstance(listed, list) or not listed:
        raise FhirError(
            Kind.INVALID_REQUEST,
            'the Parameters have no parameter named "operation"',
            expression="Parameters.parameter",
        )
    require_few(len(listed))
    found: list[Operation] = []
    conditions: set[str] = set()
    for number, parameter in enumerate(listed, 1):
        try:
            found.append(_operation(parameter))
        except (PathTrouble, ValueTrouble) as err:
            where = _expression(number - 1)
            raise unreadable(number, str(err), expression=where) from None
        for step in found[-1].path:
            if step.name == "where" and step.argument:
                conditions.add(step.argument)
        if sum(map(len, conditions)) > MAX_CONDITIONS:
            problem = f"the conditions of this patch have more than {MAX_CONDITIONS} letters"
            raise unreadable(number, problem, expression=_expression(number - 1))
    return FhirPathPatch(found)


def _operation(parameter: Any) -> Operation:
    if not isinstance(parameter, dict) or parameter.get("name") != "operation":
        raise ValueTrouble('each parameter of a patch has the name "operation"')
    parts = _by_name(parameter.get("part"))
    type_ = _plain(parts, "type")
    if type_ not in _NEEDS:
        raise ValueTrouble(f"type is {str(type_)[:40]!r}; possible are {', '.join(_NEEDS)}")
    for name in ("path", *_NEEDS[type_]):
        if name not in parts:
            raise ValueTrouble(f"{type_} needs a part named {name!r}")
    path = _plain(parts, "path")
    numbers = {
        name: _plain(parts, name) for name in ("index", "source", "destination") if name in parts
    }
    return Operation(
        type_,
        tuple(places.read(path)),
        path,
        name=_plain(parts, "name") if "name" in parts else "",
        value=values.read(parts["value"]) if "value" in parts else None,
        **numbers,
    )


def _by_name(listed: Any) -> dict[str, Tree]:
    if not isinstance(listed, list):
        raise ValueTrouble("it has no parts (type, path ...)")
    found: dict[str, Tree] = {}
    for part in listed:
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str) or name not in _PARTS:
            raise ValueTrouble(
                f"a part is named {str(name)[:40]!r}; possible are {', '.join(sorted(_PARTS))}"
            )
        if name in found:
            raise ValueTrouble(f"it has two parts named {name!r}")
        found[name] = part
    return found


def _plain(parts: dict[str, Tree], name: str) -> Any:
    part, kinds = parts.get(name, {}), _TYPES[name]
    value = next((part[kind] for kind in kinds if kind in part), None)
    right = int if kinds == ("valueInteger",) else str
    if type(value) is not right or value == "":
        raise ValueTrouble(f"the part {name!r} has no {' or '.join(kinds)}")
    if right is int and not 0 <= value < 2**31:  # type: ignore[operator]  # it is an int here
        raise ValueTrouble(f"{name} is {value}; places in a list count from 0")
    return value


# ---- carrying out ------------------------------------------------------------------------------


def _one(tree: Tree, operation: Operation, effort: Effort) -> Spot:
    spots = places.find(tree, operation.path, effort)
    if len(spots) != 1:
        said = f"leads to {len(spots)} elements, and one is meant" if spots else "leads nowhere"
        raise _Impossible(f"{_shown(operation)} {said}")
    return spots[0]


def _shown(operation: Operation) -> str:
    text = operation.text
    return text if len(text) <= 120 else f"{text[:120]}..."


def _fitted(operation: Operation, spot: Spot, inside: str, name: str) -> Fitted:
    value = operation.value
    assert value is not None  # `read` has seen to it
    new = values.fitted(inside, name, value)
    depth, above = measure(new.value)[0], spot
    while above.above is not None:
        depth, above = depth + 2, above.above
    if depth > MAX_DEPTH:
        raise _Impossible(f"the resource would be nested deeper than {MAX_DEPTH} levels")
    return new


def _add(tree: Tree, operation: Operation, effort: Effort) -> None:
    spot = _one(tree, operation, effort)
    inside, holder = spot.inside, spot.value
    if not isinstance(holder, dict):
        inside, holder = "Element", _extra_of(spot)
    new = _fitted(operation, spot, inside, operation.name)
    if not new.repeats:
        for json, _ in places.ways(inside, operation.name):
            if json in holder or f"_{json}" in holder:
                raise _Impossible(f"{inside}.{operation.name} is there already; use replace")
    elif isinstance(there := holder.get(new.name), list):
        effort.spend(len(there))
    values.put(holder, new, None)


def _extra_of(spot: Spot) -> Tree:
    """Where id and extensions of a primitive value go; made if there is no such place yet."""
    if spot.inside not in tables.primitive_types():
        raise _Impossible("nothing can be added to a part without content")
    if isinstance(spot.extra, dict):
        return spot.extra
    made: Tree = {}
    if spot.index is None:
        spot.holder[f"_{spot.name}"] = made
    else:
        listed = values.pairs(spot.holder, spot.name)
        listed[spot.index] = (listed[spot.index][0], made)
        values.write_pairs(spot.holder, spot.name, listed)
    return made


def _collection(tree: Tree, operation: Operation, effort: Effort) -> tuple[Spot, str]:
    """What holds the list that a path names, and the name in it; the list may be empty yet."""
    *way, last = operation.path
    first = not way and last.name == str(tree.get("resourceType"))
    if not last.is_element or first:
        raise _Impossible(f"{_shown(operation)} is not the name of a list, like Patient.name")
    holders = places.find(tree, way, effort) if way else [places.root(tree)]
    if len(holders) != 1:
        said = f"several lists ({len(holders)})" if holders else "nowhere"
        raise _Impossible(f"{_shown(operation)} leads to {said}, and one is meant")
    holder = holders[0]
    if not isinstance(holder.value, dict):
        raise _Impossible(f"{_shown(operation)} is not within an element that has content")
    return holder, last.name


def _require_list(inside: str, name: str) -> None:
    json = places.ways(inside, name)[0][0]
    if tables.structure(inside).elements[json].max is not None:
        raise _Impossible(f"{inside}.{name} is a single value and no list; use add or replace")


def _insert(tree: Tree, operation: Operation, effort: Effort) -> None:
    spot, name = _collection(tree, operation, effort)
    _require_list(spot.inside, name)
    new = _fitted(operation, spot, spot.inside, name)
    count = len(values.pairs(spot.value, new.name))
    effort.spend(count)
    if operation.index > count:
        raise _Impossible(f"index is {operation.index}, the list has {count} items")
    values.put(spot.value, new, operation.index)


def _move(tree: Tree, operation: Operation, effort: Effort) -> None:
    spot, name = _collection(tree, operation, effort)
    _require_list(spot.inside, name)
    json = places.ways(spot.inside, name)[0][0]
    listed = values.pairs(spot.value, json)
    effort.spend(len(listed))
    for what in ("source", "destination"):
        place = getattr(operation, what)
        if place >= len(listed):
            raise _Impossible(f"{what} is {place}, the list has {len(listed)} items")
    listed.insert(operation.destination, listed.pop(operation.source))
    values.write_pairs(spot.value, json, listed)


def _delete(tree: Tree, operation: Operation, effort: Effort) -> None:
    spots = places.find(tree, operation.path, effort)
    if len(spots) > 1:
        raise _Impossible(f"{_shown(operation)} leads to {len(spots)} elements; one can be deleted")
    for spot in spots:
        _require_part(spot)
        _remove(spot)


def _remove(spot: Spot) -> None:
    if spot.index is None:
        spot.holder.pop(spot.name, None)
        spot.holder.pop(f"_{spot.name}", None)
    else:
        listed = values.pairs(spot.holder, spot.name)
        del listed[spot.index]
        values.write_pairs(spot.holder, spot.name, listed)
    above = spot.above
    if above is not None and above.above is not None and not spot.holder:
        if above.value is spot.holder or above.value is None:
            _remove(above)
        else:  # the extensions of a primitive value, which itself stays
            _set(above, above.value, None)


def _set(spot: Spot, value: Any, extra: Any) -> None:
    if spot.index is None:
        values.put(spot.holder, Fitted(spot.name, False, value, extra), None)
        return
    listed = values.pairs(spot.holder, spot.name)
    listed[spot.index] = (value, extra)
    values.write_pairs(spot.holder, spot.name, listed)


def _replace(tree: Tree, operation: Operation, effort: Effort) -> None:
    spot = _one(tree, operation, effort)
    _require_part(spot)
    above = spot.above
    inside = above.inside if above is not None and above.value is spot.holder else "Element"
    element = tables.structure(inside).elements[spot.name]
    new = _fitted(operation, above or spot, inside, element.choice or spot.name)
    if new.name != spot.name:  # a choice: valueQuantity becomes valueString
        _rename(spot.holder, spot.name, new.name)
        spot.holder.pop(f"_{spot.name}", None)
        values.put(spot.holder, new, None)
    else:
        _set(spot, new.value, new.extra)


def _rename(holder: Tree, old: str, new: str) -> None:
    """Another name at the same place, as other members should not seem to have moved."""
    members = [(new if name == old else name, value) for name, value in holder.items()]
    holder.clear()
    holder.update(members)


def _require_part(spot: Spot) -> None:
    if spot.above is None:
        raise _Impossible("the path leads to the whole resource; use PUT or DELETE for it")


_APPLY: Final[dict[str, Callable[[Tree, Operation, Effort], None]]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}

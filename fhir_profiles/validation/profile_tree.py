"""A profile made ready for checking: what it asks beyond its base type, element by element.

https://hl7.org/fhir/R4/profiling.html. Made from a snapshot; what the base type says is left to the
checks of the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from fhir_profiles.definitions.element_rules import Binding, Constraint, binding_of
from fhir_profiles.snapshots import snapshot

_NOTHING: Final = object()


@dataclass(slots=True)
class TypeAsked:
    """One type that an element may have, with the profiles of the value and of its target."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(slots=True)
class Part:
    """What a profile says of one element, or of one slice of it."""

    id: str
    name: str  # in FHIRPath
    slice_name: str = ""
    choice: bool = False
    min: int = 0
    max: int | None = None
    types: tuple[TypeAsked, ...] = ()
    fixed: Any = _NOTHING
    pattern: Any = _NOTHING
    binding: Binding | None = None
    constraints: tuple[Constraint, ...] = ()
    max_length: int | None = None
    least: Any = _NOTHING
    most: Any = _NOTHING
    slicing: Mapping[str, Any] | None = None
    slices: list[Part] = field(default_factory=list)
    children: dict[str, Part] = field(default_factory=dict)
    only_inside: bool = False  # `bare`, kept

    def says(self, name: str) -> bool:
        """Is there a `fixed`, `pattern`, `least` or `most`?"""
        return getattr(self, name) is not _NOTHING

    @property
    def bare(self) -> bool:
        """Is nothing asked of a value itself, only of what is inside?"""
        return not (
            self.types
            or self.binding
            or self.constraints
            or self.max_length is not None
            or any(self.says(name) for name in ("fixed", "pattern", "least", "most"))
        )

    def inside(self, name: str) -> list[Part]:
        """Parts that speak of one element inside: of this part, then of its slices that must be."""
        found = [self.children[name]] if name in self.children else []
        must = [one for one in self.slices if one.min > 0 and name in one.children]
        return found + [one.children[name] for one in must]


@cache
def profile_tree(url: str) -> Part:
    """The root of a profile. NoProfile, ProfileTrouble as in `snapshots.snapshot`."""
    return tree_of(snapshot(url))


def tree_of(elements: Sequence[Mapping[str, Any]]) -> Part:
    """The tree of a snapshot: elements that its profiles speak of, and what leads to them."""
    wanted: set[str] = set()
    for element in elements:
        if element["own"] or "sliceName" in element:
            id_ = element["id"]
            while id_ and id_ not in wanted:
                wanted.add(id_)
                id_ = _above(id_)
    parts: dict[str, Part] = {}
    for element in elements:
        id_ = element["id"]
        if id_ in wanted or not parts:
            parts[id_] = part = _part(element)
            if ":" in id_.rpartition(".")[2]:
                parts[id_.rpartition(":")[0]].slices.append(part)
            elif len(parts) > 1:
                parts[id_.rpartition(".")[0]].children[part.name] = part
    return parts[elements[0]["id"]]


def _above(id_: str) -> str:
    head, _, leaf = id_.rpartition(".")
    return f"{head}.{leaf}".rpartition(":")[0] if ":" in leaf else head


def _part(element: Mapping[str, Any]) -> Part:
    leaf = element["path"].rpartition(".")[2]
    own = set(element["own"])
    is_slice = "sliceName" in element
    part = Part(
        element["id"],
        leaf.removesuffix("[x]"),
        element.get("sliceName", ""),
        choice=leaf.endswith("[x]"),
    )
    if "min" in own:
        part.min = element["min"]
    if ("max" in own or is_slice) and element.get("max", "*") != "*":
        part.max = int(element["max"])
    if "type" in own or is_slice:
        part.types = tuple(_type(one) for one in element.get("type", ()) if "/" not in one["code"])
    if "binding" in own:
        part.binding = binding_of(element["binding"])
    if "maxLength" in own:
        part.max_length = element["maxLength"]
    if "slicing" in own:
        part.slicing = element["slicing"]
    part.constraints = tuple(Constraint(**one) for one in element.get("added", ()))
    for name, value in element.items():
        if name not in own:
            continue
        for start, kept in _VALUES.items():
            if name.startswith(start):
                setattr(part, kept, value)
    part.only_inside = part.bare
    return part


_VALUES: Final = {
    "fixed": "fixed",
    "pattern": "pattern",
    "minValue": "least",
    "maxValue": "most",
}


def _type(told: Mapping[str, Any]) -> TypeAsked:
    return TypeAsked(
        told["code"], tuple(told.get("profile", ())), tuple(told.get("targetProfile", ()))
    )

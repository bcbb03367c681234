"""Snapshots of profiles from their differentials (https://hl7.org/fhir/R4/profiling.html#snapshot).

A snapshot here holds what is checked: id, path, min, max, types, fixed and pattern values,
bindings, constraints, slicing. Base types and R4's profiles come from `definitions`, ours from
`conformance`, what is public of VN Core from `vn_core_profiles`. In each element `own` names what a
profile said, in contrast to its base type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Final, Protocol

from fhir_profiles import conformance
from fhir_profiles.definitions.differentials import profile_facts
from fhir_profiles.definitions.element_rules import base_of, element_rules, shipped_profiles
from fhir_profiles.definitions.tables import Element, resource_types, structure
from fhir_profiles.json_text import Tree
from fhir_profiles.vn_core_profiles import public_profiles

CORE: Final = "http://hl7.org/fhir/StructureDefinition/"
Elements = list[dict[str, Any]]

_SAID: Final = ("min", "max", "type", "maxLength", "binding", "slicing", "isModifier")
_VALUES: Final = ("fixed", "pattern", "minValue", "maxValue")
_BY_TYPE: Final = {
    "discriminator": [{"type": "type", "path": "$this"}],
    "ordered": False,
    "rules": "open",
}


class NoProfile(LookupError):
    """A profile, or what it builds on, is not known here; the message names it."""


class ProfileTrouble(ValueError):
    """A differential that does not fit its base: which element, and why."""


@cache
def own_profiles() -> Mapping[str, Mapping[str, Any]]:
    """Our profiles and extensions by URL, in the form of the shipped ones."""
    return {
        url: profile_facts(tree)
        for url, tree in conformance.resources().items()
        if tree["resourceType"] == "StructureDefinition"
    }


def definition(url: str) -> Mapping[str, Any] | None:
    """Type, base, context and differential of a profile or an extension; None: not known here."""
    plain = url.partition("|")[0]
    for known in (own_profiles, shipped_profiles, public_profiles):
        if (found := known().get(plain)) is not None:
            return found
    return None


def type_of(url: str) -> str | None:
    """The type that a profile, or the definition of a base type, is about."""
    plain = url.partition("|")[0]
    if (known := definition(plain)) is not None:
        return str(known["type"])
    name = plain.removeprefix(CORE)
    return name if name != plain and _is_type(name) else None


def is_domain_resource(name: str) -> bool:
    return name in resource_types() and name not in ("Bundle", "Binary", "Parameters")


def _is_type(name: str) -> bool:
    try:
        structure(name)
    except KeyError:
        return False
    return True


@cache
def snapshot(url: str) -> Elements:
    """All elements of a profile or a base type. Shared: do not change them.

    NoProfile: it is not known, or its base is not; ProfileTrouble: it does not fit its base.
    """
    known = definition(url)
    if known is None:
        name = url.partition("|")[0].removeprefix(CORE)
        if not _is_type(name):
            raise NoProfile(f"the profile {url} is not known here")
        return list(_base_elements(name, name))
    return derived(known["base"], known["elements"])


class Source(Protocol):
    """Where definitions come from: this module, or a library with more of them."""

    def definition(self, url: str) -> Mapping[str, Any] | None: ...

    def snapshot(self, url: str) -> Elements: ...


class Shipped:
    """The definitions that come with this package."""

    def definition(self, url: str) -> Mapping[str, Any] | None:
        return definition(url)

    def snapshot(self, url: str) -> Elements:
        return snapshot(url)


SHIPPED: Final = Shipped()


def derived(base: str, differential: Elements, source: Source = SHIPPED) -> Elements:
    """The snapshot of a differential on its base."""
    made = Snapshot(base, source)
    for element in differential:
        made.apply(element)
    return made.elements


# ---- base types ----------------------------------------------------------------------------------


def _base_elements(name: str, path: str) -> Iterator[dict[str, Any]]:
    root: dict[str, Any] = {"id": path, "path": path, "min": 0, "max": "*"}
    above = "DomainResource" if is_domain_resource(name) else base_of(name)
    found = [rules for rules in (element_rules(above or ""), element_rules(name)) if rules]
    if constraints := [_constraint(one) for rules in found for one in rules.constraints]:
        root["constraint"] = constraints
    yield root | {"own": []}
    yield from _inside(name, path)


def _inside(name: str, path: str) -> Iterator[dict[str, Any]]:
    """The elements of a structure below `path`, backbone elements with theirs."""
    known = structure(name)
    for stem, elements in _stems(name):
        choice = f"{stem}[x]" if elements[0].choice else stem
        below = f"{path}.{choice}"
        first = elements[0]
        required = stem in known.required
        most = "*" if first.max is None else str(first.max)
        element: dict[str, Any] = {
            "id": below,
            "path": below,
            "min": (first.min or 1) if required else 0,
            "max": most,
            "own": [],
        }
        rules = element_rules(f"{name}.{choice}")
        if rules is not None:
            if rules.constraints:
                element["constraint"] = [_constraint(one) for one in rules.constraints]
            if rules.binding is not None and rules.binding.value_set:
                element["binding"] = {
                    "strength": rules.binding.strength,
                    "valueSet": rules.binding.value_set,
                }
        if first.content and first.content != f"{name}.{stem}":
            yield element | {"contentReference": f"#{first.content}"}
            continue
        element["type"] = [_type(one) for one in elements]
        if not first.choice and len(first.types) > 1:
            element["type"] = [{"code": code} for code in first.types]
        yield element
        if first.content:
            yield from _inside(first.content, below)


def _stems(name: str) -> list[tuple[str, list[Element]]]:
    found: dict[str, list[Element]] = {}
    for json, element in structure(name).elements.items():
        found.setdefault(element.choice or json, []).append(element)
    return list(found.items())


def _type(element: Element) -> dict[str, Any]:
    made: dict[str, Any] = {"code": element.types[0]}
    if element.targets:
        made["targetProfile"] = [CORE + target for target in element.targets]
    return made


def _constraint(one: Any) -> dict[str, str]:
    names = ("key", "severity", "human", "expression")
    return {name: getattr(one, name) for name in names}


# ---- differentials -------------------------------------------------------------------------------


class Snapshot:
    """The elements of a base, changed by one element of a differential after another."""

    def __init__(self, base: str, source: Source = SHIPPED) -> None:
        self.source = source
        self.elements = deepcopy(source.snapshot(base))

    def find(self, id_: str) -> dict[str, Any] | None:
        return next((one for one in self.elements if one["id"] == id_), None)

    def apply(self, told: Mapping[str, Any]) -> None:
        element = self.reach(str(told.get("id") or told["path"]))
        own = set(element["own"])
        for name, value in told.items():
            if name in _SAID or name.startswith(_VALUES):
                element[name] = deepcopy(value)
                own.add(name)
        if "constraint" in told:
            element["constraint"] = [*element.get("constraint", []), *told["constraint"]]
            element.setdefault("added", []).extend(told["constraint"])
            own.add("constraint")
        element["own"] = sorted(own)

    def reach(self, id_: str) -> dict[str, Any]:
        """The element of an id; on the way, types are opened and slices made."""
        if (found := self.find(id_)) is not None:
            return found
        above, _, leaf = id_.rpartition(".")
        if not above:
            raise ProfileTrouble(f"{id_}: the profile is of {self.elements[0]['path']}")
        parent = self.reach(above)
        id_ = f"{parent['id']}.{leaf}"
        if (found := self.find(id_)) is not None:
            return found
        name, _, slice_ = leaf.partition(":")
        if not any(one["id"].startswith(f"{parent['id']}.") for one in self.elements):
            self.open(parent)
        if (found := self.find(id_)) is not None:
            return found
        if slice_:
            return self.slice(self.reach(f"{parent['id']}.{name}"), slice_)
        return self.choice(parent, leaf)

    def choice(self, parent: dict[str, Any], leaf: str) -> dict[str, Any]:
        """`valueQuantity` as the slice of value[x] that it stands for."""
        for one in self.elements:
            above, _, name = one["id"].rpartition(".")
            if above != parent["id"] or not name.endswith("[x]"):
                continue
            if types := _types_named(one, leaf):
                if (made := self.find(f"{one['id']}:{leaf}")) is not None:
                    return made
                one.setdefault("slicing", deepcopy(_BY_TYPE))
                one["type"] = deepcopy(types)  # whoever names one type means this type alone
                one["own"] = sorted({*one["own"], "slicing", "type"})
                return self.slice(one, leaf)
        raise ProfileTrouble(f"{parent['id']}.{leaf}: there is no such element in its base")

    def slice(self, base: dict[str, Any], name: str) -> dict[str, Any]:
        """A new slice behind all that belongs to its element, with the insides that are open."""
        id_ = f"{base['id']}:{name}"
        group = [
            place
            for place, one in enumerate(self.elements)
            if one["id"] == base["id"] or one["id"].startswith((f"{base['id']}.", f"{base['id']}:"))
        ]
        inside = [one for one in self.elements if one["id"].startswith(f"{base['id']}.")]
        made = _copied(base, id_) | {"sliceName": name, "min": 0}
        made.pop("slicing", None)
        if named := _types_named(base, name):
            made["type"] = named
        insides = [_copied(one, id_ + one["id"].removeprefix(base["id"])) for one in inside]
        at = group[-1] + 1
        self.elements[at:at] = [made, *insides]
        return made

    def open(self, parent: dict[str, Any]) -> None:
        """Puts the insides of an element's type behind it."""
        if "contentReference" in parent:
            source = parent["contentReference"].partition("#")[2]
            insides = list(_inside(source, parent["path"]))
        else:
            types = parent.get("type", ())
            if len(types) != 1:
                raise ProfileTrouble(f"{parent['id']}: it has several types, so nothing inside")
            profiles = [u for u in types[0].get("profile", ()) if self.source.definition(u)]
            one = profiles[0] if len(profiles) == 1 else CORE + types[0]["code"]
            of = self.source.snapshot(one)
            insides = deepcopy(of[1:])
        root = insides[0]["id"].split(".")[0] if insides else ""
        if "contentReference" in parent:
            root = parent["path"]
        for one in insides:
            one["id"] = parent["id"] + one["id"][len(root) :]
            one["path"] = parent["path"] + one["path"][len(root) :]
        at = self.elements.index(parent) + 1
        self.elements[at:at] = insides


def _types_named(element: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The type that `valueQuantity` names among those of value[x]."""
    leaf = element["path"].rpartition(".")[2]
    stem = leaf.removesuffix("[x]")
    return [
        deepcopy(one)
        for one in element.get("type", ())
        if stem != leaf and name == stem + one["code"][0].upper() + one["code"][1:]
    ]


def _copied(element: dict[str, Any], id_: str) -> dict[str, Any]:
    """An element once more: what it says holds already, so the copy says nothing of its own."""
    made = deepcopy(element)
    made.pop("added", None)
    return made | {"id": id_, "own": []}


SLICE: Final = re.compile(r":[^.]+")


def differences(ours: Elements, theirs: list[Tree]) -> list[str]:
    """Where two snapshots disagree in what is checked, in words; for tests of the generator."""
    found = []
    mine, other = {e["id"]: e for e in ours}, {e["id"]: e for e in theirs}
    found += [f"{id_} is missing" for id_ in other if id_ not in mine]
    found += [f"{id_} is too much" for id_ in mine if id_ not in other]
    for id_, element in mine.items():
        if (their := other.get(id_)) is None:
            continue
        for name in ("path", "min", "max", "sliceName"):
            if element.get(name) != their.get(name):
                found.append(f"{id_}.{name}: {element.get(name)} and {their.get(name)}")
        for name in {*element, *their}:
            if name.startswith(_VALUES) and element.get(name) != their.get(name):
                found.append(f"{id_}.{name}: {element.get(name)} and {their.get(name)}")
        for name, read in _COMPARED.items():
            if read(element) != read(their):
                found.append(f"{id_}.{name}: {read(element)} and {read(their)}")
    return found


_COMPARED: Final = {
    "type": lambda e: sorted({t["code"] for t in e.get("type", ())}),
    "binding": lambda e: (
        (e["binding"]["strength"], e["binding"].get("valueSet", "").partition("|")[0])
        if e.get("binding", {}).get("strength") in ("required", "extensible")
        else None
    ),
    "constraint": lambda e: sorted(
        {c["key"] for c in e.get("constraint", ())} - {"ele-1", "ext-1"}
    ),
}

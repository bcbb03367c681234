"""Does a resource fit our profiles, and does it follow the public rules of VN Core?

For data that we generate: `fhir_profiles.validation` has looked at base R4 before. What a profile's
differential says is applied (https://hl7.org/fhir/R4/profiling.html): how often, patterns, slices,
types, targets, required codes of ours. Its constraints are not run as FHIRPath; each has a plain
function here or in `public_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final, NamedTuple

from fhir_profiles import conformance, systems
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Issue
from fhir_profiles.public_rules import public_rule_problems

_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/.+)?$")


class Node(NamedTuple):
    """A value inside a resource: its FHIRPath, its JSON name, itself."""

    path: str
    name: str
    value: Any


def profile_problems(tree: Tree) -> list[Issue]:
    """What a resource has against those of our profiles that its meta.profile names, against our
    extensions that it carries, and against the public rules of VN Core."""
    found: list[Issue] = []
    top = Node(str(tree.get("resourceType", "")), "", tree)
    for url in tree.get("meta", {}).get("profile", ()):
        definition = conformance.resources().get(url)
        if definition is not None:
            found += _against(definition, top)
    for node in _extensions(top):
        found += _against(conformance.resources()[node.value["url"]], node)
    return found + public_rule_problems(tree)


def _extensions(node: Node) -> Iterator[Node]:
    """Extensions of ours, wherever they stand."""
    for name, value in node.value.items():
        for child in _items(node, name, value):
            if isinstance(child.value, dict):
                if name == "extension" and child.value.get("url") in conformance.resources():
                    yield child
                yield from _extensions(child)


def _against(definition: Tree, top: Node) -> Iterator[Issue]:
    elements = {element["id"]: element for element in definition["differential"]["element"]}
    root, *others = elements.values()
    if root["path"] != "Extension" and root["path"] != top.path:
        words = f"{definition['url']} is a profile of {root['path']}"
        yield Issue("error", "structure", words, top.path)
        return
    for constraint in root.get("constraint", ()):
        rule = RULES.get(constraint["key"])
        if rule is not None and not rule(top.value):
            words = f"{constraint['key']}: {constraint['human']}"
            yield Issue(constraint["severity"], "invariant", words, top.path)
    for element in others:
        parent, _, step = element["id"].rpartition(".")
        for node in _nodes(elements, parent, top):
            yield from _element(elements, element, node, step)


def _element(elements: dict[str, Tree], element: Tree, parent: Node, step: str) -> Iterator[Issue]:
    children = list(_step(elements, element["id"], parent, step))
    place = f"{parent.path}.{step}"
    if len(children) < element.get("min", 0):
        yield Issue("error", "required", f"at least {element['min']} of {place} is needed", place)
    if element.get("max", "*") != "*" and len(children) > int(element["max"]):
        yield Issue(
            "error", "structure", f"at most {element['max']} of {place} may be there", place
        )
    for child in children:
        if problem := _value(element, child):
            yield Issue("error", "value", problem, child.path)


def _value(element: Tree, child: Node) -> str:
    """What is wrong with one value; "" if nothing is."""
    for key, wanted in element.items():
        if key.startswith(("pattern", "fixed")) and not _matches(wanted, child.value):
            return f"is not {wanted}"
    types = element.get("type", ())
    if element["path"].endswith("[x]") and types:
        stem = element["path"].rpartition(".")[2].removesuffix("[x]")
        names = [stem + kind["code"][0].upper() + kind["code"][1:] for kind in types]
        if child.name not in names:
            return f"{child.name} is none of {', '.join(names)}"
    targets = {t for kind in types for t in kind.get("targetProfile", ())}
    if targets and not _leads_to({_type_of(target) for target in targets}, child.value):
        return f"refers to none of {', '.join(sorted(map(_type_of, targets)))}"
    binding = element.get("binding", {})
    if binding.get("strength") == "required":
        code = child.value.get("code") if isinstance(child.value, dict) else child.value
        if code not in _codes(binding["valueSet"]):
            return f"{code!r} is no code of {binding['valueSet']}"
    return ""


# ---- the way into a resource -------------------------------------------------------------------


def _nodes(elements: dict[str, Tree], id_: str, top: Node) -> list[Node]:
    """The values that an element id such as `Patient.identifier:cccd` stands for."""
    parent, _, step = id_.rpartition(".")
    if not parent:
        return [top]
    found = _nodes(elements, parent, top)
    return [child for node in found for child in _step(elements, id_, node, step)]


def _step(elements: dict[str, Tree], id_: str, parent: Node, step: str) -> Iterator[Node]:
    name, _, slice_ = step.partition(":")
    for child in _children(parent, name):
        if not slice_ or _in_slice(elements, id_, child.value):
            yield child


def _children(parent: Node, name: str) -> Iterator[Node]:
    if not isinstance(parent.value, dict):
        return
    choice = re.compile(re.escape(name.removesuffix("[x]")) + "[A-Z][A-Za-z]*")
    for key, value in parent.value.items():
        if key == name or (name.endswith("[x]") and choice.fullmatch(key)):
            yield from _items(parent, key, value)


def _items(parent: Node, name: str, value: Any) -> Iterator[Node]:
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield Node(f"{parent.path}.{name}[{place}]", name, item)
    else:
        yield Node(f"{parent.path}.{name}", name, value)


def _in_slice(elements: dict[str, Tree], id_: str, value: Any) -> bool:
    """By the pattern of the slice itself, by its system or url, or by the extension it holds."""
    element = elements[id_]
    for key, wanted in element.items():
        if key.startswith("pattern"):
            return _matches(wanted, value)
    for name in ("system", "url"):
        if (told := elements.get(f"{id_}.{name}")) is not None:
            wanted = told.get("patternUri") or told["fixedUri"]
            return isinstance(value, dict) and value.get(name) == wanted
    urls = [url for kind in element.get("type", ()) for url in kind.get("profile", ())]
    return isinstance(value, dict) and value.get("url") in urls


def _matches(wanted: Any, value: Any) -> bool:
    """A pattern: what it holds has to be there, more may be."""
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(
            _matches(inside, value.get(name)) for name, inside in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(value, list) and all(
            any(_matches(inside, item) for item in value) for inside in wanted
        )
    return bool(wanted == value)


def _leads_to(types: set[str], reference: Any) -> bool:
    """A reference whose type is told, by itself or its address, is of one of these."""
    if not isinstance(reference, dict):
        return False
    found = _REFERENCE.search(str(reference.get("reference", "")))
    told = found[1] if found else reference.get("type")
    return told is None or told in types


def _type_of(url: str) -> str:
    """The resource type of a profile of ours or of base R4."""
    own = conformance.resources().get(url)
    return str(own["type"]) if own is not None else url.rpartition("/")[2]


@cache
def _codes(value_set: str) -> frozenset[str]:
    listed = []
    for include in conformance.resources()[value_set]["compose"]["include"]:
        system = conformance.resources().get(include["system"], {})
        listed += [c["code"] for c in include.get("concept") or system["concept"]]
    return frozenset(listed)


# ---- constraints that public_rules does not hold -------------------------------------------------


def _has_record_number(patient: Tree) -> bool:
    begin = systems.mrn("")
    numbers = patient.get("identifier", ())
    return any(str(number.get("system", "")).startswith(begin) for number in numbers)


def _has_value_or_reason(observation: Tree) -> bool:
    names = ("dataAbsentReason", "component", "hasMember")
    return any(name in names or re.match("value[A-Z]", name) for name in observation)


def _has_unit_code(observation: Tree) -> bool:
    quantity = observation.get("valueQuantity")
    return quantity is None or (quantity.get("system") == systems.UCUM and "code" in quantity)


RULES: Final[dict[str, Callable[[Tree], bool]]] = {
    "lt-patient-record-number": _has_record_number,
    "lt-observation-value": _has_value_or_reason,
    "lt-observation-unit": _has_unit_code,
}
IN_PUBLIC_RULES: Final = frozenset(
    """vn-addr-province lt-patient-no-vneid lt-cccd lt-cmnd lt-bhyt lt-bhxh lt-facility-code
    lt-consent-period-end""".split()
)
"""Constraints of our profiles that `public_rules` checks."""

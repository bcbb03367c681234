"""For every search parameter of R4 a resource that has one value there, made from the definitions.

What comes out is no valid resource, only the way to the value and the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fhir_profiles.definitions.tables import (
    SearchParameter,
    required_codes,
    resource_types,
    search_parameters,
    structure,
)
from fhir_server.search.index import NOT_INDEXED
from fhir_server.search.parameters import ON_RESOURCE
from fhir_server.search.params.composite import ROOT, ordered
from fhir_server.search.walkers import DECEASED_TYPE, Walk, compiled, within

SYSTEM = "http://codes.example/s"
UCUM = "http://unitsofmeasure.org"
MG = {"value": 5, "system": UCUM, "code": "mg"}

Sample = tuple[Any, str, str]  # a value, what finds it, what does not

SAMPLES: dict[tuple[str, str], Sample] = {
    ("token", "CodeableConcept"): (
        {"coding": [{"system": SYSTEM, "code": "c"}]},
        f"{SYSTEM}|c",
        f"{SYSTEM}|d",
    ),
    ("token", "Coding"): ({"system": SYSTEM, "code": "c"}, f"{SYSTEM}|c", f"{SYSTEM}|d"),
    ("token", "Identifier"): ({"system": SYSTEM, "value": "7"}, f"{SYSTEM}|7", f"{SYSTEM}|8"),
    ("token", "ContactPoint"): ({"value": "an@x.vn"}, "an@x.vn", "binh@x.vn"),
    ("token", "boolean"): (True, "true", "false"),
    ("token", "id"): ("one", "one", "two"),
    ("token", "string"): ("one", "one", "two"),
    ("token", "uri"): ("urn:one", "urn:one", "urn:two"),
    ("string", "string"): ("Đặng", "dang", "tran"),
    ("string", "markdown"): ("Đặng", "dang", "tran"),
    ("string", "HumanName"): ({"family": "Đặng"}, "dang", "tran"),
    ("string", "Address"): ({"city": "Huế"}, "hue", "vinh"),
    ("date", "date"): ("2024-05-01", "2024-05", "2024-06"),
    ("date", "dateTime"): ("2024-05-01T08:00:00Z", "2024-05", "2024-06"),
    ("date", "instant"): ("2024-05-01T08:00:00Z", "2024-05", "2024-06"),
    ("date", "Period"): ({"start": "2024-05-01", "end": "2024-05-02"}, "2024-05", "2024-06"),
    ("date", "Timing"): ({"event": ["2024-05-01"]}, "2024-05", "2024-06"),
    ("number", "integer"): (5, "5", "6"),
    ("number", "decimal"): (5.5, "5.5", "5.6"),
    ("number", "Range"): ({"low": {"value": 5}, "high": {"value": 5.2}}, "5", "6"),
    ("quantity", "Quantity"): (MG, f"0.005|{UCUM}|g", f"0.006|{UCUM}|g"),
    ("quantity", "Age"): (MG, f"5|{UCUM}|mg", f"5|{UCUM}|g"),
    ("quantity", "Duration"): (MG, f"5|{UCUM}|mg", f"5|{UCUM}|g"),
    ("quantity", "Range"): ({"low": MG, "high": MG}, "5||mg", "6||mg"),
    ("quantity", "Money"): ({"value": 5, "currency": "VND"}, "5||VND", "5||USD"),
    ("uri", "uri"): ("urn:one", "urn:one", "urn:two"),
    ("uri", "url"): ("http://x/one", "http://x/one", "http://x/two"),
    ("uri", "canonical"): ("http://x/one|1", "http://x/one", "http://x/two"),
    ("reference", "canonical"): ("http://x/one|1", "http://x/one|1", "http://x/one|2"),
    ("reference", "uri"): ("http://x/one", "http://x/one", "http://x/two"),
    ("special", "Location.position"): (
        {"latitude": 21.03, "longitude": 105.85},
        "21.03|105.86|5|km",
        "10.77|106.70|5|km",
    ),
}


class Case(NamedTuple):
    """A resource, and two queries of one parameter: the first finds it, the second does not."""

    type: str
    code: str
    way: str
    tree: dict[str, Any]
    found: str
    other: str


def cases() -> Iterator[Case]:
    for type_ in sorted(resource_types()):
        for code, parameter in search_parameters(type_).items():
            if code in ON_RESOURCE:
                continue
            make = _composites if parameter.type == "composite" else _simple
            yield from make(type_, parameter)


def _simple(type_: str, parameter: SearchParameter) -> Iterator[Case]:
    for walk in compiled(parameter.expression):
        if (parameter.type, walk.type) in NOT_INDEXED:
            continue
        value, found, other = sample(parameter.type, walk, parameter.targets)
        tree = {"resourceType": type_} | placed(type_, walk, value)
        yield Case(type_, parameter.code, way(walk), tree, found, other)


def _composites(type_: str, parameter: SearchParameter) -> Iterator[Case]:
    own = search_parameters(type_)
    for elements in compiled(parameter.expression):
        tree: dict[str, Any] = {"resourceType": type_}
        inside: dict[str, Any] = {}
        found, other = [], []
        for component in ordered(parameter):
            rooted = component.expression.startswith(ROOT)
            start = type_ if rooted else elements.type
            walk = next(
                one
                for one in within(start, component.expression.removeprefix(ROOT))
                if (component.type, one.type) in SAMPLES or one.type in ("code", "Reference")
            )
            targets = own[component.code].targets if component.code in own else ()
            value, right, wrong = sample(component.type, walk, targets)
            target = tree if rooted else inside
            _merge(target, placed(start, walk, value))
            found.append(right)
            other.append(wrong)
        if elements.steps:
            _merge(tree, placed(type_, elements, inside))
        else:
            _merge(tree, inside)
        wrong = "$".join([*found[:-1], other[-1]])
        yield Case(type_, parameter.code, way(elements) or "itself", tree, "$".join(found), wrong)


def sample(kind: str, walk: Walk, targets: tuple[str, ...]) -> Sample:
    if walk.type == DECEASED_TYPE:
        if walk.steps[-1].name == "deceasedBoolean":
            return True, "true", "false"
        return "2024-05-01", "true", "false"
    if walk.type == "code":
        codes = sorted(required_codes(walk.binding) or ()) if walk.binding else []
        code = next(iter(codes), "c")
        return code, code, "no-such-code"
    if kind == "reference" and walk.type in ("Reference", "Resource"):
        type_ = walk.target or next(iter(targets), "Patient")
        value = {"reference": f"{type_}/1"}
        if walk.type == "Resource":
            value = {"resourceType": type_, "id": "1"}
        return value, f"{type_}/1", f"{type_}/2"
    return SAMPLES[kind, walk.type]


def placed(type_: str, walk: Walk, value: Any) -> dict[str, Any]:
    """An object of this type with the value at the end of the walk."""
    step, *rest = walk.steps
    element = structure("Patient" if type_ == "Resource" else type_).elements[step.name]
    inner = value
    if rest:
        inner = placed(element.content or element.types[0], Walk(tuple(rest), walk.type), value)
    if step.member:
        inner = {**inner, step.member: step.word}
    return {step.name: inner if element.max == 1 else [inner]}


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def way(walk: Walk) -> str:
    return ".".join(step.name for step in walk.steps)

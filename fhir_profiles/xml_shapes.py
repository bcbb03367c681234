"""What XML of FHIR looks like, from the definitions (https://hl7.org/fhir/R4/xml.html).

One shape per resource type, data type and backbone element: which elements, in which order, how
often, and which of them are attributes (`id` of a data type, `url` of an extension).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal

from fhir_profiles.definitions.tables import Element, primitive_types, resource_types, structure

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"
MAX_DEPTH: Final = 64  # elements of FHIR inside each other, as in JSON

Content = Literal["value", "object", "resource", "xhtml"]
Form = Literal["text", "boolean", "integer", "decimal"]

_FORMS: Final[Mapping[str, Form]] = {
    "boolean": "boolean",
    "integer": "integer",
    "positiveInt": "integer",
    "unsignedInt": "integer",
    "decimal": "decimal",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """One element of a shape. `inside` names the shape of an object; `form` is that of a value."""

    name: str
    order: int
    many: bool
    content: Content
    form: Form = "text"
    inside: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A structure as XML: `order` has the JSON names, `_name` after `name`."""

    name: str
    is_resource: bool
    slots: Mapping[str, Slot]
    attributes: tuple[str, ...]
    order: Mapping[str, int] = field(default_factory=dict)
    by_tag: Mapping[str, Slot] = field(default_factory=dict)  # names with their namespace


@cache
def shape(name: str) -> Shape:
    """KeyError if there is no such structure."""
    found = structure(name)
    is_resource = found.kind == "resource"
    attributes = () if is_resource else ("id", "url") if name == "Extension" else ("id",)
    slots: dict[str, Slot] = {}
    order = {"resourceType": -1} if is_resource else dict.fromkeys(attributes, -1)
    for place, element in enumerate(found.elements.values()):
        if element.name in attributes:
            continue
        slot = _slot(element, place)
        slots[slot.name] = slot
        order[slot.name] = 2 * place
        if slot.content == "value":
            order[f"_{slot.name}"] = 2 * place + 1
    by_tag = {tag(slot): slot for slot in slots.values()}
    return Shape(name, is_resource, slots, attributes, order, by_tag)


def _slot(element: Element, place: int) -> Slot:
    many = element.max is None or element.max > 1
    type_ = element.types[0]
    if type_ == "xhtml":
        return Slot(element.name, place, many, "xhtml")
    if type_ == "Resource":
        return Slot(element.name, place, many, "resource")
    if type_ in primitive_types():
        return Slot(element.name, place, many, "value", _FORMS.get(type_, "text"))
    return Slot(element.name, place, many, "object", inside=element.content or type_)


def tag(slot: Slot) -> str:
    """The name of an element as expat tells it."""
    return f"{XHTML if slot.content == 'xhtml' else FHIR} {slot.name}"


@cache
def resource_tags() -> Mapping[str, str]:
    """Resource types by the name of their element."""
    return {f"{FHIR} {name}": name for name in resource_types()}

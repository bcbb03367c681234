"""FHIR JSON as FHIR XML, nothing lost (https://hl7.org/fhir/R4/xml.html).

Elements stand in the order of the specification whatever their order in JSON was; decimals keep
their digits, narratives every character.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import written
from fhir_profiles.xml_narrative import NarrativeTrouble, element
from fhir_profiles.xml_shapes import FHIR, Shape, Slot, shape

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_ESCAPED: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",  # written out, a reader would make blanks of these
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
_SPECIAL = re.compile('[&<>"\x00-\x1f\ufffe\uffff]')
_IMPOSSIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class _Digits(str):
    """A number with a fraction or an exponent, as it was written."""

    __slots__ = ()


_decoder = msgspec.json.Decoder(float_hook=_Digits)


class NotWritable(ValueError):
    """JSON that has no form in XML, since it is no FHIR: what is wrong, and the path to it."""

    def __init__(self, problem: str, path: str = "") -> None:
        self.problem, self.path = problem, path
        super().__init__(f"{path}: {problem}" if path else problem)


class _Refused(Exception):
    def __init__(self, problem: str, *path: str | int) -> None:
        super().__init__(problem)
        self.path = list(path)


def to_xml(body: bytes, *, pretty: bool = False) -> bytes:
    """The XML of a resource whose JSON is `body`. NotWritable: the JSON is not that of FHIR."""
    name = ""
    try:
        tree = _decoder.decode(body)
        name = _type_of(tree)
        out = [_DECLARATION]
        _object(tree, shape(name), name, out, "\n" if pretty else "", f' xmlns="{FHIR}"')
        return "".join(out).encode("utf-8")
    except _Refused as err:
        raise NotWritable(str(err), written([name, *err.path] if name else err.path)) from None
    except RecursionError:
        raise NotWritable("the resource is nested too deep") from None
    except UnicodeEncodeError:
        raise NotWritable("a string holds half of a surrogate pair") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise NotWritable(f"this is no JSON ({err})") from None


def _type_of(tree: Any) -> str:
    name = tree.get("resourceType") if type(tree) is dict else None
    if type(name) is not str or name not in resource_types():
        raise _Refused("expected a resource, with the resourceType of one of R4")
    return name


def _object(
    tree: Any, known: Shape, name: str, out: list[str], indent: str, attributes: str = ""
) -> None:
    """An element with elements inside."""
    if type(tree) is not dict:
        raise _Refused(f"expected an object ({known.name})")
    for attribute in reversed(known.attributes):
        if attribute in tree:
            attributes = f' {attribute}="{_text(tree[attribute], attribute)}"{attributes}'
    try:
        names = sorted(tree, key=known.order.__getitem__)
    except KeyError as err:
        raise _Refused(f"{known.name} has no element {str(err.args[0])[:64]!r}") from None
    out.append(f"{indent}<{name}{attributes}>")
    before = len(out)
    inner = indent and f"{indent}  "
    slots = known.slots
    for key in names:
        slot = slots.get(key)
        if slot is None:
            if key[0] != "_" or key[1:] in tree:  # an attribute, or written with its value
                continue
            slot, value = slots[key[1:]], None
        else:
            value = tree[key]
        try:
            if slot.content == "value":
                _values(slot, value, tree.get(f"_{slot.name}"), out, inner)
            elif not slot.many:
                _inside(value, slot, out, inner)
            else:
                _each(value, slot, out, inner)
        except _Refused as err:
            err.path.insert(0, key)
            raise
        except NarrativeTrouble as err:
            raise _Refused(str(err), key) from None
    if len(out) > before:
        out.append(f"{indent}</{name}>")
    elif attributes or known.is_resource:
        out[-1] = f"{indent}<{name}{attributes}/>"
    else:
        raise _Refused("an object is never empty")


def _each(items: Any, slot: Slot, out: list[str], indent: str) -> None:
    for index, item in enumerate(_array(items)):
        try:
            _inside(item, slot, out, indent)
        except _Refused as err:
            err.path.insert(0, index)
            raise


def _inside(item: Any, slot: Slot, out: list[str], indent: str) -> None:
    if slot.content == "object":
        _object(item, shape(slot.inside), slot.name, out, indent)
    elif slot.content == "resource":
        type_ = _type_of(item)
        out.append(f"{indent}<{slot.name}>")
        _object(item, shape(type_), type_, out, indent and f"{indent}  ")
        out.append(f"{indent}</{slot.name}>")
    else:
        if type(item) is not str:
            raise _Refused("expected XHTML in a string")
        out.append(indent + element(item))


# ---- values ------------------------------------------------------------------------------------


def _values(slot: Slot, value: Any, beside: Any, out: list[str], indent: str) -> None:
    """`beside` is what `_name` holds: the id and the extensions of the values."""
    if not slot.many:
        return _value(slot, value, beside, out, indent)
    values = [] if value is None else _array(value)
    companions = [] if beside is None else _array(beside)
    for index in range(max(len(values), len(companions))):
        one = values[index] if index < len(values) else None
        companion = companions[index] if index < len(companions) else None
        try:
            _value(slot, one, companion, out, indent)
        except _Refused as err:
            err.path.insert(0, index)
            raise
    return None


def _value(slot: Slot, value: Any, beside: Any, out: list[str], indent: str) -> None:
    if value is None:
        if beside is None:
            raise _Refused("there is neither a value nor an extension")
        attribute = ""
    elif slot.form == "text":
        attribute = f' value="{_text(value)}"'
    else:
        attribute = f' value="{_word(slot, value)}"'
    if beside is None:
        out.append(f"{indent}<{slot.name}{attribute}/>")
    else:
        _object(beside, shape("Element"), slot.name, out, indent, attribute)


def _text(value: Any, *path: str) -> str:
    if type(value) is not str:
        raise _Refused("expected a string", *path)
    if not value:
        raise _Refused("a string is never empty", *path)
    if _SPECIAL.search(value) is None:
        return value
    if found := _IMPOSSIBLE.search(value):
        raise _Refused(f"XML cannot hold the character U+{ord(found[0]):04X}", *path)
    return value.translate(_ESCAPED)


def _word(slot: Slot, value: Any) -> str:
    kind = type(value)
    if slot.form == "boolean" and kind is bool:
        return "true" if value else "false"
    if slot.form != "boolean" and (kind is int or (slot.form == "decimal" and kind is _Digits)):
        return str(value)
    raise _Refused(f"expected {'true or false' if slot.form == 'boolean' else 'a number'}")


def _array(items: Any) -> list[Any]:
    if type(items) is not list:
        raise _Refused("expected an array")
    return items

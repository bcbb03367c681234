"""FHIR XML as FHIR JSON, nothing lost (https://hl7.org/fhir/R4/xml.html).

The parser is expat: it knows line and column of everything and where a narrative begins and ends.
No document type, and so no entity, ever gets in; comments and processing instructions are dropped.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, NoReturn
from xml.parsers import expat

import msgspec

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import MAX_VALUES, written
from fhir_profiles.xml_narrative import NarrativeTrouble, Walk, string
from fhir_profiles.xml_shapes import (
    FHIR,
    MAX_DEPTH,
    XHTML,
    Shape,
    Slot,
    resource_tags,
    shape,
    tag,
)

_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema-instance "  # schemaLocation says nothing to us
_INTEGER = re.compile(r"\+?(-?(?:0|[1-9][0-9]*))")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SHOWN: Final = 64  # letters of a strange name that a message shows
_LISTED: Final = 12  # names that a message lists
_ROOT = Slot("", 0, False, "resource")
_encoder = msgspec.json.Encoder()


class XmlTrouble(ValueError):
    """A body that is not the XML of a resource: what, where (line and column from 1), which."""

    def __init__(self, problem: str, line: int = 1, column: int = 1, path: str = "") -> None:
        self.problem, self.line, self.column, self.path = problem, line, column, path
        at = f" at {path}" if path else ""
        super().__init__(f"line {line}, column {column}{at}: {problem}")


class _Refused(Exception):
    """What a handler refuses, and the name that the path ends with; the parser knows where."""

    def __init__(self, problem: str, name: str = "") -> None:
        super().__init__(problem)
        self.name = name


class _Text(_Refused):
    """Text where only elements stand."""


def to_json(body: bytes) -> bytes:
    """The JSON of a resource whose XML is `body`.

    XmlTrouble: no XML or no UTF-8, a DOCTYPE, too deep, an element or attribute that is none of
    FHIR R4 or stands in the wrong place, text between elements, an element without any value.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise XmlTrouble("the body is UTF-16; FHIR is sent in UTF-8")
    if not body.strip():
        raise XmlTrouble("the body is empty; send one resource as XML")
    if body.count(b"<") > 2 * MAX_VALUES or body.count(b"=") > 2 * MAX_VALUES:
        raise XmlTrouble(f"the body holds more than {MAX_VALUES} values; send it in several parts")
    reader = _Reader(body)
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as err:
        raise reader.broken(err) from None
    except (_Refused, NarrativeTrouble) as err:
        raise XmlTrouble(str(err), *reader.place(err), reader.path(err)) from None
    return _encoder.encode(reader.tree)


class _Open:
    """An element whose end has not come yet."""

    __slots__ = ("companions", "known", "last", "slot", "tree", "value")

    def __init__(self, slot: Slot, known: Shape | None, tree: dict[str, Any], value: Any) -> None:
        self.slot, self.known, self.tree, self.value = slot, known, tree, value
        self.last = -1  # place of the last element inside
        self.companions = False  # some list of values inside has ids, extensions or gaps


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.parser = parser = expat.ParserCreate("UTF-8", " ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self.declaration
        parser.StartDoctypeDeclHandler = self.doctype
        parser.StartNamespaceDeclHandler = self.declare
        parser.EndNamespaceDeclHandler = self.undeclare
        self.tree: dict[str, Any] = {}
        self.spaces: dict[str | None, list[str]] = {}
        self.stack: list[_Open] = []
        self.open = _Open(_ROOT, None, {}, None)
        self.div: Walk | None = None
        self.outside()

    # ---- elements of FHIR ----------------------------------------------------------------------

    def outside(self) -> None:
        """Handlers for everything but narratives."""
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text

    def start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self.open
        if parent.known is None:
            return self.resource(name, attributes)
        slot = parent.known.by_tag.get(name)
        if slot is None:
            self.unknown(name, parent.known)
        if slot.order <= parent.last and (slot.order < parent.last or not slot.many):
            self.misplaced(slot, parent)
        parent.last = slot.order
        if slot.content == "value":
            value = attributes.pop("value", None)
            if value is not None:
                value = _value(slot, value)
            tree = self.attributes(attributes, ("id",), slot) if attributes else {}
            self.enter(_Open(slot, shape("Element"), tree, value))
        elif slot.content == "object":
            known = shape(slot.inside)
            tree = self.attributes(attributes, known.attributes, slot) if attributes else {}
            self.enter(_Open(slot, known, tree, None))
        elif slot.content == "resource":
            if attributes:
                self.attributes(attributes, (), slot)
            self.enter(_Open(slot, None, {}, None))
        else:
            self.narrative(name, attributes, slot)
        return None

    def enter(self, opened: _Open) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _Refused(f"the body is nested deeper than {MAX_DEPTH} levels", opened.slot.name)
        self.stack.append(self.open)
        self.open = opened

    def resource(self, name: str, attributes: dict[str, str]) -> None:
        """The root, or what stands in `contained`, `resource` or `outcome`."""
        type_ = resource_tags().get(name)
        if type_ is None:
            raise _Refused(_no_resource(name))
        if self.open.tree:
            raise _Refused(f"one {self.open.slot.name} holds one resource; repeat the element")
        slot = Slot(type_, 0, False, "resource")
        strange = {one: said for one, said in attributes.items() if not one.startswith(_SCHEMA)}
        if strange:
            self.attributes(strange, (), slot)
        tree = self.open.tree = {"resourceType": type_}
        self.enter(_Open(slot, shape(type_), tree, None))

    def attributes(
        self, came: dict[str, str], known: tuple[str, ...], slot: Slot
    ) -> dict[str, str]:
        for name, value in came.items():
            if name not in known:
                also = (*known, "value") if slot.content == "value" else known
                has = f"has the attributes {', '.join(also)} only" if also else "has no attributes"
                raise _Refused(f"{slot.name} has no attribute {_shown(name)}; it {has}", slot.name)
            if not value:
                raise _Refused(f"the attribute {name} is empty; leave it out", slot.name)
        return came

    def end(self, _: str) -> None:
        done = self.open
        parent = self.open = self.stack.pop()
        slot, tree = done.slot, done.tree
        if done.companions:
            _even(tree)
        if slot.content == "object":
            if not tree:
                raise _Refused("an element is never empty; leave it out or fill it", slot.name)
            self.put(parent.tree, slot, tree)
        elif slot.content == "value":
            if done.value is None and not tree:
                raise _Refused('an element needs a value="..." or an extension inside', slot.name)
            self.put_value(parent, slot, done.value, tree)
        elif done.known is None:
            if not tree:
                raise _Refused("expected one resource inside", slot.name)
            self.put(parent.tree, slot, tree)
        elif not self.stack:
            self.tree = tree

    def put(self, tree: dict[str, Any], slot: Slot, item: Any) -> None:
        if slot.many:
            tree.setdefault(slot.name, []).append(item)
        else:
            tree[slot.name] = item

    def put_value(self, parent: _Open, slot: Slot, value: Any, beside: dict[str, Any]) -> None:
        tree = parent.tree
        if not slot.many:
            if value is not None:
                tree[slot.name] = value
            if beside:
                tree[f"_{slot.name}"] = beside
            return
        values = tree.setdefault(slot.name, [])
        values.append(value)
        if beside:
            companions = tree.setdefault(f"_{slot.name}", [])
            companions += [None] * (len(values) - 1 - len(companions))
            companions.append(beside)
            parent.companions = True

    def text(self, text: str) -> None:
        if not text.isspace():
            said = text.strip()
            problem = f"text stands between elements: {_shown(said)}"
            if self.stack and self.open.slot.content == "value":
                problem = f'{problem}; write it as value="..."'
            raise _Text(problem)

    # ---- narratives ----------------------------------------------------------------------------

    def narrative(self, name: str, attributes: dict[str, str], slot: Slot) -> None:
        parser = self.parser
        self.div = Walk(parser)
        self.div.start(name, attributes)
        self.enter(_Open(slot, None, {}, None))
        parser.StartElementHandler = self.div.start
        parser.EndElementHandler = self.leave
        parser.CharacterDataHandler = None

    def leave(self, name: str) -> None:
        walk = self.div
        if walk is None:
            return
        walk.end(name)
        if walk.depth == 0:
            slot, self.open = self.open.slot, self.stack.pop()
            spaces = {prefix: uris[-1] for prefix, uris in self.spaces.items() if uris}
            self.open.tree[slot.name] = string(self.body, walk, spaces)
            self.div = None
            self.outside()

    # ---- the document --------------------------------------------------------------------------

    def declaration(self, version: str, encoding: str | None, _: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "utf8", "us-ascii"):
            raise _Refused(f"the body says that it is {_shown(encoding)}; FHIR is sent in UTF-8")

    def doctype(self, *_: object) -> None:
        raise _Refused("a DOCTYPE is not allowed in FHIR; leave it out")

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self.spaces.setdefault(prefix, []).append(uri or "")

    def undeclare(self, prefix: str | None) -> None:
        self.spaces[prefix].pop()

    # ---- what is wrong -------------------------------------------------------------------------

    def unknown(self, name: str, known: Shape) -> NoReturn:
        space, _, local = name.rpartition(" ")
        right = known.slots.get(local)
        if right is not None:
            expected = tag(right).rpartition(" ")[0]
            raise _Refused(
                f"{local} is of {_namespace(space)}; expected the namespace {expected}", local
            )
        if local in known.attributes:
            raise _Refused(f'{local} is an attribute here: write {local}="..."', local)
        where = "a value" if known.name == "Element" else known.name
        near = _near(local, list(known.slots))
        listed = ", ".join(list(known.slots)[:_LISTED])
        raise _Refused(
            f"{where} has no element {_shown(local)}{near or f'; known are {listed}'}",
            local[:_SHOWN],
        )

    def misplaced(self, slot: Slot, parent: _Open) -> NoReturn:
        if slot.order == parent.last:
            raise _Refused(f"{slot.name} stands twice; it may stand once", slot.name)
        after = (
            next(one.name for one in parent.known.slots.values() if one.order == parent.last)
            if parent.known
            else ""
        )
        raise _Refused(
            f"{slot.name} stands after {after}; in XML the order is that of the specification, "
            f"{slot.name} before {after}",
            slot.name,
        )

    def place(self, err: Exception) -> tuple[int, int]:
        """Line and column of the tag that was refused: the parser stands behind it."""
        start = max(self.body.rfind(b"<", 0, self.parser.CurrentByteIndex), 0)
        if isinstance(err, _Text):
            text = self.body[self.body.rfind(b">", 0, start) + 1 : start]
            start -= len(text.lstrip())
        before = self.body[:start].decode("utf-8", "replace")
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    def path(self, err: Exception) -> str:
        """Where the parser is, as FHIRPath writes it."""
        parts: list[str | int] = []
        for parent, inner in pairwise([*self.stack, self.open]):
            self._step(parts, parent, inner.slot)
        name = err.name if isinstance(err, _Refused) else "div"
        known = self.open.known
        if name and known is not None:
            slot = known.slots.get(name)
            if slot is None:
                parts.append(name)
            else:
                self._step(parts, self.open, slot)
        return written(parts)

    def _step(self, parts: list[str | int], parent: _Open, slot: Slot) -> None:
        if parent.known is None and parts:
            return  # the type of a resource inside is no step
        parts.append(slot.name)
        if slot.many:
            parts.append(len(parent.tree.get(slot.name, ())))

    def broken(self, err: expat.ExpatError) -> XmlTrouble:
        """Not well formed: what the parser says, in words."""
        try:
            self.body.decode("utf-8")
        except UnicodeDecodeError as bad:
            before = self.body[: bad.start].decode("utf-8")
            return XmlTrouble(
                f"the body is not UTF-8 (byte 0x{self.body[bad.start]:02x}); "
                "save or send it as UTF-8",
                before.count("\n") + 1,
                len(before) - before.rfind("\n"),
            )
        said = expat.ErrorString(err.code)
        words = {
            "no element found": "the body ends before its last element is closed",
            "undefined entity": "only the entities &amp; &lt; &gt; &quot; &apos; exist; write "
            "the character itself",
            "mismatched tag": "this end tag does not belong to the element that is open",
            "unbound prefix": "the prefix of this name is not declared with xmlns",
            "duplicate attribute": "an attribute stands twice",
            "junk after document element": "there is more after the end of the resource",
        }
        return XmlTrouble(words.get(said, f"this is not XML ({said})"), err.lineno, err.offset + 1)


def _value(slot: Slot, text: str) -> Any:
    """A value as JSON has it: numbers keep their digits."""
    if not text:
        raise _Refused("a value is never empty; leave the attribute or the element out", slot.name)
    if slot.form == "text":
        return text
    if slot.form == "boolean":
        if text in ("true", "false"):
            return text == "true"
        raise _Refused(f"expected true or false, found {_shown(text)}", slot.name)
    if slot.form == "integer":
        if found := _INTEGER.fullmatch(text):
            return msgspec.Raw(found[1].encode())
        raise _Refused(f"expected a whole number, found {_shown(text)}", slot.name)
    if _DECIMAL.fullmatch(text):
        return msgspec.Raw(text.encode())
    raise _Refused(f"expected a number like 7.50, found {_shown(text)}", slot.name)


def _even(tree: dict[str, Any]) -> None:
    """Lists of values and of what stands beside them get one length; one of nulls alone goes."""
    for name in [name for name in tree if f"_{name}" in tree]:
        values, companions = tree[name], tree[f"_{name}"]
        if type(values) is list:
            companions += [None] * (len(values) - len(companions))
            if not any(value is not None for value in values):
                del tree[name]


def _no_resource(name: str) -> str:
    space, _, local = name.rpartition(" ")
    if space != FHIR:
        return (
            f"{_shown(local)} is of {_namespace(space)}; a resource begins like "
            f'<Patient xmlns="{FHIR}">'
        )
    return f"{_shown(local)} is no resource type of R4{_near(local, list(resource_types()))}"


def _namespace(space: str) -> str:
    names = {"": "no namespace", FHIR: "FHIR's namespace", XHTML: "XHTML's namespace"}
    return names.get(space, f"the namespace {_shown(space)}")


def _near(word: str, known: list[str]) -> str:
    near = get_close_matches(word[:_SHOWN], known, n=1, cutoff=0.7)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")

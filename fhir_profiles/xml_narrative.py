"""The XHTML of a narrative between JSON and XML (https://hl7.org/fhir/R4/narrative.html#xhtml).

In JSON it is a string, in XML an element: cut out of one text and put into the other, character
for character. Whether its elements are allowed is asked elsewhere (`validation.narrative`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.parsers import expat

from fhir_profiles.xml_shapes import FHIR, XHTML

MAX_DEPTH: Final = 256  # elements inside each other
_TAG = re.compile(rb"""<[^\s"'/>]*(?:"[^"]*"|'[^']*'|[^"'>])*>""")
_NAME = re.compile(rb"<[^\s/>]+")


class NarrativeTrouble(ValueError):
    """XHTML that cannot be a narrative."""


class Walk:
    """Handlers of a parser inside a `div`; `opened` and `closed` are places in bytes."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.depth = 0
        self.opened = self.closed = 0

    def start(self, name: str, _: object) -> None:
        if self.depth == 0:
            self.opened = self.parser.CurrentByteIndex
            if name != f"{XHTML} div":
                raise NarrativeTrouble(f'the XHTML begins with <div xmlns="{XHTML}">')
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NarrativeTrouble(f"the XHTML is nested deeper than {MAX_DEPTH} levels")

    def end(self, _: str) -> None:
        self.depth -= 1
        self.closed = self.parser.CurrentByteIndex


def element(text: str) -> str:
    """The `div` in a string of JSON, as it is; blanks and comments outside of it are no narrative.

    NarrativeTrouble: it is not well formed, begins with something else, is too deep.
    """
    data = text.encode("utf-8")
    parser = expat.ParserCreate("UTF-8", " ")
    walk = Walk(parser)
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = walk.start
    parser.EndElementHandler = walk.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as err:
        said = expat.ErrorString(err.code)
        raise NarrativeTrouble(f"the XHTML is not well formed ({said})") from None
    return _cut(data, walk).decode("utf-8")


def string(body: bytes, walk: Walk, spaces: Mapping[str | None, str]) -> str:
    """The `div` that was met in a document, as a string that stands alone.

    `spaces` are the namespaces declared around it, by prefix.
    """
    data = _cut(body, walk)
    if _stands_alone(data):
        return data.decode("utf-8")
    name = _NAME.match(data)
    end = name.end() if name else 0
    tag = _TAG.match(data)
    own = data[end : tag.end()] if tag else b""
    declared = b"".join(
        b' xmlns%b="%b"' % (b":" + prefix.encode() if prefix else b"", _attribute(uri))
        for prefix, uri in spaces.items()
        if uri != FHIR and not re.search(rb"\sxmlns%b\s*=" % _colon(prefix), own)
    )
    return (data[:end] + declared + data[end:]).decode("utf-8")


def _cut(body: bytes, walk: Walk) -> bytes:
    tag = _TAG.match(body, walk.opened)
    if tag is None or tag[0].endswith(b"/>"):
        return tag[0] if tag else b""
    return body[walk.opened : body.index(b">", walk.closed) + 1]


def _stands_alone(data: bytes) -> bool:
    parser = expat.ParserCreate("UTF-8", " ")
    walk = Walk(parser)
    parser.StartElementHandler = walk.start
    parser.EndElementHandler = walk.end
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, NarrativeTrouble):
        return False
    return True


def _no_doctype(*_: object) -> None:
    raise NarrativeTrouble("a narrative has no DOCTYPE")


def _attribute(uri: str) -> bytes:
    return uri.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").encode("utf-8")


def _colon(prefix: str | None) -> bytes:
    return b":" + re.escape(prefix.encode()) if prefix else b""

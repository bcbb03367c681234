"""Narrative XHTML (https://hl7.org/fhir/R4/narrative.html#xhtml, rules txt-1 and txt-2).

Narrative is shown to people, so what a browser would run (scripts, forms, event attributes) does
not get in.
"""

from __future__ import annotations

from typing import Any, Final
from xml.parsers import expat

XHTML: Final = "http://www.w3.org/1999/xhtml"
ELEMENTS: Final = frozenset(
    "a abbr acronym address b bdo big blockquote br caption cite code col colgroup dd del dfn div "
    "dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li map area ol p pre q s samp small span strike "
    "strong sub sup table tbody td tfoot th thead tr tt u ul var".split()
)
ATTRIBUTES: Final = frozenset(
    """abbr accesskey align alt axis bgcolor border cellpadding cellspacing char charoff charset
    cite class clear color colspan compact coords datetime dir face frame headers height href
    hreflang hspace id ismap lang longdesc name nohref noshade nowrap rel rev rowspan rules
    scope shape size space span src start style summary tabindex target title type usemap
    valign value vspace width""".split()
)
_XML: Final = "http://www.w3.org/XML/1998/namespace}"
_LINKS = frozenset({"href", "src", "cite", "longdesc", "usemap"})
_RUNS = ("javascript:", "vbscript:", "data:text")


class _Refused(Exception):
    pass


def xhtml_problem(value: Any) -> tuple[str, str] | None:
    """None for a good `div`, else issue code and sentence."""
    if type(value) is not str:
        return "structure", "expected XHTML in a string"
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8", "}")
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(value.encode("utf-8"), True)
    except _Refused as err:
        return "invariant", str(err)
    except expat.ExpatError as err:
        return "structure", (
            f"the XHTML is not well formed ({expat.ErrorString(err.code)}, its line {err.lineno}, "
            f'column {err.offset + 1}); expected <div xmlns="{XHTML}">...</div>'
        )
    if not reader.has_content:
        return "invariant", "the narrative shows nothing; leave text out (txt-2)"
    return None


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def doctype(self, *_: object) -> None:
        raise _Refused("the XHTML may not have a DOCTYPE (txt-1)")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition("}")
        if self.depth == 0 and (local != "div" or space != XHTML):
            raise _Refused(f'the XHTML begins with <div xmlns="{XHTML}">, found <{local}>')
        self.depth += 1
        if space != XHTML or local not in ELEMENTS:
            raise _Refused(f"<{local}> is not allowed in a narrative (txt-1)")
        for attribute, value in attributes.items():
            if attribute.removeprefix(_XML) not in ATTRIBUTES:
                raise _Refused(f"the attribute {attribute} is not allowed in a narrative (txt-1)")
            if attribute in _LINKS and value.strip().lower().startswith(_RUNS):
                raise _Refused(f"{attribute} may not run a script (txt-1)")
        self.has_content = self.has_content or local == "img"

    def end(self, _: str) -> None:
        self.depth -= 1

    def text(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()

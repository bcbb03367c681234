"""Resources of any type, drawn from the definition tables: whatever FHIR lets stand somewhere."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any

from fhir_profiles.definitions.tables import Element, primitive_types, structure

TEXTS = (
    "Nguyễn Văn An",
    "a & b < c > \"d\" 'e' ]]>",
    "first\nsecond\tthird\r\nfourth",
    "  blanks around ",
    "é 𝄞 😀 \u00a0\u2028 \ufeff",
    "x" * 300,
    "&amp; &#10; <!-- --> ${jndi} <![CDATA[",
)
XHTML = "http://www.w3.org/1999/xhtml"
DIVS = (
    f'<div xmlns="{XHTML}"><p>Nguyễn <b>Văn</b><br/>An &amp; c &#160; </p></div>',
    f'<div xmlns="{XHTML}" xml:lang="vi">\n <table><tr><td/></tr></table>\n</div>',
    f"""<h:div xmlns:h="{XHTML}"><h:p title='>"'>a</h:p><!-- kept --></h:div>""",
    f'<div xmlns="{XHTML}"><a  href="#x"\n>a/></a ></div >',
)
NUMBERS = ("0", "7.50", "-0.000", "1e-9", "1.0E+2", "100", "0.10", "12345678901234567890.123456789")
WORDS = {
    "base64Binary": ("aGVsbG8=", "aGVs\nbG8="),
    "canonical": ("http://example.org/a|1.0", "http://example.org/?a=1&b=<2>"),
    "code": ("final", "a b"),
    "date": ("2025", "2025-03", "2025-03-01"),
    "dateTime": ("2025", "2025-03-01T08:30:00+07:00", "2025-03-01T08:30:00.1234567Z"),
    "id": ("a-1", "A.b"),
    "instant": ("2025-03-01T08:30:00.000+07:00",),
    "oid": ("urn:oid:1.2.840.10008",),
    "time": ("08:30:00", "23:59:60.5"),
    "uri": ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", "http://example.org/a"),
    "url": ("https://example.org/?q=a&r=b",),
    "uuid": ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0",),
}
INSIDE = ("Basic", "Patient", "Observation", "Bundle", "Parameters", "OperationOutcome")


def drawn(rng: Random, type_: str) -> dict[str, Any]:
    """A resource with nearly every kind of element somewhere, and at most ten levels."""
    return _Drawing(rng).resource(type_, 0)


class _Drawing:
    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def resource(self, type_: str, depth: int) -> dict[str, Any]:
        tree = {"resourceType": type_} | self.object(type_, depth)
        if type_ not in ("Bundle", "Parameters") and "id" not in tree:
            tree["id"] = "r1"
        items = list(tree.items())
        self.rng.shuffle(items)  # members of JSON have no order
        return dict(items)

    def object(self, name: str, depth: int) -> dict[str, Any]:
        known = structure(name)
        often = (0.45, 0.25, 0.12, 0.06, 0.02)[min(depth, 4)]
        chosen: dict[str, Element] = {}
        for element in known.elements.values():
            wanted = element.min or self.rng.random() < often
            if element.choice:
                wanted = self.rng.random() < often / 4
            if wanted and not (depth > 7 and not element.min):
                chosen[element.choice or element.name] = element
        for stem in known.required:
            if stem in known.choices and stem not in chosen:
                chosen[stem] = known.elements[self.rng.choice(known.choices[stem])]
        if name == "Extension":
            chosen.pop("extension" if "value" in chosen else "value", None)
        found: dict[str, Any] = {}
        for element in chosen.values():
            self.fill(found, element, depth, is_resource=known.kind == "resource")
        if not found and "extension" in known.elements:
            found["extension"] = [{"url": "http://example.org/x", "valueBoolean": False}]
        return found

    def fill(
        self, found: dict[str, Any], element: Element, depth: int, *, is_resource: bool
    ) -> None:
        many = element.max is None or element.max > 1
        count = max(element.min, self.rng.choice((1, 1, 2, 3))) if many else 1
        type_ = element.types[0]
        name = element.name
        if type_ not in primitive_types() or type_ == "xhtml":
            items = [self.one(element, depth + 1) for _ in range(count)]
            found[name] = items if many else items[0]
            return
        bare = name in ("id", "url") and not is_resource  # attributes in XML
        values = [self.value(type_) for _ in range(count)]
        beside: list[Any] = [None] * count
        for place in range(count):
            if not bare and self.rng.random() < 0.2:
                beside[place] = self.beside(depth)
                if self.rng.random() < 0.4:
                    values[place] = None
        if any(value is not None for value in values):
            found[name] = values if many else values[0]
        if any(beside):
            found[f"_{name}"] = beside if many else beside[0]

    def beside(self, depth: int) -> dict[str, Any]:
        extensions = [self.object("Extension", depth + 3) for _ in range(self.rng.choice((1, 2)))]
        return {"id": "e1", "extension": extensions}

    def one(self, element: Element, depth: int) -> Any:
        if element.types[0] == "Resource":
            return self.resource(self.rng.choice(INSIDE[: 6 if depth < 4 else 1]), depth + 2)
        if element.types[0] == "xhtml":
            return self.rng.choice(DIVS)
        return self.object(element.content or element.types[0], depth)

    def value(self, type_: str) -> Any:
        if type_ == "boolean":
            return self.rng.random() < 0.5
        if type_ == "decimal":
            text = self.rng.choice(NUMBERS)
            return int(text) if text.isdecimal() else Decimal(text)
        if type_ in ("integer", "positiveInt", "unsignedInt"):
            return self.rng.choice((1, 0, 2_147_483_647, -5))
        return self.rng.choice(WORDS.get(type_, TEXTS))

"""Resources and parts of resources made by chance from the definitions, for whole types at once."""

import random
from typing import Any

from fhir_profiles.definitions.tables import primitive_types, required_codes, structure

VALUES: dict[str, list[Any]] = {
    "base64Binary": ["aGFsbG8="],
    "boolean": [True, False],
    "canonical": ["http://example.org/ValueSet/a", "#one"],
    "code": ["a", "abc"],
    "date": ["2024-01-01", "2024-02", "2025-03-04"],
    "dateTime": ["2024-01-01", "2024-02-03T04:05:06+07:00", "2025"],
    "decimal": [0, 1, 7, -1],
    "id": ["one", "two"],
    "instant": ["2024-01-01T00:00:00Z", "2025-01-01T00:00:00+07:00"],
    "integer": [0, 1, 2],
    "markdown": ["text"],
    "oid": ["urn:oid:1.2.3"],
    "positiveInt": [1, 2],
    "string": ["Name", "a b", "one", "2"],
    "time": ["08:00:00", "09:30:00"],
    "unsignedInt": [0, 3],
    "uri": ["http://unitsofmeasure.org", "http://example.org/a", "urn:uuid:1"],
    "url": ["http://example.org"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">x</div>'],
}
TOO_DEEP = 4


def made(type_: str, dice: random.Random, depth: int = 0) -> dict[str, Any]:
    """A value of a structure, each element there or not; not always valid, never malformed."""
    tree: dict[str, Any] = {}
    known = structure(type_)
    if known.kind == "resource":
        tree["resourceType"] = type_
    chosen: set[str] = set()
    elements = list(known.elements.values())
    dice.shuffle(elements)
    for element in elements:
        needed = element.min > 0 or dice.random() < (0.5 if depth == 0 else 0.3)
        if not needed or element.choice in chosen or element.name in ("extension", "contained"):
            continue
        if element.name in ("modifierExtension", "meta") or "Resource" in element.types:
            continue
        if depth >= TOO_DEEP and element.types[0] not in primitive_types():
            continue
        if element.choice:
            chosen.add(element.choice)
        number = dice.choice((1, 1, 2)) if element.max is None else 1
        values = [_value(element, dice, depth) for _ in range(number)]
        tree[element.name] = values if element.max is None or element.max > 1 else values[0]
    return tree


def _value(element: Any, dice: random.Random, depth: int) -> Any:
    type_ = element.types[0]
    if type_ in primitive_types():
        codes = required_codes(element.binding) if element.binding else None
        return dice.choice(sorted(codes)) if codes else dice.choice(VALUES[type_])
    return made(element.content or type_, dice, depth + 1)

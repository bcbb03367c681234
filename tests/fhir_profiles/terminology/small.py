"""A code system, value sets and maps that fit on a page, so that each row can be read."""

ANIMALS = "http://example.org/animals"
SETS = "http://example.org/ValueSet"


def concept(code: str, *children: dict, **more) -> dict:
    made = {"code": code, "display": code.capitalize(), **more}
    return {**made, "concept": list(children)} if children else made


def flag(code: str, value) -> dict:
    type_ = "valueBoolean" if isinstance(value, bool) else "valueCode"
    return {"code": code, type_: value}


SYSTEM = {
    "resourceType": "CodeSystem",
    "url": ANIMALS,
    "version": "1",
    "name": "Animals",
    "status": "active",
    "caseSensitive": True,
    "content": "complete",
    "hierarchyMeaning": "is-a",
    "property": [{"code": "legs", "type": "integer"}, {"code": "pet", "type": "boolean"}],
    "concept": [
        concept(
            "animal",
            concept(
                "dog",
                concept("poodle", property=[flag("pet", True)]),
                designation=[{"language": "vi", "value": "con chó"}],
                definition="A beast that barks",
                property=[flag("pet", True), {"code": "legs", "valueInteger": 4}],
            ),
            concept("hen", property=[{"code": "legs", "valueInteger": 2}]),
            concept("dodo", property=[flag("inactive", True)]),
            property=[flag("notSelectable", True)],
        ),
        concept("wolfdog", property=[flag("subsumedBy", "dog"), flag("parent", "wolf")]),
        concept("wolf"),
    ],
}


def value_set(name: str, *include: dict, exclude=(), **more) -> dict:
    compose = {"include": list(include), **({"exclude": list(exclude)} if exclude else {})}
    url = f"{SETS}/{name}"
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose, **more}


def of_animals(op: str = "", value: str = "", property_: str = "concept", **more) -> dict:
    filters = [{"property": property_, "op": op, "value": value}] if op else []
    return {"system": ANIMALS, **({"filter": filters} if filters else {}), **more}


def listed(*codes: str) -> dict:
    return {"system": ANIMALS, "concept": [{"code": code} for code in codes]}


def imported(*names: str) -> dict:
    return {"valueSet": [f"{SETS}/{name}" for name in names]}

"""A patient to be patched, and patches as short as a table needs them."""

JSON_PATCH = "application/json-patch+json"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Bà\u00a0Ngọc &amp; con</div>'
AN = {
    "resourceType": "Patient",
    "text": {"status": "generated", "div": DIV},
    "extension": [{"url": "urn:e:1", "valueString": "a"}, {"url": "urn:e:2", "valueCode": "b"}],
    "identifier": [{"system": "urn:s", "value": "1"}, {"system": "urn:t", "value": "2"}],
    "name": [{"use": "official", "family": "Nguyễn", "given": ["Văn", "An"]}, {"text": "An"}],
    "gender": "male",
    "birthDate": "1980-01-01",
    "_birthDate": {"extension": [{"url": "urn:time", "valueString": "dawn"}]},
    "deceasedBoolean": False,
    "contact": [{"gender": "female"}, {"name": {"text": "Lan"}, "gender": "female"}],
}


def operation(type_, path, value=None, **more):
    """An operation of a FHIRPath Patch; `value`: (name of the value, value), or parts."""
    parts = [{"name": "type", "valueCode": type_}, {"name": "path", "valueString": path}]
    for name, given in more.items():
        kind = "valueString" if name == "name" else "valueInteger"
        parts.append({"name": name, kind: given})
    if isinstance(value, list):
        parts.append({"name": "value", "part": value})
    elif value is not None:
        parts.append({"name": "value", value[0]: value[1]})
    return {"name": "operation", "part": parts}


def parameters(*operations):
    return {"resourceType": "Parameters", "parameter": list(operations)}


def put(server, id_, tree=AN):
    got = server.ask("PUT", f"{tree['resourceType']}/{id_}", {**tree, "id": id_})
    assert got.status == 201, got.body
    return got


def content(tree):
    return {name: value for name, value in tree.items() if name not in ("id", "meta")}


def changed(**elements):
    """AN with some elements replaced, those that are None left out."""
    tree = {**AN, **{name.replace("X", "_"): value for name, value in elements.items()}}
    return {name: value for name, value in tree.items() if value is not None}


def op(name, path, **more):
    return {"op": name, "path": path, **{key.rstrip("_"): value for key, value in more.items()}}


FEMALE = [op("replace", "/gender", value="female")]

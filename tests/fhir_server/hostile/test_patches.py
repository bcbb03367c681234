"""Bad patches: what grows, what never ends, what reaches for what is the server's."""

import json

import pytest

from tests.fhir_server.hostile.conftest import refused

pytestmark = [pytest.mark.spec("http.html#patch"), pytest.mark.spec("fhirpatch.html")]
MILLION = 1_000_000
REFUSED = (400, 409, 412, 413, 415, 422, 501)
JSON_PATCH = ("content-type", "application/json-patch+json")
EXTENSION = {"op": "add", "path": "/extension", "value": [{"url": "urn:x", "extension": []}]}
DOUBLE = {"op": "copy", "from": "/extension", "path": "/extension/0/extension"}
MORE = {"op": "copy", "from": "/name", "path": "/name/-"}


def op(**members):
    return [members]


OPERATIONS = {
    "no list": {},
    "a list of lists": [[]],
    "nothing": None,
    "a word": "add",
    "no operation": op(path="/active", value=True),
    "an operation that there is not": op(op="spell", path="/active"),
    "no path": op(op="remove"),
    "no value": op(op="add", path="/active"),
    "nowhere to copy from": op(op="copy", path="/active"),
    "a path that is a number": op(op="remove", path=1),
    "a path without a slash": op(op="remove", path="active"),
    "a path that is not there": op(op="remove", path="/active"),
    "a place in a list that is a word": op(op="remove", path="/name/x"),
    "a place in a list that is far": op(op="add", path="/name/99999999999999999999", value={}),
    "a place in a list that is negative": op(op="remove", path="/name/-1"),
    "a path of a million": op(op="remove", path="/a" * 500_000),
    "a broken escape": op(op="remove", path="/~2"),
    "a test that fails": op(op="test", path="/name", value=[]),
    "the id": op(op="replace", path="/id", value="other"),
    "the type": op(op="replace", path="/resourceType", value="Group"),
    "no type": op(op="remove", path="/resourceType"),
    "the whole": op(op="replace", path="", value={"resourceType": "Patient"}),
    "nothing of it": op(op="remove", path=""),
    "into itself": op(op="move", **{"from": "/name", "path": "/name/0/given"}),
    "what is not valid": op(op="add", path="/gender", value="M"),
    "what doubles each time": [EXTENSION, *[DOUBLE] * 60],
    "what grows a million times": [MORE] * MILLION,
    "what is deep": op(op="add", path="/x", value=json.loads("[" * 500 + "]" * 500)),
}


@pytest.mark.parametrize("operations", OPERATIONS.values(), ids=OPERATIONS)
def test_json_patch(server, operations):
    with server.well_kept():
        body = json.dumps(operations).encode()
        got = refused(server.ask("PATCH", "Patient/known", body, JSON_PATCH))
        assert got.status in REFUSED


def fhirpath(path, kind="replace", value=("valueBoolean", True)):
    parts = [
        {"name": "type", "valueCode": kind},
        {"name": "path", "valueString": path},
        {"name": "value", value[0]: value[1]},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


PATHS = {
    "nothing": "",
    "no expression": "Patient.name.",
    "brackets without end": "(" * 10_000,
    "brackets that close": "(" * 10_000 + "Patient" + ")" * 10_000,
    "a million letters": "Patient." + "a" * MILLION,
    "a million steps": "Patient" + ".name" * 200_000,
    "everything of everything": "Patient" + ".descendants()" * 30,
    "for ever": "Patient.repeat($this | $this)",
    "combinations": "Patient.name" + ".combine(Patient.name)" * 40,
    "a pattern without end": f"Patient.name.where('{'a' * 64}!'.matches('^(a+)+$'))",
    "text that doubles": "Patient.where(('ab' & 'cd')"
    + ".replace('', 'abcdefgh')" * 30
    + " = 'x')",
    "a large power": "Patient.where(9.power(999999) > 0 and 9.power(9.power(9)) > 0)",
    "another type": "Observation.status",
    "the id": "Patient.id",
    "a function that writes": "Patient.name.trace('x', %context)",
    "what is outside": "%resource.resolve()",
    "an environment": "%`ext-x`.value",
    "U+0000": "Patient.\u0000",
    "SQL": "Patient.name'; DROP TABLE resource; --",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("kind", ["replace", "add", "delete", "insert", "move", "spell"])
def test_fhirpath_patch(server, path, kind):
    with server.well_kept():
        got = refused(server.ask("PATCH", "Patient/known", fhirpath(path, kind)))
        assert got.status in REFUSED


def parameters(*listed):
    return {"resourceType": "Parameters", "parameter": list(listed)}


SHAPES = {
    "no parameter": {"resourceType": "Parameters"},
    "no part": parameters({"name": "operation"}),
    "parts that are none": parameters({"name": "operation", "part": [1]}),
    "another name": parameters({"name": "op", "part": []}),
    "a list as a name": parameters({"name": []}),
    "another resource": {"resourceType": "Patient"},
    "100,000 operations": parameters(*fhirpath("Patient.active")["parameter"] * 100_000),
    "a value that is not allowed": fhirpath("Patient.gender", value=("valueCode", "M")),
    "a value of another type": fhirpath("Patient.active", value=("valueString", "x")),
}


@pytest.mark.parametrize("tree", SHAPES.values(), ids=SHAPES)
def test_parameters(server, tree):
    with server.well_kept():
        assert refused(server.ask("PATCH", "Patient/known", tree)).status in REFUSED

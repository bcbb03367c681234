"""JSON Patch: what it makes of a resource, and what it refuses."""

import json
from decimal import Decimal

import pytest

from tests.fhir_server.interactions.patching import (
    AN,
    FEMALE,
    JSON_PATCH,
    changed,
    content,
    op,
    put,
)

pytestmark = pytest.mark.spec("http.html#patch")

WEIGHT = (
    '{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"weight"},'
    '"valueQuantity":{"value":1.00,"unit":"kg"}}'
)


JSON_ROWS = {
    "nothing": ([], AN),
    "replace": ([op("replace", "/gender", value="female")], changed(gender="female")),
    "add an element": ([op("add", "/active", value=True)], changed(active=True)),
    "add over what is there": ([op("add", "/gender", value="other")], changed(gender="other")),
    "add at the end": (
        [op("add", "/name/-", value={"text": "x"})],
        changed(name=[*AN["name"], {"text": "x"}]),
    ),
    "add in the middle": (
        [op("add", "/name/1", value={"text": "x"})],
        changed(name=[AN["name"][0], {"text": "x"}, AN["name"][1]]),
    ),
    "remove": ([op("remove", "/gender")], changed(gender=None)),
    "remove the last of a list": (
        [op("remove", "/identifier/1"), op("remove", "/identifier/0")],
        changed(identifier=None),
    ),
    "remove all that an element holds": (
        [op("remove", "/contact/0/gender")],
        changed(contact=[AN["contact"][1]]),
    ),
    "empty, and filled again": (
        [op("remove", "/contact/0/gender"), op("add", "/contact/0/gender", value="other")],
        changed(contact=[{"gender": "other"}, AN["contact"][1]]),
    ),
    "move": ([op("move", "/name/0", from_="/name/1")], changed(name=AN["name"][::-1])),
    "copy": (
        [op("copy", "/contact/0/name", from_="/contact/1/name")],
        changed(contact=[{"gender": "female", "name": {"text": "Lan"}}, AN["contact"][1]]),
    ),
    "test, then change": (
        [op("test", "/birthDate", value="1980-01-01"), op("remove", "/birthDate")],
        changed(birthDate=None),
    ),
    "escapes in a pointer": (
        [op("add", "/name/1/text", value="~/"), op("test", "/name/1/text", value="~/")],
        changed(name=[AN["name"][0], {"text": "~/"}]),
    ),
    "members that say nothing": (
        [{"op": "remove", "path": "/gender", "why": "?", "value": 1}],
        changed(gender=None),
    ),
}


@pytest.mark.parametrize("row", JSON_ROWS.values(), ids=JSON_ROWS)
def test_json_patch(anywhere, fresh, row):
    operations, expected = row
    put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", operations, content_type=JSON_PATCH)
    assert (got.status, got.headers["etag"]) == (200, 'W/"2"'), got.body
    assert content(got.json) == expected
    assert anywhere.ask("GET", f"Patient/{fresh}").body == got.body


def test_new_decimals_keep_theirs(anywhere, fresh):
    anywhere.ask("PUT", f"Observation/{fresh}", WEIGHT % fresh)
    body = b'[{"op":"replace","path":"/valueQuantity/value","value":72.500}]'
    got = anywhere.ask("PATCH", f"Observation/{fresh}", body, content_type=JSON_PATCH)
    assert b'"value":72.500' in got.body
    same = b'[{"op":"test","path":"/valueQuantity/value","value":72.5}]'
    assert (
        anywhere.ask("PATCH", f"Observation/{fresh}", same, content_type=JSON_PATCH).status == 200
    )
    tree = json.loads(got.body, parse_float=Decimal)
    assert tree["valueQuantity"]["value"] == Decimal("72.5")


def test_meta_is_the_servers_but_tags_are_the_clients(anywhere, fresh):
    put(anywhere, fresh)
    change = [
        op("replace", "/meta/versionId", value="77"),
        op("replace", "/meta/lastUpdated", value="1999-01-01T00:00:00Z"),
        op("add", "/meta/tag", value=[{"code": "t"}]),
    ]
    got = anywhere.ask("PATCH", f"Patient/{fresh}", change, content_type=JSON_PATCH)
    assert got.json["meta"]["versionId"] == "2"
    assert got.json["meta"]["lastUpdated"].startswith("2026-03-01T12:00")
    assert got.json["meta"]["tag"] == [{"code": "t"}]


# ---- what is refused ---------------------------------------------------------------------------

OTHER_ID = [op("replace", "/id", value="other")]

REFUSED_JSON = {
    # operations -> status, code, words
    "no array": ({"op": "remove"}, 400, "structure", "array of operations"),
    "no operation": ([1], 400, "invalid", "operation 1"),
    "unknown": ([op("spell", "/gender")], 400, "invalid", "add, remove, replace"),
    "no path": ([{"op": "remove"}], 400, "invalid", "'path'"),
    "no value": ([op("add", "/gender")], 400, "invalid", "'value'"),
    "no from": ([op("move", "/gender")], 400, "invalid", "'from'"),
    "no pointer": ([op("remove", "gender")], 400, "invalid", "JSON Pointer"),
    "nothing there": ([*FEMALE, op("remove", "/photo")], 422, "business-rule", "operation 2"),
    "nothing inside": ([op("add", "/gender/x", value=1)], 422, "business-rule", "/gender is a"),
    "no such item": ([op("remove", "/name/2")], 422, "business-rule", "/name has 2 items"),
    "no number": ([op("remove", "/name/first")], 422, "business-rule", "'first' is no place"),
    "below zero": ([op("remove", "/name/-1")], 422, "business-rule", "no place"),
    "after the last": ([op("replace", "/name/-", value={})], 422, "business-rule", "no place"),
    "a letter of a word": ([op("test", "/gender/0", value="m")], 422, "business-rule", "single"),
    "test fails": (
        [op("test", "/birthDate", value="1990-01-01")],
        *(422, "business-rule", "operation 1: the test fails"),
    ),
    "test of a truth with a number": (
        [op("test", "/deceasedBoolean", value=0)],
        *(422, "business-rule", "the test fails"),
    ),
    "into itself": ([op("move", "/name/0/x", from_="/name")], 422, "business-rule", "move"),
    "other id": (OTHER_ID, 400, "invalid", "id; it has to stay"),
    "other type": (
        [op("replace", "/resourceType", value="Person")],
        *(400, "invalid", "resourceType; it has to stay 'Patient'"),
    ),
    "all of it": ([op("replace", "", value=[])], 400, "invalid", "it has to stay"),
    "unknown element": ([op("add", "/nam", value=1)], 422, "structure", "nam"),
    "wrong code": ([op("replace", "/gender", value="M")], 422, "code-invalid", "female"),
    "null": ([op("replace", "/gender", value=None)], 422, "value", "null"),
    "empty": ([op("add", "/photo", value=[])], 422, "structure", "an array is never empty"),
    "too many": (FEMALE * 1001, 413, "too-long", "1000"),
}


@pytest.mark.parametrize("row", REFUSED_JSON.values(), ids=REFUSED_JSON)
def test_json_patch_refused(anywhere, fresh, row):
    operations, status, code, words = row
    before = put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", operations, content_type=JSON_PATCH)
    assert (got.status, got.code) == (status, code), got.said
    assert words in got.said
    assert "1980-01-01" not in got.said  # what a message says is not what is stored
    assert anywhere.ask("GET", f"Patient/{fresh}").body == before.body


def test_a_broken_patch_says_where(anywhere, fresh):
    put(anywhere, fresh)
    body = b'[\n  {"op": "remove",,}]'
    got = anywhere.ask("PATCH", f"Patient/{fresh}", body, content_type=JSON_PATCH)
    assert got.status == 400
    assert got.issues[0]["location"] == ["line 2, column 19"]

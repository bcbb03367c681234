"""fhir_profiles.json_text: what is refused and where, and that nothing else is ever changed."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble

ODD_NUMBERS = ["7.50", "1E+5", "-0.0", "1e-400", "100000000000000000000000.1", "0", "-12", "1e0"]
NESTED_65 = b'{"a":' + b"[" * 64 + b"]" * 64 + b"}"
NESTED_64 = b'{"a":' + b"[" * 63 + b"]" * 63 + b"}"


@pytest.mark.parametrize(
    ("body", "line", "column", "path", "says"),
    [
        (b"", 1, 1, "", "the body is empty"),
        (b"  \n ", 1, 1, "", "the body is empty"),
        (b"[1]", 1, 1, "", "an array, not a JSON object"),
        (b'\n "x"', 2, 2, "", "a string, not a JSON object"),
        (b'{"a": 1,}', 1, 9, "", "comma too many"),
        (b'{"a": 1\n"b": 2}', 2, 1, "", "expected a comma"),
        (b'{"a" 1}', 1, 6, "", "expected a colon"),
        (b'{"a": tru}', 1, 7, "", "expected a value"),
        (b'{"a": 1} {}', 1, 10, "", "more after the end"),
        (b'{"a": "x', 1, 7, "", "no closing quote"),
        (b'{"a": "x\ty"}', 1, 9, "", "control character"),
        (b'{"a": 01}', 1, 8, "", "expected a comma"),
        (b'{"a":\n [1, NaN]}', 2, 6, "a[1]", "NaN is not JSON"),
        (b'{"a": -Infinity}', 1, 7, "a", "-Infinity is not JSON"),
        (b'{"a": {"b": 1e99999999999999999999}}', 1, 13, "a.b", "exponent this large"),
        (b'{"a": ' + b"9" * 5000 + b"}", 1, 7, "a", "5000 digits"),
        (b'{"a": 1, "b": 2,\n "a": 3}', 2, 7, "a", "'a' stands twice"),
        (b'{"c": [{"x": 1}, {"x": 1, "y": {}, "x": 2}]}', 1, 41, "c[1].x", "'x' stands twice"),
        (b'{"a-b": {"\\u0078": 1, "x": 2}}', 1, 28, "`a-b`.x", "'x' stands twice"),
        (b'{"a": "\xff"}', 1, 8, "", "not UTF-8 (byte 0xff)"),
        ('{\n"ắ": "'.encode() + b"\xed\xa0\x80" + b'"}', 2, 7, "", "not UTF-8"),
        (b"\xef\xbb\xbf{}", 1, 1, "", "byte order mark"),
        (b'{"a": "\\ud800"}', 1, 7, "", "half of a surrogate pair"),
        (b'{"a": "ok", "\\udc00x": 1}', 1, 13, "", "half of a surrogate pair"),
        (NESTED_65, 1, 69, "", "deeper than 64 levels"),
        (b'{"a":' + b'{"a":' * 100_000, 1, 321, "", "deeper than 64 levels"),
        (b"[" * 100_000, 1, 65, "", "deeper than 64 levels"),
    ],
)
def test_what_is_refused_and_where(body, line, column, path, says):
    with pytest.raises(JsonTrouble) as refused:
        json_text.parse(body)
    trouble = refused.value
    assert says in trouble.problem
    assert (trouble.line, trouble.column, trouble.path) == (line, column, path)
    assert str(trouble).startswith(f"line {line}, column {column}")


def test_what_is_read():
    body = '{"n": 7.50, "i": 12345678901234567890, "e": 1E+5, "s": "\\ud83d\\ude00ễ", "z": [null]}'
    assert json_text.parse(body.encode()) == {
        "n": Decimal("7.50"),
        "i": 12345678901234567890,
        "e": Decimal("1E+5"),
        "s": "😀ễ",
        "z": [None],
    }
    assert str(json_text.parse(body.encode())["n"]) == "7.50"
    assert json_text.parse(NESTED_64)
    # Brackets inside strings are no levels, and an escaped backslash begins no escape.
    assert json_text.parse(b'{"a": "' + b"[{" * 500 + b'", "b": "\\\\ud800"}')


def test_the_work_grows_with_the_body_only():
    entry = b'{"resource": {"resourceType": "Patient", "name": [{"text": "' + b"x" * 900 + b'"}]}}'
    body = b'{"entry": [' + b",".join([entry] * 4000) + b"]}"
    assert len(json_text.parse(body)["entry"]) == 4000
    assert json_text.locate(body, ["entry", 3999, "resource", "name", 0, "text"]) == (
        1,
        len(b'{"entry": [') + 3999 * (len(entry) + 1) + entry.index(b'"xxx') + 1,
    )


BODY = """{
  "resourceType": "Patient",
  "name": [
    {"family": "Nguyễn", "given": ["An", "Bình"]},
    {"text": "[,]:{}"}
  ],
  "birthDate": "x"
}""".encode()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("resourceType",), (2, 19)),
        (("name",), (3, 11)),
        (("name", 0, "given", 1), (4, 42)),
        (("name", 1), (5, 5)),
        (("name", 1, "text"), (5, 14)),
        (("birthDate",), (7, 16)),
        (("name", 1, "given", 0), (5, 5)),  # not there: its nearest ancestor
        (("gender",), (1, 1)),
        (("name", 7, "text"), (3, 11)),
    ],
)
def test_where_a_value_stands(path, place):
    assert json_text.locate(BODY, path) == place
    assert json_text.places(BODY, [("birthDate",), path, path]) == [(7, 16), place, place]


def test_members_are_the_bytes_that_came():
    body = b' {"b" : [ 1 , 2.0 ], "\\u0061":"\\u1ec5" ,"n":{ } } '
    assert json_text.members(body) == {"b": b"[ 1 , 2.0 ]", "a": b'"\\u1ec5"', "n": b"{ }"}
    with pytest.raises(JsonTrouble, match="line 1, column 6"):
        json_text.members(b'{"a":}')
    with pytest.raises(JsonTrouble, match="an array, not a JSON object"):
        json_text.members(b"[]")


def stored(body: bytes) -> bytes:
    return json_text.stored_form(body, "Observation", "o-1", 12, "2025-03-01T08:00:00.000Z")


META = b'"meta":{"versionId":"12","lastUpdated":"2025-03-01T08:00:00.000Z"'
START = b'{"resourceType":"Observation","id":"o-1",'


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"{}", START + META + b"}}"),
        (
            b'{"status" : "final","id":"theirs", "resourceType":"Observation"}',
            START + META + b'},"status":"final"}',
        ),
        (
            b'{"meta":{"tag":[ {"code":"x"} ],"versionId":"1","lastUpdated":"1999","source":"#1"},'
            b'"valueQuantity":{"value":7.50 , "x":1E+5}}',
            START
            + META
            + b',"tag":[ {"code":"x"} ],"source":"#1"},"valueQuantity":{"value":7.50 , "x":1E+5}}',
        ),
        (b'{"meta":null,"_id":{"id":"q"}}', START + META + b'},"_id":{"id":"q"}}'),
    ],
)
def test_the_stored_form_replaces_id_and_meta_only(body, kept):
    assert stored(body) == kept


def test_the_stored_form_needs_an_object_and_an_object_as_meta():
    with pytest.raises(JsonTrouble, match="meta is not an object") as refused:
        stored(b'{"a":1,\n"meta":[]}')
    assert (refused.value.line, refused.value.column, refused.value.path) == (2, 8, "meta")
    with pytest.raises(JsonTrouble, match="not a JSON object"):
        stored(b"7")


# ---- any JSON ----------------------------------------------------------------------------------

SPACE = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n"])
NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
TEXTS = st.builds(
    lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.booleans(),
)
SCALARS = st.one_of(
    st.sampled_from([*ODD_NUMBERS, "true", "false", "null"]),
    TEXTS,
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.integers().map(str),
)


def array(items: list[str], space: str) -> str:
    return f"[{space}" + f"{space},".join(items) + f"{space}]"


def written_object(members: dict[str, str], space: str) -> str:
    """JSON text; names are now and then written with escapes."""
    lines = [
        f"{json.dumps(name, ensure_ascii=len(space) > 1)}{space}:{space}{value}"
        for name, value in members.items()
    ]
    return f"{{{space}" + f"{space},".join(lines) + f"{space}}}"


VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(array, st.lists(inner, max_size=3), SPACE),
        st.builds(written_object, st.dictionaries(NAMES, inner, max_size=3), SPACE),
    ),
    max_leaves=12,
)
META_NAMES = st.one_of(NAMES, st.sampled_from(["versionId", "lastUpdated", "profile", "tag"]))
BODIES = st.builds(
    lambda members, meta, space: (members | meta, space),
    st.dictionaries(
        st.one_of(NAMES, st.sampled_from(["id", "resourceType", "value"])), VALUES, max_size=5
    ),
    st.one_of(
        st.just({}),
        st.builds(
            lambda inside, space: {"meta": written_object(inside, space)},
            st.dictionaries(META_NAMES, VALUES, max_size=3),
            SPACE,
        ),
    ),
    SPACE,
)


@given(BODIES)
def test_any_text_is_kept(drawn):
    members, space = drawn
    body = written_object({n: v for n, v in members.items() if n != "meta"}, space)
    if str(members.get("meta", "")).startswith("{"):
        body = written_object(members, space)
    sent = json_text.members(body.encode())
    kept = json_text.members(stored(body.encode()))
    assert list(kept)[:3] == ["resourceType", "id", "meta"]
    assert list(kept)[3:] == [n for n in sent if n not in ("resourceType", "id", "meta")]
    for name in list(kept)[3:]:
        assert kept[name] == sent[name] == members[name].encode()
    if "meta" in sent:
        before, after = json_text.members(sent["meta"]), json_text.members(kept["meta"])
        assert set(after) == set(before) | {"versionId", "lastUpdated"}
        own = {n: v for n, v in before.items() if n not in ("versionId", "lastUpdated")}
        assert own == {n: after[n] for n in own}
    # Storing what is stored changes nothing.
    assert stored(stored(body.encode())) == stored(body.encode())
    # And reading it back is reading what came.
    read, again = json_text.parse(body.encode()), json_text.parse(stored(body.encode()))
    for name in list(kept)[3:]:
        assert repr(read[name]) == repr(again[name])


@given(BODIES)
def test_a_tree_is_written_and_read_back(drawn):
    members, space = drawn
    tree = json_text.parse(written_object(members, space).encode())
    again = json_text.parse(json_text.dump(tree))
    # "1e0" is a Decimal, is written 1 and then read as an int: the same number, the same digits.
    plain = re.compile(r"Decimal\('([^']*)'\)")
    assert plain.sub(r"\1", repr(again)) == plain.sub(r"\1", repr(tree))


@given(BODIES)
def test_every_value_is_found_where_it_stands(drawn):
    members, space = drawn
    body = written_object(members, space)
    lines = body.split("\n")
    for name, value in members.items():
        line, column = json_text.locate(body.encode(), [name])
        rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
        assert rest.startswith(value)


def test_a_tree_of_ours_is_compact_utf8():
    tree = {"name": "Nguyễn", "value": Decimal("7.50"), "n": [1, True, None, Decimal("-0.0")]}
    assert json_text.dump(tree) == '{"name":"Nguyễn","value":7.50,"n":[1,true,null,-0.0]}'.encode()

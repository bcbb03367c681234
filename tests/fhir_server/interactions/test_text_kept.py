"""What comes in is what goes out: every byte but `id` and `meta` (design decision 2)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_profiles import json_text
from fhir_server.options import Options
from tests.fhir_server.serving import serving

pytestmark = pytest.mark.spec("json.html")

BLANK = st.sampled_from(["", " ", "\n", "\t ", "\r\n"])
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?\Z")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
STRING = TEXT.map(json.dumps) | TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
LEAF = NUMBER | STRING | st.sampled_from(["true", "false", "null"])


def objects(inner):
    pairs = st.lists(st.tuples(TEXT, BLANK, BLANK, inner), max_size=4, unique_by=lambda p: p[0])
    return pairs.map(
        lambda them: "{" + ",".join(f"{a}{json.dumps(n)}{b}:{b}{v}{a}" for n, a, b, v in them) + "}"
    )


def arrays(inner):
    return st.lists(inner, max_size=4).map(lambda them: "[ " + " ,".join(them) + "]")


VALUE = st.recursive(LEAF, lambda inner: objects(inner) | arrays(inner), max_leaves=12)
MEMBERS = st.lists(
    st.tuples(TEXT.filter(lambda n: n not in ("resourceType", "id", "meta")), BLANK, VALUE),
    max_size=5,
    unique_by=lambda member: member[0],
)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    url = "memory:" if request.param == "memory" else f"sqlite:{folder}"
    with serving(url, options=Options(validation="off")) as running:
        yield running


@settings(max_examples=60, deadline=None)
@given(members=MEMBERS, meta=st.booleans(), way=st.sampled_from(["create", "update", "batch"]))
def test_bytes_are_kept(server, members, meta, way):
    kept = '{"versionId":"77", "tag" : [ {"code":"\\u0041"} ]}'
    parts = [f"{a}{json.dumps(name)}:{a}{value}" for name, a, value in members]
    parts.insert(len(parts) // 2, '"resourceType": "Basic"')
    if meta:
        parts.append(f'"meta": {kept}')
    if way == "update":
        parts.append('"id":"a"')
    body = ("{" + ",".join(parts) + "}").encode()
    if way == "batch":
        bundle = (
            b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":%b,'
            b'"request":{"method":"POST","url":"Basic"}}]}' % body
        )
        response = server.ask("POST", "", bundle).json["entry"][0]["response"]
        path = response["location"].removeprefix("http://test/fhir/")
    else:
        method, path = ("PUT", "Basic/a") if way == "update" else ("POST", "Basic")
        made = server.ask(method, path, body)
        assert made.status in (200, 201), made.body
        path = made.headers["location"].removeprefix("http://test/fhir/")
    came, went = json_text.members(body), json_text.members(server.ask("GET", path).body)
    for own in ("resourceType", "id", "meta"):
        came.pop(own, None)
    assert list(went) == ["resourceType", "id", "meta", *came]
    assert {name: went[name] for name in came} == came
    assert (b'"tag":[ {"code":"\\u0041"} ]' in went["meta"]) == meta
    assert b"77" not in went["meta"]

"""$convert: JSON becomes XML and XML JSON, and nothing is stored."""

import json

import pytest

from fhir_server.standard.convert import convert
from tests.fhir_server.serving import serving

pytestmark = pytest.mark.spec("resource-operation-convert.html")

JSON, XML = "application/fhir+json", "application/fhir+xml"
OBSERVATION = (
    '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"Đường huyết"},'
    '"valueQuantity":{"value":7.50,"unit":"mmol/L"},"_status":{"id":"s"}}'
)
NARRATIVE = (
    '{"resourceType":"Patient","text":{"status":"generated","div":'
    '"<div xmlns=\\"http://www.w3.org/1999/xhtml\\"><p>A &amp; B</p></div>"}}'
)
PARAMETERS = '{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}'


@pytest.fixture(params=["memory", "sqlite"])
def server(request, tmp_path):
    url = "memory:" if request.param == "memory" else f"sqlite:{tmp_path}"
    with serving(url, operations=convert()) as running:
        yield running
        assert running.store.counts() == {}


@pytest.mark.parametrize("text", [OBSERVATION, NARRATIVE, PARAMETERS])
def test_to_xml_and_back(server, text):
    there = server.ask("POST", "$convert", text, accept=XML)
    assert (there.status, there.headers["content-type"].partition(";")[0]) == (200, XML)
    assert there.body.lstrip().startswith((b"<?xml", b"<"))
    back = server.ask("POST", "$convert", there.body, content_type=XML, accept=JSON)
    assert (back.status, back.headers["content-type"].partition(";")[0]) == (200, JSON)
    assert json.loads(back.body) == json.loads(text)
    assert (b"7.50" in back.body) == ("7.50" in text)
    again = server.ask("POST", "$convert?_format=xml&_pretty=false", back.body)
    assert again.body == there.body


def test_the_same_format_leaves_it_as_it_is(server):
    assert server.ask("POST", "$convert", OBSERVATION).body.decode() == OBSERVATION


def test_the_input_inside_of_parameters(server):
    part = {"name": "input", "resource": {"resourceType": "Patient", "id": "p"}}
    body = {"resourceType": "Parameters", "parameter": [part]}
    assert server.ask("POST", "$convert", body).json == part["resource"]


@pytest.mark.parametrize(
    ("method", "path", "body", "media", "status"),
    [
        ("POST", "$convert", None, JSON, 400),
        ("POST", "$convert", "{", JSON, 400),
        ("POST", "$convert", "<Patient>", XML, 400),
        ("POST", "$convert", '<Patiant xmlns="http://hl7.org/fhir"/>', XML, 400),
        ("POST", "$convert", '{"resourceType":"Patient","colour":1}', JSON, 422),
        ("POST", "$convert", '{"resourceType":"Patiant"}', JSON, 422),
        ("POST", "$convert", '{"resourceType":"Parameters","parameter":7}', JSON, 422),
        ("POST", "$convert", '{"id":"x"}', JSON, 400),
        ("POST", "$convert?input=x", OBSERVATION, JSON, 400),
        ("POST", "$convert", OBSERVATION, "text/turtle", 415),
        ("POST", "Patient/$convert", OBSERVATION, JSON, 405),
        ("GET", "$convert", None, JSON, 405),
    ],
)
def test_refusals(server, method, path, body, media, status):
    got = server.ask(method, path, body, content_type=media)
    assert got.status == status, got.body
    assert got.issues


def test_a_format_that_is_not_there(server):
    assert server.ask("POST", "$convert", OBSERVATION, accept="text/turtle").status == 406

"""Pages of other origins in a browser (https://hl7.org/fhir/R4/security.html#cors)."""

import pytest

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.options import Options
from tests.fhir_server.serving import PATIENT, serving

pytestmark = pytest.mark.spec("security.html#cors")
APP = "https://app.example"
PATHS = [
    "",
    "metadata",
    "Patient",
    "Patient/a",
    "Patient/a/_history/1",
    "Patient/$x",
    "no/where/at",
]


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        running.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
        yield running


def preflight(server, path="Patient/a", origin=APP, method="PUT", asked="if-match, prefer"):
    return server.ask(
        "OPTIONS",
        path,
        origin=origin,
        access_control_request_method=method,
        access_control_request_headers=asked,
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_browser_asks_before(server, path, method):
    asked = "if-match, if-none-exist, prefer, x-requester, authorization, content-type"
    got = preflight(server, path, method=method, asked=asked)
    assert got.status == 200
    assert got.headers["access-control-allow-origin"] == "*"
    assert method in got.headers["access-control-allow-methods"].split(", ")
    assert got.headers["access-control-allow-headers"] == asked
    assert "access-control-allow-credentials" not in got.headers


@pytest.mark.parametrize(
    ("path", "status"), [("Patient/a", 200), ("Patient/nobody", 404), ("Patient?nam=x", 400)]
)
def test_answers_can_be_read_by_the_page(server, path, status):
    got = server.ask("GET", path, origin=APP)
    assert got.status == status
    assert got.headers["access-control-allow-origin"] == "*"
    exposed = got.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Location", "Content-Location", "Last-Modified"} <= set(exposed)
    assert got.headers["vary"].startswith("Accept, Accept-Encoding")


def test_who_is_no_page_is_told_nothing_of_it(server):
    got = server.ask("GET", "Patient/a")
    assert not [name for name in got.headers if name.startswith("access-control")]


def test_a_public_page_is_not_let_into_a_private_network(server):
    headers = {
        "origin": APP,
        "access_control_request_method": "GET",
        "access_control_request_private_network": "true",
    }
    assert server.ask("OPTIONS", "Patient/a", **headers).status == 400


def test_options_without_a_page_is_no_interaction(server):
    got = server.ask("OPTIONS", "Patient/a")
    assert (got.status, got.code) == (405, "not-supported")
    assert "GET" in got.headers["allow"]


def test_named_origins_only():
    with serving(options=Options(cors_origins=(APP,))) as server:
        mine, other = preflight(server), preflight(server, origin="https://other.example")
        assert (mine.status, mine.headers["access-control-allow-origin"]) == (200, APP)
        assert other.status == 400
        assert "access-control-allow-origin" not in other.headers
        got = server.ask("GET", "metadata", origin="https://other.example")
        assert "access-control-allow-origin" not in got.headers
        assert server.ask("GET", "metadata", origin=APP).headers["vary"].endswith("Origin")


def test_switched_off():
    with serving(options=Options(cors_origins=())) as server:
        assert preflight(server).status == 405
        got = server.ask("GET", "metadata", origin=APP)
        assert "access-control-allow-origin" not in got.headers


class Closed:
    """A guard that knows nobody."""

    async def admit(self, request):
        raise FhirError(Kind.LOGIN, "say who you are")


def test_a_browser_asks_without_a_token_and_reads_that_it_needs_one():
    with serving(guard=Closed()) as server:
        assert preflight(server).status == 200
        got = server.ask("GET", "Patient/a", origin=APP)
        assert (got.status, got.code) == (401, "login")
        assert got.headers["access-control-allow-origin"] == "*"

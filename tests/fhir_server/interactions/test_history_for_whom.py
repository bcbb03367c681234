"""Histories for whom they are: what is hidden or not served is in none; the trail; stable pages."""

import uuid
from datetime import UTC

import pytest

from fhir_server.capabilities import Capabilities
from fhir_server.search.parse import parse
from fhir_server.search.request import AnyOf
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from tests.fhir_server.interactions.hours import (
    DEVICE,
    WHOLE,
    later,
    links,
    listed,
    played,
    put,
    walk,
)
from tests.fhir_server.serving import NOON, PATIENT, serving
from tests.fhir_server.store.stores import KINDS, SERVER
from tests.fhir_server.store.stores import put as put_behind

pytestmark = pytest.mark.spec("http.html#history")


@pytest.fixture(params=KINDS)
def anywhere(request, tmp_path):
    """The address of a store of each kind."""
    urls = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    return urls[request.param]


def test_pages_stay_while_others_write(anywhere):
    """Between two pages what was listed changes, is deleted, and more comes."""
    with serving(anywhere, f"t{uuid.uuid4().hex[:12]}") as server:
        played(server)
        path, seen, number = "_history?_count=2", [], 0
        while path:
            page = server.ask("GET", path).json
            seen.append(listed(page))
            path, number = links(page).get("next"), number + 1
            later(server)
            for id_ in ("a", "b", f"new{number}"):
                put(server, id_, active=bool(number % 2))
            server.ask("DELETE", "Device/d")
        assert " ".join(seen) == WHOLE


# ---- who sees what -------------------------------------------------------------------------------


def of(query):
    type_, _, rest = query.partition("?")
    return AnyOf((parse(type_, [tuple(rest.split("="))], zone=UTC).conditions,))


SEEN = [
    ({"Device": NOTHING}, "b/3 a/3 -b/2 a/2 b/1 a/1", ""),
    ({"Patient": NOTHING}, "d/1", "d/1"),
    # the newest has to be seen, then each version for itself
    ({"Patient": of("Patient?active=false")}, "a/3 d/1", "d/1"),
    ({"Patient": of("Patient?active=true")}, "d/1", "d/1"),
    ({"Patient": of("Patient?_id=b")}, "b/3 -b/2 d/1 b/1", "d/1"),
    ({"Patient": of("Patient?_id=zz")}, "d/1", "d/1"),
]


@pytest.mark.parametrize(("types", "wanted", "devices"), SEEN)
def test_what_is_hidden_is_in_no_history(anywhere, types, wanted, devices):
    tenant = f"t{uuid.uuid4().hex[:12]}"
    hidden = []
    with serving(
        anywhere, tenant, store_for=lambda store: lambda caller: hidden_or_not(store)
    ) as server:

        def hidden_or_not(store):
            return store.restricted(Visibility(types, others=EVERYTHING)) if hidden else store

        played(server)
        hidden.append(True)
        own = " ".join(one for one in wanted.split() if "d" not in one)
        for path, expected in (
            ("_history", wanted),
            ("Patient/_history", own),
            ("Device/_history", devices),
        ):
            got = server.ask("GET", path).json
            assert (listed(got), got["total"]) == (expected, len(expected.split()))
            assert server.ask("GET", f"{path}?_count=0").json["total"] == len(expected.split())
            pages = walk(server, f"{path}?_count=2")
            assert " ".join(listed(page) for page in pages if page.get("entry")) == expected
        for id_ in "ab":
            versions = " ".join(one for one in own.split() if id_ in one)
            got = server.ask("GET", f"Patient/{id_}/_history")
            assert got.status == (200 if versions else 404)
            if versions:
                assert (listed(got.json), got.json["total"]) == (versions, len(versions.split()))


def test_types_that_are_not_served_are_in_no_history(anywhere):
    small = Capabilities("small", "1", "serves devices", types=("Device",))
    tenant = f"t{uuid.uuid4().hex[:12]}"
    with serving(anywhere, tenant, capabilities=small) as server:
        server.ask("PUT", "Device/d", DEVICE)
        put_behind(server.store, {**PATIENT, "id": "p"}, at=NOON)
        assert listed(server.ask("GET", "_history").json) == "d/1"


# ---- audit ---------------------------------------------------------------------------------------


def test_the_trail_is_listed_with_what_it_says(anywhere):
    with serving(anywhere, f"t{uuid.uuid4().hex[:12]}", audited=True) as server:
        put(server, "a")
        for path, code in (
            ("Patient/_history", "history-type"),
            ("_history?_count=5", "history-system"),
        ):
            server.ask("GET", path)
            shown = server.ask("GET", "AuditEvent/_history").json["entry"][0]["resource"]
            assert shown["subtype"][0]["code"] == code
            assert shown["action"] == "R"
        server.ask("GET", "Patient/a")
        events = server.ask("GET", "_history").json["entry"]
        assert events[0]["resource"]["subtype"][0]["code"] == "read"

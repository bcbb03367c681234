"""PATCH: which resource and version it is about, what it answers, where it shows."""

import json

import pytest

from fhir_server.options import Options
from tests.fhir_server.interactions.patching import (
    AN,
    FEMALE,
    JSON_PATCH,
    op,
    operation,
    parameters,
    put,
)
from tests.fhir_server.serving import JSON, serving

pytestmark = pytest.mark.spec("http.html#patch")

WEIGHT = (
    '{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"weight"},'
    '"valueQuantity":{"value":1.00,"unit":"kg"}}'
)


# ---- what stays as it was ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "media"),
    [
        ([op("replace", "/status", value="amended")], JSON_PATCH),
        (parameters(operation("replace", "Observation.status", ("valueCode", "amended"))), JSON),
    ],
    ids=["JSON Patch", "FHIRPath Patch"],
)
def test_decimals_keep_their_digits(anywhere, fresh, sent, media):
    assert anywhere.ask("PUT", f"Observation/{fresh}", WEIGHT % fresh).status == 201
    got = anywhere.ask("PATCH", f"Observation/{fresh}", sent, content_type=media)
    assert got.status == 200, got.body
    assert b'"value":1.00' in got.body
    assert b'"amended"' in got.body


# ---- which resource, which version -------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": 'W/"1"'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": 'W/"2"'}, 412),
        ({"if_none_match": 'W/"1"'}, 412),
    ],
)
@pytest.mark.spec("http.html#concurrency")
def test_the_version_that_is_known(anywhere, fresh, headers, status):
    put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", FEMALE, content_type=JSON_PATCH, **headers)
    assert got.status == status, got.body
    gender = anywhere.ask("GET", f"Patient/{fresh}").json["gender"]
    assert gender == ("female" if status == 200 else "male")


def test_nothing_to_patch(anywhere, fresh):
    got = anywhere.ask("PATCH", f"Patient/{fresh}", FEMALE, content_type=JSON_PATCH)
    assert (got.status, got.code) == (404, "not-found")
    put(anywhere, fresh)
    anywhere.ask("DELETE", f"Patient/{fresh}")
    got = anywhere.ask("PATCH", f"Patient/{fresh}", FEMALE, content_type=JSON_PATCH)
    assert (got.status, got.code) == (410, "deleted")


@pytest.mark.parametrize(("there", "status"), [(0, 404), (1, 200), (2, 412)])
def test_conditional(anywhere, fresh, there, status):
    for number in range(there):
        put(anywhere, f"{fresh}-{number}", {**AN, "identifier": [{"value": fresh}]})
    path = f"Patient?identifier={fresh}"
    got = anywhere.ask("PATCH", path, FEMALE, content_type=JSON_PATCH)
    assert got.status == status, got.body
    if there == 1:
        assert (got.json["id"], got.json["gender"]) == (f"{fresh}-0", "female")
        late = anywhere.ask("PATCH", path, FEMALE, content_type=JSON_PATCH, if_match='W/"1"')
        assert late.status == 412
    elif there == 2:
        assert got.code == "multiple-matches"


@pytest.mark.parametrize(
    ("prefer", "shown"),
    [
        ("", "Patient"),
        ("return=representation", "Patient"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
    ],
)
@pytest.mark.spec("http.html#ops")
def test_prefer_return(anywhere, fresh, prefer, shown):
    put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", FEMALE, content_type=JSON_PATCH, prefer=prefer)
    assert got.status == 200
    assert (got.json["resourceType"] if got.body else None) == shown
    assert got.headers["etag"] == 'W/"2"'
    assert got.headers["location"].endswith(f"Patient/{fresh}/_history/2")


def test_history_and_trail_know_a_patch(anywhere, fresh):
    put(anywhere, fresh)
    anywhere.ask("PATCH", f"Patient/{fresh}", FEMALE, content_type=JSON_PATCH)
    newest, _ = anywhere.ask("GET", f"Patient/{fresh}/_history").json["entry"]
    assert newest["request"] == {"method": "PATCH", "url": f"Patient/{fresh}"}
    found = anywhere.ask("GET", f"AuditEvent?entity=Patient/{fresh}&subtype=patch").json
    (event,) = found["entry"]
    assert event["resource"]["action"] == "U"
    assert event["resource"]["outcomeDesc"] == "HTTP 200"


def test_the_hook_sees_it_like_an_update():
    seen = []

    def on_write(writer, version, tree):
        seen.append((version.method, version.version, tree["id"], tree["gender"]))

    with serving(on_write=on_write) as server:
        put(server, "a")
        server.ask("PATCH", "Patient/a", FEMALE, content_type=JSON_PATCH)
    assert seen == [("PUT", 1, "a", "male"), ("PATCH", 2, "a", "female")]


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "media", ["text/plain", "application/merge-patch+json", "application/xml-patch+xml", ""]
)
def test_media_types_that_are_no_patch(anywhere, fresh, media):
    put(anywhere, fresh)
    got = anywhere.ask("PATCH", f"Patient/{fresh}", b"{}", content_type=media)
    assert (got.status, got.code) == (415, "not-supported")
    assert "application/json-patch+json" in got.said
    assert "application/fhir+json" in got.said
    assert "application/json-patch+json" in got.headers["accept-patch"]


def test_an_empty_condition_patches_nobody(anywhere):
    got = anywhere.ask("PATCH", "Patient", FEMALE, content_type=JSON_PATCH)
    assert (got.status, got.code) == (400, "required")


def test_a_trail_is_not_patched(anywhere):
    got = anywhere.ask("PATCH", "AuditEvent/a", FEMALE, content_type=JSON_PATCH)
    assert got.status == 405


def test_what_would_be_too_large_is_not_kept():
    with serving(options=Options(max_body=5000)) as server:
        put(server, "a")
        long = [op("add", "/name/-", value={"text": "x" * 3000})]
        assert server.ask("PATCH", "Patient/a", long, content_type=JSON_PATCH).status == 200
        got = server.ask("PATCH", "Patient/a", long, content_type=JSON_PATCH)
        assert (got.status, got.code) == (413, "too-long")


def test_work_without_end_is_refused(anywhere, fresh):
    """Few operations, each of which looks at everything."""
    words = {"resourceType": "Patient", "name": [{"given": ["a"] * 2000}]}
    before = put(anywhere, fresh, words)
    each = operation("replace", "Patient.name.given.where($this = 'a')[0]", ("valueString", "a"))
    got = anywhere.ask("PATCH", f"Patient/{fresh}", parameters(*[each] * 1000))
    assert (got.status, got.code) == (422, "business-rule")
    assert "too long" in got.said
    copies = [op("copy", "/name/-", from_="/name/0")] * 1000
    got = anywhere.ask("PATCH", f"Patient/{fresh}", copies, content_type=JSON_PATCH)
    assert (got.status, got.code) == (422, "business-rule")
    assert anywhere.ask("GET", f"Patient/{fresh}").body == before.body


def test_somebody_else_wrote_meanwhile():
    """What was worked out on an older version is worked out again on the newest one."""

    class Late:
        """A store whose writer comes after somebody else's write."""

        def __init__(self, store):
            self.store = store

        def __getattr__(self, name):
            return getattr(self.store, name)

        def write(self, work):
            def after(writer):
                current = json.loads(writer.read("Patient", "a").body)
                if current["gender"] == "male":
                    other = json.dumps({**current, "gender": "other"}).encode()
                    tree = json.loads(other)
                    from fhir_server.store.port import Document

                    writer.put(Document(tree, other), id_="a", method="PUT", at=server.clock.now())
                return work(writer)

            return self.store.write(after)

    with serving() as server:
        put(server, "a")
        server.app._endpoint.engine.store_for = lambda caller: Late(server.store)
        change = [op("add", "/active", value=True)]
        got = server.ask("PATCH", "Patient/a", change, content_type=JSON_PATCH)
        assert (got.json["gender"], got.json["active"]) == ("other", True)
        assert got.headers["etag"] == 'W/"3"'

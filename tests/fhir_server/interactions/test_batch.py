"""batch: every entry by itself."""

import pytest

from tests.fhir_server.serving import BASE, PATIENT, entry, transaction

pytestmark = pytest.mark.spec("http.html#brules")


def send(server, *entries, **headers):
    return server.ask("POST", "", transaction(*entries, type_="batch"), **headers)


def test_each_entry_has_its_own_fate(audited):
    audited.ask("PUT", "Patient/old", {**PATIENT, "id": "old"})
    got = send(
        audited,
        entry("POST", "Patient", PATIENT),
        entry("POST", "Patient", {"resourceType": "Patient", "nam": 1}),
        entry("GET", "Patient/zz"),
        entry("PUT", "Patient/old", {**PATIENT, "id": "old"}, ifMatch='W/"7"'),
        entry("GET", "Patient/old"),
        entry("DELETE", "Patient/old"),
        entry("GET", "Patient?_summary=count"),
        entry("PATCH", "Patient/old", {"resourceType": "Parameters"}),
        {"resource": PATIENT},
        entry("GET", "metadata"),
    )
    assert (got.status, got.json["type"]) == (200, "batch-response")
    responses = [one["response"] for one in got.json["entry"]]
    statuses = [int(one["status"][:3]) for one in responses]
    assert statuses == [201, 422, 404, 412, 200, 204, 200, 400, 400, 200]
    assert responses[0]["location"].startswith(f"{BASE}/Patient/")
    assert responses[0]["etag"] == 'W/"1"'
    expressions = [
        one.get("outcome", {}).get("issue", [{}])[0].get("expression", [""])[0] for one in responses
    ]
    assert expressions[1:4] == [
        "Bundle.entry[1].resource.nam",
        "Bundle.entry[2]",
        "Bundle.entry[3]",
    ]
    assert expressions[8] == "Bundle.entry[8].request"
    resources = [one.get("resource", {}).get("resourceType") for one in got.json["entry"]]
    assert resources[4:7] == ["Patient", None, "Bundle"]
    assert resources[9] == "CapabilityStatement"
    assert audited.store.counts()["Patient"] == 1
    # Each entry that asked for something is in the trail, and the whole.
    trail = audited.store.rows("audit")
    assert len(trail) == 1 + 8 + 1


def test_prefer_goes_for_every_entry(audited):
    entries = entry("POST", "Patient", PATIENT), entry("GET", "Patient?nam=x")
    got = send(audited, *entries, prefer="return=representation, handling=lenient").json
    assert got["entry"][0]["resource"]["resourceType"] == "Patient"
    assert got["entry"][1]["response"]["status"] == "200 OK"


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "?_type=Patient&name=an", 200),
        ("GET", f"{BASE}?_type=Patient&name=an", 200),
        ("HEAD", "?_type=Patient", 200),
        ("GET", "?_type=Patiant", 400),
        ("POST", "?_type=Patient", 400),
        ("DELETE", "?_type=Patient", 400),
    ],
)
@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_an_entry_may_search_the_whole_server(audited, type_, method, address, status):
    audited.ask("PUT", "Patient/a", {**PATIENT, "id": "a"})
    got = audited.ask("POST", "", transaction(entry(method, address), type_=type_))
    if type_ == "transaction" and status >= 400:
        assert got.status == status
        return
    (said,) = got.json["entry"]
    assert int(said["response"]["status"][:3]) == status
    if method == "GET" and status == 200:
        assert said["resource"]["total"] == 1

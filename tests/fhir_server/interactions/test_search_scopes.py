"""search over several types, and within compartments: what is found, links, and refusals."""

import pytest

from fhir_profiles.definitions.compartments import OWN, compartments
from fhir_profiles.definitions.tables import search_parameters
from fhir_server.capabilities import Capabilities
from fhir_server.store.port import EVERYTHING, NOTHING, Visibility
from tests.fhir_server.serving import serving
from tests.fhir_server.store.stores import AT, document

BASE = "http://test/fhir"
FORM = "application/x-www-form-urlencoded"


def made(type_, id_, **members):
    return {"resourceType": type_, "id": id_, **members}


def to(reference):
    return {"reference": reference}


def observation(id_, patient, code, **members):
    coded = {"coding": [{"code": code}]}
    subject = to(f"Patient/{patient}")
    return made("Observation", id_, status="final", code=coded, subject=subject, **members)


RESOURCES = [
    made("Patient", "1", name=[{"family": "An"}], meta={"tag": [{"code": "t"}]}),
    made(
        "Patient",
        "2",
        name=[{"family": "Bình"}],
        link=[{"other": to("Patient/1"), "type": "refer"}],
    ),
    made("Practitioner", "dr", name=[{"family": "An"}]),
    made(
        "Encounter",
        "e",
        status="finished",
        subject=to("Patient/1"),
        period={"start": "2024-05-01"},
        **{"class": {"code": "AMB"}},
    ),
    observation("o1", "1", "x", effectiveDateTime="2024-01-01", encounter=to("Encounter/e")),
    observation(
        "o2",
        "1",
        "y",
        effectiveDateTime="2024-06-01",
        performer=[to("Practitioner/dr")],
        meta={"tag": [{"code": "t"}]},
    ),
    observation("o3", "2", "x", performer=[to("Patient/1")]),
    observation("o4", "2", "x", device=to("Device/d")),
    made("Device", "d", patient=to("Patient/2")),
    made("RelatedPerson", "r", patient=to("Patient/1")),
    made("Organization", "org", name="An"),
]


@pytest.fixture
def full(server):
    for resource in RESOURCES:
        answer = server.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status == 201, answer.said
    return server


def found(answer):
    assert answer.status == 200, answer.said
    entries = answer.json.get("entry", [])
    return " ".join(
        entry["fullUrl"].removeprefix(f"{BASE}/")
        for entry in entries
        if entry["search"]["mode"] == "match"
    )


SYSTEM = [
    ("?_type=Practitioner,Organization", "Practitioner/dr Organization/org"),
    ("?_type=Patient,Practitioner&name=an", "Patient/1 Practitioner/dr"),
    (
        "?_type=Patient,Practitioner,Organization&name=an",
        "Patient/1 Practitioner/dr Organization/org",
    ),
    ("?_tag=t", "Patient/1 Observation/o2"),
    ("?_id=e,org,o1", "Encounter/e Observation/o1 Organization/org"),
    ("?_type=Observation,Encounter&patient=1", "Encounter/e Observation/o1 Observation/o2"),
    (
        "?_type=Observation,Encounter&subject:Patient.name=an",
        "Encounter/e Observation/o1 Observation/o2",
    ),
    (
        "?_type=Observation,Encounter&patient=1&_sort=-date",
        "Encounter/e Observation/o2 Observation/o1",
    ),
    ("?_type=Observation,Patient&_sort=-_id&_tag=t", "Observation/o2 Patient/1"),
    ("?_type=Patient,Practitioner&_has:Observation:performer:code=y", "Practitioner/dr"),
    ("?_lastUpdated=gt2030", ""),
    ("?_type=Patient&name=binh", "Patient/2"),
    ("?_type=Basic,Task", ""),
]


@pytest.mark.spec("search.html#context")
@pytest.mark.parametrize(("query", "expected"), SYSTEM, ids=[row[0] for row in SYSTEM])
def test_system(full, query, expected):
    answer = full.ask("GET", query)
    assert found(answer) == expected
    assert answer.json["total"] == len(expected.split())


@pytest.mark.spec("search.html#context")
def test_system_by_post(full):
    answer = full.ask("POST", "_search", "_type=Patient,Practitioner&name=an", content_type=FORM)
    assert found(answer) == "Patient/1 Practitioner/dr"
    (link,) = answer.json["link"]
    assert link == {"relation": "self", "url": f"{BASE}?_type=Patient,Practitioner&name=an"}


@pytest.mark.spec("http.html#paging")
@pytest.mark.parametrize("sort", ["", "&_sort=_id", "&_sort=-_lastUpdated,_id"])
def test_pages_over_types(full, sort):
    path, seen = f"?_count=3{sort}", []
    while path is not None:
        answer = full.ask("GET", path)
        seen += found(answer).split()
        links = {link["relation"]: link["url"] for link in answer.json["link"]}
        path = links["next"].removeprefix(BASE) if "next" in links else None
    names = [f"{one['resourceType']}/{one['id']}" for one in RESOURCES]
    assert sorted(seen) == sorted(names)
    if sort == "&_sort=_id":
        assert [name.partition("/")[2] for name in seen] == sorted(
            name.partition("/")[2] for name in names
        )


def test_only_counted(full):
    assert full.ask("GET", "?_summary=count").json["total"] == len(RESOURCES)
    assert full.ask("GET", "?_summary=count&_type=Patient").json["total"] == 2


def test_includes_of_several_types(full):
    got = full.ask("GET", "?_type=Encounter,Device&_include=Encounter:subject&_include=*").json
    assert [entry["resource"]["id"] for entry in got["entry"]] == ["e", "d", "1", "2"]


COMPARTMENTS = [
    ("Patient/1/Observation", "Observation/o1 Observation/o2 Observation/o3"),
    ("Patient/1/Observation?code=x", "Observation/o1 Observation/o3"),
    ("Patient/1/Observation?code=x&_sort=-_id", "Observation/o3 Observation/o1"),
    ("Patient/2/Observation", "Observation/o3 Observation/o4"),
    ("Patient/9/Observation", ""),
    ("Patient/1/Patient", "Patient/1 Patient/2"),
    (
        "Patient/1/*",
        "Patient/1 Patient/2 Encounter/e Observation/o1 Observation/o2 Observation/o3 "
        "RelatedPerson/r",
    ),
    ("Patient/1/*?_type=Encounter,RelatedPerson", "Encounter/e RelatedPerson/r"),
    ("Patient/1/*?_tag=t&_type=Observation", "Observation/o2"),
    ("Encounter/e/Observation", "Observation/o1"),
    ("Encounter/e/Encounter", "Encounter/e"),
    ("Practitioner/dr/Observation", "Observation/o2"),
    ("Practitioner/dr/*", "Practitioner/dr Observation/o2"),
    ("Device/d/Observation", "Observation/o4"),
    ("RelatedPerson/r/Patient", ""),
    ("RelatedPerson/r/RelatedPerson", "RelatedPerson/r"),
]


@pytest.mark.spec("compartmentdefinition.html")
@pytest.mark.parametrize(("path", "expected"), COMPARTMENTS, ids=[row[0] for row in COMPARTMENTS])
def test_compartment(full, path, expected):
    answer = full.ask("GET", path)
    assert found(answer) == expected
    assert answer.json["link"][0] == {"relation": "self", "url": f"{BASE}/{path}"}


def test_compartment_by_post(full):
    path = "Patient/1/Observation/_search"
    answer = full.ask("POST", path, "code=x", content_type=FORM)
    assert found(answer) == "Observation/o1 Observation/o3"
    assert answer.json["link"][0]["url"] == f"{BASE}/Patient/1/Observation?code=x"


def test_pages_of_a_compartment(full):
    first = full.ask("GET", "Patient/1/Observation?_count=2").json
    url = {link["relation"]: link["url"] for link in first["link"]}["next"]
    assert url.startswith(f"{BASE}/Patient/1/Observation?_page=")
    below = url.removeprefix(f"{BASE}/")
    assert found(full.ask("GET", below)) == "Observation/o3"
    # a page of this compartment is none of another
    assert full.ask("GET", below.replace("Patient/1", "Patient/2")).status == 404


def test_in_a_batch_and_a_transaction(full):
    for kind in ("batch", "transaction"):
        urls = [
            "Patient/1/Observation?code=y",
            "Patient?_count=1",
            "Patient?_has:Observation:patient:code=y",
        ]
        entries = [{"request": {"method": "GET", "url": url}} for url in urls]
        got = full.ask("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})
        assert got.status == 200, got.said
        sets = [entry["resource"] for entry in got.json["entry"]]
        assert [[e["resource"]["id"] for e in one["entry"]] for one in sets] == [
            ["o2"],
            ["1"],
            ["1"],
        ]
        url = {link["relation"]: link["url"] for link in sets[1]["link"]}["next"]
        assert found(full.ask("GET", url.removeprefix(f"{BASE}/"))) == "Patient/2"


def test_the_compartments_are_those_of_r4():
    sizes = {name: len(types) for name, types in compartments().items()}
    assert sizes == {
        "Device": 32,
        "Encounter": 25,
        "Patient": 66,
        "Practitioner": 59,
        "RelatedPerson": 32,
    }


REFUSED = [
    ("?_type=Patient,Nobody", 400, "value", "_type: Nobody cannot be searched here"),
    ("?_type=", 400, "value", "_type"),
    ("?_type=Patient&_type=Group", 400, "value", "it is there twice"),
    (
        "?_type=Patient,Device&birthdate=2020",
        400,
        "not-supported",
        "Device has no search parameter",
    ),
    ("?name=an", 400, "not-supported", "has no search parameter 'name'"),
    ("?_type=Patient,Observation&_sort=name", 400, "not-supported", "Observation has no search"),
    (
        "?_type=Encounter,Group&_sort=identifier,-characteristic-value",
        400,
        "not-supported",
        "Encounter",
    ),
    (
        "?_type=Patient,Encounter&_include=Observation:subject",
        400,
        "value",
        "this search finds Patient",
    ),
    ("Patient?_type=Patient", 400, "not-supported", "[base]?_type=Patient,Observation"),
    ("Patient/1/Organization", 400, "value", "Organization is not part of the Patient compartment"),
    ("Group/1/Observation", 404, "not-found", "Group has no compartment; Device, Encounter"),
    ("Patient/1/Observation?cod=x", 400, "not-supported", "did you mean 'code'"),
    ("Patient/1/*?code=x", 400, "not-supported", "code"),
    ("Patient/a_b/Observation", 400, "value", "1 to 64"),
]


@pytest.mark.parametrize(
    ("path", "status", "code", "words"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_refused(server, path, status, code, words):
    got = server.ask("GET", path)
    assert (got.status, got.code) == (status, code), got.said
    assert words in got.said


def test_what_is_hidden_is_in_no_scope(url):
    seen = Visibility({"Observation": NOTHING, "Patient": EVERYTHING})
    with serving(url, store_for=lambda store: lambda caller: store.restricted(seen)) as server:
        for resource in RESOURCES:
            server.store.write(_putting(resource)).result(30)
        assert found(server.ask("GET", "")) == "Patient/1 Patient/2"
        assert found(server.ask("GET", "Patient/1/Observation")) == ""
        assert found(server.ask("GET", "Patient/1/*")) == "Patient/1 Patient/2"
        assert server.ask("GET", "Patient?_revinclude=*").json["total"] == 2
        assert found(server.ask("GET", "Patient?_has:Observation:patient:code=x")) == ""


def _putting(resource):
    return lambda writer: writer.put(document(resource), id_=resource["id"], method="PUT", at=AT)


def test_types_that_are_not_served(url):
    few = Capabilities("few", "1", "few types", types=["Patient", "Encounter"])
    with serving(url, capabilities=few) as server:
        server.ask("PUT", "Patient/1", RESOURCES[0])
        assert found(server.ask("GET", "")) == "Patient/1"
        assert server.ask("GET", "?_type=Observation").status == 400
        assert server.ask("GET", "Patient/1/Observation").status == 404
        assert found(server.ask("GET", "Patient/1/*")) == "Patient/1"


def test_audited(audited):
    audited.ask("PUT", "Patient/1", RESOURCES[0])
    audited.ask("GET", "Patient/1/Observation?code=x")
    audited.ask("GET", "?_type=Patient")
    trail = audited.ask("GET", "AuditEvent?_sort=_lastUpdated").json["entry"]
    codes = [entry["resource"]["subtype"][0]["code"] for entry in trail]
    assert codes == ["update", "search", "search-system"]
    asked = [
        e["what"]["reference"]
        for e in trail[1]["resource"]["entity"]
        if "reference" in e.get("what", {})
    ]
    assert set(asked) == {"Patient/1"}
    # the trail is found from what it is about, the newest entry too
    got = audited.ask("GET", "Patient?_has:AuditEvent:entity:action=R").json
    assert "entry" not in got
    audited.ask("GET", "Patient/1")
    assert found(audited.ask("GET", "Patient?_has:AuditEvent:entity:action=R")) == "Patient/1"


def test_every_parameter_of_a_compartment_leads_there():
    for name, types in compartments().items():
        for type_, codes in types.items():
            for code in codes:
                parameter = search_parameters(type_).get(code)
                if code == OWN:
                    assert type_ == name
                else:
                    assert parameter is not None
                    assert parameter.type == "reference"
                    assert name in parameter.targets

"""$lastn: grouped by code, the most recent first, ties included."""

import pytest

from fhir_server.standard import lastn
from tests.fhir_server.standard.record import bundle, concept, listed, made, observation, record
from tests.fhir_server.store.stores import KINDS

pytestmark = pytest.mark.spec("observation-operation-lastn.html")

LOCAL = "urn:lab"
BOTH = {"coding": [*concept("GLU", system=LOCAL)["coding"], *concept("15074-8")["coding"]]}
EXAM = concept("exam", system="http://terminology.hl7.org/CodeSystem/observation-category")
PERIOD = {"start": "2026-01-01", "end": "2026-01-20"}
OBSERVATIONS = [
    made("Patient", "p"),
    made("Patient", "q"),
    made("Practitioner", "dr"),
    observation("hb1", "718-7", "2026-01-01T08:00:00+07:00"),
    observation("hb2", "718-7", "2026-01-02T08:00:00+07:00"),
    observation("hb3", "718-7", "2026-01-03T08:00:00+07:00"),
    observation("hb3-tie", "718-7", "2026-01-03T01:00:00Z"),
    observation("hb-undated", "718-7"),
    observation("glu-local", concept("GLU", system=LOCAL), "2026-01-05"),
    observation("glu-both", BOTH, "2026-01-04"),
    observation("glu-loinc", "15074-8", "2026-01-06"),
    observation("words", {"text": "Text"}, "2026-01-01"),
    observation("other-words", {"text": "t e x t"}, "2026-01-01"),
    observation("colour", "5778-6", category=[EXAM], effectivePeriod=PERIOD),
    observation("colour-earlier", "5778-6", "2026-01-19", category=[EXAM]),
    observation("others", "718-7", "2026-02-01", subject={"reference": "Patient/q"}),
]


@pytest.fixture(params=KINDS, scope="module")
def server(request, tmp_path_factory):
    with record(request.param, tmp_path_factory.mktemp("lastn"), *OBSERVATIONS) as running:
        yield running


ROWS = {
    "the last of one code, with its tie": ("patient=p&code=718-7", "hb3 hb3-tie"),
    "two of them: the tie is the second": ("patient=p&code=718-7&max=2", "hb3 hb3-tie"),
    "three of them": ("patient=p&code=718-7&max=3", "hb3 hb3-tie hb2"),
    "all of them, the undated last": (
        "patient=p&code=718-7&max=99",
        "hb3 hb3-tie hb2 hb1 hb-undated",
    ),
    "codes that one observation has both of": (
        f"patient=p&code=15074-8,{LOCAL}|GLU&max=3",
        "glu-loinc glu-local glu-both",
    ),
    "one of the two codes": ("patient=p&code=15074-8", "glu-loinc"),
    "a category": ("subject=Patient/p&category=exam&max=2", "colour colour-earlier"),
    "another filter": ("patient=p&code=718-7&date=lt2026-01-03", "hb2"),
    "another patient": ("subject=Patient/q&code=718-7&max=5", "others"),
    "nothing": ("patient=p&code=1-8", ""),
    "a chain": ("patient._id=q&category=laboratory", "others"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_rows(server, row):
    query, expected = row
    tree = bundle(server.ask("GET", f"Observation/$lastn?{query}"))
    found = [one.partition("/")[2] for one in listed(tree, "match").split()]
    assert sorted(found) == sorted(expected.split())
    assert tree["total"] == len(found)
    if "code=718-7" in query or "exam" in query:
        assert found == expected.split()


def test_every_code_once(server):
    tree = bundle(server.ask("GET", "Observation/$lastn?patient=p&category=laboratory"))
    assert sorted(listed(tree).split()) == [
        f"Observation/{id_}" for id_ in ("glu-loinc", "hb3", "hb3-tie", "other-words", "words")
    ]


def test_inputs_in_a_body(server):
    given = [
        {"name": "max", "valuePositiveInt": 3},
        {"name": "subject", "valueReference": {"reference": "Patient/p"}},
        {"name": "code", "valueString": "718-7"},
    ]
    body = {"resourceType": "Parameters", "parameter": given}
    assert listed(bundle(server.ask("POST", "Observation/$lastn", body))) == (
        "Observation/hb3 Observation/hb3-tie Observation/hb2"
    )


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("code=718-7", "required", "needs a subject"),
        ("patient=p", "required", "needs category=... or code=..."),
        ("patient=p&code=718-7&max=0", "value", "max is a whole number"),
        ("patient=p&code=718-7&max=two", "value", "max is a whole number"),
        ("patient=p&code=718-7&_sort=date", "not-supported", "_sort is for a search"),
        ("patient=p&code=718-7&_count=5", "not-supported", "_count is for a search"),
        ("patient=p&code=718-7&kode=5", "not-supported", "kode"),
        ("patient=p&code=718-7&date=soon", "value", "date"),
    ],
)
def test_refused(server, query, code, said):
    got = server.ask("GET", f"Observation/$lastn?{query}")
    assert (got.status, got.code) == (400, code)
    assert said in got.said


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Observation"},
        {"resourceType": "Parameters", "parameter": [{"name": "patient"}]},
        {"resourceType": "Parameters", "parameter": [{"name": "patient", "valueBoolean": True}]},
        {"resourceType": "Parameters", "parameter": "patient"},
    ],
)
def test_bodies_that_are_refused(server, body):
    assert server.ask("POST", "Observation/$lastn", body).status == 400


def test_too_many_are_refused(server, monkeypatch):
    monkeypatch.setattr(lastn, "MAX_LOOKED_AT", 3)
    got = server.ask("GET", "Observation/$lastn?patient=p&code=718-7")
    assert (got.status, got.code) == (400, "too-costly")

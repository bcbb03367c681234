"""$translate: by a map, between value sets, backwards, and what a translation depends on."""

import pytest

from tests.fhir_profiles.terminology.small import ANIMALS, SETS
from tests.fhir_server.standard.terms import GENDER, R4, STORED, answering, body, parts, path, told
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = [
    pytest.mark.spec("terminology-service.html#translate"),
    pytest.mark.spec("conceptmap-operation-translate.html"),
]
FOOD, SHOP = "http://example.org/food", "http://example.org/shop"


def target(code, equivalence="equivalent", **more):
    return {"code": code, "equivalence": equivalence, **more}


def when(property_, value):
    return {"property": property_, "system": SHOP, "value": value}


MAP = {
    "resourceType": "ConceptMap",
    "id": "food",
    "url": "http://example.org/ConceptMap/food",
    "version": "1",
    "status": "active",
    "sourceUri": f"{SETS}/all",
    "targetUri": f"{SETS}/food",
    "group": [
        {
            "source": ANIMALS,
            "target": FOOD,
            "element": [
                {"code": "dog", "target": [target("bone", "narrower", comment="gnawed")]},
                {
                    "code": "hen",
                    "target": [
                        target("corn", dependsOn=[when("http://a.b/season", "summer")]),
                        target("oats", "inexact", product=[when("http://a.b/bag", "big")]),
                    ],
                },
                {"code": "dodo", "target": [{"equivalence": "unmatched", "comment": "extinct"}]},
            ],
            "unmapped": {"mode": "other-map", "url": "http://example.org/ConceptMap/more"},
        }
    ],
}
MORE = {
    **{"resourceType": "ConceptMap", "id": "more", "url": "http://example.org/ConceptMap/more"},
    "status": "active",
    "group": [
        {
            "source": ANIMALS,
            "target": FOOD,
            "element": [{"code": "wolf", "target": [target("sheep", display="A sheep")]}],
            "unmapped": {"mode": "fixed", "code": "anything", "display": "Anything"},
        }
    ],
}
SAME = {
    **{"resourceType": "ConceptMap", "id": "same", "url": "http://example.org/ConceptMap/same"},
    "status": "active",
    "group": [
        {
            **{"source": ANIMALS, "target": SHOP, "unmapped": {"mode": "provided"}},
            "element": [{"code": "x", "target": [target("y")]}],
        }
    ],
}


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    url = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    with answering(url[request.param], STORED, MAP, MORE, SAME) as running:
        yield running


BY_FOOD = {"url": MAP["url"], "system": ANIMALS}

# inputs -> result, equivalence and code of each match
ROWS = {
    "narrower": (BY_FOOD | {"code": "dog"}, True, "narrower bone"),
    "version": (BY_FOOD | {"code": "dog", "url": f"{MAP['url']}|1"}, True, "narrower bone"),
    "map version": (BY_FOOD | {"code": "dog", "conceptMapVersion": "1"}, True, "narrower bone"),
    "what depends is left out": (BY_FOOD | {"code": "hen"}, True, "inexact oats"),
    "unmatched": (BY_FOOD | {"code": "dodo"}, False, "unmatched -"),
    "sent on": (BY_FOOD | {"code": "wolf"}, True, "equivalent sheep"),
    "sent on, fixed": (BY_FOOD | {"code": "cow"}, True, "inexact anything"),
    "provided": (BY_FOOD | {"url": SAME["url"], "code": "dog"}, True, "equal dog"),
    "another system": (BY_FOOD | {"system": FOOD, "code": "dog"}, False, ""),
    "another target": (BY_FOOD | {"code": "dog", "targetsystem": SHOP}, False, ""),
    "by value sets": (
        {"source": f"{SETS}/all", "target": f"{SETS}/food", "system": ANIMALS, "code": "dog"},
        *(True, "narrower bone"),
    ),
    "by target system": (
        {"targetsystem": SHOP, "system": ANIMALS, "code": "dog"},
        *(True, "equal dog"),
    ),
    "backwards": (
        {"url": MAP["url"], "system": FOOD, "code": "bone", "reverse": True},
        *(True, "wider dog"),
    ),
    "backwards by value sets": (
        {
            **{"source": f"{SETS}/food", "target": f"{SETS}/all", "reverse": True},
            **{"system": FOOD, "code": "bone"},
        },
        *(True, "wider dog"),
    ),
    "of R4": (
        {"target": "http://terminology.hl7.org/ValueSet/v2-0001", "system": GENDER, "code": "male"},
        *(True, "equal M"),
    ),
    "of R4 by its source": (
        {
            **{"source": f"{R4}/administrative-gender", "system": GENDER, "code": "male"},
            "targetsystem": "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender",
        },
        *(True, "equal M"),
    ),
}


def matches(got):
    return " ".join(
        f"{one['equivalence']} {one['concept']['code'] if 'concept' in one else '-'}"
        for one in parts(got, "match")
    )


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("by", ["GET", "POST"])
def test_translated(server, name, by):
    inputs, result, expected = ROWS[name]
    if by == "GET":
        as_text = {k: str(v).lower() if v is True else v for k, v in inputs.items()}
        got = server.ask("GET", path("ConceptMap/$translate", **as_text))
    else:
        got = server.ask("POST", "ConceptMap/$translate", body(**inputs))
    assert (told(got)["result"], matches(got)) == (result, expected)
    assert ("message" in told(got)) is not result


def test_a_match_in_full(server):
    got = server.ask("GET", path("ConceptMap/$translate", **BY_FOOD, code="hen"))
    (match,) = parts(got, "match")
    assert match["concept"] == {"system": FOOD, "code": "oats"}
    assert match["source"] == MAP["url"]
    assert [list(one.values())[1] for one in match["product"]] == [
        "http://a.b/bag",
        {"system": SHOP, "code": "big"},
    ]


def test_displays_come_from_the_code_system(server):
    got = server.ask(
        "GET", path("ConceptMap/$translate", **ROWS["backwards"][0] | {"reverse": "true"})
    )
    assert parts(got, "match")[0]["concept"]["display"] == "Dog"


@pytest.mark.parametrize(
    ("value", "expected"), [("summer", "equivalent corn inexact oats"), ("winter", "inexact oats")]
)
def test_dependencies(server, value, expected):
    season = {
        "name": "dependency",
        "part": [
            {"name": "element", "valueUri": "http://a.b/season"},
            {
                "name": "concept",
                "valueCodeableConcept": {"coding": [{"system": SHOP, "code": value}]},
            },
        ],
    }
    sent = body(**BY_FOOD, code="hen")
    sent["parameter"].append(season)
    assert matches(server.ask("POST", "ConceptMap/$translate", sent)) == expected


def test_codings_instances_and_what_is_sent(server):
    dog, hen = {"system": ANIMALS, "code": "dog"}, {"system": ANIMALS, "code": "hen"}
    place = "ConceptMap/food/$translate"
    assert matches(server.ask("POST", place, body(coding=dog))) == "narrower bone"
    both = body(codeableConcept={"coding": [dog, hen]})
    assert matches(server.ask("POST", place, both)) == "narrower bone inexact oats"
    got = server.ask("POST", "ConceptMap/$translate", body(conceptMap=MORE, coding=dog))
    assert matches(got) == "inexact anything"


def test_maps_that_send_on_in_a_circle_end():
    first = {**MORE, "group": [{**MORE["group"][0]}]}
    first["group"][0]["unmapped"] = {"mode": "other-map", "url": MAP["url"]}
    with answering("memory:", MAP, first) as server:
        got = server.ask("GET", path("ConceptMap/$translate", **BY_FOOD, code="cow"))
        assert told(got)["result"] is False


@pytest.mark.parametrize(
    ("inputs", "status", "code"),
    [
        (BY_FOOD | {"url": "http://a.b", "code": "dog"}, 404, "not-found"),
        ({"system": ANIMALS, "code": "dog"}, 400, "required"),
        ({"url": MAP["url"], "code": "dog"}, 400, "required"),
        (BY_FOOD, 400, "required"),
        (BY_FOOD | {"code": "dog", "coding": {"code": "x"}}, 400, "value"),
        (BY_FOOD | {"code": "dog", "conceptMap": MAP}, 400, "value"),
        (BY_FOOD | {"code": "dog", "dependency": "x"}, 400, "value"),
        (BY_FOOD | {"code": "dog", "targetSystem": SHOP}, 400, "not-supported"),
    ],
)
def test_refused(server, inputs, status, code):
    got = server.ask("POST", "ConceptMap/$translate", body(**inputs))
    assert (got.status, got.code) == (status, code)

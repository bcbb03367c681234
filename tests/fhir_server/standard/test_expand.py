"""$expand: every input, over shipped and stored value sets."""

import pytest

from fhir_profiles.validation.full import validate
from tests.fhir_profiles.terminology.small import ANIMALS, SETS, listed, of_animals, value_set
from tests.fhir_server.standard.terms import ACT, ALL, GENDER, R4, answering, body, codes, path
from tests.fhir_server.store.stores import KINDS, SERVER

pytestmark = [
    pytest.mark.spec("terminology-service.html#expand"),
    pytest.mark.spec("valueset-operation-expand.html"),
]
EVERY = "animal dog poodle hen dodo wolfdog wolf"
MALE = "male female other unknown"


@pytest.fixture(params=KINDS)
def server(request, tmp_path):
    url = {"memory": "memory:", "sqlite": f"sqlite:{tmp_path}", "postgresql": SERVER}
    with answering(url[request.param]) as running:
        yield running


# inputs -> codes, total
ROWS = {
    "of R4": ({"url": f"{R4}/administrative-gender"}, MALE, 4),
    "of R4 with a version": ({"url": f"{R4}/administrative-gender|4.0.1"}, MALE, 4),
    "version of its own": (
        {"url": f"{R4}/administrative-gender", "valueSetVersion": "4.0.1"},
        *(MALE, 4),
    ),
    "stored": ({"url": f"{SETS}/all"}, EVERY, 7),
    "filter": ({"url": f"{SETS}/all", "filter": "DO"}, "dog dodo wolfdog", 3),
    "filter by words in any order": ({"url": f"{SETS}/all", "filter": "dog wolf"}, "wolfdog", 1),
    "filter without accents": ({"url": f"{SETS}/all", "filter": "con cho"}, "dog", 1),
    "first page": ({"url": f"{SETS}/all", "count": 3}, "animal dog poodle", 7),
    "second page": ({"url": f"{SETS}/all", "count": 3, "offset": 3}, "hen dodo wolfdog", 7),
    "last page": ({"url": f"{SETS}/all", "count": 3, "offset": 6}, "wolf", 7),
    "after the end": ({"url": f"{SETS}/all", "offset": 99}, "", 7),
    "only how many": ({"url": f"{SETS}/all", "count": 0}, "", 7),
    "page of a filter": ({"url": f"{SETS}/all", "filter": "do", "count": 1}, "dog", 3),
    "active only": ({"url": f"{SETS}/all", "activeOnly": True}, EVERY.replace("dodo ", ""), 6),
    "without headings": ({"url": f"{SETS}/all", "excludeNotForUI": True}, EVERY[7:], 6),
    "flat": ({"url": f"{SETS}/all", "excludeNested": True}, EVERY, 7),
    "nested": (
        {"url": f"{SETS}/all", "excludeNested": False},
        *("animal[dog[poodle wolfdog] hen dodo] wolf", 7),
    ),
    "pages are flat": ({"url": f"{SETS}/all", "excludeNested": False, "count": 1}, "animal", 7),
    "without a system": ({"url": f"{SETS}/all", "exclude_system": ANIMALS}, "", 0),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("by", ["GET", "POST"])
def test_by_inputs(server, name, by):
    inputs, expected, total = ROWS[name]
    if by == "GET":
        as_text = {k: str(v).lower() if v in (True, False) else v for k, v in inputs.items()}
        got = server.ask("GET", path("ValueSet/$expand", **as_text))
    else:
        got = server.ask("POST", "ValueSet/$expand", body(**inputs))
    assert (codes(got), got.json["expansion"]["total"]) == (expected, total)


def test_on_an_instance(server):
    assert codes(server.ask("GET", "ValueSet/dogs/$expand")) == "dog poodle wolfdog"
    assert codes(server.ask("POST", "ValueSet/dogs/$expand", body(filter="wolf"))) == "wolfdog"


def test_of_what_is_sent(server):
    sent = value_set("sent", of_animals("is-a", "wolf"))
    assert codes(server.ask("POST", "ValueSet/$expand", body(valueSet=sent))) == "wolfdog wolf"
    assert codes(server.ask("POST", "ValueSet/$expand?count=1", sent)) == "wolfdog"


def test_what_the_answer_says_of_itself(server):
    got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/all", count=2, filter="o"))
    tree, expansion = got.json, got.json["expansion"]
    assert (tree["url"], tree["status"], tree["version"]) == (f"{SETS}/all", "active", "1")
    assert "compose" not in tree
    assert expansion["identifier"].startswith("urn:uuid:")
    assert expansion["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert expansion["offset"] == 0
    said = [tuple(one.values()) for one in expansion["parameter"]]
    assert said == [("filter", "o"), ("count", 2), ("offset", 0), ("version", f"{ANIMALS}|1")]


def test_with_its_definition(server):
    got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/all", includeDefinition="true"))
    assert got.json["compose"] == ALL["compose"]


@pytest.mark.parametrize(
    "inputs",
    [
        {"url": f"{SETS}/all", "excludeNested": "false", "includeDesignations": "true"},
        {"url": f"{SETS}/all", "count": 2, "offset": 1, "displayLanguage": "vi"},
        {"url": f"{R4}/yesnodontknow", "includeDefinition": "true"},
        {"url": f"{R4}/iso3166-1-2", "filter": "viet"},
    ],
)
def test_the_answer_is_valid(server, inputs):
    got = server.ask("GET", path("ValueSet/$expand", **inputs))
    assert [str(one) for one in validate(got.json) if one.severity == "error"] == []


def test_flags_of_codes(server):
    got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/all"))
    flags = {
        one["code"]: [name for name in ("abstract", "inactive") if one.get(name)]
        for one in got.json["expansion"]["contains"]
    }
    assert {code: found for code, found in flags.items() if found} == {
        "animal": ["abstract"],
        "dodo": ["inactive"],
    }


@pytest.mark.parametrize(
    ("inputs", "designations", "display"),
    [
        ({}, None, "Dog"),
        ({"includeDesignations": "true"}, ["con chó"], "Dog"),
        ({"designation": "vi"}, ["con chó"], "Dog"),
        ({"designation": "urn:ietf:bcp:47|vi"}, ["con chó"], "Dog"),
        ({"designation": "en"}, None, "Dog"),
        ({"designation": "http://a.b|x"}, None, "Dog"),
        ({"displayLanguage": "vi"}, None, "con chó"),
    ],
)
def test_other_names(server, inputs, designations, display):
    got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/dogs", **inputs))
    dog = got.json["expansion"]["contains"][0]
    found = [one["value"] for one in dog.get("designation", [])] or None
    assert (found, dog["display"]) == (designations, display)


def test_stored_again_is_known_at_once(server):
    for number in range(3):
        tree = {**value_set("moving", listed(f"c{number}")), "id": "moving"}
        assert server.ask("PUT", "ValueSet/moving", tree).status in (200, 201)
        got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/moving"))
        assert codes(got) == f"c{number}"
    assert server.ask("DELETE", "ValueSet/moving").status in (200, 204)
    assert server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/moving")).status == 404


def test_stored_hides_what_ships(server):
    tree = {**value_set("x", listed("dog")), "id": "own", "url": f"{R4}/administrative-gender"}
    tree["version"] = "4.0.1"
    assert server.ask("PUT", "ValueSet/own", tree).status == 201
    assert codes(server.ask("GET", path("ValueSet/$expand", url=tree["url"]))) == "dog"
    got = server.ask("GET", path("ValueSet/$expand", url=f"{tree['url']}|4.0.1"))
    assert codes(got) == "dog"


def test_versions_of_a_code_system(server):
    second = {
        **{"resourceType": "CodeSystem", "id": "second", "url": ANIMALS, "version": "2"},
        **{"status": "active", "content": "complete", "concept": [{"code": "cow"}]},
    }
    assert server.ask("PUT", "CodeSystem/second", second).status == 201

    def expanded(**inputs):
        return server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/all", **inputs))

    assert codes(expanded()) == "cow"
    assert codes(expanded(system_version=f"{ANIMALS}|1")) == EVERY
    assert codes(expanded(force_system_version=f"{ANIMALS}|1")) == EVERY
    assert codes(expanded(check_system_version=f"{ANIMALS}|2")) == "cow"
    wrong = expanded(check_system_version=f"{ANIMALS}|2", force_system_version=f"{ANIMALS}|1")
    assert (wrong.status, wrong.code) == (422, "invalid")


SENT = value_set("sent", {"system": "http://nowhere.org"})
LOOP = value_set("loop", {"valueSet": [f"{SETS}/loop"]})

# request -> status, code, words
REFUSED = {
    "unknown": ("GET", {"url": f"{SETS}/none"}, 404, "not-found", "ValueSet/none"),
    "unknown version": ("GET", {"url": f"{SETS}/all|9"}, 404, "not-found", "all|9"),
    "nothing said": ("GET", {}, 400, "required", "url"),
    "without an end": ("GET", {"url": f"{R4}/ucum-units"}, 400, "too-costly", "grammar"),
    "elsewhere": ("GET", {"url": f"{R4}/condition-code"}, 422, "business-rule", "snomed"),
    "system unknown": ("POST", {"valueSet": SENT}, 422, "business-rule", "nowhere"),
    "import unknown": ("POST", {"valueSet": LOOP}, 422, "business-rule", "loop"),
    "two ways": ("POST", {"valueSet": SENT, "url": "x"}, 400, "value", "one value set"),
    "not a value set": (
        "POST",
        {"valueSet": {"resourceType": "Patient"}},
        400,
        "value",
        "ValueSet",
    ),
    "count": ("GET", {"url": "x", "count": "-1"}, 400, "value", "count"),
    "count of words": ("POST", {"url": "x", "count": "two"}, 400, "value", "count"),
    "count as flag": ("POST", {"url": "x", "count": True}, 400, "value", "count"),
    "offset": ("GET", {"url": "x", "offset": "9" * 40}, 400, "value", "offset"),
    "flag": ("GET", {"url": "x", "activeOnly": "yes"}, 400, "value", "activeOnly"),
    "flag as number": ("POST", {"url": "x", "activeOnly": 1}, 400, "value", "activeOnly"),
    "text as flag": ("POST", {"url": True}, 400, "value", "url"),
    "twice": ("GET", {"url": ["x", "y"]}, 400, "value", "2 times"),
    "unknown input": ("GET", {"url": "x", "fliter": "y"}, 400, "not-supported", "fliter"),
    "context": ("GET", {"context": "x"}, 400, "value", "context is not supported"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(server, name):
    method, inputs, status, code, words = REFUSED[name]
    if method == "GET":
        got = server.ask("GET", path("ValueSet/$expand", **inputs))
    else:
        got = server.ask("POST", "ValueSet/$expand", body(**inputs))
    assert (got.status, got.code) == (status, code)
    assert words in got.said


def test_no_such_instance(server):
    assert server.ask("GET", "ValueSet/none/$expand").status == 404
    server.ask("DELETE", "ValueSet/few")
    assert server.ask("GET", "ValueSet/few/$expand").status == 410
    got = server.ask("GET", path("ValueSet/dogs/$expand", url=f"{SETS}/dogs"))
    assert (got.status, got.code) == (400, "value")


def test_too_many_codes_come_in_pages():
    big = {
        **{"resourceType": "CodeSystem", "id": "big", "url": "http://example.org/big"},
        **{"status": "active", "content": "complete"},
        "concept": [{"code": f"c{number}"} for number in range(10_001)],
    }
    everything = {**value_set("big", {"system": big["url"]}), "id": "big"}
    with answering("memory:", big, everything) as server:
        got = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/big"))
        assert (got.status, got.code) == (400, "too-costly")
        assert "10001 codes" in got.said
        page = server.ask("GET", path("ValueSet/$expand", url=f"{SETS}/big", offset=10_000))
        assert (codes(page), page.json["expansion"]["total"]) == ("c10000", 10_001)


def test_codes_of_an_example_say_so():
    with answering("memory:", ALL) as server:
        got = server.ask("GET", path("ValueSet/$expand", url=f"{R4}/service-type", count=1))
        said = {one["name"]: list(one.values())[1] for one in got.json["expansion"]["parameter"]}
        assert said["used-fragment"].endswith("service-type|4.0.1")


def test_hierarchy_of_what_ships():
    with answering("memory:", ALL) as server:
        url = "http://terminology.hl7.org/ValueSet/v3-ActCode"
        got = server.ask("GET", path("ValueSet/$expand", url=url, excludeNested="false"))
        care = next(
            one
            for root in got.json["expansion"]["contains"]
            for one in [root, *root.get("contains", [])]
            if one["code"] == "_ActEncounterCode"
        )
        assert care["abstract"] is True
        assert "AMB" in {one["code"] for one in care["contains"]}
        assert care["system"] == ACT
        assert GENDER not in str(care)

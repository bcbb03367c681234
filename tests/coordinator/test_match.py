"""Patient/$match: the cases of PDQm ITI-119 and what is wrong with a question."""

import asyncio

import pytest

from coordinator.services.matching import MATCH_GRADE
from fhir_profiles.outcomes import FhirError, Kind
from tests.coordinator.world import DISTRICT, linkage, network, patient

CCCD, SLIP, ODD = "900164123456", "900164123465", "900064123456"
ASKED = patient("", cccd=CCCD)


def _parameters(resource, **options):
    parts = [{"name": "resource", "resource": resource}]
    for name, value in options.items():
        kind = "valueBoolean" if isinstance(value, bool) else "valueInteger"
        parts.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": parts}


def _matches(bundle):
    """(id, grade) of every hit, in order."""
    return [
        (entry["resource"]["id"], entry["search"]["extension"][0]["valueCode"])
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == "match"
    ]


def _issues(bundle):
    return [
        (issue["severity"], issue["code"])
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == "outcome"
        for issue in entry["resource"]["issue"]
    ]


ONE = [patient("1", cccd=CCCD)]
SEVERAL = [*ONE, patient("2", group=DISTRICT, cccd=SLIP), patient("3", "Nguyen Thi Anh", "1964")]
TWO_PEOPLE = [*ONE, patient("2", "Nguyễn Thị Anh", "1964", group=DISTRICT, cccd=CCCD)]
ALL = [("p-1", "certain"), ("p-2", "certain"), ("p-3", "possible")]


@pytest.mark.parametrize(
    ("registered", "question", "hits", "issues"),
    [
        pytest.param(ONE, _parameters(ASKED), ALL[:1], [], id="one hit"),
        pytest.param(ONE, ASKED, ALL[:1], [], id="a bare Patient"),
        pytest.param(SEVERAL, _parameters(ASKED), ALL, [], id="several hits, best first"),
        pytest.param(
            SEVERAL, _parameters(ASKED, count=2), ALL[:2], [], id="count cuts the worse ones"
        ),
        pytest.param(
            SEVERAL, _parameters(ASKED, onlyCertainMatches=True), ALL[:2], [], id="only certain"
        ),
        pytest.param(
            SEVERAL[2:],
            _parameters(ASKED, onlyCertainMatches=True),
            [],
            [],
            id="only certain, but none is",
        ),
        pytest.param([], _parameters(ASKED), [], [], id="nobody"),
        pytest.param(
            [patient("1", cccd=CCCD, active=False)],
            _parameters(ASKED),
            ALL[:1],
            [],
            id="no longer in use: it says so itself",
        ),
        pytest.param(
            ONE,
            _parameters(patient("", cccd=ODD)),
            ALL[:1],
            [("warning", "value")],
            id="a warning beside a hit: the number is of a man",
        ),
        pytest.param(
            ONE,
            _parameters({"resourceType": "Patient", "gender": "female"}),
            [],
            [("warning", "required")],
            id="nothing to compare",
        ),
        pytest.param(
            ONE, _parameters(patient("1")), ALL[:1], [], id="its own record number is certain"
        ),
    ],
)
def test_cases(registered, question, hits, issues):
    with network(directory=[]) as world:
        world.post(*registered)
        answer = world.ask("POST", "/fhir/Patient/$match", question)
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
        assert _matches(bundle) == hits
        assert _issues(bundle) == issues
        assert bundle.get("entry") != []
        for entry in bundle.get("entry", ()):
            if entry["search"]["mode"] == "match":
                assert 0 <= entry["search"]["score"] <= 1
                assert entry["search"]["extension"][0]["url"] == MATCH_GRADE
                assert entry["fullUrl"].endswith(f"/fhir/Patient/{entry['resource']['id']}")


@pytest.mark.parametrize("told_apart", [False, True])
def test_only_certain_gives_nobody_where_the_hits_are_several_persons(told_apart):
    """A steward told the two registrations apart: both fit the question, so neither is certain."""
    with network(directory=[]) as world:
        world.post(*TWO_PEOPLE)
        if told_apart:
            world.post(linkage("Patient/p-1", "Patient/p-2", "not-same"))
        question = _parameters(ASKED, onlyCertainMatches=True)
        found = _matches(world.ask("POST", "/fhir/Patient/$match", question).json())
        assert found == ([] if told_apart else ALL[:2])


def test_scores_fall_with_the_grade():
    with network(directory=[]) as world:
        world.post(*SEVERAL)
        bundle = world.ask("POST", "/fhir/Patient/$match", ASKED).json()
        scores = [entry["search"]["score"] for entry in bundle["entry"]]
        assert scores == sorted(scores, reverse=True)
        assert scores[1] >= 0.95 > scores[2]
        assert bundle["total"] == 3


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        ({"resourceType": "Parameters"}, 400, "required", "send a Patient"),
        (_parameters({"resourceType": "Person"}), 400, "value", "Person"),
        (_parameters(ASKED, count=0), 400, "value", "count"),
        (_parameters(ASKED, onlyCertainMatches=3), 400, "value", "onlyCertainMatches"),
        (ASKED | {"birthDate": "20/08/1964"}, 422, "value", "birthDate"),
        (ASKED | {"birthday": "1964"}, 422, "structure", "birthday"),
    ],
)
def test_a_wrong_question(body, status, code, says):
    with network(directory=[]) as world:
        answer = world.ask("POST", "/fhir/Patient/$match", body)
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["code"]) == (status, code), answer.text
        assert says in answer.text


def test_a_failure_is_an_operation_outcome(monkeypatch):
    with network(directory=[]) as world:

        def slow(patient):
            raise FhirError(Kind.TIME_OUT, "the search took too long")

        monkeypatch.setattr(world.services.persons, "candidates", slow, raising=True)
        answer = world.ask("POST", "/fhir/Patient/$match", ASKED)
        assert answer.status_code == 503
        assert answer.json()["issue"][0]["code"] == "timeout"


def test_every_match_is_audited_with_who_asked():
    with network(directory=[]) as world:
        world.post(*ONE)
        world.ask("POST", "/fhir/Patient/$match", ASKED, headers={"X-Requester": DISTRICT})
        events = world.ask("GET", "/fhir/AuditEvent").json()["entry"]
        last = events[-1]["resource"]
        assert last["agent"][0]["who"]["identifier"]["value"] == DISTRICT
        assert last["subtype"][0]["code"] == "operation"


def test_many_ask_at_once():
    with network(directory=[]) as world:
        world.post(*SEVERAL)

        async def all_of_them(http):
            questions = [http.post("/fhir/Patient/$match", json=ASKED) for _ in range(20)]
            return await asyncio.gather(*questions)

        answers = world.run(all_of_them)
        assert {str(_matches(answer.json())) for answer in answers} == {str(ALL)}


def test_systems_of_2021_match():
    with network(directory=[]) as world:
        world.post(*ONE)
        old = {"system": "http://fhir.ehealth.gov.vn/core/sid/national_id", "value": CCCD}
        question = patient("", "Nguyễn Thị Ánh") | {"identifier": [old]}
        assert _matches(world.ask("POST", "/fhir/Patient/$match", question).json()) == ALL[:1]

"""Known people: the same everywhere, nobody else's numbers, sound resources, one story each."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import fhirkit
import pytest

from coordinator.rules.facts import Manual
from coordinator.services.facts_from_fhir import provisions, record_number
from coordinator.services.steward_links import words_of_linkage, words_of_patient
from fhir_profiles.json_text import dump, parse
from fhir_profiles.public_rules import public_rule_problems
from fhir_profiles.validation.structure import check
from scenarios.charts.directory import own_directory
from scenarios.charts.known_casting import NoSuchFacility, present
from scenarios.charts.known_people import KnownChart, chart_of, charts, draft_call
from scenarios.charts.known_stories import (
    PEOPLE_FILE,
    KnownPerson,
    known_people,
    known_person,
    parse_people,
)
from scenarios.charts.persons import SERIALS, SPREAD
from scenarios.charts.times import ZONE, Timeline
from scenarios.charts.transfer_slips import last_day
from scenarios.plan import Plan
from tests.scenarios.worlds import study
from vietnam.datafiles import InputError, parse_yaml
from vietnam.identifiers import parse_cccd

Tree = dict[str, Any]
PEOPLE = known_people()
AS_OF = dt.datetime(2025, 11, 15, 9, tzinfo=ZONE)
TEXT = PEOPLE_FILE.read_text("utf-8")
by_key = pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)


def plan() -> Plan:
    return study("pilots", 1)


@lru_cache(maxsize=32)
def chart(person_key: str) -> KnownChart:
    return chart_of(known_person(person_key), plan(), AS_OF)


def everything(made: KnownChart) -> Iterator[tuple[str, Tree]]:
    """(store, resource) of a chart."""
    for store, held in {"coordinator": made.coordinator, **made.hospitals}.items():
        for tree in held:
            yield store, tree


def of_type(trees: list[Tree], type_: str) -> list[Tree]:
    return [tree for tree in trees if tree["resourceType"] == type_]


# ---- who they are --------------------------------------------------------------------------------
def test_there_are_24_and_each_tells_one_story() -> None:
    assert [person.number for person in PEOPLE] == list(range(1, 25))
    assert len({person.title_en for person in PEOPLE}) == 24
    assert len({person.title_vi for person in PEOPLE}) == 24
    for person in PEOPLE:
        assert len(re.findall(r"[.!]( |$)", person.story)) == 2, person.key


def test_nobody_shares_a_number_with_another_person() -> None:
    owners: dict[str, set[int]] = {}
    for person in PEOPLE:
        for written in person.written:
            human = written.number if person.number == 11 and written.number else person.number
            numbers = written.numbers or person.numbers
            for value in numbers.model_dump(exclude_none=True).values():
                owners.setdefault(value, set()).add(human)
    assert {value: people for value, people in owners.items() if len(people) > 1} == {}
    assert len(owners) > 48


def test_no_generated_person_has_their_numbers() -> None:
    """Numbers of generated people are a permutation of persons: here it is turned around."""
    back = pow(SPREAD, -1, SERIALS)
    numbers = [w.numbers or p.numbers for p in PEOPLE for w in p.written]
    for stated in numbers:
        if stated.cccd is not None:
            place, serial = int(stated.cccd[:3]) - 900, int(stated.cccd[6:])
            assert (place * 1_000_000 + serial - 7) * back % SERIALS > 3e7, stated.cccd
        bhxh = stated.bhxh or (stated.bhyt or "")[5:]
        if bhxh:
            assert bhxh.startswith("99")
            assert (int(bhxh[2:]) - 11) * back % SERIALS > 3e7, bhxh
    assert plan().population < 3e7


def test_numbers_say_sex_and_year_of_their_owner() -> None:
    for person in PEOPLE:
        for written in person.written:
            number, birth = (written.numbers or person.numbers).cccd, written.birth or person.birth
            year = birth if isinstance(birth, int) else birth.year
            if number is not None:
                said = parse_cccd(number, sex=person.sex, birth_year=year)
                assert said.outcome == "plausible", (person.key, said.reasons)


# ---- what is written down ------------------------------------------------------------------------
@by_key
def test_every_resource_is_sound(person: KnownPerson) -> None:
    made = chart(person.key)
    seen: Counter[tuple[str, str, str]] = Counter()
    for store, tree in everything(made):
        body = dump(tree)
        assert check(parse(body), body=body) == []
        assert public_rule_problems(tree) == []
        seen[store, tree["resourceType"], tree["id"]] += 1
    assert max(seen.values()) == 1
    sampled = [tree for _, tree in everything(made)][:400]
    assert [problem for tree in sampled for problem in fhirkit.validate(plain(tree))] == []


def plain(tree: Tree) -> Any:
    """Without decimals, which fhirkit does not know."""
    import json

    return json.loads(dump(tree))


@by_key
def test_whatever_a_hospital_refers_to_is_there(person: KnownPerson) -> None:
    for code, held in chart(person.key).hospitals.items():
        own = [*own_directory(plan(), code), *held]
        there = {f"{tree['resourceType']}/{tree['id']}" for tree in own}
        named = {
            name
            for tree in held
            for name in re.findall(r'"reference":"([^"]+)"', dump(tree).decode())
            if not name.startswith("Organization/")
        }
        assert named - there == set(), code


@by_key
def test_pointers_and_consents_speak_of_registrations_that_were_fed(person: KnownPerson) -> None:
    made = chart(person.key)
    fed = {record_number(tree) for tree in of_type(made.coordinator, "Patient")}
    assert len(fed) == len(person.written)
    for tree in made.coordinator:
        about = tree.get("subject") or tree.get("patient")
        if about is not None:
            identifier = about["identifier"]
            assert f"{identifier['system']}|{identifier['value']}" in fed
    reports = {
        f"DiagnosticReport/{report['id']}": report["identifier"][0]
        for held in made.hospitals.values()
        for report in of_type(held, "DiagnosticReport")
    }
    pointers = of_type(made.coordinator, "DocumentReference")
    assert {p["content"][0]["attachment"]["url"]: p["masterIdentifier"] for p in pointers} == (
        reports
    )


@by_key
def test_a_person_is_known_at_two_hospitals_or_more(person: KnownPerson) -> None:
    groups = {
        code for code, held in chart(person.key).hospitals.items() if of_type(held, "Patient")
    }
    assert groups == {part.prefer for part in person.hospitals.values()}
    assert len(groups) >= 2


def test_seed_and_scenario_change_nothing() -> None:
    first = charts(plan(), AS_OF)
    for other in (study("pilots", 2), study("pilots-push", 5), study("no-recognition", 1)):
        assert charts(other, AS_OF) == first


def test_days_move_with_the_moment_and_numbers_do_not() -> None:
    earlier = AS_OF - dt.timedelta(days=20)
    now, before = chart("kp-01"), chart_of(known_person("kp-01"), plan(), earlier)
    one, two = (of_type(c.hospitals["99001"], "DiagnosticReport")[0] for c in (now, before))
    assert one["identifier"] == two["identifier"]
    assert one["effectiveDateTime"] == "2025-11-03T09:00:00+07:00"
    assert two["effectiveDateTime"] == "2025-10-14T09:00:00+07:00"
    assert of_type(now.coordinator, "Patient") == of_type(before.coordinator, "Patient")


def test_a_network_holds_the_stories_that_it_has_the_facilities_for() -> None:
    tiny = study("tiny-two-hospitals")
    at = Timeline(tiny.start).minute(AS_OF)
    missing = {3, 24}  # no unrated laboratory, no third hospital
    assert {p.number for p in present(tiny, at)} == {p.number for p in PEOPLE} - missing
    assert chart_of(known_person("3"), tiny, AS_OF) == KnownChart()
    with pytest.raises(NoSuchFacility, match=r"kp-24-.*: no facility of tiny can play 'too' on 20"):
        draft_call(known_person("24"), tiny, AS_OF, "http://127.0.0.1:8000")


def test_the_call_holds_what_the_asking_hospital_holds() -> None:
    for person in PEOPLE:
        call = draft_call(person, plan(), AS_OF, "http://127.0.0.1:8000/")
        if person.order is None:
            assert call is None
            continue
        assert call is not None
        code = person.hospitals["asks"].prefer
        assert call["fhirServer"] == f"http://127.0.0.1:8000/hospitals/{code}/fhir"
        sent = [*call["prefetch"].values(), call["context"]["draftOrders"]["entry"][0]["resource"]]
        assert sent == chart(person.key).hospitals[code]
        codes = [coding["system"] for coding in sent[-1]["code"]["coding"]]
        assert len(codes) >= 2, "an order carries a shared code whatever the calendars say"


# ---- single stories ------------------------------------------------------------------------------
def test_five_hundred_results_in_fifty_visits_at_two_hospitals() -> None:
    held = chart("kp-24").hospitals
    assert {c: len(of_type(h, "DiagnosticReport")) for c, h in held.items()} == {
        "99101": 0,
        "99002": 250,
        "99131": 250,
    }
    assert sum(len(of_type(h, "Encounter")) for h in held.values()) == 50 + 1
    assert len(of_type(chart("kp-24").coordinator, "DocumentReference")) == 500


def test_a_merged_record_says_so_at_the_hospital_and_at_the_coordinator() -> None:
    made = chart("kp-16")
    (gone,) = [p for p in of_type(made.hospitals["99001"], "Patient") if not p["active"]]
    (told,) = [p for p in of_type(made.coordinator, "Patient") if not p["active"]]
    assert gone["link"][0]["type"] == told["link"][0]["type"] == "replaced-by"
    assert gone["link"][0]["other"]["reference"] == "Patient/p-900000160000000"
    (word,) = words_of_patient(told)
    assert word.other.endswith("/sid/mrn/99001|900000160000000")


def test_a_steward_told_two_registrations_apart() -> None:
    made = chart("kp-17")
    (linkage,) = of_type(made.coordinator, "Linkage")
    (word,) = words_of_linkage(linkage)
    ids = {f"Patient/{p['id']}" for p in of_type(made.coordinator, "Patient")}
    assert {word.one, word.other} == ids
    assert word.manual is Manual.NOT_SAME


def test_the_exception_to_a_denial_has_ended() -> None:
    (consent,) = of_type(chart("kp-09").coordinator, "Consent")
    outer, inner = provisions(consent)
    assert (outer.permit, inner.permit) == (False, True)
    assert (outer.authors, inner.authors) == (frozenset({"99001"}), frozenset({"99001"}))
    assert inner.recipients == frozenset({"99011"})
    assert inner.starts is not None
    assert inner.ends is not None
    assert inner.starts < inner.ends < AS_OF.timestamp() // 60


def test_result_statuses_reach_the_pointers() -> None:
    for key, report_status, pointer_status, doc_status in (
        ("kp-19", "corrected", "current", "amended"),
        ("kp-20", "entered-in-error", "entered-in-error", "entered-in-error"),
    ):
        made = chart(key)
        (pointer,) = of_type(made.coordinator, "DocumentReference")
        assert (pointer["status"], pointer["docStatus"]) == (pointer_status, doc_status)
        code = pointer["custodian"]["identifier"]["value"]
        for type_ in ("DiagnosticReport", "Observation"):
            assert of_type(made.hospitals[code], type_)[0]["status"] == report_status


# ---- transfer slips ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("signed", "last", "why"),
    [
        ("2025-11-12", "2025-11-26", "two weeks without a holiday"),
        ("2025-11-15", "2025-11-28", "signed on a Saturday"),
        ("2025-04-24", "2025-05-12", "30 April and 1 May"),
        ("2026-02-12", "2026-03-05", "Tet"),
    ],
)
def test_a_slip_is_good_for_ten_working_days(signed: str, last: str, why: str) -> None:
    assert last_day(dt.date.fromisoformat(signed)) == dt.date.fromisoformat(last), why


@pytest.mark.parametrize(
    ("key", "sender", "request_status", "task_status", "in_time"),
    [
        ("kp-21", "99021", "active", "requested", True),
        ("kp-22", "99021", "active", "requested", False),
        ("kp-23", "99111", "completed", "completed", True),
    ],
)
@pytest.mark.parametrize("as_of", [AS_OF, AS_OF.replace(month=9, day=4)], ids=["usual", "holiday"])
def test_slips_are_in_the_state_of_their_story(
    key: str, sender: str, request_status: str, task_status: str, in_time: bool, as_of: dt.datetime
) -> None:
    held = chart_of(known_person(key), plan(), as_of).hospitals
    (request,), (task,) = (of_type(held[sender], t) for t in ("ServiceRequest", "Task"))
    assert (request["status"], task["status"]) == (request_status, task_status)
    assert task["focus"] == {"reference": f"ServiceRequest/{request['id']}"}
    end = dt.datetime.fromisoformat(task["restriction"]["period"]["end"])
    assert (end >= as_of) is in_time
    receiver = task["owner"]["identifier"]["value"]
    assert len(of_type(held[receiver], "Encounter")) == (task_status == "completed")


# ---- the file ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("found", "instead", "said"),
    [
        ("sex: female", "sex: woman", r"people\.0\.sex: input should be 'female' or 'male'"),
        ("  - key: kp-01", "  - kee: kp-01", r"people\.0\.kee: extra inputs are not permitted"),
        ("test: hba1c, days: 12", "test: hba1, days: 12", r"test: 'hba1' is not known\. Did you"),
        ("[{at: holds, test: cbc", "[{at: hold, test: cbc", r"'hold' is not known\. Did you mean"),
        ("reasons: [REUSE]", "reasons: [RE-USE]", r"verdict: 'RE-USE' is not known"),
        ('"999168001001"', '"001168001001"', r"is no CCCD of a generated person"),
        ("name: Trần Văn Quyết", "name: Nguyễn Thị Hồng Hạnh", r"people\.1\.name: .* there twice"),
        ("name: Trần Văn Quyết", "name: Trần Quyết", r"name: has no middle name"),
        ("    order: {test: cbc}\n", "", r"an order needs asks and verdict"),
    ],
)
def test_a_damaged_file_is_refused_with_line_and_remedy(
    found: str, instead: str, said: str
) -> None:
    assert found in TEXT
    with pytest.raises(InputError, match=said) as caught:
        parse_people(parse_yaml(TEXT.replace(found, instead, 1), "people.yaml"))
    assert re.match(r"people\.yaml:\d+: ", str(caught.value))


def test_a_person_is_found_by_key_and_number() -> None:
    assert {
        known_person(word).number for word in ("kp-07-report-without-images", "kp-07", "7")
    } == {7}
    with pytest.raises(InputError, match="there is no known person 'kp-70'"):
        known_person("kp-70")

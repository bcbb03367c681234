"""Chart -> FHIR -> facts gives back exactly the facts that the simulation hands to the rules."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from coordinator.rules.consent import consent_facts
from coordinator.rules.facts import OneTimeCode, Purpose
from coordinator.rules.identity import identity_facts
from coordinator.services import order_facts_from_fhir as orders
from coordinator.services.facts_from_fhir import provisions, registration
from coordinator.services.order_facts_from_fhir import Laboratory, Result
from fhir_profiles.json_text import dump, parse
from lienthong.drive.trajectory import Trajectory, is_elsewhere, trajectory
from lienthong.live.plan import LivePlan
from scenarios.charts.life_chart import chart, wanderers
from scenarios.charts.persons import patient
from scenarios.charts.results import consent_denial, pointer, report
from scenarios.charts.visits import encounter, service_request
from scenarios.rule_tables import REGISTRATIONS
from scenarios.scenario import load_scenario

PERSONS = 60


@pytest.fixture(scope="module", params=["drive-coverage", "pilots"])
def live(request):
    return LivePlan(load_scenario(request.param), 1)


@pytest.fixture(scope="module")
def stories(live):
    people = wanderers(live.plan, PERSONS, 0, live.plan.days * 1440)
    return [trajectory(live.book, person) for person in people]


def over_the_wire(tree):
    return parse(dump(tree))


def pairs(stories: list[Trajectory]):
    """(order, earlier result elsewhere) of orders that both sides can read."""
    for story in stories:
        book = story.book
        mapped = book.cal.map_from
        for told in story.told:
            order = told.order
            if is_elsewhere(book, order.facility) or mapped[order.facility, order.test] > 0:
                continue
            for prior in story.priors(order):
                there = prior.order.facility
                own = book.group(there) == book.group(order.facility)
                if not own and not is_elsewhere(book, there) and mapped[there, order.test] <= 0:
                    yield book, order, prior


def ordered(book, order):
    person, group = order.visit.person, book.group(order.facility)
    who = over_the_wire(patient(book.plan, person, group, book.registration(person, group)))
    visit = over_the_wire(encounter(book, order.visit))
    return orders.ordered(over_the_wire(service_request(book, order)), visit, who, now=0)


def epoch(live: LivePlan, minute: int) -> int:
    return int(live.timeline.moment(minute).timestamp() // 60)


def test_an_order_comes_back_with_its_intervals_and_context(live, stories):
    seen = Counter()
    for book, order, _ in pairs(stories):
        this = ordered(book, order)
        assert this.test.key == live.plan.catalogue.groups[order.test].key
        assert this.authored == epoch(live, order.minute)
        rule_order = orders.rule_order(this, live.policies)
        assert (rule_order.retest, rule_order.validity) == book.intervals(order)
        assert this.child == book.is_child(order.visit.person)
        assert this.changed == book.intervening(order)
        assert this.code is book.one_time_code(order.visit)
        seen[this.context.name, this.code is not OneTimeCode.NOT_DEMANDED] += 1
    assert {name for name, _ in seen} == {"ORDINARY", "SERIAL"}
    assert {asked for _, asked in seen} == {True, False}


def test_facts_of_validity_and_recognition_come_back(live, stories):
    compared = Counter()
    for book, order, prior in pairs(stories):
        this = ordered(book, order)
        found = [over_the_wire(tree) for tree in report(book, prior)]
        result = Result(
            found[0],
            tuple(t for t in found[1:] if t["resourceType"] == "Observation"),
            tuple(t for t in found[1:] if t["resourceType"] == "ImagingStudy"),
        )
        laboratory = Laboratory(
            book.level(prior.order.facility, prior.specimen),
            book.level(order.facility, order.minute),
            bool(book.cal.accredited[prior.order.facility]),
        )
        identity, consent = book.identity(order, prior), book.consent(order, prior)
        back = orders.priors(this, result, live.policies, laboratory, identity, consent)
        assert {member.member for member in back} == set(this.members)
        facts = book.validity_facts(order, prior, newer_critical=False)
        for member in back:
            assert member.recognition == book.recognition_facts(order, prior)
            assert this.authored - member.specimen == order.minute - prior.specimen
            got = (member.status, member.unit, member.method, member.finding)
            assert got == (facts.status, facts.unit, facts.method, facts.finding)
            assert member.intervening_event == facts.intervening_event
            assert member.never_reuse == facts.never_reuse
        compared[facts.finding.name, facts.method.name] += 1
    assert len(compared) >= 4, compared


def test_facts_of_identity_come_back(stories):
    seen = Counter()
    for book, order, prior in pairs(stories):
        theirs, ours = book.registrations(order, prior)
        person = order.visit.person
        back = identity_facts(
            *(
                registration(over_the_wire(patient(book.plan, person, book.group(f), registered)))
                for f, registered in ((prior.order.facility, theirs), (order.facility, ours))
            )
        )
        assert back == book.identity_facts(order, prior)
        seen[theirs, ours] += 1
    assert len(seen) > 1


def test_every_pair_of_registration_classes_comes_back(live):
    for theirs in REGISTRATIONS:
        for ours in REGISTRATIONS:
            for person in wanderers(live.plan, 20, 0, live.plan.days * 1440):
                a = registration(over_the_wire(patient(live.plan, person, 0, theirs)))
                b = registration(over_the_wire(patient(live.plan, person, 1, ours)))
                want = identity_facts(REGISTRATIONS[theirs], REGISTRATIONS[ours])
                assert identity_facts(a, b) == want, (theirs, ours, person)


def test_facts_of_consent_come_back(live, stories):
    seen = Counter()
    for book, order, prior in pairs(stories):
        this, facilities = ordered(book, order), live.plan.network.facilities
        person, source = order.visit.person, book.group(prior.order.facility)
        said = []
        if book.denies(person, source):
            said += provisions(over_the_wire(consent_denial(book, person, source, 0)))
        request = orders.consent_request(
            this,
            facilities[book.group(order.facility)].code,
            facilities[source].code,
            orders.category_of(this.test),
            epoch(live, prior.specimen),
            secret=False,
        )
        facts = consent_facts(said, request, epoch(live, order.minute))
        assert facts == book.consent_facts(order, prior)
        seen[facts.stated.name, request.purpose is Purpose.BREAK_GLASS] += 1
    assert len(seen) >= 2, seen


def test_a_pointer_names_test_region_person_and_specimen_time(live, stories):
    for book, order, prior in pairs(stories):
        tree = over_the_wire(pointer(book, prior, prior.available))
        codes = [(c["system"], c["code"]) for c in tree["type"]["coding"]]
        events = tree["context"].get("event", [])
        codes += [(c["system"], c["code"]) for event in events for c in event["coding"]]
        this = ordered(book, order)
        assert orders.tested(codes) == (this.test, this.region)
        start = dt.datetime.fromisoformat(tree["context"]["period"]["start"])
        assert start == live.timeline.moment(prior.specimen)


def test_a_chart_holds_what_was_written_before_its_moment(live):
    until = live.plan.days * 1440 - 30 * 1440
    since = until - 60 * 1440
    end = live.timeline.moment(until)
    for person in wanderers(live.plan, 20, since, until):
        made = chart(live.book, person, since, until)
        assert len(made.hospitals) >= 2
        for held in made.hospitals.values():
            kinds = Counter(tree["resourceType"] for tree in held)
            assert kinds["Patient"] == 1
            ids = [f"{tree['resourceType']}/{tree['id']}" for tree in held]
            assert len(ids) == len(set(ids))
            for tree in held:
                for key in ("authoredOn", "issued", "effectiveDateTime"):
                    if key in tree:
                        assert dt.datetime.fromisoformat(tree[key]) < end


def test_a_person_has_another_record_number_in_every_record_system(live):
    numbers = {
        patient(live.plan, 4711, group, "clean")["identifier"][0]["value"] for group in range(6)
    }
    assert len(numbers) == 6


def test_a_pointer_of_an_unmapped_code_is_of_no_known_test(live, stories):
    unmapped = [
        result
        for story in stories
        for result in story.results
        if not is_elsewhere(live.book, result.order.facility)
        and live.book.cal.map_from[result.order.facility, result.order.test] > result.specimen
    ]
    for result in unmapped[:50]:
        tree = pointer(live.book, result, result.available)
        assert orders.tested([(c["system"], c["code"]) for c in tree["type"]["coding"]]) is None
    assert unmapped

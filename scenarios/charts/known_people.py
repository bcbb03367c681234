"""Known people: 24 test persons who are the same everywhere, one a story (known_people.yaml).

`chart_of` is what their hospitals and the coordinator have written down at a moment, `draft_call`
the order that is being written. docs/reference/known-people.md lists them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from fhir_profiles import systems
from scenarios.charts.known_casting import NoSuchFacility, cast, minutes_before
from scenarios.charts.known_results import KnownBook, KnownChart, Scene, earlier, results_of
from scenarios.charts.known_stories import KnownPerson, Stated, Written, known_people, known_person
from scenarios.charts.persons import (
    insurance_number,
    official_number,
    patient_id,
    record_number,
    registration,
)
from scenarios.charts.results import consent_denial
from scenarios.charts.times import Timeline
from scenarios.charts.transfer_slips import transfer_slip
from scenarios.charts.visits import encounter, encounter_id, service_request
from scenarios.plan import Plan
from scenarios.world.life import EMERGENCY, OUTPATIENT
from vietnam.people_names import parse_name

__all__ = ["KnownChart", "KnownPerson", "chart_of", "draft_call", "known_people", "known_person"]

Tree = dict[str, Any]
ELEMENTS: Final = {
    "cccd": systems.CCCD,
    "cmnd": systems.CMND,
    "bhyt": systems.BHYT,
    "bhxh": systems.BHXH,
}


# ---- the whole story -----------------------------------------------------------------------------
def chart_of(person: KnownPerson, plan: Plan, as_of: dt.datetime) -> KnownChart:
    """Everything that is written down of a story; nothing, if the network cannot hold it."""
    try:
        scene = scene_of(person, plan, as_of)
    except NoSuchFacility:
        return KnownChart()
    for written in person.written:
        _register(scene, written)
    for key, result in enumerate(results_of(person), start=1):
        earlier(scene, key, result)
    for stated in person.consents:
        scene.chart.coordinator.append(_consent(scene, stated))
    if person.steward is not None:
        scene.chart.coordinator.append(_linkage(scene, person.steward))
    if person.order is not None:
        scene.held("asks").extend(_draft(scene))
    if person.slip is not None:
        _slip(scene)
    return scene.chart


def charts(plan: Plan, as_of: dt.datetime) -> KnownChart:
    """The charts of all known people together."""
    whole = KnownChart()
    for person in known_people():
        chart = chart_of(person, plan, as_of)
        whole.coordinator.extend(chart.coordinator)
        for code, held in chart.hospitals.items():
            whole.hospitals.setdefault(code, []).extend(held)
    return whole


def draft_call(person: KnownPerson, plan: Plan, as_of: dt.datetime, public_url: str) -> Tree | None:
    """The order-sign call (CDS Hooks 2.0) of a story; None for one without an order.

    NoSuchFacility: the network cannot hold the story.
    """
    if person.order is None:
        return None
    scene, url = scene_of(person, plan, as_of), public_url.rstrip("/")
    visit, request = _draft(scene)
    patient = next(_patient(scene, w) for w in person.written if w.at == "asks")
    return {
        "hook": "order-sign",
        "hookInstance": str(uuid5(NAMESPACE_URL, f"{url}/{person.key}/{as_of.isoformat()}")),
        "fhirServer": f"{url}/hospitals/{scene.cast['asks'].code}/fhir",
        "context": {
            "userId": "Practitioner/known-people",
            "patientId": patient["id"],
            "encounterId": visit["id"],
            "draftOrders": {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": request}],
            },
        },
        "prefetch": {"patient": patient, "encounter": visit},
    }


def scene_of(person: KnownPerson, plan: Plan, as_of: dt.datetime) -> Scene:
    """The stage of a story at a moment. NoSuchFacility: the network cannot hold it."""
    at = Timeline(plan.start).minute(as_of)
    return Scene(person, KnownBook(plan), cast(person, plan, at), at)


# ---- persons -------------------------------------------------------------------------------------
def _register(scene: Scene, written: Written) -> None:
    """At the facility, and as the coordinator was told: there a link goes by the record number."""
    patient = _patient(scene, written)
    told = dict(patient)
    if written.replaced_by is not None:
        keeper = scene.cast[written.at]
        mrn = record_number(scene.plan, written.replaced_by, keeper.index)
        own = {"reference": f"Patient/{patient_id(scene.plan, written.replaced_by, keeper.index)}"}
        number = {
            "type": "Patient",
            "identifier": {"system": systems.mrn(keeper.code), "value": mrn},
        }
        patient |= {"active": False, "link": [{"other": own, "type": "replaced-by"}]}
        told |= {"active": False, "link": [{"other": number, "type": "replaced-by"}]}
    scene.held(written.at).append(patient)
    scene.chart.coordinator.append(told)


def _patient(scene: Scene, written: Written) -> Tree:
    person, keeper = scene.person, scene.cast[written.at]
    numbers = written.numbers or person.numbers
    stated = [
        (name, system, value)
        for name, system in ELEMENTS.items()
        if (value := getattr(numbers, name)) is not None
    ]
    day = scene.plan.day(scene.at)
    return registration(
        keeper.code,
        record_number(scene.plan, written.number or person.number, keeper.index),
        [
            official_number(name.upper(), system, value)
            if name in ("cccd", "cmnd")
            else insurance_number(system, value)
            for name, system, value in stated
        ],
        parse_name(written.name or person.name),
        person.sex,
        str(written.birth or person.birth),
        keeper.provinces.at(day),
    )


def _linkage(scene: Scene, decision: str) -> Tree:
    """A steward's word about the first registration of each of the first two parts."""
    ids = [
        patient_id(scene.plan, written.number or scene.person.number, scene.cast[written.at].index)
        for written in scene.person.written[:2]
    ]
    kinds = ("source", "alternate")
    return {
        "resourceType": "Linkage",
        "id": f"l-{ids[0].removeprefix('p-')}",
        "extension": [{"url": systems.LINK_DECISION, "valueCode": decision}],
        "active": True,
        "item": [
            {"type": kind, "resource": {"reference": f"Patient/{id_}"}}
            for kind, id_ in zip(kinds, ids, strict=True)
        ],
    }


def _consent(scene: Scene, stated: Stated) -> Tree:
    """A denial of what one record system holds, with or without an exception that has ended."""
    signed = minutes_before(scene.at, stated.signed)
    source = scene.cast[stated.deny]
    denial = consent_denial(scene.book, scene.person.number, source.index, signed)
    if stated.except_ is not None:
        recipient = {
            "role": {"coding": [{"system": systems.PARTICIPATION, "code": "IRCP"}]},
            "reference": {"reference": f"Organization/{scene.cast[stated.except_].code}"},
        }
        time = Timeline(scene.plan.start)
        period = {"start": time.instant(signed)}
        if stated.until is not None:
            period["end"] = time.instant(minutes_before(scene.at, stated.until))
        actors = [*denial["provision"]["actor"], recipient]
        denial["provision"]["provision"] = [{"type": "permit", "period": period, "actor": actors}]
    return denial


# ---- the order that is being written -------------------------------------------------------------
def _draft(scene: Scene) -> list[Tree]:
    """Its visit, then the order."""
    drafted = scene.person.order
    assert drafted is not None
    setting = EMERGENCY if drafted.emergency else OUTPATIENT
    visit = scene.visit("asks", 0, scene.at, scene.person.number, setting, stay=1)
    request = service_request(scene.book, scene.order(visit, 0, drafted.test, drafted.region))
    if drafted.emergency:
        request["priority"] = "stat"
    return [encounter(scene.book, visit), request]


# ---- transfer slips ------------------------------------------------------------------------------
def _slip(scene: Scene) -> None:
    """The slip at the facility that signed it; of a used one also the visit that it led to."""
    slip, number = scene.person.slip, scene.person.number
    assert slip is not None
    time, signed = Timeline(scene.plan.start), minutes_before(scene.at, slip.days)
    came = signed + 1440
    here, there = (scene.cast[part] for part in ("sends", "receives"))
    left = scene.visit("sends", 0, signed, number)
    trees = transfer_slip(
        record_number(scene.plan, number, 0),
        here.code,
        there.code,
        f"Patient/{patient_id(scene.plan, number, here.index)}",
        f"Encounter/{encounter_id(scene.book, left)}",
        time.moment(signed),
        slip.state,
        time.moment(came if slip.state == "used" else signed),
    )
    scene.held("sends").extend([encounter(scene.book, left), *trees])
    if slip.state == "used":
        arrived = scene.visit("receives", 1, came, number)
        scene.held("receives").append(encounter(scene.book, arrived))

"""Visits and orders as Encounter and ServiceRequest (http://hl7.org/fhir/R4/encounter.html)."""

from __future__ import annotations

from typing import Any, Final

from coordinator.rules.facts import OneTimeCode
from fhir_profiles import systems
from scenarios.charts.codes import CATEGORIES, body_site, method, region_of, test_code
from scenarios.charts.persons import organization, patient_id
from scenarios.charts.times import Timeline, number
from scenarios.gates import GateBook, Order, Visit

Tree = dict[str, Any]
CLASSES: Final = ("AMB", "EMER", "IMP")  # by setting: outpatient, emergency, inpatient
CODE_WORDS: Final = {OneTimeCode.OBTAINED: "obtained", OneTimeCode.NOT_OBTAINED: "not-obtained"}
EMERGENCY_REASON: Final = "Cấp cứu: cần xem kết quả trước để xử trí"


def group_of(book: GateBook, facility: int) -> tuple[int, str]:
    """(index, code) of the facility that keeps this facility's records."""
    group = book.group(facility)
    return group, book.plan.network.facilities[group].code


def encounter_id(book: GateBook, visit: Visit) -> str:
    return f"v-{number(book.plan.key, 'visit', visit.person, visit.key)}"


def encounter(book: GateBook, visit: Visit) -> Tree:
    """A visit; the one-time code if one was asked for, and why glass is broken in emergency."""
    timeline = Timeline(book.plan.start)
    group, _ = group_of(book, visit.facility)
    facility = book.plan.network.facilities[visit.facility].code
    class_code = CLASSES[visit.setting]
    found: Tree = {
        "resourceType": "Encounter",
        "id": encounter_id(book, visit),
        "meta": {
            "profile": [systems.definition("encounter"), systems.vn_core("vn-core-encounter")]
        },
        "identifier": [
            {
                "system": systems.MA_LK,
                "value": f"LK-{number(book.plan.key, 'link', visit.person, visit.key)}",
            }
        ],
        "status": "finished" if visit.stay == 0 else "in-progress",
        "class": {"system": systems.ACT_CODE, "code": class_code},
        "subject": {"reference": f"Patient/{patient_id(book.plan, visit.person, group)}"},
        "period": {"start": timeline.instant(visit.minute)},
        "location": [{"location": {"reference": f"Location/{facility}"}}],
        "serviceProvider": organization(facility),
    }
    word = CODE_WORDS.get(book.one_time_code(visit))
    if word:
        found["extension"] = [{"url": systems.ONE_TIME_CODE, "valueCode": word}]
    if class_code == "EMER":
        found["reasonCode"] = [{"text": EMERGENCY_REASON}]
    return found


def order_number(book: GateBook, order: Order) -> str:
    """The order's own number in its record system."""
    return number(book.plan.key, "order", order.visit.person, order.key)


def order_identifier(book: GateBook, order: Order) -> Tree:
    _, code = group_of(book, order.facility)
    return {"system": systems.order(code), "value": order_number(book, order)}


def service_request(book: GateBook, order: Order, status: str = "draft") -> Tree:
    """An order line as its hospital writes it. A serial order and a changed state are said."""
    plan = book.plan
    group = plan.catalogue.groups[order.test]
    region = region_of(group, order.region)
    keeper, _ = group_of(book, order.facility)
    found: Tree = {
        "resourceType": "ServiceRequest",
        "id": f"o-{order_number(book, order)}",
        "meta": {
            "profile": [
                systems.definition("service-request"),
                systems.vn_core("vn-core-service-request"),
            ]
        },
        "identifier": [order_identifier(book, order)],
        "status": status,
        "intent": "order",
        "category": [{"text": CATEGORIES[group.modality][1]}],
        "priority": "routine",
        "code": test_code(plan, order.facility, group, region, order.minute),
        **body_site(plan, order.facility, group, region, order.minute),
        "subject": {"reference": f"Patient/{patient_id(plan, order.visit.person, keeper)}"},
        "encounter": {"reference": f"Encounter/{encounter_id(book, order.visit)}"},
        "authoredOn": Timeline(plan.start).instant(order.minute),
        "requester": organization(plan.network.facilities[order.facility].code),
    }
    if group.modality == "laboratory":
        found["orderDetail"] = [method(plan, order.facility, group)]
    reasons = [
        name
        for name, holds in (("serial", order.serial), ("clinical-change", book.intervening(order)))
        if holds
    ]
    if reasons:
        found["reasonCode"] = [
            {"coding": [{"system": systems.ORDER_CONTEXT, "code": reason}]} for reason in reasons
        ]
    return found

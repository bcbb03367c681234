"""The exchange over HTTP: sends what a hospital's software has, and nothing beside it.

Patient, Encounter, ServiceRequest, results, Consent, pointers, the CDS call, the feedback. Chance
is enacted: a pointer is posted late, a code is local, a number mistyped; closed gates are enacted
by not calling, by a link that is cut, by a hospital that answers 503 or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import httpx2

from coordinator.app import requester_link
from coordinator.rules.decision import Verdict
from fhir_profiles.json_text import dump
from lienthong.drive.events import Event, Step
from lienthong.drive.expected import Expected, sources
from scenarios.charts.life_chart import is_written
from scenarios.charts.persons import patient, patient_id
from scenarios.charts.results import consent_denial, pointer, report
from scenarios.charts.times import Timeline
from scenarios.charts.visits import encounter, encounter_id, group_of, service_request
from scenarios.engines.reference import Told, performed
from scenarios.gates import GateBook, Order, Visit
from scenarios.orders import OrderClass

Tree = dict[str, Any]
Tamper = Callable[[Tree], Tree | None]
HEADERS: Final = {"content-type": "application/fhir+json"}
SERVICE: Final = "/cds-services/vn-result-reuse"
FAULT_OF: Final = {
    Verdict.SOURCE_LINK_DOWN: "unavailable",
    Verdict.NO_ANSWER_IN_TIME: "silent",
}
TAKEN: Final = (OrderClass.SHARED_REUSED, OrderClass.UNSAFE_MISSED_CHANGE)
DECLINED: Final = (OrderClass.LOST + 12, OrderClass.NEEDED_PERFORMED)


class WireError(Exception):
    """The network answered something that ends a replay; says which request and what came."""


class Wire:
    """One network that is driven. `tamper` changes or drops a resource on its way (for tests)."""

    def __init__(self, book: GateBook, http: httpx2.Client, tamper: Tamper | None = None) -> None:
        self.book, self.http, self._tamper = book, http, tamper
        self.timeline = Timeline(book.plan.start)
        self.refused: set[str] = set()  # order lines whose call was answered with 503
        self.uncarded: list[str] = []  # lines that the story re-uses and that got no card
        self.behaviour: Counter[Verdict] = Counter()  # what clinicians made of offers
        self.said: Counter[str] = Counter()  # feedback posted, by outcome
        self.requests = 0
        self._minute = -1
        self._registered: set[tuple[int, int]] = set()
        self._fed: set[tuple[int, int]] = set()
        self._visits: set[tuple[int, int]] = set()

    def play(self, event: Event) -> None:
        """One event, at its minute."""
        self.advance(event.minute)
        if event.step is Step.RESULT:
            self._post_result(event)
        elif event.step is Step.PUBLISH:
            self._publish(event)
        else:
            self._orders(event)

    def advance(self, minute: int) -> None:
        """The clock of the network moves to a minute of the study."""
        if minute != self._minute:
            self._send("POST", "/admin/clock", {"to": self.timeline.instant(minute)})
            self._minute = minute

    # ---- results ---------------------------------------------------------------------------------
    def _post_result(self, event: Event) -> None:
        assert event.result is not None
        order = event.result.order
        _, code = group_of(self.book, order.facility)
        self._transaction(code, report(self.book, event.result))

    def _publish(self, event: Event) -> None:
        assert event.result is not None
        order = event.result.order
        self._feed(order.visit.person, order.facility, event.minute)
        self._put("", pointer(self.book, event.result, event.minute))

    def _feed(self, person: int, facility: int, minute: int) -> None:
        """The registration, and what the person denies, are told to the coordinator once."""
        group, _ = group_of(self.book, facility)
        if (person, group) in self._fed:
            return
        self._fed.add((person, group))
        self._put("", self._patient(person, group))
        if self.book.denies(person, group):
            self._put("", consent_denial(self.book, person, group, minute))

    def _patient(self, person: int, group: int) -> Tree:
        return patient(self.book.plan, person, group, self.book.registration(person, group))

    # ---- orders ----------------------------------------------------------------------------------
    def _orders(self, event: Event) -> None:
        order = event.lines[0][0].order
        written = is_written(self.book, order)
        if written:
            self._arrive(order.visit)
        asks = bool(self.book.cal.query_from[order.facility] <= event.minute)
        if asks:
            self._feed(order.visit.person, order.facility, event.minute)
        if asks or written:
            with self._faults(order, [line for _, line in event.lines]):
                self._ask(event, order.visit)
        if written:
            _, code = group_of(self.book, order.facility)
            signed = [
                service_request(self.book, t.order, "active" if performed(t.code) else "revoked")
                for t, _ in event.lines
            ]
            self._transaction(code, signed)

    def _arrive(self, visit: Visit) -> None:
        """Patient and Encounter are written when a person first comes, and at each visit."""
        group, code = group_of(self.book, visit.facility)
        fresh: list[Tree] = []
        if (visit.person, group) not in self._registered:
            self._registered.add((visit.person, group))
            fresh.append(self._patient(visit.person, group))
        if (visit.person, visit.key) not in self._visits:
            self._visits.add((visit.person, visit.key))
            fresh.append(encounter(self.book, visit))
        if fresh:
            self._transaction(code, fresh)

    @contextmanager
    def _faults(self, order: Order, lines: Sequence[Expected]) -> Any:
        """Closed gates of this call: set before it, taken back after it."""
        _, here = group_of(self.book, order.facility)
        facilities = self.book.plan.network.facilities
        states = {
            facilities[group].code: FAULT_OF[reason]
            for group, reason in sources(lines, self.book).items()
        }
        enacted = {line.enacted for line in lines}
        if Verdict.COORDINATOR_DOWN in enacted:
            states["coordinator"] = "unavailable"
        if Verdict.REQUESTER_LINK_DOWN in enacted:
            states[requester_link(here)] = "unavailable"
        for node, state in states.items():
            self._send("POST", "/admin/faults", {"node": node, "state": state})
        yield
        for node in states:
            self._send("POST", "/admin/faults", {"node": node, "state": "ok"})

    def _ask(self, event: Event, visit: Visit) -> None:
        """The CDS call, with the drafts of one visit, and what the clinician made of the cards."""
        plan, lines = self.book.plan, event.lines
        group, code = group_of(self.book, visit.facility)
        drafts = [service_request(self.book, told.order) for told, _ in lines]
        instance = str(uuid5(NAMESPACE_URL, lines[0][1].identifier))
        call = {
            "hook": "order-sign",
            "hookInstance": instance,
            "fhirServer": f"{str(self.http.base_url).rstrip('/')}/hospitals/{code}/fhir",
            "context": {
                "userId": "Practitioner/1",
                "patientId": patient_id(plan, visit.person, group),
                "encounterId": encounter_id(self.book, visit),
                "draftOrders": {
                    "resourceType": "Bundle",
                    "type": "collection",
                    "entry": [{"resource": draft} for draft in drafts],
                },
            },
            "prefetch": {
                "patient": self._patient(visit.person, group),
                "encounter": encounter(self.book, visit),
            },
        }
        answer = self._send("POST", SERVICE, call, allowed=(200, 503))
        if answer.status_code == 503:
            self.refused |= {line.identifier for _, line in lines}
        else:
            self._feedback(lines, answer.json()["cards"])

    def _feedback(
        self, lines: Iterable[tuple[Told, Expected]], cards: Sequence[Mapping[str, Any]]
    ) -> None:
        offers = {
            suggestion["actions"][0]["resourceId"].rpartition("/")[2]: (card, suggestion)
            for card in cards
            for suggestion in card.get("suggestions", ())
        }
        said: list[Tree] = []
        for told, line in lines:
            offer = offers.get(f"o-{line.identifier.rpartition('|')[2]}")
            if told.code in TAKEN and offer is None:
                self.uncarded.append(line.identifier)
            if offer is not None and told.code == OrderClass.LOST + 11:
                self.behaviour[Verdict.NOT_SEEN] += 1
            if offer is None or told.code not in (*TAKEN, *DECLINED):
                continue
            card, suggestion = offer
            item: Tree = {"card": card["uuid"], "outcome": "overridden"}
            if told.code not in TAKEN:
                self.behaviour[Verdict.NOT_ACCEPTED] += 1
            else:
                accepted = [{"id": suggestion["uuid"]}]
                item = {
                    "card": card["uuid"],
                    "outcome": "accepted",
                    "acceptedSuggestions": accepted,
                }
            said.append(item)
            self.said[item["outcome"]] += 1
        if said:
            self._send("POST", f"{SERVICE}/feedback", {"feedback": said})

    # ---- over the wire ---------------------------------------------------------------------------
    def _put(self, base: str, resource: Tree) -> None:
        sent = self._tampered([resource])
        if sent:
            type_, id_ = resource["resourceType"], resource["id"]
            self._send("PUT", f"{base}/fhir/{type_}/{id_}", sent[0], allowed=(200, 201))

    def _transaction(self, code: str, resources: Sequence[Tree]) -> None:
        """All of them at one hospital, or none."""
        entries = [
            {
                "resource": resource,
                "request": {
                    "method": "PUT",
                    "url": f"{resource['resourceType']}/{resource['id']}",
                },
            }
            for resource in self._tampered(resources)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        self._send("POST", f"/hospitals/{code}/fhir", bundle)

    def _tampered(self, resources: Sequence[Tree]) -> list[Tree]:
        if self._tamper is None:
            return list(resources)
        return [kept for resource in resources if (kept := self._tamper(resource)) is not None]

    def _send(
        self, method: str, path: str, body: Tree, allowed: tuple[int, ...] = (200,)
    ) -> httpx2.Response:
        self.requests += 1
        answer = self.http.request(method, path, content=dump(body), headers=HEADERS)
        if answer.status_code not in allowed:
            raise WireError(f"{method} {path}: {answer.status_code} {answer.text[:600]}")
        return answer

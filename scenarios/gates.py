"""The twelve gates in plain Python, through coordinator.rules (model section 6).

Every rule is called with its facts; nothing is looked up in tables. `reference` and `visits` use
this page, and the compiled engine is tested against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coordinator.rules.consent import judge_consent
from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import (
    ConsentFacts,
    IdentityFacts,
    MethodComparison,
    OneTimeCode,
    Publication,
    RecognitionFacts,
    RecognitionRule,
    RoutingFacts,
    ValidityFacts,
)
from coordinator.rules.gates import GATE_OF, Gate
from coordinator.rules.identity import identity_facts, judge_identity
from coordinator.rules.reuse import age_band, judge_recognition, judge_validity
from coordinator.rules.routing import judge_routing
from scenarios import draws
from scenarios.care import CHILD_BANDS, regulations_of
from scenarios.plan import Plan
from scenarios.rule_tables import (
    REGISTRATION_CLASSES,
    REGISTRATIONS,
    consent_facts,
    kind_of,
    recognition_facts,
    validity_facts,
)
from scenarios.scenario import MODES
from scenarios.world.demand import person_traits
from scenarios.world.life import EMERGENCY, INPATIENT, REFERRED, RETURNED

KEY_SPAN = 65536
RETRIEVED = frozenset(Gate(g) for g in range(1, 9))  # the prior reaches the rules on validity


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of one person, as demand made it."""

    person: int
    key: int
    minute: int
    facility: int
    kind: int
    setting: int
    condition: int
    episode: int
    sender: int  # facility of the visit before in the episode, -1 none
    stay: int


@dataclass(frozen=True, slots=True)
class Order:
    """One order intent; its draws are those of (person, key)."""

    visit: Visit
    key: int
    minute: int
    test: int
    region: int
    serial: int
    number: int = 0  # place among the person's orders by minute

    @property
    def facility(self) -> int:
        return self.visit.facility

    @property
    def slot(self) -> tuple[int, int]:
        return self.test, self.region


@dataclass(slots=True, eq=False)
class Result:
    """A performed order. Its specimen time is the order's minute; a queue sets `available`."""

    order: Order
    available: int

    @property
    def specimen(self) -> int:
        return self.order.minute


@dataclass(frozen=True, slots=True)
class Assessment:
    """All gates of one prior for one order: reasons in gate order, and whether it is critical."""

    result: Result
    reasons: tuple[Verdict, ...]
    critical: bool

    @property
    def failed(self) -> frozenset[Gate]:
        return frozenset(GATE_OF[reason] for reason in self.reasons)


@lru_cache(maxsize=64)
def _identity(theirs: str, ours: str) -> Decision:
    return judge_identity(identity_facts(REGISTRATIONS[theirs], REGISTRATIONS[ours]))


_consent = lru_cache(maxsize=256)(judge_consent)
_validity = lru_cache(maxsize=4096)(judge_validity)
_recognition = lru_cache(maxsize=8192)(judge_recognition)
_routing = lru_cache(maxsize=8192)(judge_routing)


class GateBook:
    """Evaluates gates for one plan. `available` and `answered` may be overridden by queues."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cal = plan.calendars
        self.care = plan.care
        self.regulations = regulations_of(plan.scenario)

    def u(self, purpose: int, entity: int, occurrence: int) -> float:
        return float(draws.uniform(*self.plan.key, purpose, entity, occurrence))

    def group(self, facility: int) -> int:
        return int(self.cal.record_group[facility])

    # ---- gates 1 to 4, 7 and 8 -------------------------------------------------------------------
    def routing(self, order: Order, prior: Result) -> Decision:
        """Reasons of the gates between two record systems, from the calendars."""
        return self.routing_decision(self.routing_facts(order, prior))

    @staticmethod
    def routing_decision(facts: RoutingFacts) -> Decision:
        return _routing(facts)

    def routing_facts(
        self, order: Order, prior: Result, answered: bool | None = None
    ) -> RoutingFacts:
        """Facts of gates 1 to 4, 7 and 8; `answered` if a played query has decided it."""
        cal, t = self.cal, order.minute
        here, there = order.facility, prior.order.facility
        source = self.group(there)
        if answered is None:
            answered = self.answered_in_time(order.visit, source)
        return RoutingFacts(
            requester_connected=bool(cal.query_from[here] <= t),
            source_electronic=bool(prior.specimen >= cal.emr_from[there]),
            source_connected=bool(cal.publish_from[there] <= t),
            publication=self.publication(prior, t),
            coordinator_up=not self.down(len(cal.record_group), t),
            requester_link_up=not self.down(here, t),
            source_link_up=not self.down(source, t),
            answered_in_time=answered,
            requester_mapped=bool(cal.map_from[here, order.test] <= t),
            source_mapped=bool(cal.map_from[there, order.test] <= t),
        )

    def publication(self, prior: Result, t: int) -> Publication:
        """When the source publishes; as if connected all along where it is not yet."""
        connected = int(self.cal.publish_from[prior.order.facility])
        if connected > t or prior.available >= connected:
            ready = prior.available + self.cal.publish_delay <= t
            return Publication.PUBLISHED if ready else Publication.NOT_YET
        if connected - prior.available <= self.cal.backload:
            return Publication.PUBLISHED
        return Publication.BEFORE_BACKLOAD

    def answered_in_time(self, visit: Visit, source: int) -> bool:
        u = self.u(draws.ANSWERED, visit.person, visit.key * KEY_SPAN + source)
        links = self.cal.link_class
        hour = (visit.minute // 60) % 24
        return u < float(self.care.answer[links[source], links[visit.facility], hour])

    def down(self, link: int, t: int) -> bool:
        """Whether a link (last row: the coordinator) has an outage at minute t."""
        cal = self.cal
        first, end = int(cal.outage_offset[link]), int(cal.outage_offset[link + 1])
        i = first + int(np.searchsorted(cal.outage_start[first:end], t, side="right"))
        return bool(i > first and t < cal.outage_end[i - 1])

    def published_at(self, result: Result) -> int | None:
        """Minute at which a source posts a result, None if it never does."""
        connected = int(self.cal.publish_from[result.order.facility])
        if result.available >= connected:
            return result.available + self.cal.publish_delay
        return connected if connected - result.available <= self.cal.backload else None

    # ---- gates 5, 6, 9, 10 -----------------------------------------------------------------------
    def registration(self, person: int, group: int) -> str:
        u = self.u(draws.REGISTRATION, person, group)
        shares = self.care.registration_cumulative
        return REGISTRATION_CLASSES[int(draws.pick(shares, u))]

    def identity(self, order: Order, prior: Result) -> Decision:
        return _identity(*self.registrations(order, prior))

    def identity_facts(self, order: Order, prior: Result) -> IdentityFacts:
        theirs, ours = self.registrations(order, prior)
        return identity_facts(REGISTRATIONS[theirs], REGISTRATIONS[ours])

    def registrations(self, order: Order, prior: Result) -> tuple[str, str]:
        """How the person is registered where the result is, and where the order is written."""
        person = order.visit.person
        theirs = self.registration(person, self.group(prior.order.facility))
        return theirs, self.registration(person, self.group(order.facility))

    def consent(self, order: Order, prior: Result) -> Decision:
        return _consent(self.consent_facts(order, prior))

    def consent_facts(self, order: Order, prior: Result) -> ConsentFacts:
        visit, source = order.visit, self.group(prior.order.facility)
        denied = self.denies(visit.person, source)
        return consent_facts(denied, self.one_time_code(visit), visit.setting == EMERGENCY)

    def denies(self, person: int, source: int) -> bool:
        """Whether a person denies others what one record system holds of them."""
        return self.u(draws.CONSENT, person, source) < self.care.denied

    def one_time_code(self, visit: Visit) -> OneTimeCode:
        if self.u(draws.CODE_REQUIRED, visit.person, visit.key) >= self.care.code_required:
            return OneTimeCode.NOT_DEMANDED
        obtained = self.u(draws.CODE_OBTAINED, visit.person, visit.key) < self.care.code_obtained
        return OneTimeCode.OBTAINED if obtained else OneTimeCode.NOT_OBTAINED

    def critical(self, prior: Result) -> bool:
        order = prior.order
        return self.u(draws.CRITICAL, order.visit.person, order.key) < self.care.critical

    def validity(self, order: Order, prior: Result, newer_critical: bool) -> Decision:
        return _validity(self.validity_facts(order, prior, newer_critical))

    def validity_facts(self, order: Order, prior: Result, newer_critical: bool) -> ValidityFacts:
        return validity_facts(
            age=age_band(order.minute - prior.specimen, *self.intervals(order)),
            method=self.method_comparison(order, prior),
            critical=self.critical(prior),
            intervening=self.intervening(order),
            newer_critical=newer_critical,
        )

    def intervening(self, order: Order) -> bool:
        """Whether something happened to the person since, as the clinician knows and writes."""
        kind = self.care.result_class[order.test]
        event = self.u(draws.INTERVENING, order.visit.person, order.key)
        return bool(event < self.care.intervening[kind])

    def intervals(self, order: Order) -> tuple[int, int]:
        """(retest interval, validity window) of an order, in minutes."""
        group = self.plan.catalogue.groups[order.test]
        inpatient = order.visit.setting == INPATIENT
        policy = self.policy(order.minute)
        retest = self.regulations[policy].retest_minutes(
            group.key, inpatient, self.is_child(order.visit.person)
        )
        return retest, int(self.care.validity[policy, order.test, int(inpatient)])

    def is_child(self, person: int) -> bool:
        """Whether retest intervals, which hold for adults, do not hold for this person."""
        return bool(person_traits(*self.plan.key, person, self.plan.demand)[1] < CHILD_BANDS)

    def method_comparison(self, order: Order, prior: Result) -> MethodComparison:
        """Two laboratories may measure differently; pictures and curves have no method."""
        if self.plan.catalogue.groups[order.test].modality != "laboratory":
            return MethodComparison.INDEPENDENT
        method = self.cal.method
        theirs = method[prior.order.facility, order.test]
        same = method[order.facility, order.test] == theirs
        return MethodComparison.SAME if same else MethodComparison.DIFFERENT

    def recognition(self, order: Order, prior: Result) -> Decision:
        return _recognition(self.recognition_facts(order, prior))

    def recognition_facts(self, order: Order, prior: Result) -> RecognitionFacts:
        group = self.plan.catalogue.groups[order.test]
        regulation = self.regulations[self.policy(order.minute)]
        there = prior.order.facility
        return recognition_facts(
            RecognitionRule[regulation.recognition_rule],
            kind_of(group.result_class),
            self.level(there, prior.specimen),
            self.level(order.facility, order.minute),
            bool(self.cal.accredited[there]),
            regulation.on_list[group.key],
            bool(self.cal.images[there, order.test]),
        )

    def policy(self, t: int) -> int:
        return self._row(self.cal.policy_from, t)

    def level(self, facility: int, t: int) -> int:
        since = self.cal.laboratory_from[facility]
        return int(self.cal.laboratory_level[facility][self._row(since, t)])

    @staticmethod
    def _row(since: Iterable[int], t: int) -> int:
        """Last dated row that began at or before t; the first row before that."""
        return max([0, *(i for i, begin in enumerate(since) if i and begin <= t)])

    def judged(
        self,
        order: Order,
        prior: Result,
        newer_critical: bool,
        routing: Decision | None = None,
    ) -> Assessment:
        """Gates 1 to 10 of one prior, all evaluated. `routing`: as a running network decided it."""
        decisions = (
            routing or self.routing(order, prior),
            self.identity(order, prior),
            self.consent(order, prior),
            self.validity(order, prior, newer_critical),
            self.recognition(order, prior),
        )
        reasons = tuple(reason for decision in decisions for reason in decision.blockers)
        return Assessment(prior, reasons, self.critical(prior))

    # ---- gates 11 and 12 -------------------------------------------------------------------------
    def mode(self, visit: Visit, source: int | None) -> str:
        """Alert mode for a prior from `source`; push reaches what the sender attached."""
        mode = MODES[int(self.cal.mode[self._row(self.cal.mode_from, visit.minute)])]
        if mode != "push":
            return mode
        sent_by = self.group(visit.sender) if visit.sender >= 0 else None
        transfer = visit.kind in (REFERRED, RETURNED) and source is not None and sent_by == source
        if transfer and self.u(draws.PACKET, visit.person, visit.key) < self.care.packet_sent:
            return "push"
        return MODES[self.cal.push_base]

    def look_chance(self, visit: Visit, mode: str, z: float) -> float:
        """P(clinician looks): habit grows with time, complex persons are looked up more often."""
        care = self.care
        since = max(0, visit.minute - int(self.cal.query_from[visit.facility]))
        habit = 1.0 - math.exp(-since / care.habit_minutes)
        p = float(care.look[MODES.index(mode)])
        p *= care.look_first_day + (1.0 - care.look_first_day) * habit
        if 0.0 < p < 1.0:
            p = draws.logistic(draws.logit(p) + care.look_complexity * z)
        return p

    def seen(self, visit: Visit, mode: str, z: float) -> bool:
        return self.u(draws.SEEN, visit.person, visit.key) < self.look_chance(visit, mode, z)

    def acceptance(self, order: Order, mode: str, age: int) -> float:
        """P(clinician takes the earlier result), for a repeat that is not needed."""
        p = float(self.care.accept[self.care.result_class[order.test]])
        if not 0.0 < p < 1.0:
            return p
        x = draws.logit(p) + self.care.specialty[order.visit.condition]
        x += self.cal.facility_effect[order.facility]
        x += self.care.paediatrics if age < CHILD_BANDS else 0.0
        p = float(draws.logistic(x) * self.cal.income[order.facility])
        return p * (1.0 + self.care.accept_forced) if mode == "mandate" else p

    def u_accepted(self, order: Order) -> float:
        return self.u(draws.ACCEPTED, order.visit.person, order.key)

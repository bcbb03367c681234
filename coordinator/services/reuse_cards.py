"""Re-use of earlier results for the orders of one CDS Hooks call, over all linked hospitals.

Who is this person, where are results, may they be seen, who answers, may one stand in: every step
asks the rulebook. It stops where it may not or cannot go on: nothing is fetched that consent
denies, nobody is asked about a person who is not linked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from coordinator.rules.consent import Provision, consent_facts, judge_consent
from coordinator.rules.decision import Decision, Verdict
from coordinator.rules.facts import Publication, RoutingFacts
from coordinator.rules.identity import identity_facts
from coordinator.rules.reuse import (
    Answer,
    Prior,
    decide,
    judge_recognition,
    judge_validity,
)
from coordinator.rules.routing import judge_routing
from coordinator.services import order_facts_from_fhir as orders
from coordinator.services.consents import Consents
from coordinator.services.decision_log import PriorEntry
from coordinator.services.directory import Directory, Entry
from coordinator.services.facts_from_fhir import Tree, minutes_of, record_number, registration
from coordinator.services.federated_read import Answered, FederatedRead
from coordinator.services.locator import Locator, Pointer
from coordinator.services.order_facts_from_fhir import Laboratory, Ordered, Result
from coordinator.services.person_index import Candidate, PersonIndex
from coordinator.services.policies import Policies

DAY: Final = 1440
LONGEST_WINDOW: Final = 90 * DAY  # the longest measurement window of the catalogue
MOST: Final = 50  # pointers of a test looked at for one order line, newest first
MOST_UNREADABLE: Final = 200  # pointers with a code that nobody mapped: noted, never fetched


@dataclass(frozen=True, slots=True)
class Draft:
    """What a hospital sent: the orders with the encounter and the patient they belong to."""

    group: str
    patient: dict[str, Any]
    encounter: Tree
    requests: Sequence[Tree]


@dataclass(slots=True)
class Considered:
    """One pointer on its way through the gates; the first closed stage ends it."""

    pointer: Pointer
    candidate: Candidate | None
    age: int | None
    reasons: tuple[Verdict, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    consent: Decision | None = None
    routing: RoutingFacts | None = None
    priors: list[Prior] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return not self.reasons

    def entry(self) -> PriorEntry:
        pointer = self.pointer
        return PriorEntry(
            pointer.result,
            pointer.facility,
            pointer.subject,
            self.age,
            self.reasons,
            self.facts,
            self.verdicts,
        )

    def ruled(self, rule: str, facts: Any, decision: Decision) -> None:
        """What a rule was asked and said; what stands against the result ends its way."""
        self.facts[rule], self.verdicts[rule] = facts, decision.code
        self.reasons = decision.blockers


@dataclass(slots=True)
class Line:
    """One order line: who asked, what was considered, what was decided."""

    ordered: Ordered
    requester: Entry | None
    decision: Decision
    considered: list[Considered] = field(default_factory=list)
    answer: Answer | None = None
    results: dict[str, Result] = field(default_factory=dict)
    silent: tuple[str, ...] = ()

    @property
    def chosen(self) -> list[str]:
        if self.answer is None:
            return []
        return list(dict.fromkeys(judged.prior.key for judged in self.answer.covered))


class ReuseCards:
    """Judges drafts. Reads the stores in a worker thread, asks hospitals on the loop."""

    def __init__(
        self,
        directory: Directory,
        persons: PersonIndex,
        locator: Locator,
        consents: Consents,
        federated: FederatedRead,
        policies: Policies,
    ) -> None:
        self.directory, self.persons, self.locator = directory, persons, locator
        self.consents, self.federated, self.policies = consents, federated, policies

    async def judge(self, draft: Draft, now: datetime) -> list[Line]:
        """Every order of the draft, judged at care time `now`."""
        lines = await asyncio.to_thread(self._prepare, draft, now)
        wanted: dict[str, list[str]] = {}
        for seen in (seen for line in lines for seen in line.considered if seen.open):
            references = wanted.setdefault(seen.pointer.group, [])
            if seen.pointer.reference not in references:
                references.append(seen.pointer.reference)
        answers = await self.federated.reports(wanted) if wanted else {}
        for line in lines:
            self._conclude(line, answers)
        return lines

    # ---- before anybody is asked -----------------------------------------------------------------
    def _prepare(self, draft: Draft, now: datetime) -> list[Line]:
        minute = minutes_of(now)
        lines = [self._line(draft, request, now, minute) for request in draft.requests]
        if not any(line.decision.permits for line in lines):
            return lines
        mine = registration(draft.patient)
        candidates = {c.key: c for c in self.persons.candidates(draft.patient)}
        people = {key: c for key, c in candidates.items() if _worth_looking(c)}
        linked = {mine.key, *(key for key, c in people.items() if c.decision.permits)}
        provisions = self.consents.provisions(linked)
        pointers = self.locator.pointers([mine.key, *people])
        for line in lines:
            if line.decision.permits:
                found = self._relevant(line.ordered, pointers)
                line.considered = [
                    self._considered(line, pointer, draft, people, provisions, now)
                    for pointer in found
                ]
        return lines

    def _line(self, draft: Draft, request: Tree, now: datetime, minute: int) -> Line:
        ordered = orders.ordered(request, draft.encounter, draft.patient, minute)
        entry = self.directory.entry(ordered.facility or draft.group)
        asks = entry is not None and _begun(entry.queries_from, now)
        facts = RoutingFacts(requester_connected=asks, requester_mapped=ordered.test is not None)
        return Line(ordered, entry, judge_routing(facts))

    def _relevant(self, this: Ordered, pointers: Iterable[Pointer]) -> list[Pointer]:
        """Of the same test and region within its window, or with a code that says neither."""
        assert this.test is not None
        kept: dict[str, Pointer] = {}
        unreadable: dict[str, Pointer] = {}
        for pointer in pointers:
            found = orders.tested(pointer_codes(pointer))
            window = LONGEST_WINDOW if found is None else this.test.window_days * DAY
            age = _age(this, pointer)
            fits = found == (this.test, this.region) if found else _same_kind(this, pointer)
            if fits and (age is None or age <= window):
                (kept if found else unreadable).setdefault(pointer.result, pointer)
        return [*kept.values()][:MOST] + [*unreadable.values()][:MOST_UNREADABLE]

    def _considered(
        self,
        line: Line,
        pointer: Pointer,
        draft: Draft,
        people: Mapping[str, Candidate],
        provisions: Sequence[Provision],
        now: datetime,
    ) -> Considered:
        this = line.ordered
        candidate = people.get(pointer.subject)
        seen = Considered(pointer, candidate, _age(this, pointer))
        if pointer.group == draft.group:
            seen.reasons = judge_routing(RoutingFacts(own_record=True)).reasons
            return seen
        if candidate is not None:
            mine = registration(draft.patient)
            facts = identity_facts(candidate.registration, mine)
            seen.ruled("identity", facts, candidate.decision)
        if seen.open:
            specimen = None if pointer.specimen is None else minutes_of(pointer.specimen)
            assert this.test is not None
            request = orders.consent_request(
                this, draft.group, pointer.group, orders.category_of(this.test), specimen, False
            )
            at = minutes_of(now)
            asked = consent_facts(provisions, request, at, self.policies.implicit)
            seen.consent = judge_consent(asked)
            seen.ruled("consent", asked, seen.consent)
        if seen.open:
            seen.routing = self._routing(pointer, now)
            seen.ruled("routing", seen.routing, judge_routing(seen.routing))
        return seen

    def _routing(self, pointer: Pointer, now: datetime) -> RoutingFacts:
        entry = self.directory.entry(pointer.facility)
        published = pointer.published <= now
        return RoutingFacts(
            source_connected=entry is not None and _begun(entry.publishes_from, now),
            publication=Publication.PUBLISHED if published else Publication.NOT_YET,
            source_mapped=orders.tested(pointer_codes(pointer)) is not None,
        )

    # ---- after the hospitals answered ------------------------------------------------------------
    def _conclude(self, line: Line, answers: Mapping[str, Answered]) -> None:
        if not line.decision.permits:
            return
        asked = [seen for seen in line.considered if seen.open]
        for seen in asked:
            self._answered(line, seen, answers[seen.pointer.group])
        groups = {seen.pointer.group for seen in asked}
        line.silent = tuple(sorted(g for g in groups if answers[g].state != "answered"))
        order = orders.rule_order(line.ordered, self.policies)
        answer = decide(order, [prior for seen in asked for prior in seen.priors])
        line.answer, line.decision = answer, answer.decision
        for seen in asked:
            if seen.priors:
                self._note(seen, answer)

    def _answered(self, line: Line, seen: Considered, answer: Answered) -> None:
        """The result that the pointer names, as facts; or why it did not come."""
        assert seen.routing is not None
        if answer.state != "answered":
            silent = answer.state == "silent"
            routing = replace(seen.routing, answered_in_time=not silent, source_link_up=silent)
            seen.ruled("routing", routing, judge_routing(routing))
            return
        result = result_of(seen.pointer, answer.resources)
        if result is None:  # taken back at the source since the pointer was written
            seen.reasons = (Verdict.RESULT_CANCELLED,)
            return
        specimen = orders.specimen_of(result.report)
        seen.age = None if specimen is None else line.ordered.authored - specimen
        if orders.is_sensitive(result.report):
            facts = replace(seen.facts["consent"], sensitive=True)
            seen.consent = judge_consent(facts)
            seen.ruled("consent", facts, seen.consent)
        if seen.open:
            line.results[result.identifier] = result
            seen.priors = self._priors(line, seen, result, specimen)
            if not seen.priors:  # the report holds nothing of what was ordered
                seen.reasons = (Verdict.VALUE_ABSENT,)

    def _priors(
        self, line: Line, seen: Considered, result: Result, specimen: int | None
    ) -> list[Prior]:
        assert seen.candidate is not None
        assert seen.consent is not None
        this, source = line.ordered, self.directory.entry(seen.pointer.facility)
        level, in_force = level_at(source, specimen)
        own, _ = level_at(line.requester, this.authored)
        laboratory = Laboratory(level, own, source is not None and source.accredited, in_force)
        return orders.priors(
            this, result, self.policies, laboratory, seen.candidate.decision, seen.consent
        )

    @staticmethod
    def _note(seen: Considered, answer: Answer) -> None:
        """What the rules said of this result: of its members the one with most against it."""
        mine = {id(prior) for prior in seen.priors}
        judged = [entry for entry in answer.log if id(entry.prior) in mine]
        worst = max(judged, key=lambda entry: (not entry.decision.permits, entry.decision.reasons))
        recognition = worst.prior.recognition
        seen.ruled("validity", worst.validity, judge_validity(worst.validity))
        seen.ruled("recognition", recognition, judge_recognition(recognition))
        seen.reasons = worst.decision.reasons


def _worth_looking(candidate: Candidate) -> bool:
    """Linked, or perhaps the same person; nobody looks at results of somebody else."""
    return candidate.decision.code <= Verdict.NO_MATCH_MANUAL


def _begun(since: datetime | None, now: datetime) -> bool:
    return since is not None and since <= now


def _age(this: Ordered, pointer: Pointer) -> int | None:
    return None if pointer.specimen is None else this.authored - minutes_of(pointer.specimen)


def _same_kind(this: Ordered, pointer: Pointer) -> bool:
    assert this.test is not None
    return pointer.category == orders.category_of(this.test)


def pointer_codes(pointer: Pointer) -> list[tuple[str, str]]:
    """The codes of a pointer with its body region."""
    return [*pointer.codes, *((orders.systems.BODY_REGION, region) for region in pointer.regions)]


def result_of(pointer: Pointer, resources: Sequence[Tree]) -> Result | None:
    """The report that a pointer names with its Observations and studies, from what came."""
    by_reference = {f"{r.get('resourceType')}/{r.get('id')}": r for r in resources}
    report = by_reference.get(pointer.reference)
    if report is None:
        return None

    def belonging(element: str) -> tuple[Tree, ...]:
        wanted = (r.get("reference", "") for r in report.get(element, ()))
        return tuple(by_reference[name] for name in wanted if name in by_reference)

    return Result(report, belonging("result"), belonging("imagingStudy"))


def level_at(entry: Entry | None, minute: int | None) -> tuple[int, bool]:
    """(level of Decision 2429/QD-BYT, whether its period covers the minute)."""
    if entry is None or minute is None:
        return 0, True
    for start, end, level in entry.laboratory:
        begun = start is None or minutes_of(start) <= minute
        if begun and (end is None or minute < minutes_of(end)):
            return level, True
    rated = [level for _, _, level in entry.laboratory if level]
    return (rated[-1], False) if rated else (0, True)


def patient_key(draft: Draft) -> str:
    """The record number under which the hospital knows the patient."""
    return record_number(draft.patient)

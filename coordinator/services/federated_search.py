"""GET Observation and DiagnosticReport of a person over all hospitals (after IHE QEDm PCC-44).

https://profiles.ihe.net/PCC/QEDm. Who is meant, where is something, may it be seen, who answers:
every step asks the rulebook. A hospital that does not answer is named and the answer is marked as
incomplete; what consent withholds is not, and the notice that something may be withheld always
stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote

from coordinator.rules.consent import ConsentRequest, Provision, consent_facts, judge_consent
from coordinator.rules.facts import Publication, Purpose, RoutingFacts
from coordinator.rules.routing import judge_routing
from coordinator.services.asked_for import SUBJECT_HELP, Subject, may_match, subject_of
from coordinator.services.consents import Consents
from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import PURPOSES, minutes_of, record_number
from coordinator.services.federated_read import Answered, FederatedRead
from coordinator.services.gathered import Gathered, select, without_doubles
from coordinator.services.locator import Locator, Pointer
from coordinator.services.order_facts_from_fhir import is_sensitive
from coordinator.services.person_index import PersonIndex
from coordinator.services.policies import Policies
from fhir_profiles import systems
from fhir_profiles.json_text import Tree, dump
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle
from fhir_server.guard import FACILITY, PURPOSE
from fhir_server.operations import Operation, OperationCall
from fhir_server.search.parse import parse
from fhir_server.search.request import MAX_COUNT, Chain, Reverse, SearchRequest
from fhir_server.subsets import subset

TYPES: Final = ("DiagnosticReport", "Observation")
NAME: Final = "$federated-search"
ERROR_HEADER: Final = "X-Coordinator-Error"
REASON_HEADER: Final = "x-purpose-reason"  # why the glass is broken, percent-encoded UTF-8
INCOMPLETE: Final[Tree] = {
    "system": f"{systems.OURS}/CodeSystem/answer-tag",
    "code": "incomplete",
    "display": "not every hospital that was asked has answered",
}
NOTICE: Final = (
    "Có thể có thông tin không được hiển thị theo quy định hoặc theo ý người bệnh. / "
    "Information may be withheld by law or at the person's wish."
)
FAILURES: Final[Mapping[str, tuple[str, str, str]]] = {
    "silent": ("timeout", "Timeout", "did not answer in time"),
    "unavailable": ("transient", "Unavailable", "cannot answer at the moment"),
    "refused": ("incomplete", "Refused", "did not hand out what was asked for"),
}
"""State of a hospital -> issue code, word of the error header, sentence."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks for what, why; `at` is care time."""

    subject: Subject
    request: SearchRequest
    query: Sequence[tuple[str, str]]
    recipient: str
    purpose: Purpose
    reason: str
    at: datetime
    behalf: Mapping[str, str]  # headers that tell hospitals who asks, why, in which request


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the person's results are that may be seen, and what the person stated."""

    pointers: list[Pointer]
    provisions: list[Provision]


class FederatedSearch:
    def __init__(
        self,
        persons: PersonIndex,
        locator: Locator,
        consents: Consents,
        federated: FederatedRead,
        directory: Directory,
        policies: Policies,
    ) -> None:
        self._persons, self._locator, self._consents = persons, locator, consents
        self._federated, self._directory, self._policies = federated, directory, policies

    def operations(self) -> list[Operation]:
        """`app` sends searches of these types here."""
        definition = f"{systems.OURS}/OperationDefinition/federated-search"
        return [
            Operation(NAME, type_, "type", self.search, definition, methods=("GET", "HEAD"))
            for type_ in TYPES
        ]

    async def search(self, call: OperationCall) -> Answer:
        """FhirError 400: no patient, or a parameter that is not known."""
        question = _question(call, self._group_of(call.caller.id))
        plan = await call.in_pool(self._plan, question)
        wanted: dict[str, list[str]] = {}
        for pointer in plan.pointers:
            wanted.setdefault(pointer.group, []).append(pointer.reference)
        answers = await self._federated.reports(wanted, question.behalf) if wanted else {}
        return await call.in_pool(self._answer, call, question, plan, answers)

    def _group_of(self, caller: str) -> str:
        """Consents name record groups; a caller may say which facility it is."""
        entry = self._directory.entry(caller)
        return caller if entry is None else entry.group

    # ---- whom to ask -----------------------------------------------------------------------------
    def _plan(self, question: Question) -> Plan:
        keys = self._registrations(question.subject)
        provisions = self._consents.provisions(keys)
        pointers = [
            pointer
            for pointer in self._locator.pointers(keys)
            if self._routes_to(pointer, question.at)
            and self._permits(question, pointer, provisions, sensitive=False)
            and may_match(pointer, question.request.type, question.query)
        ]
        return Plan(pointers, provisions)

    def _routes_to(self, pointer: Pointer, at: datetime) -> bool:
        entry = self._directory.entry(pointer.facility)
        since = None if entry is None else entry.publishes_from
        published = pointer.published <= at
        facts = RoutingFacts(
            source_connected=since is not None and since <= at,
            publication=Publication.PUBLISHED if published else Publication.NOT_YET,
        )
        return judge_routing(facts).permits

    def _registrations(self, subject: Subject) -> list[str]:
        """Record numbers of the person at every hospital, as far as the rules link them."""
        if subject.id:
            tree = self._persons.read(subject.id)
            found = [] if tree is None else [tree]
        else:
            found = self._persons.find_all(subject.system, subject.value)
        keys = {record_number(tree): None for tree in found}
        for tree in found:
            for candidate in self._persons.linked(tree, str(tree["id"])):
                keys[candidate.key] = None
        return [key for key in keys if key]

    def _permits(
        self, question: Question, pointer: Pointer, provisions: list[Provision], *, sensitive: bool
    ) -> bool:
        request = ConsentRequest(
            recipient=question.recipient,
            author=pointer.group,
            data_class=pointer.category,
            purpose=question.purpose,
            specimen=None if pointer.specimen is None else minutes_of(pointer.specimen),
            sensitive=sensitive,
            reason=question.reason,
        )
        at = minutes_of(question.at)
        facts = consent_facts(provisions, request, at, self._policies.implicit)
        return judge_consent(facts).permits

    # ---- what they said --------------------------------------------------------------------------
    def _answer(
        self,
        call: OperationCall,
        question: Question,
        plan: Plan,
        answers: Mapping[str, Answered],
    ) -> Answer:
        found = without_doubles(self._visible(question, plan, answers))
        chosen = select(found, question.request)
        request = question.request
        entries = []
        if request.summary != "count":
            entries += [_entry(one, request, "match") for one in chosen.matches]
            entries += [_entry(one, request, "include") for one in chosen.included]
        failed = [a for _, a in sorted(answers.items()) if a.state != "answered"]
        entries += [_outcome([_failure(answer)]) for answer in failed]
        entries += [_outcome([issue]) for issue in _remarks(request, chosen.total)]
        entries.append(_outcome([Issue("information", "informational", NOTICE)]))
        body = bundle(
            "searchset",
            entries,
            links=[("self", _self_link(call, question.query))],
            total=chosen.total,
            tag=INCOMPLETE if failed else None,
        )
        answer = Answer(body=body)
        if failed:
            words = sorted({f"Server.Hospital.{FAILURES[a.state][1]}" for a in failed})
            answer.headers[ERROR_HEADER] = ", ".join(words)
        return answer

    def _visible(
        self, question: Question, plan: Plan, answers: Mapping[str, Answered]
    ) -> Iterable[Gathered]:
        """Reports that were pointed to with what belongs to them, newest first."""
        for pointer in plan.pointers:
            by_name = {_name(tree): tree for tree in answers[pointer.group].resources}
            report = by_name.get(pointer.reference)
            entry = self._directory.entry(pointer.group)
            if report is None or entry is None or entry.address is None:
                continue
            links = [*report.get("result", ()), *report.get("imagingStudy", ())]
            parts = [by_name.get(link.get("reference", "")) for link in links]
            for tree in [report, *(part for part in parts if part is not None)]:
                secret = is_sensitive(report) or is_sensitive(tree)
                if not secret or self._permits(question, pointer, plan.provisions, sensitive=True):
                    yield Gathered(entry.address, tree)


def _question(call: OperationCall, recipient: str) -> Question:
    subject, query = subject_of(call.query, call.base)
    if subject is None:
        raise FhirError(Kind.MISSING_PARAMETER, SUBJECT_HELP, expression="patient.identifier")
    lenient = "handling=lenient" in call.headers.get("prefer", "").replace(" ", "")
    request = parse(
        call.type,
        query,
        lenient=lenient,
        zone=call.zone,
        base=call.base,
        now=call.clock.now(),
        default_count=MAX_COUNT,
    )
    _refuse_what_needs_a_server(request)
    code = call.caller.purpose or "TREAT"
    if code not in PURPOSES:
        problem = f"purpose of use {code!r} is not served; use {', '.join(sorted(PURPOSES))}"
        raise FhirError(Kind.BAD_PARAMETER, problem, expression="X-Purpose-Of-Use")
    return Question(
        subject=subject,
        request=request,
        query=call.query,
        recipient=recipient,
        purpose=PURPOSES[code],
        reason=unquote(call.headers.get(REASON_HEADER, "")),
        at=call.clock.now(),
        behalf={FACILITY: call.caller.id, PURPOSE: code, **_request_id(call)},
    )


def _request_id(call: OperationCall) -> Mapping[str, str]:
    given = call.headers.get("x-request-id", "")
    return {"X-Request-Id": given} if given.isascii() and given.isprintable() and given else {}


def _refuse_what_needs_a_server(request: SearchRequest) -> None:
    """FhirError 400: what looks at resources that are not gathered, or at a page of before."""
    problem = ""
    if any(isinstance(condition, Reverse) for condition in request.conditions):
        problem = "_has and _list are not supported"
    elif any(isinstance(condition, Chain) for condition in request.conditions):
        problem = "chained parameters other than patient.identifier are not supported"
    elif request.revinclude:
        problem = "_revinclude is not supported"
    elif any(include.iterate for include in request.include):
        problem = "_include:iterate is not supported"
    elif request.cursor is not None:
        problem = "there are no further pages; ask for more with _count"
    if problem:
        raise FhirError(Kind.UNKNOWN_PARAMETER, f"in a search over hospitals {problem}")


def _name(tree: Tree) -> str:
    return f"{tree.get('resourceType')}/{tree.get('id')}"


def _entry(one: Gathered, request: SearchRequest, mode: str) -> BundleEntry:
    body = dump(one.absolute())
    if request.elements or request.summary:
        body = subset(body, one.tree["resourceType"], request.elements, request.summary)
    return BundleEntry(one.address, body, mode)


def _outcome(issues: Sequence[Issue]) -> BundleEntry:
    return BundleEntry(resource=dump(outcome(issues)), search="outcome")


def _failure(answer: Answered) -> Issue:
    code, _, sentence = FAILURES[answer.state]
    return Issue("warning", code, f"hospital {answer.group} {sentence}")


def _remarks(request: SearchRequest, total: int) -> Iterable[Issue]:
    for text in request.ignored:
        yield Issue("warning", Kind.UNKNOWN_PARAMETER.code, text)
    if total > request.count:
        text = f"the first {request.count} of {total}; this search has no further pages: ask for"
        yield Issue("warning", "incomplete", f"{text} less, or for more with _count")


def _self_link(call: OperationCall, query: Sequence[tuple[str, str]]) -> str:
    used = "&".join(f"{quote(k, safe=':')}={quote(v, safe=':/|,$')}" for k, v in query)
    return f"{call.base}/{call.type}?{used}"

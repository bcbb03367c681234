"""transaction: all entries or none (https://hl7.org/fhir/R4/http.html#trules).

Deletes, creates, updates, then reads, whatever their order in the bundle; everything happens in one
write transaction of the store, the audit rows too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, written_response
from fhir_server.call import Call, Fact
from fhir_server.interactions import changes, create, delete, update
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, only_match
from fhir_server.interactions.entries import (
    Entry,
    entry_of,
    located,
    response_of,
    status_line,
)
from fhir_server.interactions.links import Link, links_of, rewritten
from fhir_server.routing import Runs
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Version, Writer

_CODES = ("create", "update", "delete")


@dataclass(slots=True)
class Step:
    """An entry that is ready to be carried out: its condition is parsed, its links are known."""

    entry: Entry
    criteria: SearchRequest | None = None
    links: list[Link] = field(default_factory=list)
    searches: list[Link] = field(
        default_factory=list
    )  # those links that are conditional references
    id: str = ""
    there: Version | None = None  # what a conditional create found

    @property
    def call(self) -> Call:
        return self.entry.call

    @property
    def code(self) -> str:
        return self.entry.call.interaction.code


async def transaction(call: Call, entries: list[Any], raws: list[bytes | None]) -> Answer:
    """200 with one response an entry, in their order; the first error undoes everything."""
    large = len(call.body) > call.engine.options.inline_body
    arguments = (call, entries, raws)
    steps = await call.in_pool(_prepare, *arguments) if large else _prepare(*arguments)
    done = await call.write(
        lambda writer: _Run(call, writer, steps).all(), lambda r: _facts(call, r)
    )
    listed = [_response(call, one) for one in done]
    return Answer(body=bundle("transaction-response", listed))


@contextmanager
def _at(index: int) -> Iterator[None]:
    """Errors inside are those of this entry."""
    try:
        yield
    except FhirError as err:
        raise located(err, index) from None


def _prepare(call: Call, entries: list[Any], raws: list[bytes | None]) -> list[Step]:
    steps = []
    for index, (tree, raw) in enumerate(zip(entries, raws, strict=True)):
        with _at(index):
            steps.append(_step(entry_of(call, index, tree, raw)))
    full_urls = {step.entry.full_url for step in steps}
    for step in steps:
        if step.code in ("create", "update"):
            step.links = links_of(step.entry.document.tree, full_urls)
            step.searches = [link for link in step.links if link.is_search]
    return steps


def _step(entry: Entry) -> Step:
    call = entry.call
    code = call.interaction.code
    if not call.interaction.supported:
        raise not_supported.error(code)
    if code not in _CODES and call.interaction.runs is Runs.ASYNC:
        raise FhirError(
            Kind.NOT_IMPLEMENTED,
            f"{code} is not supported inside a transaction; send it by itself",
            expression="request.url",
        )
    step = Step(entry, id=call.id)
    if code == "create":
        step.criteria = create.condition(call)
    elif code == "update" and not call.id:
        step.criteria = update.condition(call, call.query)
    return step


class _Run:
    """One transaction inside the writer."""

    def __init__(self, call: Call, writer: Writer, steps: list[Step]) -> None:
        self.call, self.writer, self.steps = call, writer, steps
        self.done: dict[int, Change | Answer] = {}
        self.targets: dict[str, str] = {}
        self.looked_up: dict[str, str] = {}

    def all(self) -> list[tuple[Step, Change | Answer]]:
        for step in self._of("delete"):
            with _at(step.entry.index):
                self.done[step.entry.index] = delete.apply(step.call, self.writer, step.id)
        self._identify()
        self._store()
        for step in self.steps:
            if step.code not in _CODES:
                with _at(step.entry.index):
                    step.call.reader = self.writer
                    self.done[step.entry.index] = step.call.interaction.answer(step.call)
        return [(step, self.done[step.entry.index]) for step in self.steps]

    def _of(self, *codes: str) -> list[Step]:
        return [step for step in self.steps if step.code in codes]

    # ---- which resources are meant -------------------------------------------------------------

    def _identify(self) -> None:
        """Gives every create and update its id. FhirError 400: two entries mean the same one."""
        conditions: dict[object, Step] = {}
        for step in self._of("create", "update"):
            with _at(step.entry.index):
                self._resolve(step, conditions)
        touched: dict[tuple[str, str], Step] = {}
        for step in self._of(*_CODES):
            where = step.call.type, step.id
            if step.there is None:
                self._require_alone(step, touched.setdefault(where, step), "/".join(where))
            if step.entry.full_url and step.code != "delete":
                self._name(step, "/".join(where))

    def _name(self, step: Step, reference: str) -> None:
        """What others of the bundle call this resource. FhirError 400: the name is taken."""
        url = step.entry.full_url
        if self.targets.setdefault(url, reference) != reference:
            with _at(step.entry.index):
                raise FhirError(
                    Kind.INVALID_REQUEST,
                    "another entry has the same fullUrl; a link to it would have two ends",
                    expression="fullUrl",
                )

    def _resolve(self, step: Step, conditions: dict[object, Step]) -> None:
        if step.code == "update":
            if step.criteria is not None:
                step.id = update.target(self.writer, step.entry.document, step.criteria)
            return
        if step.criteria is not None:
            step.there = only_match(self.writer, step.criteria)
            if step.there is not None:
                step.id = step.there.id
                return
            first = conditions.setdefault((step.call.type, step.criteria.conditions), step)
            self._require_alone(step, first, "a resource with the same ifNoneExist")
        step.id = create.new_id()

    def _require_alone(self, step: Step, first: Step, what: str) -> None:
        if first is not step:
            raise located(
                FhirError(
                    Kind.INVALID_REQUEST,
                    f"entry {first.entry.index} and entry {step.entry.index} both write {what}; "
                    "a transaction writes each resource once",
                ),
                step.entry.index,
            )

    # ---- storing -------------------------------------------------------------------------------

    def _store(self) -> None:
        """Stores what was created and updated.

        A conditional reference may mean a resource of this very transaction, so resources that have
        some wait until all others are there, and for each other.
        """
        ready = [*self._of("create"), *self._of("update")]
        waiting: deque[Step] = deque()
        for step in ready:
            if step.searches and step.there is None:
                waiting.append(step)
            else:
                self._put(step)
        fruitless = 0
        while waiting:
            step = waiting.popleft()
            with _at(step.entry.index):
                missing = next((s for s in step.searches if not self._look_up(s.text)), None)
                if missing is None:
                    self._put(step)
                    fruitless = 0
                    continue
                waiting.append(step)
                fruitless += 1
                if fruitless == len(waiting):
                    raise FhirError(
                        Kind.PRECONDITION,
                        f"no {missing.text.partition('?')[0]} meets a conditional reference",
                        expression=f"{step.call.type}.{json_text.written(missing.path())}",
                    )

    def _put(self, step: Step) -> None:
        entry = step.entry
        with _at(entry.index):
            if step.there is not None:
                self.done[entry.index] = changes.found(step.there)
                return
            document = rewritten(
                entry.document, step.links, entry.full_url, self.targets, self.looked_up
            )
            if step.code == "create":
                change = changes.put(step.call, self.writer, document, step.id, "POST", "create")
            else:
                change = update.apply(step.call, self.writer, document, step.id)
            self.done[entry.index] = change

    def _look_up(self, text: str) -> str | None:
        """What a conditional reference means; None: nothing yet. FhirError 412: several."""
        known = self.looked_up.get(text)
        if known is None:
            type_, _, query = text.partition("?")
            found = only_match(self.writer, criteria_of(self.call, type_, query))
            if found is not None:
                known = self.looked_up[text] = f"{found.type}/{found.id}"
        return known


# ---- answers -----------------------------------------------------------------------------------


def _facts(call: Call, done: list[tuple[Step, Change | Answer]]) -> list[Fact]:
    facts = [call.fact(200)]
    for step, one in done:
        if isinstance(one, Change):
            facts.append(
                one.fact(step.call.query_text or step.call.headers.get("if-none-exist", ""))
            )
        else:
            facts.append(step.call.fact(one.status))
    return facts


def _response(call: Call, done: tuple[Step, Change | Answer]) -> BundleEntry:
    _, one = done
    if isinstance(one, Answer):
        resource, response = response_of(one)
        return BundleEntry(resource=resource, response=response)
    response = written_response(call.base, status_line(one.status), one.version)
    returns = call.prefer.returns
    if returns == "OperationOutcome":
        response["outcome"] = changes.outcome_of(one)
    body = one.version.body if one.version is not None and returns == "representation" else b""
    return BundleEntry(resource=body, response=response)

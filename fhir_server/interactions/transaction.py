"""transaction: all entries or none (https://hl7.org/fhir/R4/http.html#trules).

Deletes, creates, updates and patches, then reads, whatever their order in the bundle; everything
happens in one write transaction of the store, the audit rows too. What each entry means is settled
in `identities.py`.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, written_response
from fhir_server.call import Call, Fact
from fhir_server.interactions import changes, delete, patch, update
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, only_match
from fhir_server.interactions.entries import response_of, status_line
from fhir_server.interactions.identities import Identities
from fhir_server.interactions.links import rewritten
from fhir_server.interactions.steps import CODES, Step, at, of, prepare
from fhir_server.store.port import Writer

Done = Change | list[Change] | Answer
"""What an entry did; a list where a conditional delete found none or several."""


async def transaction(call: Call, entries: list[Any], raws: list[bytes | None]) -> Answer:
    """200 with one response an entry, in their order; the first error undoes everything."""
    slow = len(call.body) > call.engine.options.inline_body or b'"PATCH"' in call.body
    arguments = (call, entries, raws)
    steps = await call.in_pool(prepare, *arguments) if slow else prepare(*arguments)
    done = await call.write(
        lambda writer: _Run(call, writer, steps).all(), lambda r: _facts(call, r)
    )
    listed = [_response(call, one) for one in done]
    return Answer(body=bundle("transaction-response", listed))


class _Run:
    """One transaction inside the writer."""

    def __init__(self, call: Call, writer: Writer, steps: list[Step]) -> None:
        self.call, self.writer, self.steps = call, writer, steps
        self.identities = Identities(writer, steps)
        self.done: dict[int, Done] = {}
        self.looked_up: dict[str, str] = {}

    def all(self) -> list[tuple[Step, Done]]:
        self.identities.settle_deletes()
        for step in of(self.steps, "delete"):
            with at(step.entry.index):
                self.done[step.entry.index] = self._delete(step)
        self.identities.settle_writes()
        self._store()
        self.identities.require_still_single()
        for step in self.steps:
            if step.code not in CODES:
                with at(step.entry.index):
                    step.call.reader = self.writer
                    self.done[step.entry.index] = step.call.interaction.answer(step.call)
        return [(step, self.done[step.entry.index]) for step in self.steps]

    def _delete(self, step: Step) -> Done:
        if step.criteria is None:
            return delete.apply(step.call, self.writer, step.id)
        done = delete.remove_all(step.call, self.writer, step.meant)
        return done[0] if len(done) == 1 else done

    # ---- storing -------------------------------------------------------------------------------

    def _store(self) -> None:
        """Stores what was created, updated and patched.

        A conditional reference may mean a resource of this very transaction, so resources that have
        some wait until all others are there, and for each other.
        """
        ready = [*of(self.steps, "create"), *of(self.steps, "update", "patch")]
        waiting: deque[Step] = deque()
        for step in ready:
            if step.searches and step.there is None:
                waiting.append(step)
            else:
                self._put(step)
        fruitless = 0
        while waiting:
            step = waiting.popleft()
            with at(step.entry.index):
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
        entry, targets = step.entry, self.identities.targets
        with at(entry.index):
            if step.there is not None:
                self.done[entry.index] = changes.found(step.there)
                return
            document = step.document or entry.document
            document = rewritten(document, step.links, entry.full_url, targets, self.looked_up)
            self.done[entry.index] = self._written(step, document)

    def _written(self, step: Step, document: Any) -> Change:
        if step.code == "create":
            return changes.put(step.call, self.writer, document, step.id, "POST", "create")
        if step.code == "update":
            return update.apply(step.call, self.writer, document, step.id)
        document = patch.checked(step.call, document)
        return changes.put(step.call, self.writer, document, step.id, "PATCH", "patch")

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


def _facts(call: Call, done: list[tuple[Step, Done]]) -> list[Fact]:
    facts = [call.fact(200)]
    for step, one in done:
        if isinstance(one, Answer):
            facts.append(step.call.fact(one.status))
            continue
        query = step.call.query_text or step.call.headers.get("if-none-exist", "")
        changed = one if isinstance(one, list) else [one]
        facts += [change.fact(query) for change in changed] or [step.call.fact(204)]
    return facts


def _response(call: Call, done: tuple[Step, Done]) -> BundleEntry:
    step, one = done
    if isinstance(one, Answer):
        resource, response = response_of(one, head=step.call.method == "HEAD")
        return BundleEntry(resource=resource, response=response)
    returns = call.prefer.returns
    if isinstance(one, list):
        response = {"status": status_line(204)}
        if returns == "OperationOutcome":
            response["outcome"] = changes.informed(delete.in_words(step.call.type, len(one)))
        return BundleEntry(response=response)
    response = written_response(call.base, status_line(one.status), one.version)
    if returns == "OperationOutcome":
        response["outcome"] = changes.outcome_of(one)
    body = one.version.body if one.version is not None and returns == "representation" else b""
    return BundleEntry(resource=body, response=response)

"""Which resource each entry of a transaction means; no two may write the same one.

https://hl7.org/fhir/R4/http.html#trules: if identities overlap, also those that conditions resolve
to, the transaction fails. Entries are named by their place in the bundle.
"""

from __future__ import annotations

from dataclasses import replace

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.interactions import create, delete, patch, update
from fhir_server.interactions.conditional import only_match
from fhir_server.interactions.entries import located
from fhir_server.interactions.links import links_of
from fhir_server.interactions.steps import CODES, Step, at, of
from fhir_server.store.port import Writer


class Identities:
    """Resolves the entries of one transaction inside its writer.

    `targets`: what others of the bundle call a resource (`fullUrl`) -> ``Type/id``.
    """

    def __init__(self, writer: Writer, steps: list[Step]) -> None:
        self.writer, self.steps = writer, steps
        self.targets: dict[str, str] = {}
        self._conditions: dict[object, Step] = {}
        self._written: dict[tuple[str, str], Step] = {}
        self._full_urls = {step.entry.full_url for step in steps}

    def settle_deletes(self) -> None:
        """What is deleted, before anything is: no two entries may mean the same resource."""
        for step in of(self.steps, "update", "patch"):
            if step.criteria is None:
                self._take(step)
        for step in of(self.steps, "delete"):
            if step.criteria is not None:
                with at(step.entry.index):
                    step.meant = delete.meant(step.call, self.writer, step.criteria)
            self._take(step)

    def settle_writes(self) -> None:
        """Gives every create, update and patch its id. Deletes were carried out by then."""
        writing = of(self.steps, "create", "update", "patch")
        for step in writing:
            with at(step.entry.index):
                self._resolve(step)
        for step in writing:
            self._take(step)
        for step in writing:
            if step.there is not None:
                self._require_alone(step, self._written.get((step.call.type, step.id), step))
            if step.entry.full_url:
                self._name(step)

    def require_still_single(self) -> None:
        """FhirError 400: a condition that nothing met is met by two resources written here."""
        types = [step.call.type for step in of(self.steps, *CODES) if step.writes]
        for step in self.steps:
            if not step.created or step.criteria is None or types.count(step.call.type) < 2:
                continue
            request = replace(step.criteria, count=2)
            for version in self.writer.search(request).matches:
                other = self._written.get((version.type, version.id), step)
                what = f"a {version.type} that meets the condition of one of them"
                self._require_alone(step, other, what)

    # ---- one entry -----------------------------------------------------------------------------

    def _resolve(self, step: Step) -> None:
        if step.code == "create":
            self._resolve_create(step)
        elif step.code == "update" and step.criteria is not None:
            document = step.entry.document
            step.created = only_match(self.writer, step.criteria) is None
            step.id = update.target(self.writer, document, step.criteria)
        elif step.code == "patch":
            self._resolve_patch(step)

    def _resolve_create(self, step: Step) -> None:
        if step.criteria is not None:
            step.there = only_match(self.writer, step.criteria)
            if step.there is not None:
                step.id = step.there.id
                return
            first = self._conditions.setdefault((step.call.type, step.criteria.conditions), step)
            self._require_alone(step, first, "a resource with the same ifNoneExist")
            step.created = True
        step.id = create.new_id()

    def _resolve_patch(self, step: Step) -> None:
        if step.criteria is not None:
            current = patch.only_found(self.writer, step.criteria)
            step.id = current.id
        else:
            found = self.writer.read(step.call.type, step.id)
            current = patch.there(step.call, found, step.id)
        patch.there(step.call, current, step.id)
        assert step.patch is not None  # `prepare` has read it
        step.document = patch.patched(current, step.patch)
        # Links of the result, as only there it is known which elements are links.
        step.links = links_of(step.document.tree, self._full_urls)

    # ---- all together --------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        for id_ in step.writes:
            self._require_alone(step, self._written.setdefault((step.call.type, id_), step))

    def _name(self, step: Step) -> None:
        """What others of the bundle call this resource. FhirError 400: the name is taken."""
        reference = f"{step.call.type}/{step.id}"
        if self.targets.setdefault(step.entry.full_url, reference) != reference:
            with at(step.entry.index):
                raise FhirError(
                    Kind.INVALID_REQUEST,
                    "another entry has the same fullUrl; a link to it would have two ends",
                    expression="fullUrl",
                )

    def _require_alone(self, step: Step, first: Step, what: str = "") -> None:
        if first is step:
            return
        what = what or f"{step.call.type}/{step.id or first.id}"
        one, other = sorted((first.entry.index, step.entry.index))
        raise located(
            FhirError(
                Kind.INVALID_REQUEST,
                f"entry {one} and entry {other} both write {what}; "
                "a transaction writes each resource once",
            ),
            other,
        )

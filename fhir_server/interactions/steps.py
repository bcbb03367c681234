"""Entries of a transaction made ready: conditions parsed, patches read, links found.

https://hl7.org/fhir/R4/http.html#trules
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.call import Call
from fhir_server.interactions import create, delete, patch, update
from fhir_server.interactions.entries import Entry, entry_of, located
from fhir_server.interactions.links import Link, links_of
from fhir_server.patches.patch import Patch
from fhir_server.routing import Runs
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Document, Version

CODES: Final = ("create", "update", "patch", "delete")


@dataclass(slots=True)
class Step:
    """An entry that is ready to be carried out, and what is found out about it on the way."""

    entry: Entry
    criteria: SearchRequest | None = None
    patch: Patch | None = None
    links: list[Link] = field(default_factory=list)
    id: str = ""
    there: Version | None = None  # what a conditional create found
    meant: list[Version] = field(default_factory=list)  # what a conditional delete found
    document: Document | None = None  # what a patch made
    created: bool = False  # its condition was met by nothing

    @property
    def call(self) -> Call:
        return self.entry.call

    @property
    def code(self) -> str:
        return self.entry.call.interaction.code

    @property
    def searches(self) -> list[Link]:
        """Those links that are conditional references."""
        return [link for link in self.links if link.is_search]

    @property
    def writes(self) -> list[str]:
        """The ids that this entry writes to."""
        if self.code == "delete" and self.criteria is not None:
            return [version.id for version in self.meant]
        return [self.id] if self.there is None else []


def of(steps: list[Step], *codes: str) -> list[Step]:
    return [step for step in steps if step.code in codes]


@contextmanager
def at(index: int) -> Iterator[None]:
    """Errors inside are those of this entry."""
    try:
        yield
    except FhirError as err:
        raise located(err, index) from None


def prepare(call: Call, entries: list[Any], raws: list[bytes | None]) -> list[Step]:
    steps = []
    for index, (tree, raw) in enumerate(zip(entries, raws, strict=True)):
        with at(index):
            steps.append(_step(entry_of(call, index, tree, raw)))
    full_urls = {step.entry.full_url for step in steps}
    for step in of(steps, "create", "update"):
        step.links = links_of(step.entry.document.tree, full_urls)
    return steps


def _step(entry: Entry) -> Step:
    call = entry.call
    code = call.interaction.code
    if not call.interaction.supported:
        raise not_supported.error(code)
    if code not in CODES and call.interaction.runs is Runs.ASYNC:
        raise FhirError(
            Kind.NOT_IMPLEMENTED,
            f"{code} is not supported inside a transaction; send it by itself",
            expression="request.url",
        )
    step = Step(entry, id=call.id)
    if code == "patch":
        step.patch = patch.read(call)
    if code == "create":
        step.criteria = create.condition(call)
    elif code in _CONDITIONS:
        if call.id:
            call.require_known()
        else:
            step.criteria = _CONDITIONS[code](call)
    return step


_CONDITIONS: Final = {
    "update": lambda call: update.condition(call, call.query),
    "patch": patch.condition,
    "delete": delete.condition,
}

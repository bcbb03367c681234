"""The record locator: which hospital holds what about whom, from the pointers hospitals posted.

Pointers are DocumentReferences without a document (IHE MHD, https://profiles.ihe.net/ITI/MHD).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from coordinator.services import own_search
from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import facility_of, instant
from fhir_profiles import systems
from fhir_profiles.json_text import parse
from fhir_server.store.port import Store

Tree = Mapping[str, Any]
KEPT: Final = 20_000  # parsed pointers, 1-2 kB each
EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
DATA_CLASSES: Final = ("laboratory", "imaging")
IMAGING_SECTIONS: Final = frozenset(
    "CT CUS EC EN GE IMG NMR NMS NRS OUS PF RAD RUS RX VUS XRC".split()
)
"""Sections of HL7 table 0074 that make pictures and traces; the others are laboratories."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a result is. `result`: "system|value"; `subject`: record number of the registration.

    `reference` is relative to the base of the record `group`; `codes` are (system, code).
    """

    result: str
    facility: str
    group: str
    reference: str
    codes: tuple[tuple[str, str], ...]
    regions: tuple[str, ...]
    category: str
    specimen: datetime | None
    published: datetime
    subject: str
    status: str


class Locator:
    """Reads the pointers of the coordinator's own store."""

    def __init__(self, store: Store, directory: Directory) -> None:
        self._store, self._directory = store, directory
        # What a version says never changes, and reading it anew was a third of a card's time. A
        # version is known by its text: the store may go back to a snapshot and number anew.
        self._read: OrderedDict[bytes, Tree] = OrderedDict()

    def pointers(self, subjects: Iterable[str]) -> list[Pointer]:
        """Current pointers of these registrations ("system|value"), newest specimen first."""
        found = own_search.about(
            self._store, "DocumentReference", "subject:identifier", subjects, ("status", "current")
        )
        pointers = [self._pointer(self._tree(version.body)) for version in found]
        return sorted(
            pointers,
            key=lambda p: (p.specimen or EARLIEST, p.published, p.result),
            reverse=True,
        )

    def _tree(self, body: bytes) -> Tree:
        tree = self._read.get(body)
        if tree is None:
            tree = self._read[body] = parse(body)
            if len(self._read) > KEPT:
                self._read.popitem(last=False)
        return tree

    def _pointer(self, tree: Tree) -> Pointer:
        context = tree.get("context", {})
        facility = facility_of(tree["custodian"])
        entry = self._directory.entry(facility)
        codes, regions = _codes([tree.get("type", {}), *context.get("event", ())])
        return Pointer(
            result=_name(identifier_of(tree)),
            facility=facility,
            group=entry.group if entry else facility,
            reference=_relative(tree["content"][0]["attachment"]["url"]),
            codes=codes,
            regions=regions,
            category=_category(tree.get("category", ())),
            specimen=instant(context.get("period", {}).get("start")),
            published=instant(tree.get("date")) or EARLIEST,
            subject=_name(tree["subject"]["identifier"]),
            status=str(tree.get("status", "")),
        )


def identifier_of(pointer: Tree) -> Tree:
    """The business identifier of the result that it points to; {} without one."""
    master = pointer.get("masterIdentifier")
    return master or next(iter(pointer.get("identifier", ())), {})


def _name(identifier: Tree) -> str:
    system = identifier.get("system", "")
    return f"{systems.ALIASES.get(system, system)}|{identifier.get('value', '')}"


def _relative(url: str) -> str:
    return "/".join(url.rstrip("/").rsplit("/", 2)[-2:])


def _codes(concepts: Iterable[Tree]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(codes of tests, body regions), each once."""
    codes: dict[tuple[str, str], None] = {}
    regions: dict[str, None] = {}
    for coding in (coding for concept in concepts for coding in concept.get("coding", ())):
        system, code = coding.get("system", ""), coding.get("code", "")
        if system == systems.BODY_REGION:
            regions[code] = None
        else:
            codes[system, code] = None
    return tuple(codes), tuple(regions)


def _category(categories: Iterable[Tree]) -> str:
    """The data class that consents name: laboratory or imaging; "" if nothing says."""
    for concept in categories:
        for coding in concept.get("coding", ()):
            system, code = coding.get("system", ""), coding.get("code", "")
            if system == systems.OBSERVATION_CATEGORY and code in DATA_CLASSES:
                return str(code)
            if system == systems.DIAGNOSTIC_SERVICE:
                return DATA_CLASSES[code in IMAGING_SECTIONS]
        if concept.get("text") in DATA_CLASSES:
            return str(concept["text"])
    return ""

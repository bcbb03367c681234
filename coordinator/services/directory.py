"""The facility directory: Organization, Endpoint, HealthcareService of the coordinator's own store.

Shaped after IHE mCSD (https://profiles.ihe.net/ITI/mCSD). Only addresses that stand in here are
ever called, and a hospital is known by its base URL only through here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from coordinator.services.facts_from_fhir import extension, facility_of, instant
from fhir_profiles import systems
from fhir_server.store.port import Store, Version

TYPES: Final = ("Organization", "Endpoint", "HealthcareService")
FHIR_REST: Final = "hl7-fhir-rest"
CDS_CLIENT: Final = "cds-hooks-client"

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One facility. `address` is the absolute FHIR base of its record group, None without one.

    `publishes_from`, `queries_from`: None as long as it does not. `laboratory`: (from, until,
    level of Decision 2429/QD-BYT).
    """

    code: str
    group: str
    name: str
    address: str | None
    publishes_from: datetime | None
    queries_from: datetime | None
    laboratory: tuple[tuple[datetime | None, datetime | None, int], ...]
    accredited: bool


@dataclass(frozen=True, slots=True)
class _Book:
    entries: Mapping[str, Entry]
    groups: Mapping[str, str]  # base -> record group


@dataclass(slots=True)
class _Connection:
    address: str | None = None
    since: datetime | None = None


@dataclass(slots=True)
class _Laboratory:
    levels: list[tuple[datetime | None, datetime | None, int]] = field(default_factory=list)
    accredited: bool = False


class Directory:
    """Read once, kept until `changed` is called. `own_bases`: what relative addresses stand on."""

    def __init__(self, store: Store, own_bases: str = "") -> None:
        self._store, self._root = store, own_bases.rstrip("/")
        self._lock = threading.Lock()
        self._book: _Book | None = None

    def entry(self, code: str) -> Entry | None:
        return self._read().entries.get(code)

    def entries(self) -> tuple[Entry, ...]:
        """All facilities, by code."""
        book = self._read().entries
        return tuple(book[code] for code in sorted(book))

    def by_base(self, url: str) -> str | None:
        """The record group whose FHIR base this is, absolute or relative."""
        return self._read().groups.get(self._absolute(url))

    def changed(self) -> None:
        """Something was written to one of the types above: forget what was read."""
        with self._lock:
            self._book = None

    # ---- watched_store.Listener ----------------------------------------------------------------
    def committed(self, version: Version, tree: Tree) -> None:
        if version.type in TYPES:
            self.changed()

    def reset(self) -> None:
        self.changed()

    # ---- from the resources ----------------------------------------------------------------------
    def _read(self) -> _Book:
        book = self._book
        if book is None:
            with self._lock:  # a change in between waits, and then is read by the next caller
                book = self._book = self._book or self._compile()
        return book

    def _compile(self) -> _Book:
        endpoints = self._connections()
        laboratories = self._laboratories()
        entries = {}
        for organization in self._resources("Organization"):
            entry = self._entry(organization, endpoints, laboratories)
            entries[entry.code] = entry
        groups = {e.address: e.group for e in entries.values() if e.address is not None}
        return _Book(entries, groups)

    def _entry(
        self,
        organization: Tree,
        endpoints: Mapping[tuple[str, str], _Connection],
        laboratories: Mapping[str, _Laboratory],
    ) -> Entry:
        code = _code(organization)
        group = extension(organization, systems.RECORD_GROUP).get("valueReference", {})
        group_code = facility_of(group) or code
        own, none = endpoints.get((code, FHIR_REST), _Connection()), _Connection()
        shared = endpoints.get((group_code, FHIR_REST), none)
        laboratory = laboratories.get(code, _Laboratory())
        return Entry(
            code=code,
            group=group_code,
            name=str(organization.get("name", "")),
            address=own.address or shared.address,
            publishes_from=own.since,
            queries_from=endpoints.get((code, CDS_CLIENT), none).since,
            laboratory=tuple(laboratory.levels),
            accredited=laboratory.accredited,
        )

    def _connections(self) -> dict[tuple[str, str], _Connection]:
        """(facility, connection type) -> address and begin; one that is off never begins."""
        found = {}
        for endpoint in self._resources("Endpoint"):
            type_ = endpoint.get("connectionType", {}).get("code", "")
            owner = facility_of(endpoint.get("managingOrganization", {}))
            address = endpoint.get("address")
            since = None
            if endpoint.get("status") == "active":
                since = instant(endpoint.get("period", {}).get("start"))
            found[owner, type_] = _Connection(self._absolute(address) if address else None, since)
        return found

    def _laboratories(self) -> dict[str, _Laboratory]:
        found: dict[str, _Laboratory] = {}
        for service in self._resources("HealthcareService"):
            laboratory = found.setdefault(facility_of(service.get("providedBy", {})), _Laboratory())
            laboratory.levels += _levels(service)
            laboratory.accredited |= extension(service, systems.ISO_15189).get(
                "valueBoolean", False
            )
        return found

    def _resources(self, type_: str) -> Iterator[Tree]:
        for version in self._store.scan(type_):
            yield orjson.loads(version.body)

    def _absolute(self, address: str) -> str:
        address = address.strip().rstrip("/")
        if "://" in address or not self._root:
            return address
        return f"{self._root}/{address.lstrip('/')}"


def _code(organization: Tree) -> str:
    for identifier in organization.get("identifier", ()):
        if identifier.get("system") == systems.MA_CSKCB:
            return str(identifier.get("value", ""))
    return str(organization.get("id", ""))


def _levels(service: Tree) -> Iterator[tuple[datetime | None, datetime | None, int]]:
    for outer in service.get("extension", ()):
        if outer.get("url") == systems.LABORATORY_LEVEL:
            level = extension(outer, "level").get("valueInteger", 0)
            period = extension(outer, "period").get("valuePeriod", {})
            yield instant(period.get("start")), instant(period.get("end")), level

"""Which resources an export holds (https://hl7.org/fhir/uv/bulkdata/export.html#endpoints)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from fhir_profiles.definitions.compartments import OWN, compartments
from fhir_profiles.json_text import Tree, parse
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.export.request import Request
from fhir_server.search.index import index_rows
from fhir_server.search.parameters import full_name
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Store, Version
from fhir_server.subsets import subset

PATIENT: Final = "Patient"


@dataclass(frozen=True, slots=True)
class Selection:
    """A request together with the store that its caller sees; `searches` are its filters."""

    store: Store
    request: Request
    searches: Sequence[SearchRequest]
    zone: tzinfo

    def types(self) -> list[str]:
        """Types that may have something, in alphabetical order."""
        asked, there = self.request.types, self.store.counts()
        found = set(there) - {"Binary"}
        if self.request.level:
            found &= {*compartments()[PATIENT], PATIENT}
        return sorted(found & set(asked)) if asked else sorted(found)

    def lines(self, type_: str) -> Iterator[bytes]:
        """The resources of a type, each as one line of JSON."""
        patients = self._patients() if self.request.level else None
        elements = self.request.elements_of(type_)
        for version in self._versions(type_):
            if not self._in_time(version.updated):
                continue
            if patients is not None and not self._about(patients, version):
                continue
            body = subset(version.body, type_, elements) if elements else version.body
            yield one_line(body)

    def _versions(self, type_: str) -> Iterator[Version]:
        searches = [search for search in self.searches if search.type == type_]
        if not searches:
            yield from self.store.scan(type_)
            return
        seen: set[str] = set()
        for search in searches:
            cursor: str | None = None
            while True:
                found = self.store.search(replace(search, cursor=cursor, count=500, total="none"))
                fresh = [one for one in found.matches if one.id not in seen]
                seen.update(one.id for one in fresh)
                yield from fresh
                cursor = found.next
                if cursor is None:
                    break

    def _in_time(self, updated: datetime) -> bool:
        since, until = self.request.since, self.request.until
        if since and updated <= datetime.fromisoformat(since):
            return False
        return not until or updated <= datetime.fromisoformat(until)

    def _patients(self) -> frozenset[str]:
        """Ids that are meant; empty: all of them. FhirError 404: no such group."""
        chosen = frozenset(self.request.patients)
        if self.request.level != "Group":
            return chosen
        members = group_members(self.store, self.request.group)
        return (members & chosen if chosen else members) or frozenset({""})

    def _about(self, patients: frozenset[str], version: Version) -> bool:
        if version.type == PATIENT:
            return not patients or version.id in patients
        names = {
            full_name(version.type, code)
            for code in compartments()[PATIENT].get(version.type, ())
            if code != OWN
        }
        for row in index_rows(parse(version.body), self.zone):
            if row.table == "reference" and row.parameter in names:
                target, type_ = row.cells
                if type_ == PATIENT and (not patients or target in patients):
                    return True
        return False


def group_members(store: Store, id_: str) -> frozenset[str]:
    """Ids of the patients of a group, without inactive members. FhirError 404, 410."""
    version = store.read("Group", id_)
    if version is None:
        raise FhirError(Kind.NOT_FOUND, f"Group/{id_} is not here")
    if version.deleted:
        raise FhirError(Kind.DELETED, f"Group/{id_} was deleted")
    return frozenset(_members(parse(version.body)))


def _members(group: Tree) -> Iterator[str]:
    for member in group.get("member", ()):
        type_, _, id_ = member.get("entity", {}).get("reference", "").rpartition("/")
        if type_.rpartition("/")[2] == PATIENT and member.get("inactive") is not True:
            yield id_


def one_line(body: bytes) -> bytes:
    """JSON text without line breaks: between its tokens they are blanks, inside strings escaped."""
    return body.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"

"""What the coordinator refuses to store, beyond what FHIR itself forbids.

Called within the write, so what is refused was never there, and "taken already" cannot be raced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from coordinator.services import own_search
from coordinator.services.directory import Directory
from coordinator.services.facts_from_fhir import facility_of, record_number
from coordinator.services.locator import identifier_of
from coordinator.services.steward_links import words_of_linkage
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_profiles.public_rules import malformed_numbers
from fhir_server.store.port import Version, Writer

Tree = Mapping[str, Any]
REPORT: Final = re.compile(r"DiagnosticReport/[A-Za-z0-9\-.]{1,64}")


class WriteChecks:
    """An on-write hook of the engine."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._checks: Mapping[str, Callable[[Writer, Version, Tree], None]] = {
            "DocumentReference": self._pointer,
            "Patient": self._registration,
            "Linkage": self._linkage,
            "Endpoint": self._endpoint,
        }

    def on_write(self, writer: Writer, version: Version, tree: Tree) -> None:
        """FhirError 422 names the missing element, 409 what is there already."""
        check = self._checks.get(version.type)
        if check is not None and not version.deleted:
            check(writer, version, tree)

    def _pointer(self, writer: Writer, version: Version, tree: Tree) -> None:
        issues = list(self._missing(tree))
        if issues:
            raise FhirError(Kind.INVALID_RESOURCE, issues[0].diagnostics, issues=issues)
        identifier = identifier_of(tree)
        key = f"{identifier['system']}|{identifier['value']}"
        _refuse_second(writer, version, key, "masterIdentifier")

    def _missing(self, tree: Tree) -> list[Issue]:
        found = []

        def lacks(element: str, why: str, code: str = "required") -> None:
            found.append(Issue("error", code, why, f"DocumentReference.{element}"))

        identifier = identifier_of(tree)
        if not identifier.get("system") or not identifier.get("value"):
            lacks("masterIdentifier", "the identifier (system and value) of the result is missing")
        subject = tree.get("subject", {}).get("identifier", {})
        if not subject.get("system") or not subject.get("value"):
            lacks("subject.identifier", "the record number (system and value) is missing")
        if not tree.get("type", {}).get("coding"):
            lacks("type", "the code of the test is missing")
        facility = facility_of(tree.get("custodian", {}))
        entry = self._directory.entry(facility)
        if not facility:
            lacks("custodian", "the facility that made the result is missing")
        elif entry is None:
            lacks("custodian", f"facility {facility} is not in the directory", "value")
        url = str(tree["content"][0].get("attachment", {}).get("url", ""))
        base = entry.address if entry else None
        if not url:
            lacks("content[0].attachment.url", "the address of the report is missing")
        elif not REPORT.fullmatch(url.removeprefix(f"{base}/") if base else url):
            why = "is no DiagnosticReport/id below the base of the custodian"
            lacks("content[0].attachment.url", f"{url[:200]!r} {why}", "value")
        return found

    @staticmethod
    def _registration(writer: Writer, version: Version, tree: Tree) -> None:
        for i, identifier in enumerate(tree.get("identifier", ())):
            for part in ("system", "value"):
                if not identifier.get(part):
                    place = f"Patient.identifier[{i}].{part}"
                    issue = Issue("error", "required", f"an identifier has a {part}", place)
                    raise FhirError(Kind.INVALID_RESOURCE, issue.diagnostics, issues=[issue])
        malformed = malformed_numbers(dict(tree))
        if malformed:
            raise FhirError(Kind.INVALID_RESOURCE, malformed[0].diagnostics, issues=malformed)
        key = record_number(tree)
        if key:
            _refuse_second(writer, version, key, "identifier")

    @staticmethod
    def _linkage(writer: Writer, version: Version, tree: Tree) -> None:
        if tree.get("active", True) and not words_of_linkage(tree):
            problem = "names no source and alternate, or its link-decision is not same or not-same"
            issue = Issue("error", "value", problem, "Linkage.item")
            raise FhirError(Kind.INVALID_RESOURCE, problem, issues=[issue])

    @staticmethod
    def _endpoint(writer: Writer, version: Version, tree: Tree) -> None:
        address = str(tree.get("address", ""))
        scheme, sign, _ = address.partition("://")
        if sign and scheme not in ("http", "https"):
            problem = f"{address[:200]!r} is no http or https address"
            issue = Issue("error", "value", problem, "Endpoint.address")
            raise FhirError(Kind.INVALID_RESOURCE, problem, issues=[issue])


def _refuse_second(writer: Writer, version: Version, key: str, element: str) -> None:
    """FhirError 409: another resource of the type has this identifier."""
    for other in own_search.about(writer, version.type, "identifier", [key]):
        if other.id != version.id:
            problem = f"{version.type}/{other.id} has this identifier already; update that one"
            issue = Issue("error", "duplicate", problem, f"{version.type}.{element}")
            raise FhirError(Kind.CONFLICT, problem, issues=[issue])

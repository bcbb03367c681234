"""What a federated search asks for, as far as it can be known before any hospital is asked.

The patient parameters of https://hl7.org/fhir/R4/observation.html#search, and which pointers may
lead to a match: only hospitals with such a pointer are asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.services.locator import DATA_CLASSES, Pointer
from coordinator.services.order_facts_from_fhir import tested
from fhir_profiles import systems
from fhir_profiles.outcomes import FhirError, Kind

Query = Sequence[tuple[str, str]]
SUBJECT_HELP: Final = (
    "a search over hospitals is about one person: give patient.identifier=system|value, "
    "or patient=Patient/id with an id of this server"
)
_REFERENCE: Final = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})")
_BY_REFERENCE: Final = {"patient", "patient:Patient", "subject", "subject:Patient"}
_BY_IDENTIFIER: Final = {
    f"{code}{sign}identifier"
    for code in ("patient", "patient:Patient", "subject", "subject:Patient")
    for sign in (".", ":")
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The person asked about: by the id of a Patient here, or by an identifier."""

    id: str = ""
    system: str = ""
    value: str = ""


def subject_of(query: Query, base: str) -> tuple[Subject | None, list[tuple[str, str]]]:
    """The person, and the rest of the query. FhirError 400: none that could be understood."""
    subject, rest = None, []
    for name, value in query:
        if name not in _BY_REFERENCE | _BY_IDENTIFIER:
            rest.append((name, value))
        elif subject is not None:
            raise FhirError(Kind.BAD_PARAMETER, f"one person at a time; {SUBJECT_HELP}")
        elif name in _BY_IDENTIFIER:
            subject = _by_identifier(name, value)
        else:
            found = _REFERENCE.fullmatch(value.removeprefix(f"{base}/"))
            if found is None:
                raise FhirError(Kind.BAD_PARAMETER, f"{name} names no Patient; {SUBJECT_HELP}")
            subject = Subject(id=found[1])
    return subject, rest


def _by_identifier(name: str, value: str) -> Subject:
    system, _, number = value.partition("|")
    if not system or not number or "," in number:
        raise FhirError(Kind.BAD_PARAMETER, f"{name} is no system|value; {SUBJECT_HELP}")
    return Subject(system=system, value=number)


def may_match(pointer: Pointer, type_: str, query: Query) -> bool:
    """Whether what is behind a pointer can meet the search; True where it cannot be known.

    Dates are not looked at: a pointer has one moment, its measurements may have others.
    """
    for name, value in query:
        if name == "code" and not _code_may_match(pointer, type_, value):
            return False
        if (
            name == "category"
            and type_ == "Observation"
            and not _category_may_match(pointer, value)
        ):
            return False
    return True


def _code_may_match(pointer: Pointer, type_: str, value: str) -> bool:
    wanted = [_token(text) for text in value.split(",")]
    codes = list(pointer.codes)
    if type_ == "Observation":
        found = tested([*codes, *((systems.BODY_REGION, region) for region in pointer.regions)])
        if found is None:  # a local code: only its hospital knows what was measured
            return True
        codes += [(systems.LOINC, m.loinc) for m in found[0].members if m.loinc]
        if any(system not in (systems.LOINC, None) for system, _ in wanted):
            return True  # codes of single measurements that only their hospital knows
    return any(
        system in (None, own_system) and code in ("", own_code)
        for system, code in wanted
        for own_system, own_code in codes
    )


def _token(text: str) -> tuple[str | None, str]:
    """(system, code); None: any system, "": any code."""
    system, bar, code = text.partition("|")
    return (system, code) if bar else (None, text)


def _category_may_match(pointer: Pointer, value: str) -> bool:
    tokens = [_token(text) for text in value.split(",")]
    return any(pointer.category in ("", code) or code not in DATA_CLASSES for _, code in tokens)

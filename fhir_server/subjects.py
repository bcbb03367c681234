"""Whose data a resource or a search is about, as far as it says so itself (for the audit trail).

Simpler than the patient compartment (https://hl7.org/fhir/R4/compartmentdefinition-patient.html):
one patient at most, the one that the resource is mainly about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from fhir_profiles.json_text import Tree

_ELEMENTS: Final = ("subject", "patient", "beneficiary", "for", "individual", "candidate")
_IN_TEXT = re.compile(
    rb'"(?:%b)"\s*:\s*\{[^{}]*?"reference"\s*:\s*"(?:[^"\\]*/)?(Patient/[A-Za-z0-9\-.]{1,64})"'
    % "|".join(_ELEMENTS).encode()
)
_REFERENCE = re.compile(r"(?:.*/)?(Patient/[A-Za-z0-9\-.]{1,64})")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def patient_of_tree(type_: str, id_: str, tree: Tree) -> str:
    """``Patient/123``, or nothing."""
    if type_ == "Patient":
        return f"Patient/{id_}"
    for element in _ELEMENTS:
        value = tree.get(element)
        reference = value.get("reference") if isinstance(value, dict) else None
        if isinstance(reference, str) and (found := _REFERENCE.fullmatch(reference)):
            return found[1]
    return ""


def patient_of_body(type_: str, id_: str, body: bytes) -> str:
    """The same from stored text, which is not parsed for this."""
    if type_ == "Patient":
        return f"Patient/{id_}"
    found = _IN_TEXT.search(body)
    return found[1].decode() if found else ""


def patient_of_query(type_: str, query: Sequence[tuple[str, str]]) -> str:
    """The patient that a search names by reference."""
    for name, value in query:
        code, _, modifier = name.partition(":")
        if type_ == "Patient" and name == "_id" and _ID.fullmatch(value):
            return f"Patient/{value}"
        if code in ("patient", "subject", "beneficiary") and modifier in ("", "Patient"):
            if found := _REFERENCE.fullmatch(value):
                return found[1]
            if (code == "patient" or modifier) and _ID.fullmatch(value):
                return f"Patient/{value}"
    return ""

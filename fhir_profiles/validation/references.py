"""References: form and type of what is referred to (https://hl7.org/fhir/R4/references.html)."""

from __future__ import annotations

import re
from typing import Any

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.validation.primitives import Problem, shown

_ID = r"[A-Za-z0-9\-.]{1,64}"
_RESTFUL = re.compile(
    rf"(?P<base>https?://[^\s?#]+/)?(?P<type>[A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?(?:#\S+)?"
)
_CONDITIONAL = re.compile(r"(?P<type>[A-Z][A-Za-z]+)\?\S+")
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OID = re.compile(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


def reference_problem(
    value: dict[str, Any], targets: frozenset[str] | None, *, in_bundle: bool
) -> tuple[str, Problem] | None:
    """The member that is wrong, and why. `targets` None: any resource will do.

    Conditional references (`Patient?identifier=...`) are for the entries of a Bundle.
    """
    type_ = None
    if type(text := value.get("reference")) is str and text and text[0] != "#":
        found = _read(text, in_bundle)
        if isinstance(found, tuple):
            return "reference", found
        type_ = found
        if type_ and targets and type_ not in targets:
            return "reference", ("value", f"{_expected(targets)}, found {shown(text)}")
    told = value.get("type")
    if type(told) is str and told in resource_types():
        if targets and told not in targets:
            return "type", ("value", f"{_expected(targets)}, found the type {told}")
        if type_ and type_ != told:
            return "type", ("value", f"the type is {told}, but the reference is to {shown(text)}")
    elif type(told) is str and told and not _ABSOLUTE.fullmatch(told):
        return "type", ("value", f"expected a resource type like Patient, found {shown(told)}")
    return None


def _read(text: str, in_bundle: bool) -> str | Problem | None:
    """The resource type that a reference names, None if it names none."""
    if found := _RESTFUL.fullmatch(text):
        if (type_ := found["type"]) in resource_types():
            return type_
        if found["base"]:
            return None  # some other address
        return "value", f"{type_} is no resource type of R4, in the reference {shown(text)}"
    if found := _CONDITIONAL.fullmatch(text):
        if not in_bundle:
            return "value", (
                f"the conditional reference {shown(text)} is for entries of a transaction; "
                "name the resource as Type/id"
            )
        return found["type"]
    if text.startswith(("urn:uuid:", "urn:oid:")):
        good = _UUID.fullmatch(text) or _OID.fullmatch(text)
        return None if good else ("value", f"{shown(text)} is no UUID and no OID")
    if _ABSOLUTE.fullmatch(text):
        return None
    return "value", f"expected Type/id, an absolute URL, urn:uuid:... or #id, found {shown(text)}"


def _expected(targets: frozenset[str]) -> str:
    return f"expected a reference to {' or '.join(sorted(targets))}"

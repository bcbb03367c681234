"""The public rules of VN Core 0.6 that a program can check (http://fhir.hl7.org.vn/core).

Data without a problem *follows the public rules*; it is not valid VN Core, whose package was not
available. A rule that was seen on a public page gives an error, one that we infer from examples
or wording gives a warning. Systems of the 2021 guide count as those of today.

VN Core FHIR Implementation Guide v0.6.0, Omi HealthTech / VN Core FHIR Community Initiative,
https://hl7.org.vn, CC-BY-4.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple

from fhir_profiles import systems
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Issue, Severity
from vietnam.identifiers import parse_bhxh, parse_bhyt, parse_cccd, parse_facility_code

Known = Literal["seen", "inferred"]
SEVERITY: Final[dict[Known, Severity]] = {"seen": "error", "inferred": "warning"}
VNEID: Final = f"{systems.VN_CORE}/sid/vneid"

CITIZENS: Final = {systems.CCCD, *(k for k, v in systems.ALIASES.items() if v == systems.CCCD)}

# Elements that VN Core makes mandatory; base R4 does not ask for all of them.
REQUIRED: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "Patient": (("identifier", "name"), "0.5.1"),
    "Practitioner": (("identifier",), "0.3.0"),
    "PractitionerRole": (("practitioner",), "0.1.0"),
    "Condition": (("code",), "0.1.0"),
    "DiagnosticReport": (("status", "code", "subject"), "0.1.0"),
    "Consent": (("status", "scope", "category", "patient", "dateTime"), "0.5.1"),
}


class Form(NamedTuple):
    """What the value of an identifier system looks like, and how that is known."""

    fits: Callable[[str], bool]
    words: str
    known: Known
    version: str


FORMS: Final[dict[str, Form]] = {
    systems.CCCD: Form(
        lambda value: _same(parse_cccd(value), value), "a CCCD has 12 digits", "seen", "0.1.0"
    ),
    systems.CMND: Form(
        lambda value: re.fullmatch(r"[0-9]{9}|[0-9]{12}", value) is not None,
        "a CMND has 9 or 12 digits",
        "seen",
        "0.3.0",
    ),
    systems.BHYT: Form(
        lambda value: parse_bhyt(value).format != "malformed" and parse_bhyt(value).text == value,
        "a BHYT card has 12 digits, 10 digits, or two capital letters and 13 digits",
        "seen",
        "0.1.0",
    ),
    systems.BHXH: Form(
        lambda value: _same(parse_bhxh(value), value),
        "a BHXH number has 10 digits",
        "inferred",
        "0.3.0",
    ),
    systems.MA_CSKCB: Form(
        lambda value: _same(parse_facility_code(value), value),
        "a facility code has 5 characters, the first two digits",
        "seen",
        "0.1.0",
    ),
}


def public_rule_problems(tree: Tree) -> list[Issue]:
    """What a resource has against the public rules; contained resources and references included."""
    type_ = str(tree.get("resourceType", ""))
    found = list(_missing(type_, tree))
    for path, name, value in _objects(type_, tree):
        if name == "address":
            found += _address(path, value)
        elif name == "identifier":
            found += _identifier(path, value)
    if type_ == "Consent":
        found += _consent_period(tree)
    return found


def malformed_numbers(tree: Tree) -> list[Issue]:
    """Citizen's numbers of a resource that cannot be one; such a registration is refused."""
    found = tree.get("identifier")
    return [
        issue
        for place, number in enumerate(found if isinstance(found, list) else [])
        if isinstance(number, dict) and number.get("system") in CITIZENS and number.get("value")
        for issue in _identifier(f"{tree.get('resourceType')}.identifier[{place}]", number)
    ]


def _objects(path: str, tree: Tree) -> Iterator[tuple[str, str, Tree]]:
    """Every object below: its FHIRPath, the name of its member, itself."""
    for name, value in tree.items():
        several = isinstance(value, list)
        for place, item in enumerate(value if several else [value]):
            if isinstance(item, dict):
                here = f"{path}.{name}[{place}]" if several else f"{path}.{name}"
                yield here, name, item
                yield from _objects(here, item)


def _missing(type_: str, tree: Tree) -> Iterator[Issue]:
    names, version = REQUIRED.get(type_, ((), ""))
    for name in names:
        if not tree.get(name):
            words = f"{type_}.{name} is missing"
            yield _issue("seen", version, "required", f"{type_}.{name}", words)


def _address(path: str, address: Tree) -> Iterator[Issue]:
    """vn-addr-province, as written there: country 'VN' asks for the province extension."""
    extensions = address.get("extension") or ()
    named = any(isinstance(e, dict) and e.get("url") == systems.VN_PROVINCE for e in extensions)
    if address.get("country") == "VN" and not named:
        words = f"vn-addr-province: an address in VN names its province in {systems.VN_PROVINCE}"
        yield _issue("seen", "0.1.0", "invariant", path, words)


def _identifier(path: str, identifier: Tree) -> Iterator[Issue]:
    system = identifier.get("system")
    today = systems.ALIASES.get(str(system), str(system))
    value = identifier.get("value")
    if today == VNEID and re.fullmatch(r"Patient\.identifier\[\d+\]", path):
        words = "a VNeID account is for signing in; it is no identifier of a patient"
        yield _issue("seen", "0.5.0", "business-rule", path, words)
    form = FORMS.get(today)
    if form is not None and not (isinstance(value, str) and form.fits(value)):
        yield _issue(form.known, form.version, "value", f"{path}.value", form.words)


def _consent_period(tree: Tree) -> Iterator[Issue]:
    """vn-consent-period-end-required: only its name is public, so this is our reading of it."""
    provision: Any = tree.get("provision")
    period: Any = provision.get("period") if isinstance(provision, dict) else None
    if isinstance(period, dict) and not period.get("end"):
        words = "vn-consent-period-end-required: a period of consent has an end"
        yield _issue("inferred", "0.3.0", "invariant", "Consent.provision.period", words)


def _same(number: Any, value: str) -> bool:
    """Of the right form, and written without blanks around it."""
    return bool(number.outcome != "malformed" and number.text == value)


def _issue(known: Known, version: str, code: str, path: str, words: str) -> Issue:
    return Issue(SEVERITY[known], code, f"{words} (VN Core {version}, {known})", path)

"""Sections of a patient summary: which resources, and how they read.

http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips. Required and recommended sections
are always there, and say so if there is nothing to tell; the others only if there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from fhir_profiles.json_text import Tree
from fhir_profiles.validation.narrative import XHTML

LOINC: Final = "http://loinc.org"
_WRONG: Final = frozenset({"entered-in-error", "refuted"})
_NO_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONGEST: Final = 300  # characters in one cell of a table


@dataclass(frozen=True, slots=True)
class Source:
    """A search within the record of a patient; of what it finds, those in one of the states.

    No `states` are all but those that are wrong; "" stands for no state at all.
    """

    type: str
    query: tuple[tuple[str, str], ...] = ()
    states: frozenset[str] = frozenset()
    patient: str = "patient"

    def keeps(self, tree: Tree) -> bool:
        found = state(tree)
        if _WRONG & {found, _code(tree.get("verificationStatus"))}:
            return False
        return not self.states or found in self.states


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    code: str
    display: str
    sources: tuple[Source, ...]
    always: bool = True


def _states(words: str, *, unsaid: bool = False) -> frozenset[str]:
    return frozenset(words.split()) | ({""} if unsaid else set())


_REPORTED = _states("preliminary final amended corrected registered")


def _observed(category: str) -> Source:
    return Source("Observation", (("category", category), ("_sort", "-date")), _REPORTED)


SECTIONS: Final = (
    Section(
        "Medication summary",
        "10160-0",
        "History of Medication use Narrative",
        (
            Source("MedicationStatement", (), _states("active intended on-hold unknown")),
            Source("MedicationRequest", (), _states("active on-hold unknown")),
        ),
    ),
    Section(
        "Allergies and intolerances",
        "48765-2",
        "Allergies and adverse reactions Document",
        (Source("AllergyIntolerance", (), _states("active", unsaid=True)),),
    ),
    Section(
        "Problem list",
        "11450-4",
        "Problem list - Reported",
        (Source("Condition", (), _states("active recurrence relapse", unsaid=True)),),
    ),
    Section(
        "Immunizations",
        "11369-6",
        "History of Immunization Narrative",
        (Source("Immunization", (("_sort", "-date"),), _states("completed")),),
    ),
    Section(
        "History of procedures",
        "47519-4",
        "History of Procedures Document",
        (Source("Procedure", (("_sort", "-date"),), _states("completed in-progress unknown")),),
    ),
    Section(
        "Medical devices",
        "46264-8",
        "History of medical device use",
        (Source("DeviceUseStatement", (), _states("active completed")),),
    ),
    Section(
        "Diagnostic results",
        "30954-2",
        "Relevant diagnostic tests/laboratory data Narrative",
        (
            _observed("laboratory"),
            Source("DiagnosticReport", (("_sort", "-date"),), _REPORTED | {"partial", "appended"}),
        ),
    ),
    Section("Vital signs", "8716-3", "Vital signs", (_observed("vital-signs"),)),
    Section(
        "History of past problems",
        "11348-0",
        "History of Past illness Narrative",
        (Source("Condition", (), _states("inactive remission resolved")),),
        always=False,
    ),
    Section(
        "Social history",
        "29762-2",
        "Social history Narrative",
        (_observed("social-history"),),
        always=False,
    ),
    Section(
        "Plan of care",
        "18776-5",
        "Plan of care note",
        (Source("CarePlan", (), _states("active")),),
        always=False,
    ),
)


def written(section: Section, base: str, found: Sequence[tuple[str, Tree]]) -> Tree:
    """A section of a composition; `found` are the addresses of its entries, and these."""
    tree: Tree = {
        "title": section.title,
        "code": {
            "coding": [{"system": LOINC, "code": section.code, "display": section.display}],
        },
        "text": {"status": "generated", "div": _div(section, [one for _, one in found])},
    }
    if found:
        tree["entry"] = [{"reference": f"{base}/{address}"} for address, _ in found]
    else:
        tree["emptyReason"] = {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/list-empty-reason",
                    "code": "unavailable",
                    "display": "Unavailable",
                }
            ],
            "text": "No information is available on this server",
        }
    return tree


# ---- narrative -----------------------------------------------------------------------------------


def _div(section: Section, found: Iterable[Tree]) -> str:
    rows = [
        "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in _cells(tree)) + "</tr>"
        for tree in found
    ]
    head = "<tr><th>What</th><th>Value or state</th><th>When</th></tr>"
    if rows:
        inside = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    else:
        inside = "<p>No information is available on this server.</p>"
    return f'<div xmlns="{XHTML}"><h5>{text(section.title)}</h5>{inside}</div>'


def text(words: str) -> str:
    """Words as XHTML, in a length that fits into a table."""
    plain = " ".join(_NO_TEXT.sub("", words).split())
    return escape(plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…")


_WHAT: Final = ("code", "medicationCodeableConcept", "vaccineCode", "title", "category")
_POINTED_AT: Final = ("medicationReference", "device")
_WHEN: Final = (
    "effectiveDateTime effectivePeriod effectiveInstant onsetDateTime onsetPeriod onsetString "
    "occurrenceDateTime occurrenceString performedDateTime performedPeriod performedString "
    "timingDateTime timingPeriod period authoredOn issued recordedDate recordedOn dateAsserted "
    "created"
).split()


def _cells(tree: Tree) -> tuple[str, str, str]:
    what = next((words for name in _WHAT if (words := shown(tree.get(name)))), "")
    for name in _POINTED_AT:
        target = tree.get(name)
        if not what and isinstance(target, dict):
            what = str(target.get("display") or target.get("reference") or "")
    when = next((words for name in _WHEN if (words := shown(tree.get(name)))), "")
    said = "; ".join(_values(tree)) or state(tree)
    return what or str(tree.get("resourceType", "")), said, when


def _values(tree: Tree) -> Iterator[str]:
    """The result of an observation, and of its components with their names."""
    for name, value in tree.items():
        if name.startswith("value") and (words := shown(value)):
            yield words
    if tree.get("conclusion"):
        yield shown(tree["conclusion"])
    components = tree.get("component")
    for one in components if isinstance(components, list) else ():
        if isinstance(one, dict):
            yield f"{shown(one.get('code'))}: {', '.join(_values(one))}"


def shown(value: Any) -> str:
    """A value of any type in words; "" if it says none."""
    if isinstance(value, list):
        return ", ".join(words for one in value if (words := shown(one)))
    if not isinstance(value, dict):
        return "" if value is None else str(value).lower() if value is True else str(value)
    if "start" in value or "end" in value:
        return f"{value.get('start', '')} – {value.get('end', '')}".strip()
    if "value" in value:
        unit = value.get("unit") or value.get("code") or ""
        return f"{value.get('comparator', '')}{value['value']} {unit}".strip()
    if isinstance(value.get("text"), str):
        return str(value["text"])
    codings = value.get("coding")
    for one in codings if isinstance(codings, list) else [value]:
        if isinstance(one, dict) and (one.get("display") or one.get("code")):
            return str(one.get("display") or one["code"])
    return ""


def state(tree: Tree) -> str:
    """The status of a resource, or the clinical one."""
    return _code(tree.get("clinicalStatus")) or _code(tree.get("status"))


def _code(value: Any) -> str:
    if isinstance(value, str):
        return value
    codings = value.get("coding") if isinstance(value, dict) else None
    for one in codings if isinstance(codings, list) else ():
        if isinstance(one, dict) and isinstance(one.get("code"), str):
            return str(one["code"])
    return ""

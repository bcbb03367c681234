"""What stewards said: Linkage resources, and record numbers that their own hospital replaced.

https://hl7.org/fhir/R4/linkage.html with our extension link-decision same|not-same;
Patient.link "replaced-by" (https://hl7.org/fhir/R4/patient.html#links) counts as "same".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from coordinator.rules.facts import Manual
from coordinator.services.facts_from_fhir import extension
from fhir_profiles import systems

DECISIONS: Final[Mapping[str, Manual]] = {"same": Manual.SAME, "not-same": Manual.NOT_SAME}


@dataclass(frozen=True, slots=True)
class Word:
    """Two registrations, each as "Patient/id" or "system|value", and what was said of them."""

    one: str
    other: str
    manual: Manual


class StewardLinks:
    """Words by the resource that says them; not safe for threads by itself."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Word, ...]] = {}
        self._about: dict[str, dict[str, None]] = {}  # registration -> resources, in order

    def hear(self, resource: str, words: Iterable[Word]) -> None:
        """What this resource says now; nothing said before by it holds any longer."""
        for word in self._said.pop(resource, ()):
            for name in (word.one, word.other):
                self._about.get(name, {}).pop(resource, None)
        said = tuple(words)
        if said:
            self._said[resource] = said
        for word in said:
            for name in (word.one, word.other):
                self._about.setdefault(name, {})[resource] = None

    def about(self, names: Iterable[str]) -> list[tuple[str, Manual]]:
        """(the other registration, what was said) for a registration known by these names."""
        mine = set(names)
        resources = {resource: None for name in mine for resource in self._about.get(name, ())}
        found = []
        for word in (word for resource in resources for word in self._said[resource]):
            if word.one in mine:
                found.append((word.other, word.manual))
            elif word.other in mine:
                found.append((word.one, word.manual))
        return found


def words_of_linkage(linkage: Mapping[str, Any]) -> list[Word]:
    """The source against each alternate; a link that is not active says nothing."""
    code = str(extension(linkage, systems.LINK_DECISION).get("valueCode", "same"))
    if not linkage.get("active", True) or code not in DECISIONS:
        return []
    items = linkage.get("item", ())
    sources = [_name(item["resource"]) for item in items if item.get("type") == "source"]
    others = [_name(item["resource"]) for item in items if item.get("type") != "source"]
    return [Word(a, b, DECISIONS[code]) for a in sources for b in others if a and b]


def words_of_patient(patient: Mapping[str, Any]) -> list[Word]:
    """What a registration says of others about the same person."""
    own = f"Patient/{patient['id']}"
    others = [_name(link["other"]) for link in patient.get("link", ())]
    return [Word(own, other, Manual.SAME) for other in others if other]


def _name(reference: Mapping[str, Any]) -> str:
    """ "Patient/id" of a reference, or "system|value" of one that has only an identifier."""
    text = str(reference.get("reference", ""))
    if text:
        return "Patient/" + text.partition("/_history/")[0].rpartition("/")[2]
    identifier = reference.get("identifier", {})
    value = identifier.get("value", "")
    return f"{identifier.get('system', '')}|{value}" if value else ""

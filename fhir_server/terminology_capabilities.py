"""What a server says of the code systems it knows, and of its terminology operations.

https://hl7.org/fhir/R4/terminologycapabilities.html. The list is made from what is there: the code
systems stored, those of R4 and our own, and those that follow a rule; the operations from the
registry.
"""

from __future__ import annotations

from typing import Final

from fhir_profiles.json_text import Tree
from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.rules import BY_RULE
from fhir_server.capabilities import Capabilities
from fhir_server.operations import Registry

EXPANSION_INPUTS: Final = (
    "filter",
    "offset",
    "count",
    "includeDesignations",
    "designation",
    "includeDefinition",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "displayLanguage",
    "exclude-system",
    "system-version",
    "check-system-version",
    "force-system-version",
)


def terminology_capabilities(
    capabilities: Capabilities, operations: Registry, terms: Terminology, *, base: str, date: str
) -> Tree:
    """The statement. `date` is a FHIR dateTime, `base` this server's address."""
    tree: Tree = {
        "resourceType": "TerminologyCapabilities",
        "url": f"{base}/metadata?mode=terminology",
        "version": capabilities.version,
        "name": "TerminologyCapabilities",
        "status": "active",
        "date": date,
        "publisher": capabilities.software,
        "kind": "instance",
        "software": {"name": capabilities.software, "version": capabilities.version},
        "implementation": {"description": capabilities.description, "url": base},
        "lockedDate": False,
        "codeSystem": _code_systems(terms, subsumption=bool(operations.named("$subsumes"))),
    }
    if operations.named("$expand"):
        tree["expansion"] = {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in EXPANSION_INPUTS],
            "textFilter": "Each word, without case and accents, anywhere in display, code or "
            "designations.",
        }
    if operations.named("$validate-code"):
        tree["validateCode"] = {"translations": True}
    if operations.named("$translate"):
        tree["translation"] = {"needsMap": True}
    tree["closure"] = {"translation": False}
    return tree


def _code_systems(terms: Terminology, *, subsumption: bool) -> list[Tree]:
    """By URL with their versions; the first is the one that is meant where none is named."""
    found: dict[str, list[str]] = {}
    for url, version in terms.code_systems():
        found.setdefault(url, []).append(version or "")
    trees: list[Tree] = []
    for url in sorted({*found, *BY_RULE}):
        tree: Tree = {"uri": url}
        if versions := [version for version in found.get(url, ()) if version]:
            tree["version"] = [
                {"code": version, "isDefault": place == 0} for place, version in enumerate(versions)
            ]
        if url in found:
            tree["subsumption"] = subsumption
        trees.append(tree)
    return trees

"""Our profiles, extensions and codes (https://hl7.org/fhir/R4/structuredefinition.html), as data.

One JSON file each in `profiles/`; docs/reference/profiles.md is written from them. A profile holds
its differential only: a snapshot of just the constrained elements would be read as complete and
would forbid all others. Generated data names two profiles, ours and the one of VN Core whose
public rules ours follows; nothing here was validated against the VN Core package. `examples/` has
one resource for each profile, of invented persons with numbers that nobody can have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fhir_profiles import systems
from fhir_profiles.json_text import Tree, parse

FOLDER: Final = Path(__file__).with_name("profiles")
PROFILES: Final = (
    "patient",
    "organization",
    "location",
    "encounter",
    "service-request",
    "observation-lab",
    "diagnostic-report",
    "imaging-study",
    "consent",
    "practitioner",
    "practitioner-role",
    "condition",
    "vital-signs",
    "specimen",
    "coverage",
    "audit-event",
    "provenance",
    "task-referral",
    "appointment",
    "document-reference",
    "document-bundle",
)
"""Names of the profiles; `systems.definition` makes the canonical URL of one."""


@cache
def resources() -> Mapping[str, Tree]:
    """Every conformance resource of ours by its canonical URL. Shared: do not change them."""
    found = [parse(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))]
    return MappingProxyType({tree["url"]: tree for tree in found})


def profile(name: str) -> Tree:
    """The StructureDefinition of one of `PROFILES`. KeyError: there is none of that name."""
    if name not in PROFILES:
        raise KeyError(f"no profile {name!r}; there are {', '.join(PROFILES)}")
    return resources()[systems.definition(name)]


def claims(name: str) -> tuple[str, ...]:
    """`meta.profile` of generated data: ours, and the VN Core profile whose public rules it keeps.

    >>> claims("patient")[1]
    'http://fhir.hl7.org.vn/core/StructureDefinition/vn-core-patient'
    >>> claims("appointment")  # VN Core has none
    ('https://lienthong.example/fhir/StructureDefinition/appointment',)
    """
    ours = profile(name)
    return ours["url"], *(mapping["uri"] for mapping in ours.get("mapping", ()))


@cache
def examples() -> Mapping[str, Tree]:
    """The example of each profile by its name, in the order of `PROFILES`. Shared, as above."""
    folder = FOLDER / "examples"
    found = {name: parse((folder / f"{name}.json").read_bytes()) for name in PROFILES}
    return MappingProxyType(found)

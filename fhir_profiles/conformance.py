"""Our profiles, extensions and codes (https://hl7.org/fhir/R4/structuredefinition.html), as data.

One JSON file each in `profiles/`; docs/reference/profiles.md is written from them. A profile holds
its differential only: a snapshot of just the constrained elements would be read as complete and
would forbid all others. Generated data names two profiles, ours and the one of VN Core whose
public rules ours follows; nothing here was validated against the VN Core package.

python -m fhir_profiles.conformance      writes again what comes from vietnam.catalogue
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fhir_profiles import systems
from fhir_profiles.json_text import Tree, parse
from vietnam.catalogue import load_catalogue

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
)
"""Names of the nine profiles; `systems.definition` makes the canonical URL of one."""


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


def claims(name: str) -> tuple[str, str]:
    """`meta.profile` of generated data: ours, and the VN Core profile whose public rules it keeps.

    >>> claims("patient")[1]
    'http://fhir.hl7.org.vn/core/StructureDefinition/vn-core-patient'
    """
    ours = profile(name)
    return ours["url"], ours["mapping"][0]["uri"]


# ---- codes that come from the catalogue ----------------------------------------------------------


def from_catalogue() -> list[Tree]:
    """CodeSystems test-group and body-region, as `vietnam.catalogue` has them today."""
    groups = load_catalogue().groups
    regions = {region.key: region for group in groups for region in group.body_regions}
    return [
        _code_system(
            systems.TEST_GROUP,
            "Test groups",
            "What a clinician orders at once: the orderable test groups of the shared catalogue.",
            [(group.key, group.name_en, group.name_vi) for group in groups],
        ),
        _code_system(
            systems.BODY_REGION,
            "Body regions",
            "Regions by which CT and MRI are ordered.",
            [(region.key, region.name_en, region.name_vi) for region in regions.values()],
        ),
    ]


def _code_system(url: str, title: str, said: str, concepts: list[tuple[str, str, str]]) -> Tree:
    id_ = url.rpartition("/")[2]
    return {
        "resourceType": "CodeSystem",
        "id": id_,
        "url": url,
        "version": "0.1.0",
        "name": "".join(word.capitalize() for word in id_.split("-")),
        "title": title,
        "status": "draft",
        "experimental": True,
        "publisher": "lienthong",
        "description": said,
        "caseSensitive": True,
        "valueSet": f"{systems.OURS}/ValueSet/{id_}",
        "content": "complete",
        "count": len(concepts),
        "concept": [
            {"code": key, "display": en, "designation": [{"language": "vi", "value": vi}]}
            for key, en, vi in concepts
        ],
    }


def _write() -> None:
    for tree in from_catalogue():
        text = json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
        (FOLDER / f"CodeSystem-{tree['id']}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    _write()

"""Codes and concept maps made from `vietnam.catalogue` (https://hl7.org/fhir/R4/conceptmap.html).

A hospital's code leads to the shared catalogue, the catalogue to LOINC. How a hospital's own codes
lead to the catalogue is the hospital's to say: `hospital_map` makes a map of what it says.

python -m fhir_profiles.catalogue_codes      writes again what comes from vietnam.catalogue
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from fhir_profiles import systems
from fhir_profiles.json_text import Tree
from vietnam.catalogue import Member, Region, TestGroup, load_catalogue

FOLDER: Final = Path(__file__).with_name("profiles")
_LICENCE: Final = (
    "LOINC codes: this material contains content from LOINC (http://loinc.org), copyright"
    " Regenstrief Institute, Inc. and the LOINC Committee, available at no cost under"
    " https://loinc.org/license."
)


class Local(NamedTuple):
    """A code of a hospital and what it is in the shared catalogue."""

    code: str
    system: str  # systems.TEST_GROUP or systems.INDICATOR
    shared: str
    region: str | None = None


def from_catalogue() -> list[Tree]:
    """Every resource that `vietnam.catalogue` decides, as it is today."""
    groups = load_catalogue().groups
    regions = {region.key: region for group in groups for region in group.body_regions}
    return [
        _code_system(
            systems.TEST_GROUP,
            "Test groups",
            "What a clinician orders at once: the orderable test groups of the shared catalogue.",
            [_concept(group) for group in groups],
        ),
        _code_system(
            systems.BODY_REGION,
            "Body regions",
            "Regions by which CT and MRI are ordered.",
            [_concept(region) for region in regions.values()],
        ),
        _code_system(
            systems.INDICATOR,
            "Indicators",
            "The single values of the laboratory groups of the shared catalogue.",
            [_concept(member) for group in groups for member in group.members],
        ),
        _services(groups),
        _map(
            "ma-dich-vu-to-test-group",
            "From service codes to test groups",
            "The shared service codes (MA_DICH_VU) that the test groups are billed by.",
            (systems.MA_DICH_VU, systems.TEST_GROUP),
            [_service(code, group) for group in groups for code in group.ma_dich_vu],
        ),
        _map(
            "test-group-to-loinc",
            "From test groups to LOINC",
            "Where no LOINC panel holds just what a group holds, its values are named one by one;"
            " CT and MRI have codes for some regions, which dependsOn names.",
            (systems.TEST_GROUP, systems.LOINC),
            [{"code": group.key, "target": list(_loincs(group))} for group in groups],
        ),
        _map(
            "indicator-to-loinc",
            "From indicators to LOINC",
            "The LOINC code of each single value of the laboratory groups.",
            (systems.INDICATOR, systems.LOINC),
            [
                {"code": member.key, "target": [_equivalent(member)]}
                for group in groups
                for member in group.members
            ],
        ),
    ]


def hospital_map(keeper: str, codes: Sequence[Local]) -> Tree:
    """What a record system says of its own codes, in the shared catalogue."""
    found = _head("ConceptMap", f"{systems.OURS}/ConceptMap/lab-{keeper}", "")
    found |= {
        "name": f"Lab{keeper}",
        "title": f"From the codes of {keeper} to the shared catalogue",
        "description": "What the codes of this record system are in the shared catalogue.",
        "group": [],
    }
    for system in (systems.TEST_GROUP, systems.INDICATOR):
        elements = [
            {"code": one.code, "target": [_shared(one)]} for one in codes if one.system == system
        ]
        if elements:
            source = systems.local_code(keeper)
            found["group"].append({"source": source, "target": system, "element": elements})
    return found


def local_codes(keeper: str, concepts: Sequence[tuple[str, str]]) -> Tree:
    """The codes of a record system with their Vietnamese names."""
    found = _head("CodeSystem", systems.local_code(keeper), "")
    return found | {
        "id": f"lab-{keeper}",
        "name": f"Lab{keeper}",
        "title": f"Codes of {keeper}",
        "description": "The services and values of this record system.",
        "caseSensitive": True,
        "content": "complete",
        "count": len(concepts),
        "concept": [{"code": code, "display": name} for code, name in concepts],
    }


# ---- code systems --------------------------------------------------------------------------------


def _head(type_: str, url: str, title: str) -> Tree:
    id_ = url.rpartition("/")[2]
    return {
        "resourceType": type_,
        "id": id_,
        "url": url,
        "version": "0.1.0",
        "name": "".join(word.capitalize() for word in id_.split("-")),
        "title": title,
        "status": "draft",
        "experimental": True,
        "publisher": "lienthong",
    }


def _concept(one: TestGroup | Region | Member) -> Tree:
    vietnamese = {"language": "vi", "value": one.name_vi}
    return {"code": one.key, "display": one.name_en, "designation": [vietnamese]}


def _code_system(url: str, title: str, said: str, concepts: list[Tree]) -> Tree:
    found = _head("CodeSystem", url, title)
    return found | {
        "description": said,
        "caseSensitive": True,
        "valueSet": f"{systems.OURS}/ValueSet/{found['id']}",
        "content": "complete",
        "count": len(concepts),
        "concept": concepts,
    }


def _services(groups: Sequence[TestGroup]) -> Tree:
    """Only the codes that the catalogue names; a line of a group has no name of its own there."""
    concepts = []
    for group in groups:
        named = _concept(group) if len(group.ma_dich_vu) == 1 else {}
        concepts += [named | {"code": code} for code in group.ma_dich_vu]
    return _head("CodeSystem", systems.MA_DICH_VU, "Service codes") | {
        "description": "The shared service codes (MA_DICH_VU) of the test groups; the national"
        " catalogue has many more.",
        "caseSensitive": True,
        "content": "fragment",
        "concept": concepts,
    }


# ---- concept maps --------------------------------------------------------------------------------


def _map(
    id_: str, title: str, said: str, between: tuple[str, str], elements: list[dict[str, Any]]
) -> Tree:
    source, target = between
    found = _head("ConceptMap", f"{systems.OURS}/ConceptMap/{id_}", title)
    found["description"] = said
    if systems.LOINC in between:
        found["copyright"] = _LICENCE
    return found | {"group": [{"source": source, "target": target, "element": elements}]}


def _service(code: str, group: TestGroup) -> dict[str, Any]:
    whole = len(group.ma_dich_vu) == 1
    target: Tree = {"code": group.key, "equivalence": "equivalent" if whole else "wider"}
    if not whole:
        target["comment"] = f"one of the {len(group.ma_dich_vu)} lines of the group"
    return {"code": code, "target": [target]}


def _loincs(group: TestGroup) -> Iterator[Tree]:
    if group.loinc is not None:
        yield _equivalent(group)
        return
    for region in group.body_regions:
        if region.loinc is None:
            continue
        told = [{"property": systems.BODY_REGION, "system": systems.BODY_REGION}]
        told[0] |= {"value": region.key, "display": region.name_en}
        yield _equivalent(region) | {"dependsOn": told}
    for member in group.members:
        said = "one of the values of the group; no panel holds just these"
        yield {"code": member.loinc, "equivalence": "narrower", "comment": said}


def _equivalent(one: TestGroup | Region | Member) -> Tree:
    if one.loinc is None:
        return {"equivalence": "unmatched", "comment": "no LOINC code is known here"}
    return {"code": one.loinc, "equivalence": "equivalent"}


def _shared(one: Local) -> Tree:
    if one.region is None:
        return {"code": one.shared, "equivalence": "equivalent"}
    region = {
        "property": systems.BODY_REGION,
        "system": systems.BODY_REGION,
        "value": one.region,
    }
    said = "the code is of one region, which is the product"
    return {"code": one.shared, "equivalence": "wider", "comment": said, "product": [region]}


def _write() -> None:
    for tree in from_catalogue():
        text = json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
        (FOLDER / f"{tree['resourceType']}-{tree['id']}.json").write_text(text, "utf-8")


if __name__ == "__main__":
    _write()

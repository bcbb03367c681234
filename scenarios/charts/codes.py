"""Codes of orders and results: the local code always, the shared ones where a hospital maps it."""

from __future__ import annotations

from typing import Any, Final

from fhir_profiles import systems
from scenarios.plan import Plan
from vietnam.catalogue import TestGroup

Tree = dict[str, Any]
CATEGORIES: Final = {
    "laboratory": ("LAB", "laboratory"),
    "xray": ("RAD", "imaging"),
    "ultrasound": ("RUS", "imaging"),
    "ct": ("CT", "imaging"),
    "mri": ("NMR", "imaging"),
    "ecg": ("EC", "imaging"),
    "endoscopy": ("GE", "imaging"),
}
"""Modality -> (section of v2-0074, the data class that consents name)."""


def region_of(group: TestGroup, region: int) -> str | None:
    """Key of a body region, None for groups that are not ordered by region."""
    return group.regions[region] if group.regions else None


def service_code(group: TestGroup, region: str | None) -> str:
    """A hospital's own code of a test; all record systems use the same scheme, each as its own."""
    place = f"-{region}" if region else ""
    return f"DV{group.index + 1:02d}{place}"


def value_code(group: TestGroup, i: int) -> str:
    """A hospital's own code of one value of a laboratory group."""
    return f"CS{group.index + 1:02d}.{i + 1}"


def test_code(plan: Plan, facility: int, group: TestGroup, region: str | None, at: int) -> Tree:
    """CodeableConcept of a test as this facility writes it at a minute.

    The local code is the record system's own; without a mapping nobody else can read it.
    """
    keeper = plan.network.facilities[int(plan.calendars.record_group[facility])].code
    codings = [{"system": systems.local_code(keeper), "code": service_code(group, region)}]
    if plan.calendars.map_from[facility, group.index] <= at:
        codings.append({"system": systems.TEST_GROUP, "code": group.key})
        loinc = group.code(region)
        if loinc:
            codings.append({"system": systems.LOINC, "code": loinc})
    return {"coding": codings, "text": group.name_vi}


def body_site(plan: Plan, facility: int, group: TestGroup, region: str | None, at: int) -> Tree:
    """{"bodySite": [...]} of an order by region, if the hospital maps it; else {}."""
    if region is None or plan.calendars.map_from[facility, group.index] > at:
        return {}
    return {"bodySite": [{"coding": [{"system": systems.BODY_REGION, "code": region}]}]}


def method(plan: Plan, facility: int, group: TestGroup) -> Tree:
    """CodeableConcept of the method that this laboratory uses for a test."""
    other = bool(plan.calendars.method[facility, group.index])
    return {"coding": [{"system": systems.METHOD, "code": "other" if other else "usual"}]}

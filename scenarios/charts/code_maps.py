"""The codes of each record system, and what they are in the shared catalogue, as FHIR resources.

A hospital can say only what it maps by then: a code that it does not map is in its CodeSystem and
in no ConceptMap (http://hl7.org/fhir/R4/conceptmap.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_profiles import systems
from fhir_profiles.catalogue_codes import Local, hospital_map, local_codes
from scenarios.charts.codes import service_code, value_code
from scenarios.plan import Plan

Tree = dict[str, Any]


def code_maps(plan: Plan, keeper: str, at: int) -> list[Tree]:
    """CodeSystem and, if it maps anything at that minute, ConceptMap of a record system."""
    named = [(local.code, name) for local, name, _ in _codes(plan)]
    mapped = [local for local, _, test in _codes(plan) if _maps(plan, keeper, test, at)]
    found = [local_codes(keeper, named)]
    if mapped:
        found.append(hospital_map(keeper, mapped))
    return found


def _codes(plan: Plan) -> Iterator[tuple[Local, str, int]]:
    """Every code with its Vietnamese name and the test group that it belongs to."""
    for group in plan.catalogue.groups:
        names = {region.key: region.name_vi for region in group.body_regions}
        for region in group.regions or (None,):
            code = service_code(group, region)
            name = f"{group.name_vi}, {names[region]}" if region else group.name_vi
            yield Local(code, systems.TEST_GROUP, group.key, region), name, group.index
        for i, member in enumerate(group.members):
            local = Local(value_code(group, i), systems.INDICATOR, member.key)
            yield local, member.name_vi, group.index


def _maps(plan: Plan, keeper: str, test: int, at: int) -> bool:
    """Whether one of the facilities in the record system writes the shared code at that minute."""
    members = plan.network.record_groups[keeper]
    rows = [plan.network.by_code[code].index for code in members]
    return any(plan.calendars.map_from[row, test] <= at for row in rows)

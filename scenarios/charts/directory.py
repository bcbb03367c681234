"""The network as a facility directory: Organization, Endpoint, HealthcareService (IHE mCSD).

When a facility publishes and when it may ask are the periods of its two endpoints; laboratory
levels are dated. All of it follows the calendars of the scenario.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir_profiles import systems
from scenarios.charts.persons import organization
from scenarios.charts.times import Timeline
from scenarios.plan import Plan
from scenarios.rollout import NEVER
from vietnam.places import Facility

Tree = dict[str, Any]


def directory(plan: Plan) -> Iterator[Tree]:
    """All facilities but `elsewhere`, record keepers before the others."""
    facilities = [f for f in plan.network.facilities if f.tier != "elsewhere"]
    for facility in sorted(facilities, key=lambda f: (f.record_group != f.code, f.index)):
        yield _organization(plan, facility)
        yield _endpoint(plan, facility, "fhir", int(plan.calendars.publish_from[facility.index]))
        yield _endpoint(plan, facility, "cds", int(plan.calendars.query_from[facility.index]))
        yield _laboratory(plan, facility)


def own_directory(plan: Plan, code: str) -> Iterator[Tree]:
    """What a record keeper knows of itself: its facilities, each with the place where it works."""
    for member in plan.network.record_groups[code]:
        facility = plan.network.by_code[member]
        organization_ = _organization(plan, facility)
        del organization_["endpoint"]  # endpoints stand in the network's directory
        yield organization_
        yield location(facility)


def location(facility: Facility) -> Tree:
    """Where a facility is, as the place of its encounters."""
    return {
        "resourceType": "Location",
        "id": facility.code,
        "meta": {"profile": [systems.definition("location"), systems.vn_core("vn-core-location")]},
        "status": "active",
        "name": facility.names.items[-1][1],
        "mode": "instance",
        "position": {
            "longitude": Decimal(str(facility.longitude)),
            "latitude": Decimal(str(facility.latitude)),
        },
        "managingOrganization": organization(facility.code),
    }


def _organization(plan: Plan, facility: Facility) -> Tree:
    today = plan.day(plan.days * 1440 - 1)
    found: Tree = {
        "resourceType": "Organization",
        "id": facility.code,
        "meta": {
            "profile": [systems.definition("organization"), systems.vn_core("vn-core-organization")]
        },
        "extension": [
            {
                "url": systems.RECORD_GROUP,
                "valueReference": {"reference": f"Organization/{facility.record_group}"},
            }
        ],
        "identifier": [{"system": systems.MA_CSKCB, "value": facility.code}],
        "active": True,
        "name": facility.names.at(today),
        "alias": [name for _, name in facility.names.items if name != facility.names.at(today)],
        "endpoint": [
            {"reference": f"Endpoint/{facility.code}-fhir"},
            {"reference": f"Endpoint/{facility.code}-cds"},
        ],
    }
    if not found["alias"]:
        del found["alias"]
    parent = facility.parents.at(today)
    if parent is not None:
        found["partOf"] = {"reference": f"Organization/{parent}"}
    return found


def _endpoint(plan: Plan, facility: Facility, kind: str, since: int) -> Tree:
    """Where a facility can be reached (fhir), or from where it asks (cds)."""
    connection = (
        {"system": systems.ENDPOINT_CONNECTION, "code": "hl7-fhir-rest"}
        if kind == "fhir"
        else {"system": systems.CONNECTION_TYPE, "code": "cds-hooks-client"}
    )
    found: Tree = {
        "resourceType": "Endpoint",
        "id": f"{facility.code}-{kind}",
        "status": "off" if since >= NEVER else "active",
        "connectionType": connection,
        "managingOrganization": {"reference": f"Organization/{facility.code}"},
        "payloadType": [{"text": "DiagnosticReport"}],
        "address": f"hospitals/{facility.record_group}/fhir",
    }
    if since < NEVER:
        found["period"] = {"start": Timeline(plan.start).instant(since)}
    return found


def _laboratory(plan: Plan, facility: Facility) -> Tree:
    """Levels as the calendars know them: at most the last four, the first since ever."""
    timeline, row = Timeline(plan.start), facility.index
    since = [int(minute) for minute in plan.calendars.laboratory_from[row]]
    begins = [i for i, minute in enumerate(since) if minute < NEVER]
    levels = []
    for i in begins:
        period = {}
        if i:
            period["start"] = timeline.instant(since[i])
        if i + 1 in begins:
            period["end"] = timeline.instant(since[i + 1])
        parts: list[Tree] = [
            {"url": "level", "valueInteger": int(plan.calendars.laboratory_level[row, i])}
        ]
        if period:
            parts.append({"url": "period", "valuePeriod": period})
        levels.append({"url": systems.LABORATORY_LEVEL, "extension": parts})
    accredited = {"url": systems.ISO_15189, "valueBoolean": bool(plan.calendars.accredited[row])}
    return {
        "resourceType": "HealthcareService",
        "id": f"{facility.code}-lab",
        "extension": [*levels, accredited],
        "active": True,
        "providedBy": organization(facility.code),
        "name": "Khoa xét nghiệm",
    }

"""Dates that rules give: electronic records along an adoption curve, connection along a ramp.

No list says which facility did what when, only how many had. So facilities stand in an order fixed
by their codes and take the day on which the published share reaches their place: ASSUMPTION.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from vietnam.datafiles import Document
from vietnam.network_file import ConnectionStep, EmrCurve, NetworkFile, SharePoint
from vietnam.network_rules import stable_order
from vietnam.places import Facility


def date_electronic_records(
    file: NetworkFile, facilities: Sequence[Facility], given: Collection[str]
) -> list[Facility]:
    """EMR dates of all facilities without one in the file; members follow their record's keeper."""
    days: dict[str, tuple[dt.date | None, str]] = {}
    waiting = [f for f in facilities if f.code not in given and f.record_group == f.code]
    for curve in file.emr:
        group = sorted(
            (f for f in waiting if f.code not in days and _matches(curve, f)),
            key=lambda f: stable_order(f.code),
        )
        for i, facility in enumerate(group):
            days[facility.code] = reached(curve.points, (i + 0.5) / len(group)), curve.basis
    own = {f.code: f.emr_from for f in facilities} | {c: day for c, (day, _) in days.items()}
    dated = []
    for facility in facilities:
        if facility.code in given:
            dated.append(facility)
            continue
        basis = days.get(facility.record_group, (None, "the keeper of its records"))[1]
        marked = {**facility.provenance, "emr_from": basis}
        dated.append(replace(facility, emr_from=own[facility.record_group], provenance=marked))
    return dated


def _matches(curve: EmrCurve, facility: Facility) -> bool:
    return (
        facility.tier in curve.tiers
        and (curve.classes is None or facility.facility_class in curve.classes)
        and (curve.provinces is None or facility.provinces.values[0] in curve.provinces)
    )


def reached(points: Sequence[SharePoint], share: float) -> dt.date | None:
    """First day on which a curve (straight between its points) reaches a share; None if never."""
    before: SharePoint | None = None
    for point in points:
        if point.share >= share:
            if before is None or point.share == before.share:
                return point.day
            part = (share - before.share) / (point.share - before.share)
            return before.day + (point.day - before.day) * part
        before = point
    return None


def date_connections(
    doc: Document, file: NetworkFile, facilities: Sequence[Facility]
) -> list[Facility]:
    """Publish and query dates from the steps of the file; InputError if the total is missed."""
    rules = file.connections
    if rules is None:
        return list(facilities)
    days = {f.code: f.publish_from or f.query_from for f in facilities if f.connected}
    given = frozenset(days)
    for i, step in enumerate(rules.steps):
        path = ("connections", "steps", i)
        if step.last < step.first:
            problem = f"the step ends on {step.last}, before it begins on {step.first}"
            raise doc.error((*path, "to"), problem, "Exchange the days")
        known = {f.code for f in facilities}
        for code in step.codes or ():
            if code not in known:
                raise doc.error((*path, "codes"), f"unknown facility {code!r}", "Correct the code")
        days.update(_step(step, facilities, days))
    if len(days) != rules.total:
        raise doc.error(
            ("connections", "total"),
            f"the steps connect {len(days)} facilities, not {rules.total}",
            "Change total, or the counts of the steps",
        )
    connected = [
        facility
        if facility.code in given or facility.code not in days
        else replace(
            facility,
            publish_from=days[facility.code],
            query_from=days[facility.code],
            provenance={
                **facility.provenance,
                "publish_from": rules.basis,
                "query_from": rules.basis,
            },
        )
        for facility in facilities
    ]
    return _with_records(connected, days) if rules.with_records else connected


def _with_records(
    facilities: Sequence[Facility], days: Mapping[str, dt.date | None]
) -> list[Facility]:
    """What a facility publishes is electronic: its record begins at the connection or before."""
    basis = "ASSUMPTION: electronic records from the connection on, if not before"
    begins = {}
    for facility in facilities:
        day = days.get(facility.record_group)
        if day is not None and (facility.emr_from is None or facility.emr_from > day):
            begins[facility.code] = day
    return [
        replace(f, emr_from=begins[f.code], provenance={**f.provenance, "emr_from": basis})
        if f.code in begins
        else f
        for f in facilities
    ]


def _step(
    step: ConnectionStep, facilities: Sequence[Facility], days: dict[str, dt.date | None]
) -> dict[str, dt.date]:
    """Days of the facilities of a step, evenly spread; none before the keeper of its records."""
    candidates = [f for f in facilities if f.code not in days and _in_step(step, f)]
    if step.codes is None:
        candidates.sort(key=lambda f: stable_order(f.code))
    candidates = [f for f in candidates if f.record_group in days or f.record_group == f.code]
    chosen = candidates[: step.count]
    span = (step.last - step.first).days
    out: dict[str, dt.date] = {}
    for i, facility in enumerate(chosen):
        day = step.first + dt.timedelta(days=round(span * i / max(1, len(chosen) - 1)))
        keeper = days.get(facility.record_group)
        out[facility.code] = max(day, keeper) if keeper else day
    return out


def _in_step(step: ConnectionStep, facility: Facility) -> bool:
    return (
        (step.tiers is None or facility.tier in step.tiers)
        and (step.provinces is None or facility.provinces.values[0] in step.provinces)
        and (step.codes is None or facility.code in step.codes)
    )

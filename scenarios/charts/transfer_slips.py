"""A transfer slip as ServiceRequest and Task (http://hl7.org/fhir/R4/task.html).

Good for ten working days from the day of signing, which is not counted (Circular 01/2025/TT-BYT).
VN Core has no profile of a Task, so it names ours alone; the slip itself is base R4.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal

from fhir_profiles import systems
from scenarios.charts.persons import organization
from scenarios.charts.times import ZONE
from vietnam.calendar import is_working_day

Tree = dict[str, Any]
WORKING_DAYS: Final = 10
SNOMED: Final = "http://snomed.info/sct"
TASK_CODE: Final = "http://hl7.org/fhir/CodeSystem/task-code"
STATES: Final = {"valid": "requested", "expired": "requested", "used": "completed"}


def referral_number(facility: str) -> str:
    """The identifier system of transfer slips that this facility signs."""
    return f"{systems.OURS}/sid/referral/{facility}"


def last_day(signed: dt.date) -> dt.date:
    """The last day on which a slip can be used."""
    day, left = signed, WORKING_DAYS
    while left:
        day += dt.timedelta(days=1)
        left -= is_working_day(day)
    return day


def transfer_slip(
    number: str,
    sender: str,
    receiver: str,
    patient: str,
    encounter: str,
    signed: dt.datetime,
    state: Literal["valid", "expired", "used"],
    changed: dt.datetime,
) -> list[Tree]:
    """The slip and its way; `changed` is when its state was last written."""
    end = dt.datetime.combine(last_day(signed.date()), dt.time(23, 59, 59), ZONE)
    subject = {"reference": patient}
    request: Tree = {
        "resourceType": "ServiceRequest",
        "id": f"g-{number}",
        "identifier": [{"system": referral_number(sender), "value": number}],
        "status": "completed" if state == "used" else "active",
        "intent": "order",
        "category": [{"coding": [{"system": SNOMED, "code": "3457005"}]}],
        "code": {"text": "Giấy chuyển cơ sở khám bệnh, chữa bệnh"},
        "subject": subject,
        "encounter": {"reference": encounter},
        "occurrencePeriod": {"start": signed.isoformat(), "end": end.isoformat()},
        "authoredOn": signed.isoformat(),
        "requester": organization(sender),
        "performer": [organization(receiver)],
    }
    task: Tree = {
        "resourceType": "Task",
        "id": f"t-{number}",
        "meta": {"profile": [systems.definition("task-referral")]},
        "status": STATES[state],
        "intent": "order",
        "code": {"coding": [{"system": TASK_CODE, "code": "fulfill"}]},
        "focus": {"reference": f"ServiceRequest/{request['id']}"},
        "for": subject,
        "encounter": {"reference": encounter},
        "authoredOn": signed.isoformat(),
        "lastModified": changed.isoformat(),
        "requester": organization(sender),
        "owner": organization(receiver),
        "restriction": {"period": {"end": end.isoformat()}},
    }
    return [request, task]

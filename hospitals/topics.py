"""What a hospital's software can be told about (https://hl7.org/fhir/uv/subscriptions-backport/)."""

from __future__ import annotations

from typing import Final

from fhir_profiles.systems import OURS
from fhir_server.subscriptions.topics import Topic, Trigger

_URL: Final = f"{OURS}/SubscriptionTopic"
_DONE: Final = "status=final,amended,corrected,appended"

TOPICS: Final = (
    Topic(
        f"{_URL}/result-available",
        "A report becomes final, or a final one changes",
        (Trigger("DiagnosticReport", ("create", "update"), current=_DONE),),
        (("DiagnosticReport", "patient"), ("DiagnosticReport", "code")),
    ),
    Topic(
        f"{_URL}/visit",
        "An encounter begins, changes or ends",
        (Trigger("Encounter", ("create", "update")),),
        (("Encounter", "patient"), ("Encounter", "class"), ("Encounter", "status")),
    ),
    Topic(
        f"{_URL}/order",
        "An order is written, changed or taken back",
        (Trigger("ServiceRequest"),),
        (("ServiceRequest", "patient"), ("ServiceRequest", "code"), ("ServiceRequest", "status")),
    ),
)

"""What a subscriber gets (https://hl7.org/fhir/uv/subscriptions-backport/notifications.html)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import uuid4

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_server.bundles import BundleEntry, bundle
from fhir_server.store.port import Version
from fhir_server.subscriptions.wishes import Content, Wish

Sort = Literal["handshake", "heartbeat", "event-notification", "query-status", "query-event"]
_PROFILE: Final = (
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    "backport-subscription-status-r4"
)
_STATUS: Final = {"create": "201 Created", "update": "200 OK", "delete": "204 No Content"}
_METHOD: Final = {"create": "POST", "update": "PUT", "delete": "DELETE"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a subscription is about; `number` counts from 1 within the subscription."""

    number: int
    type: str
    id: str
    version: int
    happened: str
    at: str  # instant

    def to_bytes(self) -> bytes:
        row = [self.number, self.type, self.id, self.version, self.happened, self.at]
        return json.dumps(row).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Event:
        return cls(*json.loads(data))


def status_parameters(
    wish: Wish, base: str, sort: Sort, last: int, events: Sequence[Event] = (), error: str = ""
) -> Tree:
    """The SubscriptionStatus of R5 as the Parameters that R4 has for it."""
    parts: list[Mapping[str, Any]] = [
        {
            "name": "subscription",
            "valueReference": {"reference": f"{base}/Subscription/{wish.id}"},
        }
    ]
    if wish.topic:
        parts.append({"name": "topic", "valueCanonical": wish.topic})
    parts += [
        {"name": "status", "valueCode": wish.status},
        {"name": "type", "valueCode": sort},
        {"name": "events-since-subscription-start", "valueString": str(last)},
    ]
    parts += [_notification_event(event, base, wish.content) for event in events]
    if error:
        parts.append({"name": "error", "valueCodeableConcept": {"text": error}})
    return {
        "resourceType": "Parameters",
        "id": str(uuid4()),
        "meta": {"profile": [_PROFILE]},
        "parameter": parts,
    }


def _notification_event(event: Event, base: str, content: Content) -> Tree:
    parts = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": event.at},
    ]
    if content != "empty":
        where = f"{base}/{event.type}/{event.id}"
        parts.append({"name": "focus", "valueReference": {"reference": where}})  # type: ignore[dict-item]  # parts differ
    return {"name": "notification-event", "part": parts}


def notification(
    wish: Wish,
    base: str,
    sort: Sort,
    last: int,
    events: Sequence[Event] = (),
    content_of: Callable[[Event], Version | None] = lambda event: None,
) -> bytes:
    """A notification bundle: the status first, then what it is about, once each."""
    status = status_parameters(wish, base, sort, last, events)
    first = BundleEntry(
        f"urn:uuid:{status['id']}",
        json_text.dump(status),
        request={"method": "GET", "url": f"{base}/Subscription/{wish.id}/$status"},
        response={"status": "200"},
    )
    entries = [first]
    seen: set[tuple[str, str]] = set()
    for event in reversed(events if wish.content != "empty" else ()):
        if (event.type, event.id) in seen:
            continue
        seen.add((event.type, event.id))
        version = content_of(event) if wish.content == "full-resource" else None
        url = event.type if event.happened == "create" else f"{event.type}/{event.id}"
        entries.append(
            BundleEntry(
                f"{base}/{event.type}/{event.id}",
                version.body if version is not None and not version.deleted else b"",
                request={"method": _METHOD[event.happened], "url": url},
                response={"status": _STATUS[event.happened]},
            )
        )
    return bundle("history", entries, links=[])

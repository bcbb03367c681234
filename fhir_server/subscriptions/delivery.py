"""One notification on its way to a subscriber, and how long to wait after a failure.

https://hl7.org/fhir/R4/subscription.html#channels: with a payload a classic rest-hook is a service
base that gets an update of the resource, without one it is an address that gets an empty POST.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from fhir_profiles.xml_writing import NotWritable, to_xml
from fhir_server.store.port import Version
from fhir_server.subscriptions.notifications import Event, notification
from fhir_server.subscriptions.wishes import JSON, XML, Wish

FHIR_JSON: Final = "application/fhir+json"
ContentOf = Callable[[Event], Version | None]


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds. A subscriber that cannot be reached is tried again after 1, 2, 4 ... seconds, and
    given up after `attempts`: with these numbers after about half an hour."""

    attempts: int = 12
    first_wait: float = 1.0
    longest_wait: float = 300.0
    timeout: float = 10.0

    def wait(self, failures: int) -> float:
        return min(self.first_wait * 2.0 ** (failures - 1), self.longest_wait)


class NotDelivered(Exception):
    """Says in one line what came instead of an acknowledgement."""


class Courier:
    """Sends notifications over HTTP; any 2xx is an acknowledgement, redirects are not followed."""

    def __init__(self, http: httpx2.Client, base: str, policy: Policy) -> None:
        self.http, self.base, self.policy = http, base, policy

    def handshake(self, wish: Wish) -> None:
        if wish.topic:
            self._post(wish, notification(wish, self.base, "handshake", 0))

    def heartbeat(self, wish: Wish, last: int) -> None:
        self._post(wish, notification(wish, self.base, "heartbeat", last))

    def deliver(self, wish: Wish, events: Sequence[Event], last: int, content: ContentOf) -> None:
        """NotDelivered: nobody acknowledged; nothing of it counts as told."""
        if wish.topic:
            told = notification(wish, self.base, "event-notification", last, events, content)
            self._post(wish, told)
            return
        for event in events:
            version = content(event) if wish.payload else None
            if wish.payload and (version is None or version.deleted):
                continue  # gone meanwhile: there is nothing to show
            if version is None:
                self._send(wish, "POST", wish.endpoint, b"")
            else:
                address = f"{wish.endpoint.rstrip('/')}/{event.type}/{event.id}"
                self._send(wish, "PUT", address, version.body)

    def _post(self, wish: Wish, body: bytes) -> None:
        self._send(wish, "POST", wish.endpoint, body)

    def _send(self, wish: Wish, method: str, address: str, body: bytes) -> None:
        headers = dict(wish.headers)
        if body:
            media = wish.payload.partition(";")[0].strip()
            headers["Content-Type"] = media if media in (*JSON, *XML) else FHIR_JSON
            body = _in_xml(body) if media in XML else body
        timeout = float(wish.timeout or self.policy.timeout)
        try:
            answer = self.http.request(
                method, address, content=body, headers=headers, timeout=timeout
            )
        except httpx2.HTTPError as err:
            raise NotDelivered(f"no answer from the endpoint ({type(err).__name__})") from None
        if not 200 <= answer.status_code < 300:
            raise NotDelivered(f"the endpoint answered {answer.status_code}")


def _in_xml(body: bytes) -> bytes:
    """NotDelivered: it was stored without a look at it, and XML has no place for what it holds."""
    try:
        return to_xml(body)
    except NotWritable as err:
        raise NotDelivered(f"it cannot be written as XML ({err})") from None

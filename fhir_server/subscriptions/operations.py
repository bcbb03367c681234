"""`$status` and `$events` (https://hl7.org/fhir/uv/subscriptions-backport/operations.html)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, get_args

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle
from fhir_server.operations import Operation, OperationCall
from fhir_server.store.port import Version
from fhir_server.subscriptions import ledger
from fhir_server.subscriptions.notifications import Event, notification, status_parameters
from fhir_server.subscriptions.service import SUBSCRIPTION, Subscriptions
from fhir_server.subscriptions.wishes import Content, Wish

_UV: Final = (
    "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"
)
_CONTENTS: Final = get_args(Content)


def operations(subscriptions: Subscriptions) -> Sequence[Operation]:
    async def status(call: OperationCall) -> Answer:
        return await call.in_pool(_status, subscriptions, call)

    async def events(call: OperationCall) -> Answer:
        return await call.in_pool(_events, subscriptions, call)

    both = ("GET", "POST")
    return [
        Operation("$status", SUBSCRIPTION, "instance", status, f"{_UV}status", both),
        Operation("$status", SUBSCRIPTION, "type", status, f"{_UV}status", both),
        Operation("$events", SUBSCRIPTION, "instance", events, f"{_UV}events", both),
    ]


def _status(subscriptions: Subscriptions, call: OperationCall) -> Answer:
    """A searchset with one status each; those that the caller does not see do not exist."""
    states = [str(word) for word in call.parameters("status")]
    if call.id:
        chosen = [_held(call, call.id)]
    else:
        ids = [str(word) for word in call.parameters("id")]
        chosen = (
            [one for id_ in ids if (one := call.store.read(SUBSCRIPTION, id_)) and not one.deleted]
            if ids
            else list(call.store.scan(SUBSCRIPTION))
        )
    entries = []
    for version in chosen:
        wish, last, error = _known(subscriptions, call, version)
        if states and wish.status not in states:
            continue
        tree = status_parameters(wish, call.base, "query-status", last, error=error)
        entries.append(BundleEntry(f"urn:uuid:{tree['id']}", json_text.dump(tree), search="match"))
    return Answer(body=bundle("searchset", entries, total=len(entries)))


def _events(subscriptions: Subscriptions, call: OperationCall) -> Answer:
    version = _held(call, call.id)
    wish, last, _ = _known(subscriptions, call, version)
    low, high = _number(call, "eventsSinceNumber", 1), _number(call, "eventsUntilNumber", last)
    content = call.parameter("content")
    if content is not None:
        if content not in _CONTENTS:
            raise FhirError(
                Kind.BAD_PARAMETER,
                f"content is one of {', '.join(_CONTENTS)}, not {str(content)[:40]!r}",
            )
        wish = replace(wish, content=content)
    told = [e for e in ledger.events(call.store, call.id) if low <= e.number <= high]

    def content_of(event: Event) -> Version | None:
        return call.store.vread(event.type, event.id, event.version)

    return Answer(body=notification(wish, call.base, "query-event", last, told, content_of))


def _held(call: OperationCall, id_: str) -> Version:
    version = call.store.read(SUBSCRIPTION, id_)
    if version is None:
        raise FhirError(Kind.NOT_FOUND, f"Subscription/{id_} is not here")
    if version.deleted:
        raise FhirError(Kind.DELETED, f"Subscription/{id_} was deleted")
    return version


def _known(
    subscriptions: Subscriptions, call: OperationCall, version: Version
) -> tuple[Wish, int, str]:
    """The subscription, the number of its newest event, and what went wrong."""
    tree = json_text.parse(version.body)
    wish = subscriptions.wish(tree, version.version)
    last = max((e.number for e in ledger.events(call.store, version.id)), default=0)
    return replace(wish, status=str(tree.get("status"))), last, str(tree.get("error", ""))


def _number(call: OperationCall, name: str, default: int) -> int:
    given = call.parameter(name)
    if given is None:
        return default
    text = str(given)
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise FhirError(Kind.BAD_PARAMETER, f"{name} is a whole number, not {text[:40]!r}")
    return int(text)

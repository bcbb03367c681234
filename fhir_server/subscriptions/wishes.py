"""What a Subscription resource asks for, as data, or why it cannot be had.

https://hl7.org/fhir/R4/subscription.html and, with a topic in `criteria`,
https://hl7.org/fhir/uv/subscriptions-backport/.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.negotiation import pairs
from fhir_server.search.parse import parse
from fhir_server.search.request import AnyOf, Chain, Condition, Match
from fhir_server.subscriptions.topics import Topics, Trigger

Content = Literal["empty", "id-only", "full-resource"]
CHANNELS: Final = ("rest-hook", "websocket")
JSON: Final = ("application/fhir+json", "application/json")
XML: Final = ("application/fhir+xml", "application/xml", "text/xml")
_BACKPORT: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-"
_CONTENTS: Final[tuple[Content, ...]] = ("empty", "id-only", "full-resource")
_NOT_SENT: Final = ("host", "content-length", "transfer-encoding", "connection")
_MOST_EVENTS: Final = 100  # in one notification, if the subscriber sets no smaller number


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind of change: the trigger with its searches read. `filters` narrow it."""

    trigger: Trigger
    current: tuple[Condition, ...] = ()
    previous: tuple[Condition, ...] = ()
    filters: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription as the server carries it out. `topic` is "" for a classic one.

    `heartbeat` and `timeout` are seconds, 0 if nothing was said.
    """

    id: str
    version: int
    status: str
    topic: str
    watches: tuple[Watch, ...]
    channel: str
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    payload: str
    content: Content
    heartbeat: int = 0
    timeout: int = 0
    most: int = _MOST_EVENTS
    end: str = ""

    def ended(self, now: datetime) -> bool:
        return bool(self.end) and datetime.fromisoformat(self.end) <= now


@dataclass(frozen=True, slots=True)
class Terms:
    """What reading depends on: the topics there are, and how searches are read."""

    topics: Topics
    zone: tzinfo
    base: str


def wish_of(tree: Tree, version: int, terms: Terms) -> Wish:
    """FhirError 422 names the element that cannot be met, and what could."""
    channel = tree.get("channel", {})
    kind, endpoint = channel.get("type", ""), channel.get("endpoint", "")
    if kind not in CHANNELS:
        raise _refused(
            "channel.type", f"{kind!r} is no channel of this server; it has {', '.join(CHANNELS)}"
        )
    if kind == "rest-hook" and not _is_address(endpoint):
        raise _refused(
            "channel.endpoint", f"{endpoint[:200]!r} is not an http or https address to post to"
        )
    payload = channel.get("payload", "")
    sent = (*JSON, *XML) if kind == "rest-hook" else JSON
    if payload and payload.partition(";")[0].strip() not in sent:
        raise _refused(
            "channel.payload", f"{payload[:80]!r} is not sent by {kind}; {', '.join(sent)} are"
        )
    topic, watches = _watches(tree, terms)
    return Wish(
        id=tree.get("id", ""),
        version=version,
        status=tree.get("status", ""),
        topic=topic,
        watches=watches,
        channel=kind,
        endpoint=endpoint,
        headers=_headers(channel.get("header", ())),
        payload=payload,
        content=_content(channel),
        heartbeat=_number(channel, "heartbeat-period"),
        timeout=_number(channel, "timeout"),
        most=min(_number(channel, "max-count") or _MOST_EVENTS, _MOST_EVENTS),
        end=_end(tree.get("end", "")),
    )


def _refused(element: str, why: str) -> FhirError:
    return FhirError(
        Kind.INVALID_RESOURCE, f"{element}: {why}", expression=f"Subscription.{element}"
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


# ---- what is watched -----------------------------------------------------------------------------


def _watches(tree: Tree, terms: Terms) -> tuple[str, tuple[Watch, ...]]:
    criteria = str(tree.get("criteria", ""))
    if not criteria.startswith(("http://", "https://", "urn:")):
        type_, mark, query = criteria.partition("?")
        if type_ not in resource_types():
            raise _refused(
                "criteria",
                f"{criteria[:200]!r} is neither a search, as in Observation?code=1234, "
                "nor the url of a topic",
            )
        conditions = _conditions(type_, query if mark else "", terms)
        return "", (Watch(Trigger(type_, ("create", "update")), conditions),)
    topic = terms.topics.find(criteria)
    if topic is None:
        known = ", ".join(one.url for one in terms.topics) or "none"
        raise _refused("criteria", f"there is no topic {criteria[:200]!r}; there are: {known}")
    narrowed = [
        str(one.get("valueString", ""))
        for one in tree.get("_criteria", {}).get("extension", ())
        if one.get("url") == f"{_BACKPORT}filter-criteria"
    ]
    watches = []
    for trigger in topic.triggers:
        filters: list[Condition] = []
        for text in narrowed:
            type_, _, query = text.partition("?")
            if type_ == trigger.type:
                _check_filters(query, topic.filterable(type_), topic.url)
                filters += _conditions(type_, query, terms)
            elif type_ not in {one.type for one in topic.triggers}:
                raise _refused("criteria", f"the filter {text[:200]!r} is of no type of the topic")
        watches.append(
            Watch(
                trigger,
                _conditions(trigger.type, trigger.current, terms),
                _conditions(trigger.type, trigger.previous, terms),
                tuple(filters),
            )
        )
    return topic.url, tuple(watches)


def _check_filters(query: str, able: list[str], topic: str) -> None:
    for name, _ in pairs(query):
        if name.partition(":")[0].partition(".")[0] not in able:
            known = ", ".join(able) or "nothing"
            raise _refused("criteria", f"{topic} can be filtered by {known}, not by {name[:80]!r}")


def _conditions(type_: str, query: str, terms: Terms) -> tuple[Condition, ...]:
    try:
        found = parse(type_, pairs(query), zone=terms.zone, base=terms.base)
    except FhirError as err:
        raise _refused("criteria", str(err)) from None
    if not all(map(_looks_at_itself, found.conditions)):
        raise _refused("criteria", "what refers to a resource (_has) cannot be watched from it")
    return found.conditions


def _looks_at_itself(condition: Condition) -> bool:
    """Whether the resource, and what it refers to, are enough to decide."""
    if isinstance(condition, AnyOf):
        return all(_looks_at_itself(one) for way in condition.alternatives for one in way)
    if isinstance(condition, Chain):
        return all(_looks_at_itself(one) for _, one in condition.targets)
    return isinstance(condition, Match)


# ---- the channel ---------------------------------------------------------------------------------


def _headers(given: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for line in given:
        name, colon, value = str(line).partition(":")
        name = name.strip()
        fine = name.replace("-", "").replace("_", "").isalnum() and name.isascii()
        if not colon or not fine or not value.strip().isprintable() or not value.isascii():
            raise _refused("channel.header", f"{str(line)[:40]!r} is not of the form Name: value")
        if name.lower() in _NOT_SENT:
            raise _refused("channel.header", f"{name} is not for a subscriber to set")
        found.append((name, value.strip()))
    return tuple(found)


def _content(channel: Tree) -> Content:
    for one in channel.get("_payload", {}).get("extension", ()):
        if one.get("url") == f"{_BACKPORT}payload-content":
            word = one.get("valueCode")
            if word not in _CONTENTS:
                raise _refused(
                    "channel.payload", f"content {word!r} is none of {', '.join(_CONTENTS)}"
                )
            return word
    return "id-only"


def _number(channel: Tree, name: str) -> int:
    for one in channel.get("extension", ()):
        if one.get("url") == f"{_BACKPORT}{name}":
            value = next((v for key, v in one.items() if key.startswith("value")), None)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise _refused("channel", f"{name} is a whole number from 1 on")
            return value
    return 0


def _end(text: str) -> str:
    if not text:
        return ""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()

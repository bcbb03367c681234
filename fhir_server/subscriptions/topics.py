"""Topics: what one can be told about (https://hl7.org/fhir/uv/subscriptions-backport/).

A server brings topics of its own; others are stored on it as the Basic resources in which R4
carries the SubscriptionTopic of R5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind

Happened = Literal["create", "update", "delete"]
ALL: Final[tuple[Happened, ...]] = ("create", "update", "delete")
_R5: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."


@dataclass(frozen=True, slots=True)
class Trigger:
    """`current` and `previous` are searches as text without their type; "" asks nothing.

    `both`: the old and the new state have to meet their search, not just one of them. A created
    resource has no old state and a deleted one no new state: these tests count as `created` and
    `deleted` say.
    """

    type: str
    on: tuple[Happened, ...] = ALL
    current: str = ""
    previous: str = ""
    both: bool = False
    created: bool = True
    deleted: bool = True
    fhirpath: str = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """`filters` are the search parameters that a subscription may narrow it with, by type."""

    url: str
    title: str
    triggers: tuple[Trigger, ...]
    filters: tuple[tuple[str, str], ...] = ()  # (type or "", parameter)

    def filterable(self, type_: str) -> list[str]:
        return sorted({name for of, name in self.filters if of in ("", type_)})


def is_topic(tree: Tree) -> bool:
    """Whether a Basic resource says that it is a topic."""
    codings = tree.get("code", {}).get("coding", [])
    return any(coding.get("code") == "SubscriptionTopic" for coding in codings)


def topic_of(tree: Tree) -> Topic:
    """The topic in a Basic resource. FhirError 422: it lacks what a topic needs."""
    parts = _parts(tree, _R5)
    url = _first(parts, "url", "")
    triggers = tuple(_trigger(part) for part in parts.get("resourceTrigger", ()))
    if not url or not triggers:
        raise FhirError(
            Kind.INVALID_RESOURCE,
            f"a SubscriptionTopic in a Basic has the extensions {_R5}url and {_R5}resourceTrigger",
            expression="Basic.extension",
        )
    filters = [
        (_type(_first(_parts(part), "resource", "")), _first(_parts(part), "filterParameter", ""))
        for part in parts.get("canFilterBy", ())
    ]
    return Topic(str(url), str(_first(parts, "title", url)), triggers, tuple(filters))


def _trigger(extension: Tree) -> Trigger:
    parts = _parts(extension)
    type_ = _type(_first(parts, "resource", ""))
    if type_ not in resource_types():
        raise FhirError(
            Kind.INVALID_RESOURCE,
            f"the resource of a trigger is a type of R4, not {type_[:80]!r}",
            expression="Basic.extension",
        )
    query = _parts(_first(parts, "queryCriteria", {}))
    on = tuple(word for word in ALL if word in parts.get("supportedInteraction", ())) or ALL
    return Trigger(
        type_,
        on,
        current=_query(query, "current"),
        previous=_query(query, "previous"),
        both=_first(query, "requireBoth", False) is True,
        created=_first(query, "resultForCreate", "test-passes") == "test-passes",
        deleted=_first(query, "resultForDelete", "test-passes") == "test-passes",
        fhirpath=str(_first(parts, "fhirPathCriteria", "")),
    )


def _query(parts: dict[str, list[Any]], name: str) -> str:
    text = str(_first(parts, name, ""))
    return text.partition("?")[2] if "?" in text else text


def _parts(tree: Any, prefix: str = "") -> dict[str, list[Any]]:
    """Extensions by the end of their url: their value, or themselves if they are nested."""
    found: dict[str, list[Any]] = {}
    for one in tree.get("extension", ()) if isinstance(tree, dict) else ():
        url = str(one.get("url", ""))
        value = next((v for key, v in one.items() if key.startswith("value")), one)
        if url.startswith(prefix):
            found.setdefault(url.removeprefix(prefix), []).append(value)
    return found


def _first(parts: dict[str, list[Any]], name: str, default: Any) -> Any:
    return next(iter(parts.get(name, ())), default)


def _type(url: str) -> str:
    return str(url).rpartition("/")[2]


class Topics:
    """The topics of a server: its own, and those stored on it."""

    def __init__(self, own: Sequence[Topic] = ()) -> None:
        self._own = {topic.url: topic for topic in own}
        self._stored: dict[str, Topic] = {}

    def __iter__(self) -> Iterator[Topic]:
        return iter({**self._stored, **self._own}.values())

    def find(self, url: str) -> Topic | None:
        bare = url.partition("|")[0]
        return self._own.get(bare) or self._stored.get(bare)

    def learn(self, trees: Iterable[Tree]) -> None:
        """Takes the stored topics in place of those known before; what is none is passed over."""
        found: dict[str, Topic] = {}
        for tree in trees:
            try:
                topic = topic_of(tree)
            except FhirError:
                continue
            found[topic.url] = topic
        self._stored = found

"""$validate: is a resource valid, and may it be written? (resource-operation-validate.html)

https://hl7.org/fhir/R4/resource-operation-validate.html. The answer is always an OperationOutcome
with status 200; whether the resource is valid is read from its issues.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble, Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_profiles.validation.full import validate as validated
from fhir_server.answers import Answer, told
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.search.parse import parse
from fhir_server.store.port import Store
from fhir_server.stored_terms import stored_and_shipped

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
MODES: Final = ("create", "update", "delete", "profile")
Mode = Literal["", "create", "update", "delete", "profile"]


def validate() -> list[Operation]:
    """On every type and on every instance."""
    levels: tuple[Level, ...] = ("type", "instance")
    return [
        Operation("$validate", "*", level, _answer, DEFINITION, methods=("GET", "HEAD", "POST"))
        for level in levels
    ]


class Asked(NamedTuple):
    """What a caller wants to know. `body` is there if the resource is the whole body."""

    mode: str
    profiles: tuple[str, ...]
    tree: Tree | None
    body: bytes | None


async def _answer(call: OperationCall) -> Answer:
    asked = _asked(call)
    return told(200, await call.in_pool(_issues, call, asked))


def _asked(call: OperationCall) -> Asked:
    """FhirError 400: no such mode, or an input that does not go with it."""
    mode = call.parameter("mode", "")
    if mode and mode not in MODES:
        said = f"there is no mode {str(mode)[:64]!r}; choose one of {', '.join(MODES)}"
        raise FhirError(Kind.BAD_PARAMETER, said, expression="mode")
    profiles = tuple(str(url) for url in call.parameters("profile") if isinstance(url, str))
    if mode == "profile" and not profiles:
        said = "the mode profile asks for the parameter profile: the URL of one"
        raise FhirError(Kind.MISSING_PARAMETER, said, expression="profile")
    if mode == "delete" and not call.id:
        said = "the mode delete is for one resource: call [type]/[id]/$validate"
        raise FhirError(Kind.BAD_PARAMETER, said, expression="mode")
    tree, body = _resource(call)
    if tree is None and not call.id:
        said = f"send the {call.type} to validate: as the body, or as `resource` in Parameters"
        raise FhirError(Kind.MISSING_PARAMETER, said, expression="resource")
    return Asked(str(mode), profiles, tree, body)


def _resource(call: OperationCall) -> tuple[Tree | None, bytes | None]:
    if call.document is None:
        return None, None
    sent = call.document.tree
    if sent["resourceType"] != "Parameters":
        return sent, call.document.body
    given = call.parameter("resource")
    if isinstance(given, dict):
        return given, None
    if call.type == "Parameters":
        return sent, call.document.body
    return None, None


# ---- the issues ----------------------------------------------------------------------------------


def _issues(call: OperationCall, asked: Asked) -> list[Issue]:
    found: list[Issue] = []
    stored = _stored(call) if call.id else None
    if asked.mode == "delete":
        return found
    tree, body = asked.tree, asked.body
    if tree is None:
        assert stored is not None
        tree = stored
    else:
        found += list(_about_write(call, asked.mode, tree, stored))
    return found + validated(
        tree,
        body=body,
        profiles=asked.profiles,
        terminology=stored_and_shipped(call.store, call.zone),
        fetch=_Known(call).fetch,
        type_=call.type,
    )


def _stored(call: OperationCall) -> Tree | None:
    """The resource at the address. FhirError 404, 410: it is not there, and was asked for."""
    version = call.store.read(call.type, call.id)
    if version is not None and not version.deleted:
        return json_text.parse(version.body)
    if call.document is not None and call.parameter("mode") != "delete":
        return None  # an update may create
    if version is not None:
        raise FhirError(Kind.DELETED, f"{call.type}/{call.id} was deleted")
    raise FhirError(Kind.NOT_FOUND, f"there is no {call.type}/{call.id}")


def _about_write(
    call: OperationCall, mode: str, tree: Tree, stored: Tree | None
) -> Iterable[Issue]:
    """What the write itself would say beside the content."""
    place = f"{tree.get('resourceType')}.id"
    id_ = tree.get("id")
    if mode == "create" and call.id:
        said = "a create has no id in its address; call [type]/$validate"
        yield Issue("error", "invalid", said, place)
    elif mode == "create" and id_ is not None:
        said = "the id of a new resource is chosen by the server; this one will not be kept"
        yield Issue("information", "informational", said, place)
    elif mode == "update" and not isinstance(id_, str):
        yield Issue("error", "required", "an update names the id of its resource; add it", place)
    elif call.id and id_ is not None and id_ != call.id:
        said = f"the address has the id {call.id!r}, the body {str(id_)[:64]!r}; make them agree"
        yield Issue("error", "invalid", said, place)
    elif mode == "update" and not call.id and isinstance(id_, str):
        version = call.store.read(call.type, id_)
        stored = {} if version is not None and not version.deleted else None
    if mode == "update" and isinstance(id_, str) and stored is None:
        said = f"there is no {call.type}/{id_[:64]} yet; an update would create it"
        yield Issue("information", "informational", said, place)


class _Known:
    """What lies on this server and is referred to: resources, profiles, Questionnaires."""

    def __init__(self, call: OperationCall) -> None:
        self._store: Store = call.store
        self._base = f"{call.base}/"
        self._zone = call.zone

    def fetch(self, text: str) -> Tree | None:
        """By `Type/id`, by the same below this base; profiles and Questionnaires by their URL."""
        plain = text.removeprefix(self._base).partition("/_history/")[0]
        type_, _, id_ = plain.partition("/")
        try:
            if type_[:1].isupper() and id_ and "/" not in id_:
                version = self._store.read(type_, id_)
                found = version is not None and not version.deleted
                return json_text.parse(version.body) if version is not None and found else None
            if "://" in text or text.startswith("urn:"):
                return self._canonical(text)
        except JsonTrouble:
            return None
        return None

    def _canonical(self, text: str) -> Tree | None:
        url, _, version = text.partition("|")
        query = [("url", _escaped(url)), *([("version", _escaped(version))] if version else [])]
        for type_ in ("StructureDefinition", "Questionnaire"):
            try:
                request = parse(type_, query, zone=self._zone, default_count=1)
                matches = self._store.search(request).matches
            except FhirError:
                continue
            if matches:
                return json_text.parse(matches[0].body)
        return None


def _escaped(text: str) -> str:
    for letter in "\\,$|":
        text = text.replace(letter, f"\\{letter}")
    return text

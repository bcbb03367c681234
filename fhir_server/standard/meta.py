"""$meta, $meta-add, $meta-delete: profiles, tags and security labels.

https://hl7.org/fhir/R4/resource-operation-meta.html, resource-operation-meta-add.html and
resource-operation-meta-delete.html. Here a changed `meta` is a new version of the resource, like
every other change: a history that can be rewritten is none. If nothing changes, nothing is written.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.validation.structure import check
from fhir_server.answers import Answer, version_headers
from fhir_server.interactions.conditional import require_state
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.inputs import Inputs, parameters
from fhir_server.store.port import Document, Version, Writer

META: Final = "http://hl7.org/fhir/OperationDefinition/Resource-meta"
META_ADD: Final = "http://hl7.org/fhir/OperationDefinition/Resource-meta-add"
META_DELETE: Final = "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete"
MAX_SCANNED: Final = 100_000  # resources that are read to say what is in use
_LISTS: Final = ("profile", "security", "tag")
_HAS_ANY: Final = re.compile(rb'"(?:profile|security|tag)"')
Verb = Literal["add", "delete"]


def meta() -> list[Operation]:
    """What is in use on the system, of a type, or on an instance; changes on an instance."""
    places: list[tuple[str, Level]] = [("", "system"), ("*", "type"), ("*", "instance")]
    reading = [
        Operation("$meta", on, level, _read, META, methods=("GET", "HEAD", "POST"))
        for on, level in places
    ]
    return [
        *reading,
        Operation("$meta-add", "*", "instance", _add, META_ADD, affects_state=True),
        Operation("$meta-delete", "*", "instance", _delete, META_DELETE, affects_state=True),
    ]


def _told(found: Tree) -> Answer:
    """A Meta as `return`; an empty one has no form in FHIR, and is left out."""
    if not found:
        return Answer(tree={"resourceType": "Parameters"})
    return parameters({"name": "return", "valueMeta": found})


# ---- $meta ---------------------------------------------------------------------------------------


async def _read(call: OperationCall) -> Answer:
    Inputs(call, ())
    if call.id:
        version = _there(call.store.read(call.type, call.id), call)
        answer = _told(_meta_of(version.body))
        answer.headers |= version_headers(version)
        return answer
    return _told(await call.in_pool(_in_use, call))


def _in_use(call: OperationCall) -> Tree:
    """The profiles, tags and labels of all resources, each once."""
    found: dict[str, dict[Any, Any]] = {name: {} for name in _LISTS}
    for number, version in enumerate(call.store.scan(call.type or None)):
        if number >= MAX_SCANNED:
            raise FhirError(
                Kind.TOO_COSTLY,
                f"more than {MAX_SCANNED} resources would have to be read; ask type by type, or "
                "search with _tag, _profile and _security",
            )
        if _HAS_ANY.search(version.body):
            for name, items in _lists(_meta_of(version.body)).items():
                found[name].update((_identity(one), one) for one in items)
    return {name: list(items.values()) for name, items in found.items() if items}


def _meta_of(body: bytes) -> Tree:
    came = json_text.members(body).get("meta")
    return json_text.parse(came) if came else {}


def _lists(found: Tree) -> dict[str, list[Any]]:
    lists = {name: found.get(name) for name in _LISTS}
    return {name: items for name, items in lists.items() if isinstance(items, list)}


def _identity(item: Any) -> Any:
    """What makes two the same: the address of a profile, system and code of a coding."""
    return (item.get("system"), item.get("code")) if isinstance(item, dict) else item


# ---- $meta-add, $meta-delete ---------------------------------------------------------------------


async def _add(call: OperationCall) -> Answer:
    return await _change(call, "add")


async def _delete(call: OperationCall) -> Answer:
    return await _change(call, "delete")


async def _change(call: OperationCall, verb: Verb) -> Answer:
    given = _given(call)

    def work(writer: Writer) -> Version:
        current = writer.read(call.type, call.id)
        require_state(current, call.headers, f"{call.type}/{call.id}")
        version = _there(current, call)
        old = _meta_of(version.body)
        new = _added(old, given) if verb == "add" else _without(old, given)
        if new == old:
            return version
        document = _with_meta(version.body, new)
        return call.put(writer, document, call.id, "PUT")

    version = await call.write(work)
    answer = _told(_meta_of(version.body))
    answer.headers |= version_headers(version)
    return answer


def _given(call: OperationCall) -> Tree:
    """The input `meta`. FhirError 400: it is missing; 422: it is no Meta."""
    document = call.document
    if document is None or document.tree["resourceType"] != "Parameters":
        raise FhirError(
            Kind.INVALID_REQUEST,
            'send Parameters with the input meta: {"name": "meta", "valueMeta": {...}}',
        )
    given = Inputs(call, ("meta",)).tree("meta")
    if given is None:
        raise FhirError(Kind.MISSING_PARAMETER, "the input meta is missing", expression="meta")
    issues = check(document.tree, body=document.body)
    if issues:
        raise FhirError(Kind.INVALID_RESOURCE, "the input meta is no Meta", issues=issues)
    return given


def _added(old: Tree, given: Tree) -> Tree:
    new = dict(old)
    for name, items in _lists(given).items():
        own = old.get(name, [])
        known = {_identity(one) for one in own}
        fresh = {_identity(one): one for one in items if _identity(one) not in known}
        if fresh:
            new[name] = [*own, *fresh.values()]
    return new


def _without(old: Tree, given: Tree) -> Tree:
    new = dict(old)
    for name, items in _lists(given).items():
        gone = {_identity(one) for one in items}
        left = [one for one in old.get(name, []) if _identity(one) not in gone]
        if left:
            new[name] = left
        else:
            new.pop(name, None)
    return new


def _with_meta(body: bytes, meta: Tree) -> Document:
    """The resource with another `meta`, all else byte for byte."""
    came = json_text.members(body)
    came["meta"] = json_text.dump(meta)
    text = b",".join(_member(name, value) for name, value in came.items())
    body = b"{" + text + b"}"
    return Document(json_text.parse(body), body)


def _member(name: str, value: bytes) -> bytes:
    return msgspec.json.encode(name) + b":" + value


def _there(version: Version | None, call: OperationCall) -> Version:
    if version is None:
        raise FhirError(Kind.NOT_FOUND, f"there is no {call.type}/{call.id}")
    if version.deleted:
        raise FhirError(Kind.DELETED, f"{call.type}/{call.id} was deleted")
    return version

"""patch: a resource changed in part (https://hl7.org/fhir/R4/http.html#patch).

Bodies: JSON Patch (RFC 6902) and FHIRPath Patch. What comes out is looked at like the body of an
update, and every patch that is carried out makes a new version, as every update here does, also
where nothing differs (the specification leaves that open; HAPI makes none then).

A patch is worked out before the write lock is taken, and again inside it only if somebody else
has written the resource meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from fhir_profiles import json_text
from fhir_profiles.json_text import JsonTrouble
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bodies import require_valid
from fhir_server.call import Call
from fhir_server.capabilities import PATCH_FORMATS
from fhir_server.errors import answer_to
from fhir_server.interactions import changes
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, only_match, require_state
from fhir_server.negotiation import FHIR_JSON, FHIR_XML, require_json
from fhir_server.patches import fhirpath_patch, json_patch
from fhir_server.patches.patch import Patch
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Document, Reader, Version, Writer

_NAMED: Final = (
    f"JSON Patch as {json_patch.MEDIA}, or FHIRPath Patch (Parameters) as {FHIR_JSON} or {FHIR_XML}"
)
Target = Callable[[Reader], Version | None]


@dataclass(frozen=True, slots=True)
class Ready:
    """A patch worked out on one version."""

    on: Version
    document: Document


async def patch(call: Call) -> Answer:
    """200; 404 and 410 there is nothing to change, 412 it is not the version that the client
    knows, 422 the patch cannot be carried out on it."""
    id_ = call.require_id()
    call.require_known()
    return await _patch(call, lambda reader: reader.read(call.type, id_), lambda d: [d.fact()])


async def patch_conditional(call: Call) -> Answer:
    """As above; 404 no resource meets the condition, 412 several do."""
    criteria = condition(call)
    return await _patch(
        call,
        lambda reader: only_found(reader, criteria),
        lambda done: [done.fact(call.query_text)],
    )


async def _patch(call: Call, target: Target, facts: Callable[[Change], list[Any]]) -> Answer:
    try:
        patch_ = await call.in_pool(read, call)
    except FhirError as err:
        if err.kind is not Kind.WRONG_MEDIA_TYPE or call.nested:
            raise
        answer = answer_to(err, call.request_id)
        answer.headers["Accept-Patch"] = ", ".join(PATCH_FORMATS)  # RFC 5789, 2.2
        return answer
    ready = await call.in_pool(_worked_out, call, target, patch_)
    change = await call.write(lambda writer: _apply(call, writer, target, patch_, ready), facts)
    return changes.answer(call, change)


def condition(call: Call) -> SearchRequest:
    return criteria_of(call, call.type, call.query)


def only_found(reader: Reader, criteria: SearchRequest) -> Version:
    """The one resource that meets a condition. FhirError 404: none does, 412: several do."""
    found = only_match(reader, criteria)
    if found is None:
        raise FhirError(
            Kind.NOT_FOUND,
            f"no {criteria.type} meets the condition; a patch creates none, PUT with it would",
        )
    return found


# ---- the body ----------------------------------------------------------------------------------


def read(call: Call) -> Patch:
    """The patch that a call brings. FhirError 415: it is of no kind that is known here."""
    if call.document is not None:
        return _of_entry(call.document)
    media = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == json_patch.MEDIA:
        return json_patch.read(call.body)
    try:
        require_json(call.headers)
    except FhirError:
        said = repr(media[:80]) if media else "no Content-Type"
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE, f"the patch has {said}; this server takes {_NAMED}"
        ) from None
    # Not validated by itself: a reference `#x` leads nowhere in it, but does in its result.
    return fhirpath_patch.read(json_text.parse(call.body))


def _of_entry(document: Document) -> Patch:
    """In a bundle a JSON Patch is the content of a Binary, a FHIRPath Patch stands as it is."""
    tree = document.tree
    if tree.get("resourceType") != "Binary":
        return fhirpath_patch.read(tree)
    media = str(tree.get("contentType", "")).partition(";")[0].strip().lower()
    if media != json_patch.MEDIA:
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE,
            f"the Binary has the contentType {media[:80]!r}; a patch in a Binary is "
            f"{json_patch.MEDIA}, one in Parameters a FHIRPath Patch",
            expression="Binary.contentType",
        )
    try:
        body = base64.b64decode("".join(str(tree.get("data", "")).split()), validate=True)
    except (binascii.Error, ValueError):
        raise FhirError(
            Kind.INVALID_REQUEST, "the data is not base64", expression="Binary.data"
        ) from None
    try:
        return json_patch.read(body)
    except JsonTrouble as err:
        problem = f"the patch in the Binary: {err}"
        raise FhirError(Kind.INVALID_JSON, problem, expression="Binary.data") from None


# ---- carrying it out ---------------------------------------------------------------------------


def _worked_out(call: Call, target: Target, patch_: Patch) -> Ready:
    current = there(call, target(call.reader), call.id)
    return Ready(current, checked(call, patched(current, patch_)))


def _apply(call: Call, writer: Writer, target: Target, patch_: Patch, ready: Ready) -> Change:
    current = there(call, target(writer), call.id)
    document = ready.document
    if (current.id, current.version) != (ready.on.id, ready.on.version):
        document = checked(call, patched(current, patch_))
    return changes.put(call, writer, document, current.id, "PATCH", "patch")


def there(call: Call, current: Version | None, id_: str) -> Version:
    """What is to be patched. FhirError 404, 410: nothing is there, 412: in another state."""
    where = f"{call.type}/{current.id if current else id_}"
    require_state(current, call.headers, where)
    if current is None:
        raise FhirError(Kind.NOT_FOUND, f"there is no {where} here that could be patched")
    if current.deleted:
        raise FhirError(Kind.DELETED, f"{where} was deleted; PUT brings it back")
    return current


def patched(current: Version, patch_: Patch) -> Document:
    """The new content. FhirError 400: another id or type; 422: it cannot be done."""
    tree: Any = patch_.apply(json_text.parse(current.body))
    for name, value in (("resourceType", current.type), ("id", current.id)):
        if not isinstance(tree, dict) or tree.get(name) != value:
            raise FhirError(
                Kind.INVALID_REQUEST,
                f"the patch changes the {name}; it has to stay {value!r}",
                expression=f"{current.type}.{name}",
            )
    return Document(tree, json_text.dump(tree))


def checked(call: Call, document: Document) -> Document:
    """The same, looked at as far as an update is. FhirError 413, 422."""
    options = call.engine.options
    if len(document.body) > options.max_body:
        raise FhirError(
            Kind.TOO_LARGE,
            f"the patched resource would have {len(document.body)} bytes, "
            f"{options.max_body} are possible",
        )
    try:
        require_valid(document, options.validation, places=False)
    except FhirError as err:
        if not call.nested:
            raise
        # What an entry holds is the patch: a place in its result is none in the bundle.
        issues = [
            replace(issue, diagnostics=f"{issue.expression}: {issue.diagnostics}", expression="")
            for issue in err.issues
        ]
        raise FhirError(err.kind, f"patched, {err.diagnostics}", issues=issues) from None
    return document

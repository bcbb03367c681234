"""A request's body: never more of it than the limit, and then the resource it holds.

https://hl7.org/fhir/R4/http.html#create: its type is that of the address; how much of it is checked
is an option of the server (https://hl7.org/fhir/R4/validation.html).
"""

from __future__ import annotations

from starlette.types import Receive

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_profiles.validation import structure
from fhir_server.call import ID, Call
from fhir_server.negotiation import require_json
from fhir_server.store.port import Document


class ClientGone(Exception):
    """The client hung up before its request was complete."""


async def read_body(receive: Receive, declared: str | None, limit: int) -> bytes:
    """The whole body. FhirError 413: it is larger than the limit, by its header or in fact."""
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _too_large(limit: int) -> FhirError:
    return FhirError(
        Kind.TOO_LARGE,
        f"the body is larger than the {limit} bytes that this server reads; "
        "send it in several requests",
    )


async def document_of(call: Call) -> Document:
    """The resource in the body, checked as far as this server checks.

    FhirError: 415 it is no JSON, 400 it cannot be read or is of another type, 422 its content is
    not what FHIR allows.
    """
    if call.document is None:
        require_json(call.headers)
    size = len(call.document.body if call.document else call.body)
    if size > call.engine.options.inline_body:
        return await call.in_pool(_document, call)
    return _document(call)


def _document(call: Call) -> Document:
    document = call.document or Document(json_text.parse(call.body), call.body)
    require_type(document.tree, call.type)
    # Places in the body of a bundle's entry would be counted from the entry: of no use to anybody.
    require_valid(document, call.engine.options.validation, places=call.document is None)
    return document


def require_type(tree: Tree, type_: str) -> None:
    """FhirError 400: the resource is of another type than the address says, or of none."""
    found = tree.get("resourceType")
    if found != type_:
        said = f"is {_article(found)}" if isinstance(found, str) else "has no resourceType"
        raise FhirError(
            Kind.INVALID_REQUEST,
            f"the address is for {_article(type_)}, the body {said}; make them agree",
            expression="resourceType",
        )


def _article(type_: str) -> str:
    return f"{'an' if type_[:1] in 'AEIO' else 'a'} {type_[:64]}"


def require_valid(document: Document, level: str, *, places: bool = True) -> None:
    """FhirError 422 with all that is wrong, each with its place."""
    if level == "off":
        return
    issues = structure.check(document.tree, body=document.body if places else None)
    wrong = [issue for issue in issues if issue.severity in ("error", "fatal")]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise FhirError(Kind.INVALID_RESOURCE, f"{wrong[0]}{more}", issues=issues)


def require_id(tree: Tree, id_: str) -> None:
    """FhirError 400: the resource has another id than its address, or none."""
    found = tree.get("id")
    if found != id_:
        said = f"the body has {str(found)[:64]!r}" if found is not None else "the body has no id"
        raise FhirError(
            Kind.INVALID_REQUEST,
            f"the address has the id {id_!r}, {said}; make them agree",
            expression=f"{tree.get('resourceType')}.id",
        )


def usable_id(tree: Tree) -> str:
    """The id of a body as far as it has one that could be an address; else nothing."""
    found = tree.get("id")
    return found if isinstance(found, str) and ID.fullmatch(found) else ""

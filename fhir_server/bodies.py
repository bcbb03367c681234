"""A request's body: never more of it than the limit, unpacked and as JSON; the resource it holds.

https://hl7.org/fhir/R4/http.html#create: its type is that of the address; how much of it is checked
is an option of the server (https://hl7.org/fhir/R4/validation.html).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.types import Receive

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_profiles.validation import structure
from fhir_profiles.xml_reading import XmlTrouble, to_json
from fhir_server.call import ID, Call
from fhir_server.compression import Unpacker, body_coding
from fhir_server.negotiation import FHIR_JSON, require_json
from fhir_server.options import Validation
from fhir_server.store.port import Document

_DIGITS: Final = 18  # of a Content-Length that is a number of bytes at all


class ClientGone(Exception):
    """The client hung up before its request was complete."""


async def read_body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes:
    """The whole body, unpacked.

    FhirError 413: it is larger than the limit, by its header or in fact, packed or unpacked; 415:
    it is packed in a way that is not undone here; 400: it is broken.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > limit):
        raise _too_large(limit)
    if coding := body_coding(headers):
        return await _unpacked(receive, Unpacker(coding), limit)
    parts = [part async for part in _sized(receive, limit)]
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _unpacked(receive: Receive, unpacker: Unpacker, limit: int) -> bytes:
    body = bytearray()
    async for part in _sized(receive, limit):
        for piece in unpacker.pieces(part):
            body += piece
            if len(body) > limit:
                raise _too_large(limit)
            await asyncio.sleep(0)  # others have their turn before the next 64 kB
    unpacker.finish()
    return bytes(body)


async def _sized(receive: Receive, limit: int) -> AsyncIterator[bytes]:
    """The body as it comes, up to the limit."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        yield part
        if not message.get("more_body", False):
            return


def _too_large(limit: int) -> FhirError:
    return FhirError(
        Kind.TOO_LARGE,
        f"the body is larger than the {limit} bytes that this server reads; "
        "send it in several requests",
    )


async def as_json(call: Call) -> None:
    """Turns a body in XML into JSON, once; all that follows knows JSON only.

    FhirError: 415 it is of another release, or not in UTF-8; 400 it is no resource, and where.
    """
    require_json(call.headers)
    large = len(call.body) > call.engine.options.inline_body
    try:
        call.body = await call.in_pool(to_json, call.body) if large else to_json(call.body)
    except XmlTrouble as err:
        place = err.path, err.line, err.column
        issue = Issue("fatal", Kind.INVALID_JSON.code, err.problem, *place)
        raise FhirError(Kind.INVALID_JSON, str(err), issues=[issue]) from None
    call.headers = {**call.headers, "content-type": FHIR_JSON}
    call.from_xml = True


async def document_of(call: Call) -> Document:
    """The resource in the body, checked as far as this server checks.

    FhirError: 415 it is no FHIR, 400 it cannot be read or is of another type, 422 its content is
    not what FHIR allows.
    """
    if call.document is None:
        require_json(call.headers)
    size = len(call.document.body if call.document else call.body)
    options = call.engine.options
    if size > options.inline_body or options.validation in ("full", "profile"):
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


def require_valid(document: Document, level: Validation, *, places: bool = True) -> None:
    """FhirError 422 with all that is wrong, each with its place."""
    if level == "off":
        return
    body = document.body if places else None
    if level != "structure":
        from fhir_profiles.validation import full

        issues = full.validate(document.tree, body=body, level=level)
    else:
        issues = structure.check(document.tree, body=body)
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

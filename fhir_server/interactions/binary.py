"""Binary: content as itself on the wire, as base64 in JSON (https://hl7.org/fhir/R4/binary.html).

A client that names FHIR (`Accept: application/fhir+json`, `_format=json`) gets the resource; any
other gets the content, if its Accept header allows that media type.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer, version_headers
from fhir_server.call import Call
from fhir_server.dispatch import BINARY
from fhir_server.negotiation import accepts_native, is_fhir
from fhir_server.store.port import Document, Version

SECURITY_CONTEXT = "x-security-context"


class _Content(msgspec.Struct, rename="camel"):
    content_type: str = ""
    data: str = ""


def native(call: Call, version: Version) -> Answer | None:
    """The content itself, or None if the client is to get JSON."""
    if call.format.named or call.nested:
        return None
    content = msgspec.json.decode(version.body, type=_Content)
    media = content.content_type
    if not media or is_fhir(media) or not accepts_native(call.headers.get("accept", ""), media):
        return None
    try:
        data = base64.b64decode(content.data, validate=False)
    except binascii.Error:
        return None
    headers = version_headers(version)
    # Whatever was stored here must not run as a page of this server.
    headers["Content-Security-Policy"] = "sandbox"
    return Answer(200, data, headers=headers, media=media, version=version)


def is_native(call: Call) -> bool:
    """Whether the body is the content of a Binary rather than the resource."""
    if call.type != BINARY or call.document is not None:
        return False
    content_type = call.headers.get("content-type", "")
    return bool(content_type) and not is_fhir(content_type)


async def wrapped(call: Call, id_: str = "") -> Document:
    """The resource around a content."""
    if len(call.body) > call.engine.options.inline_body:
        return await call.in_pool(_wrapped, call, id_)
    return _wrapped(call, id_)


def _wrapped(call: Call, id_: str) -> Document:
    if not call.body:
        raise FhirError(Kind.INVALID_REQUEST, "a Binary without a byte of content is none")
    tree: Tree = {"resourceType": BINARY}
    if id_:
        tree["id"] = id_
    tree["contentType"] = call.headers["content-type"]
    if context := call.headers.get(SECURITY_CONTEXT):
        tree["securityContext"] = {"reference": context}
    tree["data"] = base64.b64encode(call.body).decode()
    return Document(tree, json_text.dump(tree))

"""Document bundles: a composition and all that it refers to (https://hl7.org/fhir/R4/documents.html)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import uuid4

import msgspec

from fhir_server.bundles import BundleEntry
from fhir_server.clock import instant
from fhir_server.operations import OperationCall

IDENTIFIER_SYSTEM: Final = "urn:ietf:rfc:3986"
_dump = msgspec.json.encode


def document_bundle(call: OperationCall, entries: Iterable[BundleEntry], id_: str = "") -> bytes:
    """The text of a Bundle of type document, with an identifier of its own and the time of now."""
    parts = [b'{"resourceType":"Bundle"']
    if id_:
        parts.append(b'"id":' + _dump(id_))
    identifier = {"system": IDENTIFIER_SYSTEM, "value": f"urn:uuid:{uuid4()}"}
    parts.append(b'"identifier":' + _dump(identifier))
    parts.append(b'"type":"document"')
    parts.append(b'"timestamp":' + _dump(instant(call.clock.now())))
    parts.append(b'"entry":[' + b",".join(entry.text() for entry in entries) + b"]")
    return b",".join(parts) + b"}"

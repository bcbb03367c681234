"""Bundles put together from stored text: no resource is parsed to be listed.

https://hl7.org/fhir/R4/bundle.html; what each type of bundle needs stands there in a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from fhir_profiles.json_text import Tree
from fhir_server.clock import instant
from fhir_server.negotiation import etag
from fhir_server.store.port import Version

_dump = msgspec.json.encode  # of what is made here; there is no number in it


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """`resource` is JSON text; what is empty is left out."""

    full_url: str = ""
    resource: bytes = b""
    search: str = ""  # match, include, outcome
    request: Tree | None = None
    response: Tree | None = None

    def text(self) -> bytes:
        parts = []
        if self.full_url:
            parts.append(b'"fullUrl":' + _dump(self.full_url))
        if self.resource:
            parts.append(b'"resource":' + self.resource)
        if self.search:
            parts.append(b'"search":{"mode":"%b"}' % self.search.encode())
        if self.request:
            parts.append(b'"request":' + _dump(self.request))
        if self.response:
            parts.append(b'"response":' + _dump(self.response))
        return b"{" + b",".join(parts) + b"}"


def bundle(
    type_: str,
    entries: Iterable[BundleEntry],
    *,
    links: Sequence[tuple[str, str]] = (),
    total: int | None = None,
    tag: Tree | None = None,
) -> bytes:
    """A bundle's text. A list without members is left out, as FHIR wants it."""
    parts = [b'{"resourceType":"Bundle"']
    if tag is not None:
        parts.append(b'"meta":' + _dump({"tag": [tag]}))
    parts.append(b'"type":"%b"' % type_.encode())
    if total is not None:
        parts.append(b'"total":%d' % total)
    if links:
        listed = [{"relation": relation, "url": url} for relation, url in links]
        parts.append(b'"link":' + _dump(listed))
    texts = [entry.text() for entry in entries]
    if texts:
        parts.append(b'"entry":[' + b",".join(texts) + b"]")
    return b",".join(parts) + b"}"


def full_url(base: str, version: Version) -> str:
    return f"{base}/{version.type}/{version.id}"


def written_response(base: str, status: str, version: Version | None) -> Tree:
    """The `response` of an entry that wrote, or found, one version."""
    if version is None:
        return {"status": status}
    response: Tree = {"status": status}
    if not version.deleted:
        where = f"{base}/{version.type}/{version.id}/_history/{version.version}"
        response["location"] = where
    response["etag"] = etag(version.version)
    response["lastModified"] = instant(version.updated)
    return response

"""Entries of a batch or transaction as calls of their own (https://hl7.org/fhir/R4/bundle.html#bundle).

A resource stays the text that came: each entry's raw slice of the bundle is what will be stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Issue, Kind
from fhir_server import dispatch
from fhir_server.answers import Answer, http_date
from fhir_server.bodies import require_id, require_type
from fhir_server.call import Call
from fhir_server.clock import instant
from fhir_server.negotiation import GENERAL, pairs
from fhir_server.store.port import Document

_RAW = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_HEADERS: Final[Mapping[str, str]] = {
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifNoneExist": "if-none-exist",
}


@dataclass(slots=True)
class Entry:
    """One entry: what it asks as a call, and what others of its bundle call its resource."""

    index: int
    call: Call
    full_url: str

    @property
    def document(self) -> Document:
        """FhirError 400: the entry has no resource, and its method needs one."""
        return self.require_document()

    def require_document(self) -> Document:
        if self.call.document is None:
            raise FhirError(
                Kind.INVALID_REQUEST,
                f"a {self.call.method} needs a resource",
                expression="resource",
            )
        return self.call.document


def raw_resources(body: bytes) -> list[bytes | None]:
    """The text of each entry's resource, None where it has none."""
    listed = json_text.members(body).get("entry", b"[]")
    return [
        bytes(entry["resource"]) if "resource" in entry else None for entry in _RAW.decode(listed)
    ]


def entry_of(call: Call, index: int, tree: Any, raw: bytes | None) -> Entry:
    """Reads one entry. FhirError: it asks for nothing that can be done, or its parts disagree."""
    request = tree.get("request") if isinstance(tree, dict) else None
    if not isinstance(request, dict):
        raise FhirError(
            Kind.INVALID_REQUEST, "the entry has no request (method and url)", expression="request"
        )
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        raise FhirError(
            Kind.INVALID_REQUEST, "a request has a method and a url", expression="request"
        )
    resource = tree.get("resource")
    document = None
    if isinstance(resource, dict) and raw is not None:
        document = Document(resource, raw)
    inner = _inner(call, method, url, request, document)
    full_url = tree.get("fullUrl")
    entry = Entry(index, inner, full_url if isinstance(full_url, str) else "")
    code = inner.interaction.code
    if inner.id and code in ("update", "patch", "delete"):
        inner.require_id()
    if code in ("create", "update"):
        require_type(entry.document.tree, inner.type)
        if inner.id:
            require_id(entry.document.tree, inner.id)
    if code == "patch":
        entry.require_document()
    return entry


def _inner(call: Call, method: str, url: str, request: Tree, document: Document | None) -> Call:
    below = url.removeprefix(call.base) if url.startswith(f"{call.base}?") else url
    path, _, query = below.removeprefix(f"{call.base}/").partition("?")
    path = path.strip("/")
    everywhere = bool(query) and method in ("GET", "HEAD")  # [base]?_type=...
    row = call.engine.table.find("/" + unquote(path)) if path or everywhere else None
    if row is None:
        raise FhirError(
            Kind.INVALID_REQUEST,
            f"{url[:200]!r} is no address below [base] that an entry can have",
            expression="request.url",
        )
    methods, names = row
    interaction = methods.get("GET" if method == "HEAD" else method)
    if interaction is None:
        raise FhirError(
            Kind.METHOD_NOT_ALLOWED,
            f"{method[:20]} is not possible at {path[:200]!r}; "
            f"{', '.join(dispatch.allowed(methods))} is",
            expression="request.method",
        )
    inner = replace(
        call,
        interaction=interaction,
        method=method,
        headers=_headers(call, request),
        query=[pair for pair in pairs(query) if pair[0] not in GENERAL],
        document=document,
        body=b"",
        query_text=query,
        patient="",
        audited=False,
        nested=True,
    )
    dispatch.fill(inner, names)
    dispatch.require_served(inner)
    return inner


def _headers(call: Call, request: Tree) -> dict[str, str]:
    given = call.prefer
    preferences = [f"return={given.returns or 'minimal'}"]
    if given.handling:
        preferences.append(f"handling={given.handling}")
    headers = {"prefer": ", ".join(preferences)}
    for name, header in _HEADERS.items():
        if isinstance(value := request.get(name), str):
            headers[header] = value
    if isinstance(since := request.get("ifModifiedSince"), str):
        headers["if-modified-since"] = _http_date(since)
    return headers


def _http_date(text: str) -> str:
    """An instant, as the header has it. FhirError 400: it is none."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return http_date(moment)
    except (ValueError, OverflowError):
        pass
    raise FhirError(
        Kind.INVALID_REQUEST,
        f"ifModifiedSince is an instant with its zone, not {text[:40]!r}",
        expression="request.ifModifiedSince",
    )


# ---- answers -----------------------------------------------------------------------------------


def located(err: FhirError, index: int) -> FhirError:
    """The same error, said of an entry: `Bundle.entry[3].resource.name`."""
    here = f"Bundle.entry[{index}]"
    issues = [replace(issue, expression=_inside(here, issue)) for issue in err.issues]
    return FhirError(err.kind, f"{here}: {err.diagnostics}", issues=issues)


def _inside(here: str, issue: Issue) -> str:
    said = issue.expression
    if said.startswith("Bundle"):
        return said
    if said in ("", "resource") or said.startswith(("request", "fullUrl")):
        return f"{here}.{said}" if said else here
    first, _, rest = said.partition(".")
    inside = rest if first[:1].isupper() else said.removeprefix("resourceType")
    return f"{here}.resource.{inside}" if inside else f"{here}.resource"


def status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def response_of(answer: Answer, *, head: bool = False) -> tuple[bytes, Tree]:
    """An answer as the `resource` and `response` of an entry; of HEAD only the latter."""
    headers = answer.headers
    response: Tree = {"status": status_line(answer.status)}
    for name, header in (("location", "Location"), ("etag", "ETag")):
        if header in headers:
            response[name] = headers[header]
    if answer.version is not None:
        response["lastModified"] = instant(answer.version.updated)
    if answer.outcome is not None:
        response["outcome"] = answer.outcome
        return b"", response
    return b"" if head else answer.content(), response

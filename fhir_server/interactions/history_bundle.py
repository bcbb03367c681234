"""Versions as entries of a history bundle (https://hl7.org/fhir/R4/bundle.html#history)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url, written_response
from fhir_server.interactions.history_request import Asked
from fhir_server.store.port import Version
from fhir_server.subsets import subset

_STATUS: Final[Mapping[str, str]] = {
    "POST": "201 Created",
    "PUT": "200 OK",
    "PATCH": "200 OK",
    "DELETE": "204 No Content",
}


def history_answer(
    base: str,
    path: str,
    asked: Asked,
    versions: Iterable[Version],
    *,
    total: int | None,
    following: str | None,
) -> Answer:
    """A page; `following` is where the next one begins."""
    links = [("self", asked.link(f"{base}/{path}", asked.page))]
    if following is not None:
        links.append(("next", asked.link(f"{base}/{path}", following)))
    entries = [_entry(base, asked, version) for version in versions]
    return Answer(body=bundle("history", entries, links=links, total=total))


def _entry(base: str, asked: Asked, version: Version) -> BundleEntry:
    status = _STATUS[version.method]
    if version.method == "PUT" and version.version == 1:
        status = "201 Created"
    url = version.type if version.method == "POST" else f"{version.type}/{version.id}"
    body = version.body
    if body and (asked.elements or asked.summary):
        body = subset(body, version.type, asked.elements, asked.summary)
    return BundleEntry(
        full_url=full_url(base, version),
        resource=body,
        request={"method": version.method, "url": url},
        response=written_response(base, status, version),
    )

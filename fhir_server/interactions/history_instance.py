"""history of one resource, newest first (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url, written_response
from fhir_server.call import Call
from fhir_server.interactions.read import unknown
from fhir_server.page_tokens import PARAMETER
from fhir_server.store.port import Version
from fhir_server.subjects import patient_of_body

_STATUS = {"POST": "201 Created", "PUT": "200 OK", "DELETE": "204 No Content"}


def history_instance(call: Call) -> Answer:
    """A history bundle; its pages go on by version number. 404: never there."""
    id_ = call.require_id()
    before, count = _asked(call)
    newest = call.reader.read(call.type, id_)
    if newest is None:
        raise unknown(call)
    versions = call.reader.history(call.type, id_, count=count + 1, before=before)
    page = versions[:count]
    if call.engine.audit is not None and (alive := next((v for v in page if v.body), None)):
        call.patient = patient_of_body(alive.type, alive.id, alive.body)
    links = [("self", _link(call, before, count))]
    if len(versions) > count and page:
        links.append(("next", _link(call, page[-1].version, count)))
    # Versions are numbered without gaps, so the newest number is how many there are.
    entries = [_entry(call.base, version) for version in page]
    return Answer(body=bundle("history", entries, links=links, total=newest.version))


def _asked(call: Call) -> tuple[int | None, int]:
    """`_page` (a version number, exclusive) and `_count`."""
    before, count = None, call.engine.options.page_size
    for name, value in call.query:
        if name in ("_since", "_at", "_list"):
            raise not_supported.error("history-time")
        if name in ("_count", PARAMETER):
            number = _number(name, value)
            if name == "_count":
                count = min(number, call.engine.options.max_page_size)
            else:
                before = number
    call.require_known("_count", PARAMETER)
    return before, count


def _number(name: str, value: str) -> int:
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return int(value)
    raise FhirError(Kind.BAD_PARAMETER, f"{name} is a whole number, not {value[:40]!r}")


def _link(call: Call, before: int | None, count: int) -> str:
    page = f"&{PARAMETER}={before}" if before is not None else ""
    return f"{call.base}/{call.type}/{call.id}/_history?_count={count}{page}"


def _entry(base: str, version: Version) -> BundleEntry:
    status = _STATUS[version.method]
    if version.method == "PUT" and version.version == 1:
        status = "201 Created"
    url = version.type if version.method == "POST" else f"{version.type}/{version.id}"
    return BundleEntry(
        full_url=full_url(base, version),
        resource=version.body,
        request={"method": version.method, "url": url},
        response=written_response(base, status, version),
    )

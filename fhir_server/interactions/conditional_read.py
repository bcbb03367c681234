"""conditional read: not again what the client has (https://hl7.org/fhir/R4/http.html#cread)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from fhir_server.call import Call
from fhir_server.negotiation import etags
from fhir_server.store.port import Version


def unchanged(call: Call, version: Version) -> bool:
    """Whether the client has this version already, as far as it says so.

    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2: a date counts only without an ETag, and
    is one of whole seconds.
    """
    headers = call.headers
    if (known := headers.get("if-none-match")) is not None:
        return not etags(known).isdisjoint(("*", str(version.version)))
    if (text := headers.get("if-modified-since")) is None:
        return False
    since = http_moment(text)
    return since is not None and version.updated.replace(microsecond=0) <= since


def http_moment(text: str) -> datetime | None:
    """What an HTTP date says; None: it is none, so that it counts as not sent."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None

"""An answer before it is sent: status, body as bytes, headers (https://hl7.org/fhir/R4/http.html)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import Issue, outcome
from fhir_server.negotiation import etag
from fhir_server.store.port import Version

_DAYS: Final = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


@dataclass(slots=True)
class Answer:
    """`media` is empty for FHIR: then the client's own wish decides. `tree` is written if there is
    no `body`. `version` is the one resource that the answer is about, if it is about one."""

    status: int = 200
    body: bytes = b""
    tree: Tree | None = None
    headers: dict[str, str] = field(default_factory=dict)
    media: str = ""
    version: Version | None = None
    outcome: Tree | None = None  # what went wrong, where it is one entry of a batch

    def content(self) -> bytes:
        if not self.body and self.tree is not None:
            self.body = json_text.dump(self.tree)
        return self.body


def resource(version: Version, status: int = 200) -> Answer:
    """One version of a resource with the headers that say which."""
    return Answer(status, version.body, headers=version_headers(version), version=version)


def version_headers(version: Version) -> dict[str, str]:
    return {"ETag": etag(version.version), "Last-Modified": http_date(version.updated)}


def http_date(moment: datetime) -> str:
    """https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7; the library's own takes four times as
    long, and every answer has one."""
    utc = moment.astimezone(UTC)
    return (
        f"{_DAYS[utc.weekday()]}, {utc.day:02} {_MONTHS[utc.month - 1]} {utc.year} "
        f"{utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT"
    )


def told(status: int, issues: Iterable[Issue]) -> Answer:
    """An answer that is nothing but an OperationOutcome."""
    said = outcome(issues)
    return Answer(status, tree=said, outcome=said)

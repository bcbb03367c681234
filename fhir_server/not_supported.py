"""What this server does not do, in one table: it answers requests, feeds the docs and is tested.

Rows are interactions of https://hl7.org/fhir/R4/http.html that somebody may look for. Each is
answered 501 with an OperationOutcome that names the item; none is announced in the
CapabilityStatement, whose `rest.documentation` carries this list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.routing import Interaction


@dataclass(frozen=True, slots=True)
class Missing:
    """`request` is an example, ``METHOD path``; `instead` is what can be done today."""

    item: str
    request: str
    instead: str


NOT_SUPPORTED: Final[Mapping[str, Missing]] = MappingProxyType(
    {
        "history-type": Missing(
            "history of a type",
            "GET Patient/_history",
            "read the history of one resource: Patient/[id]/_history",
        ),
        "history-system": Missing(
            "history of the whole server",
            "GET _history",
            "read the history of one resource: Patient/[id]/_history",
        ),
        "history-time": Missing(
            "_since, _at and _list on a history",
            "GET Patient/1/_history?_since=2026-01-01",
            "page through the whole history, newest first",
        ),
        "patch": Missing(
            "PATCH",
            "PATCH Patient/1",
            "read the resource, change it, PUT it with If-Match",
        ),
        "patch-conditional": Missing(
            "conditional PATCH",
            "PATCH Patient?identifier=1",
            "search, change what was found, PUT it with If-Match",
        ),
        "delete-conditional": Missing(
            "conditional delete",
            "DELETE Patient?identifier=1",
            "search, then DELETE what was found by its id",
        ),
        "search-system": Missing(
            "search over all types",
            "GET ?_lastUpdated=gt2026-01-01",
            "search type by type: Patient?...",
        ),
        "search-compartment": Missing(
            "search within a compartment",
            "GET Patient/1/Observation",
            "use the parameter for it: Observation?patient=1",
        ),
        "terminology-capabilities": Missing(
            "TerminologyCapabilities",
            "GET metadata?mode=terminology",
            "read the CapabilityStatement: metadata",
        ),
    }
)

OTHER: Final = (
    "XML and Turtle (406, 415)",
    "compressed request bodies (415)",
    "If-Modified-Since (ignored)",
    "asynchronous answers, Prefer: respond-async (ignored)",
    "referential integrity: a reference may lead nowhere",
)
"""What has no request of its own to be refused."""


def error(key: str) -> FhirError:
    """The 501 for an item of the table."""
    missing = NOT_SUPPORTED[key]
    return FhirError(
        Kind.NOT_IMPLEMENTED,
        f"{missing.item} is not supported; instead {missing.instead}. "
        "The whole list stands in rest.documentation of [base]/metadata",
    )


def unsupported(key: str) -> Interaction:
    """The item as an entry of the route table."""

    async def answer(call: Any) -> Answer:
        raise error(key)

    return Interaction(key, answer, supported=False)


def as_markdown() -> str:
    """The list for people."""
    rows = [
        f"- {missing.item} (`{missing.request}`): {missing.instead}"
        for missing in NOT_SUPPORTED.values()
    ]
    return "\n".join(["Not supported:", "", *rows, *(f"- {item}" for item in OTHER)])

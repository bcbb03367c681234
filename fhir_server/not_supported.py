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
from fhir_server.search.conditions import NOT_SERVED


@dataclass(frozen=True, slots=True)
class Missing:
    """`request` is an example, ``METHOD path``; `instead` is what can be done today."""

    item: str
    request: str
    instead: str


NOT_SUPPORTED: Final[Mapping[str, Missing]] = MappingProxyType(
    {
        "history-list": Missing(
            "_list on a history",
            "GET Patient/_history?_list=1",
            "read the histories of what the list names one by one",
        ),
        "operation-closure": Missing(
            "$closure, a closure table that is kept up",
            "POST $closure",
            "ask for pairs of codes: CodeSystem/$subsumes",
        ),
        **{
            f"search-{code}": Missing(f"{code} in a search", f"GET Patient?{code}=x", instead)
            for code, instead in NOT_SERVED.items()
        },
    }
)

OTHER: Final = (
    "Turtle (406, 415)",
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

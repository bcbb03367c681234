"""What a server may announce, and the chapter of the specification whose cases prove it.

https://hl7.org/fhir/R4. The CapabilityStatement names an interaction only if it stands here, and
tests/fhir_server/test_chapters.py fails for a row whose chapter has no case.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INTERACTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "read": "http.html#read",
        "vread": "http.html#vread",
        "update": "http.html#update",
        "patch": "http.html#patch",
        "delete": "http.html#delete",
        "create": "http.html#create",
        "history-instance": "http.html#history",
        "history-type": "http.html#history",
        "history-system": "http.html#history",
        "search-type": "http.html#search",
        "search-system": "search.html#context",
        "search-compartment": "search.html#context",
        "transaction": "http.html#trules",
        "batch": "http.html#brules",
        "capabilities": "capabilitystatement.html",
        "operation": "operations.html",
    }
)
"""Interactions of the route table (https://hl7.org/fhir/R4/valueset-restful-interaction.html)."""

PARAMETER_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "number": "search.html#number",
        "date": "search.html#date",
        "string": "search.html#string",
        "token": "search.html#token",
        "reference": "search.html#reference",
        "composite": "search.html#combining",
        "quantity": "search.html#quantity",
        "uri": "search.html#uri",
        "special": "location.html#positional",
    }
)
"""Types of search parameters; each is announced with the parameters that have it."""

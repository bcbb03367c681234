"""The next page of a search, kept here under a token that says nothing.

A `next` link (https://hl7.org/fhir/R4/http.html#paging) ends up in histories and access logs, so it
must not repeat a query that may name a person. The table is bounded; who comes too late repeats
the search.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.request import SearchRequest

PARAMETER: Final = "_page"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that somebody may ask for: the search with its cursor, and who began it."""

    request: SearchRequest
    caller: str
    query: str  # as it was given, for the audit trail


class Pages:
    """Tokens and what they stand for; the ones untouched longest go first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, page: Page) -> str:
        token = secrets.token_urlsafe(16)
        with self._lock:
            self._pages[token] = page
            if len(self._pages) > self._capacity:
                self._pages.popitem(last=False)
        return token

    def find(self, token: str, *, type_: str, caller: str) -> Page:
        """FhirError 404: unknown, forgotten, or not this caller's."""
        with self._lock:
            page = self._pages.get(token)
            if page is not None:
                self._pages.move_to_end(token)
        if page is None or page.caller != caller or page.request.type != type_:
            raise FhirError(
                Kind.NOT_FOUND,
                f"this page of the search is no longer kept ({PARAMETER} is unknown); "
                "repeat the search from its first page",
            )
        return page

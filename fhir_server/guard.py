"""Who is asking: a guard turns a request into a caller, or refuses it.

https://hl7.org/fhir/R4/security.html leaves the how to the server. What a caller may see is not
decided here: that is the store which `store_for(caller)` gives (design decision 15).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from starlette.requests import HTTPConnection

REQUESTER: Final = "X-Requester"  # who asks, where nobody has to prove it
PURPOSE: Final = "X-Purpose-Of-Use"
FACILITY: Final = "X-Facility"  # on whose behalf; noted in the audit trail, never believed

_SAID: Final = (REQUESTER.lower().encode(), PURPOSE.lower().encode())

MAX_WORD: Final = 128  # of a header that ends up in the audit trail


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request. `purpose` is a v3-ActReason code such as TREAT."""

    id: str
    purpose: str | None = None
    name: str = ""


class Guard(Protocol):
    async def admit(self, request: HTTPConnection) -> Caller:
        """Who this is. FhirError 401 or 403: nobody we serve."""
        ...


class OpenGuard:
    """Lets everybody in and believes what they say of themselves: for a machine of one's own."""

    async def admit(self, request: HTTPConnection) -> Caller:
        # One pass over the headers: this runs for every request.
        said = {name: value for name, value in request.headers.raw if name in _SAID}
        return Caller(
            id=plain_word(said.get(_SAID[0], b"").decode("latin-1")) or "anonymous",
            purpose=plain_word(said.get(_SAID[1], b"").decode("latin-1")) or None,
        )


def plain_word(text: str | None) -> str:
    """A header's value as it may stand in the audit trail: short and printable."""
    if not text:
        return ""
    word = text.strip()[:MAX_WORD]
    return word if word.isprintable() else "".join(c for c in word if c.isprintable())

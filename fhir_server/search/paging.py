"""Cursors: where a page ended (https://hl7.org/fhir/R4/http.html#paging).

A cursor names the last resource and its version, from which its place in the order follows even
if it has changed since; the newest resource of the first page, so that later ones do not join; and
the total. It holds no patient data.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.search.request import CURSOR

CHEAP_TOTAL = 1000  # matches that are counted even if nobody asked


@dataclass(frozen=True, slots=True)
class Cursor:
    """Resource keys are a store's own: they grow in the order in which resources were created."""

    mark: int
    key: int
    version: int
    total: int | None

    def text(self) -> str:
        total = "" if self.total is None else self.total
        plain = f"{self.mark}.{self.key}.{self.version}.{total}"
        return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor:
        """FhirError (400): not a cursor of ours."""
        try:
            plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
            mark, key, version, total = plain.split(".")
            numbers = [int(mark), int(key), int(version), int(total or 0)]
        except (binascii.Error, ValueError):
            raise no_such_page() from None
        if not all(0 <= number < 2**62 for number in numbers):
            raise no_such_page()
        return cls(numbers[0], numbers[1], numbers[2], numbers[3] if total else None)


def no_such_page() -> FhirError:
    return FhirError(
        Kind.BAD_PARAMETER,
        f"{CURSOR}: there is no such page (any more); follow the next link of a fresh search",
    )

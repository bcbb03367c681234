"""What both kinds of patch have in common: operations one after the other, all or none.

https://hl7.org/fhir/R4/http.html#patch
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from fhir_profiles.json_text import MAX_DEPTH, Tree
from fhir_profiles.outcomes import FhirError, Kind

MAX_OPERATIONS: Final = 1000  # of one patch; who changes more sends the whole resource


class Patch(Protocol):
    """A patch that was read and can be applied to a resource."""

    def apply(self, tree: Tree) -> Tree:
        """The changed resource; the one that was given is used up.

        FhirError 422: an operation cannot be carried out on this resource; which, and why.
        """
        ...


def require_few(count: int) -> None:
    """FhirError 413: more operations than a patch may have."""
    if count > MAX_OPERATIONS:
        raise FhirError(
            Kind.TOO_LARGE,
            f"the patch has {count} operations, {MAX_OPERATIONS} are possible; "
            "send several patches, or the whole resource with PUT",
        )


def unreadable(number: int, problem: str, *, expression: str = "") -> FhirError:
    """400: an operation that makes no sense on any resource. `number` counts from 1."""
    return FhirError(
        Kind.INVALID_REQUEST, f"operation {number}: {problem}"[:1000], expression=expression
    )


def impossible(number: int, problem: str, *, expression: str = "") -> FhirError:
    """422: an operation that cannot be carried out on this resource."""
    return FhirError(
        Kind.BUSINESS_RULE, f"operation {number}: {problem}"[:1000], expression=expression
    )


class Effort:
    """What is left of the work that one patch may take; a limit on operations alone is none."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, work: int) -> None:
        """TooMuch: nothing is left."""
        self._left -= work
        if self._left < 0:
            raise TooMuch("this takes too long on this resource; send the whole resource with PUT")


class TooMuch(ValueError):
    """More work than a patch may take."""


def measure(value: Any) -> tuple[int, int, int]:
    """How deep a value is nested, how many values are in it, how many letters in these."""
    deepest, count, letters = 0, 0, 0
    waiting: list[tuple[Any, int]] = [(value, 0)]
    while waiting and deepest <= MAX_DEPTH:  # deeper is refused anyway
        one, depth = waiting.pop()
        count += 1
        letters += len(one) if isinstance(one, str) else 0
        if isinstance(one, (dict, list)):
            depth += 1
            deepest = max(deepest, depth)
            inside = one.values() if isinstance(one, dict) else one
            waiting.extend((part, depth) for part in inside)
    return deepest, count, letters

"""Versions of code systems that a caller wants (https://hl7.org/fhir/R4/valueset-operation-expand.html).

`system-version` for a system of which no version is named, `force-system-version` in any case,
`check-system-version`: another one is an error.
"""

from __future__ import annotations

from collections.abc import Iterable

from fhir_profiles.terminology.catalogue import Terminology
from fhir_profiles.terminology.expanding import Expansion, expand
from fhir_profiles.terminology.membership import System
from fhir_profiles.terminology.reading import TermError, split
from fhir_profiles.terminology.value_set import ValueSet


class Pinned:
    """What is known, seen through versions; each as ``system|version``."""

    def __init__(
        self,
        terms: Terminology,
        default: Iterable[str] = (),
        checked: Iterable[str] = (),
        forced: Iterable[str] = (),
    ) -> None:
        self._terms = terms
        self._default, self._checked, self._forced = (
            dict(split(one) for one in listed) for listed in (default, checked, forced)
        )

    def system(self, url: str, version: str | None = None) -> System | None:
        wanted = self._forced.get(url) or version or self._default.get(url)
        wanted = wanted or self._checked.get(url)
        checked = self._checked.get(url)
        if checked and wanted != checked:
            raise TermError(
                "invalid", f"{url} has to be of version {checked}, and is asked for as {wanted}"
            )
        return self._terms.system(url, wanted)

    def value_set(self, canonical: str) -> ValueSet | None:
        return self._terms.value_set(canonical)

    def expansion(self, value_set: ValueSet) -> Expansion:
        return expand(value_set, self)

"""The consent registry: what people stated, as provisions for the rulebook (IHE PCF, ITI-108)."""

from __future__ import annotations

from collections.abc import Iterable

from coordinator.rules.consent import Provision
from coordinator.services import own_search
from coordinator.services.facts_from_fhir import provisions
from fhir_profiles.json_text import parse
from fhir_server.store.port import Store


class Consents:
    """Reads the Consents of the coordinator's own store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def provisions(self, subjects: Iterable[str]) -> list[Provision]:
        """Of these registrations ("system|value"): a person's word holds for all of them.

        A Consent may name its patient by record number or by reference to the Patient here.
        """
        found = own_search.about(self._store, "Consent", "patient.identifier", subjects)
        return [p for version in found for p in provisions(parse(version.body))]

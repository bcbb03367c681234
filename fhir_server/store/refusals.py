"""What every store refuses in the same words."""

from __future__ import annotations

from datetime import tzinfo

from fhir_profiles.outcomes import FhirError, Kind


def closed() -> FhirError:
    return FhirError(Kind.UNAVAILABLE, "the store is closed; the server is stopping")


def exists_already(type_: str, id_: str) -> FhirError:
    return FhirError(
        Kind.CONFLICT,
        f"{type_}/{id_} exists already; a bulk load brings new resources only, nothing was loaded",
    )


def hidden_from_writer(type_: str, id_: str) -> FhirError:
    return FhirError(Kind.FORBIDDEN, f"{type_}/{id_} cannot be written by this caller")


def not_for_a_view(what: str) -> FhirError:
    return FhirError(Kind.FORBIDDEN, f"{what} is not for somebody who sees a part of the store")


def out_of_time(budget: float) -> FhirError:
    return FhirError(
        Kind.TIME_OUT,
        f"the search took longer than {budget:g} s; add a parameter that selects more",
    )


def check_zone(searched: tzinfo | None, stored: tzinfo) -> None:
    """A search with dates reads them in the zone of the index. ValueError: it was wired wrongly."""
    if searched is not None and str(searched) != str(stored):
        raise ValueError(
            f"the search reads dates in {searched}, the store in {stored}; "
            "give parse() and open_store() the same zone"
        )

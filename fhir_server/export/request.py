"""What a kick-off asks for (https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from fhir_profiles.definitions.compartments import compartments
from fhir_profiles.definitions.tables import resource_types
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.negotiation import pairs
from fhir_server.operations import OperationCall
from fhir_server.search.parse import parse
from fhir_server.search.request import SearchRequest
from fhir_server.subsets import wanted

NDJSON: Final = "application/fhir+ndjson"
_FORMATS: Final = (NDJSON, "application/fhir ndjson", "application/ndjson", "ndjson")
_LISTS: Final = ("_type", "_typeFilter", "_elements")
SUPPORTED: Final = ("_outputFormat", "_since", "_until", *_LISTS, "patient")


@dataclass(frozen=True, slots=True)
class Request:
    """`level` is "" for the whole server, else Patient or Group; `patients` empty means all.

    `filters` are searches as text, `Type?query`, alternatives of one another within a type.
    """

    level: str = ""
    group: str = ""
    types: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    filters: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    def elements_of(self, type_: str) -> tuple[str, ...]:
        """Names for `_elements` that are meant for this type."""
        found = (name.rpartition(".") for name in self.elements)
        return tuple(name for type_of, _, name in found if type_of in ("", type_))

    def to_json(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Request:
        parts: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in given.items()
        }
        return cls(**parts)


def request_of(call: OperationCall) -> Request:
    """FhirError 400: a parameter that is unknown, or has no meaning here."""
    preferences = call.headers.get("prefer", "").replace(";", ",").split(",")
    if "respond-async" not in (word.strip().lower() for word in preferences):
        raise FhirError(
            Kind.INVALID_REQUEST,
            "an export takes its time; send the header 'Prefer: respond-async' and ask for the "
            "status at the address in Content-Location",
        )
    given = _given(call)
    _check_format(given.get("_outputFormat", []))
    level = call.type
    served = _exportable(level)
    types = _types(given.get("_type", []), served, level)
    filters = tuple(given.get("_typeFilter", []))
    for text in filters:
        type_ = search_of(text, call.zone, call.base, call.clock.now()).type
        if type_ not in (types or served):
            raise FhirError(
                Kind.BAD_PARAMETER, f"_typeFilter: {text[:80]!r} is of a type that is not exported"
            )
    return Request(
        level=level,
        group=call.id if level == "Group" else "",
        types=types,
        since=_moment("_since", given.get("_since", [])),
        until=_moment("_until", given.get("_until", [])),
        filters=filters,
        elements=_elements(given.get("_elements", []), types),
        patients=_patients(given.get("patient", []), call),
    )


def search_of(text: str, zone: tzinfo, base: str, now: datetime) -> SearchRequest:
    """One `_typeFilter` as a search. FhirError 400: it is none."""
    type_, mark, query = text.partition("?")
    if type_ not in resource_types() or not mark:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_typeFilter: {text[:80]!r} is not of the form Type?parameter=value",
        )
    try:
        found = parse(type_, pairs(query), zone=zone, base=base, now=now)
    except FhirError as err:
        raise FhirError(err.kind, f"_typeFilter: {err}") from None
    if found.include or found.revinclude or found.sort or found.summary or found.elements:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"_typeFilter: {text[:80]!r} says more than which resources are meant; "
            "leave out _include, _sort, _summary and _elements",
        )
    return found


def _given(call: OperationCall) -> dict[str, list[str]]:
    """Values by name, from the query or a Parameters body; comma lists taken apart."""
    found: dict[str, list[str]] = {}
    pairs_: Sequence[tuple[str, Any]] = [
        (name, value) for name, value in call.query if not name.startswith(("_format", "_pretty"))
    ]
    if call.document is not None:
        listed = call.document.tree.get("parameter")
        names = {part.get("name") for part in listed or [] if isinstance(part, dict)}
        pairs_ = [(str(name), value) for name in names for value in call.parameters(str(name))]
    for name, value in pairs_:
        if name not in SUPPORTED:
            raise FhirError(
                Kind.UNKNOWN_PARAMETER,
                f"$export has no parameter {name[:80]!r}; supported: {', '.join(SUPPORTED)}",
            )
        text = value.get("reference", "") if isinstance(value, dict) else str(value)
        parts = text.split(",") if name in ("_type", "_elements") else [text]
        found.setdefault(name, []).extend(part.strip() for part in parts if part.strip())
    return found


def _check_format(given: Sequence[str]) -> None:
    for name in given:
        if name not in _FORMATS:
            raise FhirError(
                Kind.BAD_PARAMETER, f"_outputFormat: {name[:80]!r} is not written; {NDJSON} is"
            )


def _exportable(level: str) -> frozenset[str]:
    if not level:
        return resource_types() - {"Binary"}
    return frozenset(compartments()["Patient"]) | {"Patient"}


def _types(given: Sequence[str], served: frozenset[str], level: str) -> tuple[str, ...]:
    for name in given:
        if name not in resource_types():
            raise FhirError(Kind.BAD_PARAMETER, f"_type: R4 has no resource type {name[:80]!r}")
        if name not in served:
            where = "exported" if not level else "in a patient's compartment"
            raise FhirError(Kind.BAD_PARAMETER, f"_type: {name} is not {where}")
    return tuple(dict.fromkeys(given))


def _moment(name: str, given: Sequence[str]) -> str:
    if not given:
        return ""
    text = given[0].replace(" ", "+")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or len(given) > 1:
        raise FhirError(
            Kind.BAD_PARAMETER,
            f"{name}: {','.join(given)[:80]!r} is not one instant with a zone, "
            "as in 2026-01-31T08:00:00+07:00",
        )
    return moment.isoformat()


def _elements(given: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
    for name in given:
        type_, _, element = name.rpartition(".")
        if type_ and type_ not in resource_types():
            raise FhirError(Kind.BAD_PARAMETER, f"_elements: R4 has no type {type_[:80]!r}")
        for one in [type_] if type_ else types:
            wanted(one, [("_elements", element)])
    return tuple(dict.fromkeys(given))


def _patients(given: Sequence[str], call: OperationCall) -> tuple[str, ...]:
    if given and call.type not in ("Patient", "Group"):
        raise FhirError(
            Kind.BAD_PARAMETER, "patient: only an export of Patient or Group is for some patients"
        )
    if given and call.document is None:
        raise FhirError(
            Kind.BAD_PARAMETER,
            "patient: is given in a Parameters body, by POST, not in the address",
        )
    ids = []
    for reference in given:
        type_, slash, id_ = reference.removeprefix(f"{call.base}/").partition("/")
        if type_ != "Patient" or not slash:
            raise FhirError(Kind.BAD_PARAMETER, f"patient: {reference[:80]!r} is not Patient/[id]")
        ids.append(id_)
    return tuple(ids)

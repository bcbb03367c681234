"""What a server says of itself: the CapabilityStatement, made from what is there.

https://hl7.org/fhir/R4/capabilitystatement.html. Interactions come from the route table, parameters
from the search module, operations from the registry: nothing is announced by hand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fhir_profiles.definitions import tables
from fhir_profiles.definitions.compartments import compartments
from fhir_profiles.json_text import Tree
from fhir_server.chapters import INTERACTIONS
from fhir_server.not_supported import as_markdown
from fhir_server.operations import Operation, Registry
from fhir_server.routing import Table
from fhir_server.search.includes import references_of
from fhir_server.search.parameters import supported

AUDIT_EVENT: Final = "AuditEvent"
WRITES: Final = frozenset({"create", "update", "patch", "delete"})
_TYPE_LEVEL: Final = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
PATCH_FORMATS: Final = (
    "application/json-patch+json",
    "application/fhir+json",
    "application/fhir+xml",
)
_SYSTEM_LEVEL: Final = ("transaction", "batch", "history-system", "search-system")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What is particular about a server. No `types` are all of R4.

    Clients only read types that are `read_only`: this server's own code writes them.
    """

    software: str
    version: str
    description: str
    types: Collection[str] = ()
    read_only: Collection[str] = ()

    served: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        for type_ in (*self.types, *self.read_only):
            if type_ not in tables.resource_types():
                raise ValueError(f"{type_!r} is not a resource type of R4")
        # A frozen class has no other way to a field that follows from others.
        object.__setattr__(self, "served", frozenset(self.types) or tables.resource_types())

    def refuses(self, type_: str, code: str) -> bool:
        """Whether clients may not do this with resources of that type."""
        if type_ in self.read_only:
            return code in WRITES
        # A trail that can be changed is none; a client may add to it (IHE ITI-20 by FHIR).
        return type_ == AUDIT_EVENT and code in ("update", "patch", "delete")


def capability_statement(
    capabilities: Capabilities,
    table: Table,
    operations: Registry,
    *,
    base: str,
    date: str,
    delete_multiple: bool = False,
) -> Tree:
    """The statement. `date` is a FHIR dateTime, `base` this server's address."""
    conditional_delete = "multiple" if delete_multiple else "single"
    codes = supported_codes(table)
    rest: Tree = {
        "mode": "server",
        "documentation": as_markdown(),
        "resource": [
            _resource(capabilities, codes, operations, type_, conditional_delete)
            for type_ in sorted(capabilities.served)
        ],
        "interaction": [{"code": code} for code in _SYSTEM_LEVEL if code in codes],
        "searchParam": [
            *({"name": code, "type": "special"} for code in ("_has", "_list", "_type")),
            *(
                {"name": code, "definition": one.url, "type": one.type}
                for code, one in supported("Basic").items()
                if code.startswith("_")
            ),
        ],
    }
    if own := operations.on(""):
        rest["operation"] = _operations(own)
    if "search-compartment" in codes:
        rest["compartment"] = [
            f"http://hl7.org/fhir/CompartmentDefinition/{name.lower()}" for name in compartments()
        ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "publisher": capabilities.software,
        "kind": "instance",
        "software": {"name": capabilities.software, "version": capabilities.version},
        "implementation": {"description": capabilities.description, "url": base},
        "fhirVersion": tables.FHIR_VERSION,
        "format": ["application/fhir+json", "json", "application/fhir+xml", "xml"],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [rest],
    }


def supported_codes(table: Table) -> frozenset[str]:
    """Codes of the interactions in a route table that do something and that are tested."""
    found = {
        interaction.code
        for methods in table.rows.values()
        for interaction in methods.values()
        if interaction.supported and interaction.code in INTERACTIONS
    }
    # POST [base] takes both; which one it is stands in the bundle.
    return frozenset(found | {"batch"} if "transaction" in found else found)


def _resource(
    capabilities: Capabilities,
    codes: Collection[str],
    operations: Registry,
    type_: str,
    conditional_delete: str,
) -> Tree:
    allowed = [
        code for code in _TYPE_LEVEL if code in codes and not capabilities.refuses(type_, code)
    ]
    tree: Tree = {
        "type": type_,
        "interaction": [{"code": code} for code in allowed],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": "update" in allowed,
        "conditionalCreate": "create" in allowed,
        "conditionalRead": "full-support",
        "conditionalUpdate": "update" in allowed,
        "conditionalDelete": conditional_delete if "delete" in allowed else "not-supported",
        "referencePolicy": ["literal", "logical"],
    }
    parameters = supported(type_)
    includes = [f"{type_}:{code}" for code, p in parameters.items() if p.type == "reference"]
    tree["searchInclude"] = ["*", *includes]
    if backwards := _announced_backwards(type_):
        tree["searchRevInclude"] = ["*", *backwards]
    tree["searchParam"] = [
        {"name": code, "definition": parameter.url, "type": parameter.type}
        for code, parameter in parameters.items()
    ]
    if own := [*operations.on(type_), *operations.on("*")]:
        tree["operation"] = _operations(own)
    return tree


def _announced_backwards(type_: str) -> list[str]:
    """References that may lead to few types, and Provenance's; those to any type are too many to
    be listed for each of them, and are served as well."""
    few = {
        name
        for source in tables.resource_types()
        for name, targets in references_of(source)
        if type_ in targets and (len(targets) < 100 or source == "Provenance")
    }
    return sorted(name.replace(".", ":", 1) for name in few)


def _operations(own: Sequence[Operation]) -> list[Mapping[str, str]]:
    """Each once, on however many levels it is called: those are in its definition."""
    named = {(one.name.removeprefix("$"), one.definition): None for one in own}
    return [{"name": name, "definition": definition} for name, definition in named]

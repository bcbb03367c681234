"""$document: a composition as a document, with all that it refers to.

https://hl7.org/fhir/R4/composition-operation-document.html. References are followed to the end,
whatever type they lead to. A document holds all that its composition itself refers to: if one of
these is not here, there is no document; what is missing further on stays a reference.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import uuid4

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer, version_headers
from fhir_server.bundles import BundleEntry, full_url
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.standard.documents import document_bundle
from fhir_server.standard.graph import Key, closure, key_of, literals, tree_of
from fhir_server.standard.inputs import Inputs, refuse
from fhir_server.store.port import Document, Version, Writer

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Composition-document"
MAX_RESOURCES: Final = 5_000
_LOOSE: Final = frozenset({"contained", "relatesTo"})  # these may refer to what is elsewhere
_LISTED: Final = 10
_NEVER: Final = {"graph": "all references are followed, none are chosen by a GraphDefinition"}


def document() -> list[Operation]:
    """On an instance, or on the type with its `id`."""
    levels: tuple[Level, ...] = ("instance", "type")
    return [
        Operation(
            "$document", "Composition", level, _answer, DEFINITION, methods=("GET", "HEAD", "POST")
        )
        for level in levels
    ]


async def _answer(call: OperationCall) -> Answer:
    inputs = Inputs(call, ("id", "persist"), _NEVER)
    persist = inputs.flag("persist")
    if persist and call.method != "POST":
        raise FhirError(
            Kind.BAD_PARAMETER,
            "a document is stored by POST, not by GET; leave persist out, or use POST",
            expression="persist",
        )
    id_ = _id(call, inputs)
    new_id = str(uuid4()) if persist else ""
    body = await call.in_pool(_document, call, id_, new_id)
    if not persist:
        return Answer(body=body)
    tree = await call.in_pool(json_text.parse, body)

    def work(writer: Writer) -> Version:
        return call.put(writer, Document(tree, body), new_id, "POST")

    version = await call.write(work)
    headers = version_headers(version)
    headers["Location"] = f"{call.base}/Bundle/{version.id}/_history/{version.version}"
    return Answer(body=version.body, headers=headers)


def _id(call: OperationCall, inputs: Inputs) -> str:
    """FhirError 400: said twice or not at all; 501: on another server."""
    given = inputs.text("id")
    if call.id:
        if given is not None:
            refuse("id", "is for Composition/$document; here the path says which")
        return call.id
    text = inputs.require_text("id")
    key = key_of(text if "/" in text else f"Composition/{text}", call.base)
    if key is None and "://" in text:
        raise FhirError(
            Kind.NOT_IMPLEMENTED,
            f"documents are made of compositions on this server only, not of {text[:200]}",
            expression="id",
        )
    if key is None or key[0] != "Composition":
        refuse("id", "is the id of a Composition, or its address on this server")
    return key[1]


def _document(call: OperationCall, id_: str, new_id: str) -> bytes:
    composition = call.store.read("Composition", id_)
    if composition is None:
        raise FhirError(Kind.NOT_FOUND, f"there is no Composition/{id_}")
    if composition.deleted:
        raise FhirError(Kind.DELETED, f"Composition/{id_} was deleted")
    found = closure(
        call.store, [composition], call.base, limit=MAX_RESOURCES, follow=lambda version, key: True
    )
    if found is None:
        raise FhirError(
            Kind.TOO_COSTLY, f"the document would hold more than {MAX_RESOURCES} resources"
        )
    _require_complete(call, composition, found)
    entries = [
        BundleEntry(full_url(call.base, version), version.body)
        for version in (composition, *found.values())
    ]
    return document_bundle(call, entries, new_id)


def _require_complete(call: OperationCall, composition: Version, found: Collection[Key]) -> None:
    """https://hl7.org/fhir/R4/documents.html#content. FhirError 422: names what is not here."""
    tree = {name: part for name, part in tree_of(composition).items() if name not in _LOOSE}
    named = {text: key_of(text, call.base) for text in literals(tree) if not text.startswith("#")}
    missing = [text for text, key in named.items() if key not in found]
    if missing:
        listed = ", ".join(text[:100] for text in missing[:_LISTED])
        more = f" and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
        raise FhirError(
            Kind.BUSINESS_RULE,
            f"a document holds all that its composition refers to, but this is not here: "
            f"{listed}{more}",
            expression="Composition",
        )

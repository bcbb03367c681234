"""batch and transaction arrive at the same address (https://hl7.org/fhir/R4/http.html#transaction)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_profiles import json_text
from fhir_profiles.json_text import Tree
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bodies import require_type, require_valid
from fhir_server.call import Call
from fhir_server.interactions.batch import batch
from fhir_server.interactions.entries import raw_resources
from fhir_server.interactions.transaction import transaction
from fhir_server.negotiation import require_json
from fhir_server.store.port import Document

_TYPES = ("batch", "transaction")


async def bundle(call: Call) -> Answer:
    """200 with the responses; 400 it is no such bundle, 413 too many entries."""
    call.require_known()
    require_json(call.headers)
    large = len(call.body) > call.engine.options.inline_body
    tree, entries, raws = await call.in_pool(_read, call) if large else _read(call)
    if tree["type"] == "batch":
        call.interaction = replace(call.interaction, code="batch")
        return await batch(call, entries, raws)
    return await transaction(call, entries, raws)


def _read(call: Call) -> tuple[Tree, list[Any], list[bytes | None]]:
    tree = json_text.parse(call.body)
    require_type(tree, "Bundle")
    if tree.get("type") not in _TYPES:
        raise FhirError(
            Kind.INVALID_REQUEST,
            f"a Bundle sent to [base] is of type {' or '.join(_TYPES)}; "
            "one that is to be kept goes to [base]/Bundle",
            expression="Bundle.type",
        )
    entries = tree.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FhirError(
            Kind.INVALID_REQUEST, "entry is an array of objects", expression="Bundle.entry"
        )
    limit = call.engine.options.max_entries
    if len(entries) > limit:
        raise FhirError(
            Kind.TOO_LARGE,
            f"the bundle has {len(entries)} entries, {limit} are possible; send several bundles",
            expression="Bundle.entry",
        )
    if tree["type"] == "transaction":
        # One look at the whole: places are those of the bundle. A batch's entries stand alone.
        require_valid(Document(tree, call.body), call.engine.options.validation)
    return tree, entries, raw_resources(call.body)

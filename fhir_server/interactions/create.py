"""create: a new resource under an id of ours (https://hl7.org/fhir/R4/http.html#create).

With `If-None-Exist` only if none meets the condition; then that one is the answer.
"""

from __future__ import annotations

from uuid import uuid4

from fhir_server.answers import Answer
from fhir_server.bodies import document_of
from fhir_server.call import Call
from fhir_server.interactions import binary, changes
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, only_match
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Document, Writer


async def create(call: Call) -> Answer:
    """201, or 200 with the resource that met the condition; 412 several do."""
    call.require_known()
    document = await binary.wrapped(call) if binary.is_native(call) else await document_of(call)
    criteria = condition(call)
    change = await call.write(
        lambda writer: apply(call, writer, document, criteria),
        lambda done: [done.fact(call.headers.get("if-none-exist", ""))],
    )
    return changes.answer(call, change)


def condition(call: Call) -> SearchRequest | None:
    """`If-None-Exist` as a search."""
    given = call.headers.get("if-none-exist")
    if given is None:
        return None
    # Some clients send the whole search, type and all.
    return criteria_of(call, call.type, given.removeprefix(call.type))


def apply(call: Call, writer: Writer, document: Document, criteria: SearchRequest | None) -> Change:
    if criteria is not None and (there := only_match(writer, criteria)):
        return changes.found(there)
    return changes.put(call, writer, document, new_id(), "POST", "create")


def new_id() -> str:
    return str(uuid4())

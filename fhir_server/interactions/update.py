"""update: a new version of a resource, or the first one under an id of the client's.

https://hl7.org/fhir/R4/http.html#update, with a condition instead of an id #cond-update.
"""

from __future__ import annotations

from collections.abc import Sequence

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bodies import document_of, require_id, usable_id
from fhir_server.call import Call
from fhir_server.interactions import binary, changes
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, only_match, require_state
from fhir_server.interactions.create import new_id
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Document, Writer


async def update(call: Call) -> Answer:
    """200, or 201 if there was none; 400 other ids, 412 not the version that the client knows."""
    id_ = call.require_id()
    call.require_known()
    if binary.is_native(call):
        document = await binary.wrapped(call, id_)
    else:
        document = await document_of(call)
        require_id(document.tree, id_)
    change = await call.write(
        lambda writer: apply(call, writer, document, id_), lambda done: [done.fact()]
    )
    return changes.answer(call, change)


def apply(call: Call, writer: Writer, document: Document, id_: str) -> Change:
    current = writer.read(call.type, id_)
    require_state(current, call.headers, f"{call.type}/{id_}")
    change = changes.put(call, writer, document, id_, "PUT", "update")
    back = current is not None and current.deleted
    return _created(change) if back else change


def _created(change: Change) -> Change:
    """A resource that comes back after its deletion is created, as far as HTTP is concerned."""
    return Change("update", 201, change.version, change.type, change.id, change.patient)


async def update_conditional(call: Call) -> Answer:
    """200 or 201 as above; 400 the body has another id than the match, 412 several match."""
    criteria = condition(call, call.query)
    document = await document_of(call)
    change = await call.write(
        lambda writer: apply_conditional(call, writer, document, criteria),
        lambda done: [done.fact(call.query_text)],
    )
    return changes.answer(call, change)


def condition(call: Call, query: Sequence[tuple[str, str]]) -> SearchRequest:
    return criteria_of(call, call.type, query)


def apply_conditional(
    call: Call, writer: Writer, document: Document, criteria: SearchRequest
) -> Change:
    return apply(call, writer, document, target(writer, document, criteria))


def target(writer: Writer, document: Document, criteria: SearchRequest) -> str:
    """The id that a conditional update writes to. FhirError 400, 409, 412: none can be meant."""
    there = only_match(writer, criteria)
    own = usable_id(document.tree)
    if there is not None:
        if "id" in document.tree:
            require_id(document.tree, there.id)
        return there.id
    if not own:
        return new_id()
    taken = writer.read(criteria.type, own)
    if taken is not None and not taken.deleted:
        raise FhirError(
            Kind.CONFLICT,
            f"no resource meets the condition, and {criteria.type}/{own} exists without meeting it",
            expression=f"{criteria.type}.id",
        )
    return own

"""delete: the resource is gone, its versions stay (https://hl7.org/fhir/R4/http.html#delete)."""

from __future__ import annotations

from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions import changes
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import require_state
from fhir_server.store.port import Writer


async def delete(call: Call) -> Answer:
    """204 whether it was there or not; 412 not the version that the client knows."""
    id_ = call.require_id()
    call.require_known()
    change = await call.write(lambda writer: apply(call, writer, id_), lambda done: [done.fact()])
    return changes.answer(call, change)


def apply(call: Call, writer: Writer, id_: str) -> Change:
    current = writer.read(call.type, id_)
    require_state(current, call.headers, f"{call.type}/{id_}")
    return changes.remove(call, writer, call.type, id_, current)

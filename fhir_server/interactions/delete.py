"""delete: the resource is gone, its versions stay (https://hl7.org/fhir/R4/http.html#delete).

With a condition instead of an id (#3.1.0.7.1, conditional delete): one resource, or as many as
`Options.delete_multiple` says. Where none meets it, that is an ordinary delete of nothing: 204.
"""

from __future__ import annotations

from fhir_profiles.outcomes import Issue
from fhir_server.answers import Answer, told
from fhir_server.call import Call
from fhir_server.interactions import changes
from fhir_server.interactions.changes import Change
from fhir_server.interactions.conditional import criteria_of, matches, require_state
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Version, Writer


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


async def delete_conditional(call: Call) -> Answer:
    """204; 400 the condition is empty, 412 more meet it than one such request may delete."""
    criteria = condition(call)
    done = await call.write(
        lambda writer: remove_all(call, writer, meant(call, writer, criteria)),
        lambda done: [change.fact(call.query_text) for change in done] or [call.fact(204)],
    )
    if len(done) == 1:
        return changes.answer(call, done[0])
    if call.prefer.returns == "OperationOutcome":
        return told(200, [Issue("information", "informational", in_words(call.type, len(done)))])
    return Answer(204)


def condition(call: Call) -> SearchRequest:
    return criteria_of(call, call.type, call.query)


def meant(call: Call, writer: Writer, criteria: SearchRequest) -> list[Version]:
    """What a conditional delete deletes. FhirError 412: too many, or not in the state expected."""
    found = matches(writer, criteria, limit=call.engine.options.delete_multiple)
    for version in found:
        require_state(version, call.headers, f"{call.type}/{version.id}")
    if not found:
        require_state(None, call.headers, f"a {call.type} that meets the condition")
    return found


def remove_all(call: Call, writer: Writer, versions: list[Version]) -> list[Change]:
    return [changes.remove(call, writer, call.type, one.id, one) for one in versions]


def in_words(type_: str, count: int) -> str:
    if count == 0:
        return f"no {type_} meets the condition; nothing was deleted"
    return f"{count} {type_} resources met the condition and were deleted"

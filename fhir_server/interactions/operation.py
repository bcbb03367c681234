"""operations: `$name` on the system, a type or an instance (https://hl7.org/fhir/R4/operations.html)."""

from __future__ import annotations

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Kind
from fhir_server import not_supported
from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.negotiation import FORM, accepts_native, not_acceptable, require_json
from fhir_server.operations import Level, Operation, OperationCall
from fhir_server.store.port import Document


async def operation(call: Call) -> Answer:
    """What the handler says. 404: no such operation here; 405: not by this method or place."""
    found = _find(call)
    accept = call.headers.get("accept", "")
    if not call.format.media and not (found.media and accepts_native(accept, found.media)):
        raise not_acceptable("Accept", accept)
    document = call.document if found.reads_body else await _document(call)
    return await found.handler(
        OperationCall(
            caller=call.caller,
            store=call.store,
            type=call.type,
            id=call.id,
            query=call.query,
            document=document,
            headers=call.headers,
            base=call.base,
            clock=call.engine.clock,
            zone=call.engine.options.zone,
            write=call.write,
            in_pool=call.in_pool,
            method=call.method,
            changed=call.changed,
            body=call.body if found.reads_body else b"",
        )
    )


def _find(call: Call) -> Operation:
    name = f"${call.operation}"
    level: Level = "instance" if call.id else "type" if call.type else "system"
    if call.id:
        call.require_id()
    registry = call.engine.operations
    found = registry.find(name, call.type, level)
    if found is None:
        elsewhere = registry.named(name)
        if not elsewhere and f"operation-{call.operation}" in not_supported.NOT_SUPPORTED:
            raise not_supported.error(f"operation-{call.operation}")
        if not elsewhere:
            known = sorted({operation.name for operation in registry.operations})
            raise FhirError(
                Kind.UNKNOWN_TYPE,
                f"this server has no operation {name[:80]!r}; "
                + (f"it has {', '.join(known)}" if known else "it has none at all"),
            )
        raise FhirError(
            Kind.METHOD_NOT_ALLOWED,
            f"{name} is not an operation of this place; it is called at "
            + ", ".join(sorted(_place(operation) for operation in elsewhere)),
        )
    if call.method not in found.methods:
        raise FhirError(
            Kind.METHOD_NOT_ALLOWED,
            f"{name} is called by {' or '.join(found.methods)}, not by {call.method}",
        )
    return found


def _place(operation: Operation) -> str:
    steps = {
        "system": [],
        "type": [operation.on.replace("*", "[type]")],
        "instance": [operation.on.replace("*", "[type]"), "[id]"],
    }[operation.level]
    return "/".join(["[base]", *steps, operation.name])


async def _document(call: Call) -> Document | None:
    """The body as a resource: usually Parameters. A form, or no body, adds nothing."""
    if call.document is not None or not call.body:
        return call.document
    content_type = call.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() == FORM:
        raise FhirError(
            Kind.WRONG_MEDIA_TYPE, "an operation takes Parameters as JSON, or its query; not a form"
        )
    require_json(call.headers)
    if len(call.body) > call.engine.options.inline_body:
        tree = await call.in_pool(json_text.parse, call.body)
    else:
        tree = json_text.parse(call.body)
    if not isinstance(tree.get("resourceType"), str):
        raise FhirError(
            Kind.INVALID_REQUEST,
            "the body has no resourceType; an operation takes a Parameters resource",
            expression="resourceType",
        )
    return Document(tree, call.body)

"""history of one resource, newest first (https://hl7.org/fhir/R4/http.html#history)."""

from __future__ import annotations

from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions.history_bundle import history_answer
from fhir_server.interactions.history_request import asked, whole_number
from fhir_server.interactions.read import unknown
from fhir_server.page_tokens import PARAMETER
from fhir_server.subjects import patient_of_body


def history_instance(call: Call) -> Answer:
    """A history bundle; its pages go on by version number. 404: never there."""
    id_, wanted = call.require_id(), asked(call)
    before = None if wanted.page is None else whole_number(PARAMETER, wanted.page)
    if call.reader.read(call.type, id_) is None:
        raise unknown(call)
    count, span = wanted.count, wanted.span
    versions = call.reader.history(call.type, id_, count=count + 1, before=before, span=span)
    page = versions[:count]
    if call.engine.audit is not None and (alive := next((v for v in page if v.body), None)):
        call.patient = patient_of_body(alive.type, alive.id, alive.body)
    return history_answer(
        call.base,
        f"{call.type}/{id_}/_history",
        wanted,
        page,
        total=call.reader.history_total(call.type, id_, span=span),
        following=str(page[-1].version) if page and len(versions) > count else None,
    )

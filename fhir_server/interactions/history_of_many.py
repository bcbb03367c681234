"""history of a type or of the whole server, the latest change first.

https://hl7.org/fhir/R4/http.html#history. A page begins behind a place in time, so it stays as it
is whatever is written meanwhile: that stands before the first page.
"""

from __future__ import annotations

from fhir_server.answers import Answer
from fhir_server.call import Call
from fhir_server.interactions.history_bundle import history_answer
from fhir_server.interactions.history_request import asked, page_text, read_page
from fhir_server.store.port import Types


def history_type(call: Call) -> Answer:
    return _history(call, call.type, f"{call.type}/_history")


def history_system(call: Call) -> Answer:
    """Of all types that are served here."""
    return _history(call, call.engine.capabilities.served, "_history")


def _history(call: Call, types: Types, path: str) -> Answer:
    """`total` is left out where counting would take long, unless nothing else is asked for."""
    wanted = asked(call)
    before, total = (None, None) if wanted.page is None else read_page(wanted.page)
    found = call.reader.history_of(types, count=wanted.count, before=before, span=wanted.span)
    if before is None:
        if wanted.count and found.next is None:
            total = len(found.versions)
        else:
            exact = not wanted.count
            total = call.reader.history_total(types, span=wanted.span, exact=exact)
    following = None if found.next is None else page_text(found.next, total)
    return history_answer(call.base, path, wanted, found.versions, total=total, following=following)

"""batch: every entry by itself, whatever becomes of the others.

https://hl7.org/fhir/R4/http.html#brules
"""

from __future__ import annotations

from typing import Any

from fhir_profiles.outcomes import FhirError
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle
from fhir_server.call import Call
from fhir_server.dispatch import perform
from fhir_server.errors import answer_to
from fhir_server.interactions.entries import entry_of, located, response_of


async def batch(call: Call, entries: list[Any], raws: list[bytes | None]) -> Answer:
    """200 with one response an entry, in their order."""
    done = [
        await _one(call, index, entry, raw)
        for index, (entry, raw) in enumerate(zip(entries, raws, strict=True))
    ]
    return Answer(body=bundle("batch-response", done))


async def _one(call: Call, index: int, tree: Any, raw: bytes | None) -> BundleEntry:
    inner: Call | None = None
    try:
        inner = entry_of(call, index, tree, raw).call
        answer = await perform(inner)
    except FhirError as err:
        answer = answer_to(located(err, index), call.request_id)
    except Exception as err:
        answer = answer_to(err, call.request_id)
    if inner is not None:
        await inner.note(answer.status)
    head = inner is not None and inner.method == "HEAD"
    resource, response = response_of(answer, head=head)
    return BundleEntry(resource=resource, response=response)

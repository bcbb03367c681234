"""search within a type, by GET or by POST (https://hl7.org/fhir/R4/http.html#search).

Links follow https://hl7.org/fhir/R4/http.html#paging: `self` says what was understood, `next` holds
an opaque token and nothing of the query.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url
from fhir_server.call import Call
from fhir_server.negotiation import pairs, require_form
from fhir_server.page_tokens import PARAMETER, Page
from fhir_server.search.parse import parse
from fhir_server.search.request import SearchRequest
from fhir_server.store.port import Found, Version
from fhir_server.subjects import patient_of_query
from fhir_server.subsets import subset


def search(call: Call) -> Answer:
    """A searchset, also if nothing was found; 400 names the parameter that is wrong, and why."""
    page = _page(call)
    request = page.request
    call.query_text, call.patient = page.query, patient_of_query(call.type, request.used)
    if request.summary == "count" or request.count == 0:
        # The page is thrown away; one row is the least that a store is asked for.
        found = call.reader.search(replace(request, count=1, total="accurate"))
        return _answer(call, request, Found([], total=found.total))
    return _answer(call, request, call.reader.search(request), page.query)


def search_post(call: Call) -> Answer:
    """The same with the parameters in a form; those of the address count as well."""
    require_form(call.headers)
    try:
        form = call.body.decode("ascii")
    except UnicodeDecodeError:
        raise FhirError(
            Kind.BAD_PARAMETER, "a form is ASCII; write other letters percent-encoded as UTF-8"
        ) from None
    call.query_text = "&".join(part for part in (call.query_text, form) if part)
    call.query += [(k, v) for k, v in pairs(form) if k not in ("_format", "_pretty")]
    return search(call)


def _page(call: Call) -> Page:
    """The search that is asked for: a new one, or the next page of one before."""
    tokens = [value for name, value in call.query if name == PARAMETER]
    if tokens:
        if len(call.query) > 1:
            raise FhirError(
                Kind.BAD_PARAMETER, f"{PARAMETER} stands alone; the rest of the search is kept here"
            )
        return call.engine.pages.find(tokens[0], type_=call.type, caller=call.caller.id)
    options = call.engine.options
    request = parse(
        call.type,
        call.query,
        lenient=call.lenient,
        zone=options.zone,
        base=call.base,
        now=call.engine.clock.now(),
        default_count=options.page_size,
        max_count=options.max_page_size,
    )
    return Page(request, call.caller.id, call.query_text)


def _answer(call: Call, request: SearchRequest, found: Found, query: str = "") -> Answer:
    entries = [_entry(call, request, version, "match") for version in found.matches]
    entries += [_entry(call, request, version, "include") for version in found.included]
    if request.ignored:
        entries.append(_warning(request))
    links = [("self", _self_link(call, request))]
    if found.next is not None:
        following = Page(replace(request, cursor=found.next), call.caller.id, query)
        token = call.engine.pages.keep(following)
        links.append(("next", f"{call.base}/{call.type}?{PARAMETER}={token}"))
    return Answer(body=bundle("searchset", entries, links=links, total=found.total))


def _entry(call: Call, request: SearchRequest, version: Version, mode: str) -> BundleEntry:
    body = version.body
    if request.elements or request.summary:
        body = subset(body, version.type, request.elements, request.summary)
    return BundleEntry(full_url(call.base, version), body, mode)


def _warning(request: SearchRequest) -> BundleEntry:
    issues = [Issue("warning", Kind.UNKNOWN_PARAMETER.code, text) for text in request.ignored]
    return BundleEntry(resource=json_text.dump(outcome(issues)), search="outcome")


def _self_link(call: Call, request: SearchRequest) -> str:
    """The search as it was carried out: without what was ignored."""
    if call.query and call.query[0][0] == PARAMETER:
        return f"{call.base}/{call.type}?{PARAMETER}={call.query[0][1]}"
    used = "&".join(f"{quote(k, safe=':')}={quote(v, safe=':/|,$')}" for k, v in request.used)
    return f"{call.base}/{call.type}?{used}" if used else f"{call.base}/{call.type}"

"""search within a type, by GET or by POST (https://hl7.org/fhir/R4/http.html#search).

Links follow https://hl7.org/fhir/R4/http.html#paging: `self` says what was understood; the others
hold an opaque token and nothing of the query. What all searches have in common stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from fhir_profiles import json_text
from fhir_profiles.outcomes import FhirError, Issue, Kind, outcome
from fhir_profiles.terminology.catalogue import Terminology
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url
from fhir_server.call import Call
from fhir_server.negotiation import GENERAL, answer_format, pairs, require_form
from fhir_server.page_tokens import PARAMETER, Page, caller_digest
from fhir_server.search.compartments import within
from fhir_server.search.following import MAX_INCLUDED
from fhir_server.search.parse import parse
from fhir_server.search.request import Part, SearchRequest
from fhir_server.store.port import Found, Version
from fhir_server.stored_terms import stored_and_shipped
from fhir_server.subjects import patient_of_query
from fhir_server.subsets import subset_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CODED: Final = (":in", ":not-in", ":above", ":below")


@dataclass(frozen=True, slots=True)
class Where:
    """What is searched: a type, or several, perhaps only those in a compartment of a resource."""

    path: str  # below the base
    types: str | Sequence[str]
    compartment: tuple[str, str] | None = None  # type and id


def search(call: Call) -> Answer:
    """A searchset, also if nothing was found; 400 names the parameter that is wrong, and why."""
    return carried_out(call, Where(call.type, call.type))


def search_post(call: Call) -> Answer:
    """The same with the parameters in a form; those of the address count as well."""
    read_form(call)
    return search(call)


def read_form(call: Call) -> None:
    """Adds the parameters of a form to those of the address."""
    require_form(call.headers)
    try:
        form = call.body.decode("ascii")
    except UnicodeDecodeError:
        raise FhirError(
            Kind.BAD_PARAMETER, "a form is ASCII; write other letters percent-encoded as UTF-8"
        ) from None
    call.query_text = "&".join(part for part in (call.query_text, form) if part)
    given = pairs(form)
    if any(name in ("_format", "_pretty") for name, _ in given):
        call.format = answer_format(call.headers.get("accept", ""), given)
    call.query += [(name, value) for name, value in given if name not in GENERAL]


def carried_out(call: Call, where: Where) -> Answer:
    """The page that is asked for: the first of a new search, or another of one before."""
    page = _page(call, where)
    request = _request(call, where, page)
    if call.engine.audit is not None:
        call.patient = call.patient or patient_of_query(call.type, request.used)
    if request.summary == "count" or request.count == 0:
        # The page is thrown away; one row is the least that a store is asked for.
        found = call.reader.search(replace(request, count=1, total="accurate"))
        return _answer(call, request, page, Found([], total=found.total))
    return _answer(call, request, page, call.reader.search(request))


# ---- which page ---------------------------------------------------------------------------------


def _page(call: Call, where: Where) -> Page:
    if not any(name == PARAMETER for name, _ in call.query):
        at = (call.engine.clock.now() - _EPOCH) // _MICROSECOND
        digest = caller_digest(call.caller.id)
        return Page(where.path, tuple(call.query), call.lenient, at, digest)
    if len(call.query) > 1:
        raise FhirError(
            Kind.BAD_PARAMETER, f"{PARAMETER} stands alone; the rest of the search is in it"
        )
    page = call.engine.pages.find(
        call.query[0][1],
        call.reader,
        call.store,
        path=where.path,
        caller=caller_digest(call.caller.id),
        at=call.engine.clock.now(),
    )
    # The audit trail says what was searched, not by which token.
    call.query_text = "&".join(f"{quote(name)}={quote(value)}" for name, value in page.query)
    return page


def _request(call: Call, where: Where, page: Page) -> SearchRequest:
    options = call.engine.options
    request = parse(
        where.types,
        page.query,
        lenient=page.lenient,
        zone=options.zone,
        base=call.base,
        now=_EPOCH + timedelta(microseconds=page.at),
        default_count=options.page_size,
        max_count=options.max_page_size,
        terminology=_terminology(call, page.query),
    )
    if where.compartment is not None:
        request = _inside(request, *where.compartment)
    return replace(request, cursor=page.cursor) if page.cursor else request


def _terminology(call: Call, query: Sequence[tuple[str, str]]) -> Terminology | None:
    """What is stored here is asked only where a search is about it."""
    if not any(name.endswith(_CODED) for name, _ in query):
        return None
    return stored_and_shipped(call.store, call.engine.options.zone)


def _inside(request: SearchRequest, compartment: str, id_: str) -> SearchRequest:
    """The search narrowed to what lies in a compartment."""
    if not request.parts:
        here = within(compartment, id_, request.type)
        return replace(request, conditions=(here, *request.conditions))
    parts = tuple(
        Part(part.type, (within(compartment, id_, part.type), *part.conditions), part.sort)
        for part in request.parts
    )
    return replace(request, parts=parts)


# ---- the answer ---------------------------------------------------------------------------------


def _answer(call: Call, request: SearchRequest, page: Page, found: Found) -> Answer:
    entries = [_entry(call, request, version, "match") for version in found.matches]
    entries += [_entry(call, request, version, "include") for version in found.included]
    if said := _warnings(request, found):
        entries.append(BundleEntry(resource=json_text.dump(outcome(said)), search="outcome"))
    links = _links(call, request, page, found)
    return Answer(body=bundle("searchset", entries, links=links, total=found.total))


def _entry(call: Call, request: SearchRequest, version: Version, mode: str) -> BundleEntry:
    body = version.body
    if request.elements or request.summary:
        body = subset_of(request, version, match=mode == "match")
    return BundleEntry(full_url(call.base, version), body, mode)


def _warnings(request: SearchRequest, found: Found) -> list[Issue]:
    said = [Issue("warning", Kind.UNKNOWN_PARAMETER.code, text) for text in request.ignored]
    if found.cut:
        text = (
            f"there are more than {MAX_INCLUDED} resources to include; the rest is left out. Ask "
            "for smaller pages with _count, or for fewer references"
        )
        said.append(Issue("warning", Kind.TOO_COSTLY.code, text))
    return said


def _links(call: Call, request: SearchRequest, page: Page, found: Found) -> list[tuple[str, str]]:
    """`previous` reaches back ten pages; who wants more starts from the first."""
    here = f"{call.base}/{page.path}" if page.path else call.base
    links = [("self", _self_link(call, request, here))]
    others: list[tuple[str, Page]] = []
    if page.cursor:
        others.append(("first", page.first()))
        if (earlier := page.previous()) is not None:
            others.append(("previous", earlier))
    if found.next is not None:
        others.append(("next", page.following(found.next)))
    for relation, other in others:
        token = call.engine.pages.token(other, call.reader, call.store, call.engine.clock.now())
        links.append((relation, f"{here}?{PARAMETER}={token}"))
    return links


@lru_cache(maxsize=10_000)
def _quoted(name: str, value: str) -> str:
    return f"{quote(name, safe=':')}={quote(value, safe=':/|,$')}"


def _self_link(call: Call, request: SearchRequest, here: str) -> str:
    """The search as it was carried out: without what was ignored."""
    if call.query and call.query[0][0] == PARAMETER:
        return f"{here}?{PARAMETER}={call.query[0][1]}"
    used = "&".join(_quoted(name, value) for name, value in request.used)
    return f"{here}?{used}" if used else here

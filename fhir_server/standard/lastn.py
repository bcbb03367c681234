"""$lastn: the most recent observations of each kind.

https://hl7.org/fhir/R4/observation-operation-lastn.html. The inputs are search parameters; codes
that stand together in one observation are one kind, and so on from one to the next. What was
observed at the same time as the last one that counts is returned as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from fhir_profiles.outcomes import FhirError, Kind
from fhir_server.answers import Answer
from fhir_server.bundles import BundleEntry, bundle, full_url
from fhir_server.operations import Operation, OperationCall
from fhir_server.search.params.date import EARLIEST, INDEX
from fhir_server.search.parse import parse
from fhir_server.search.request import SearchRequest
from fhir_server.standard.graph import tree_of
from fhir_server.standard.inputs import refuse
from fhir_server.store.port import Version

DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Observation-lastn"
MAX_LOOKED_AT: Final = 20_000  # observations before they are grouped
_STEP: Final = 500
_SUBJECTS: Final = ("patient", "subject")
_RESULT: Final = frozenset(
    "_sort _count _total _include _revinclude _summary _elements _cursor _page _contained".split()
)
_TIMES: Final = {
    "effectiveDateTime": "dateTime",
    "effectivePeriod": "Period",
    "effectiveInstant": "instant",
    "effectiveTiming": "Timing",
}


def lastn() -> list[Operation]:
    """On the type."""
    methods = ("GET", "HEAD", "POST")
    return [Operation("$lastn", "Observation", "type", _answer, DEFINITION, methods=methods)]


async def _answer(call: OperationCall) -> Answer:
    return await call.in_pool(_bundle, call)


def _bundle(call: OperationCall) -> Answer:
    most, query = _asked(call)
    request = parse("Observation", query, zone=call.zone, base=call.base, now=call.clock.now())
    versions = list(_matches(call, request))
    trees = [tree_of(version) for version in versions]
    chosen = [
        one
        for group in _groups(trees)
        for one in _latest([(_when(trees[n], call), versions[n]) for n in group], most)
    ]
    entries = [BundleEntry(full_url(call.base, one), one.body, "match") for one in chosen]
    return Answer(body=bundle("searchset", entries, total=len(entries)))


def _asked(call: OperationCall) -> tuple[int, list[tuple[str, str]]]:
    """How many of each, and the search. FhirError 400: what is missing, or does not belong."""
    given = [*call.query, *_from_body(call)]
    most = 1
    query = []
    for name, value in given:
        word = name.partition(":")[0]
        if name == "max":
            if not (value.isascii() and value.isdecimal() and int(value[:6]) > 0 and not value[6:]):
                refuse("max", "is a whole number, 1 or more")
            most = int(value)
        elif word in _RESULT:
            raise FhirError(
                Kind.UNKNOWN_PARAMETER,
                f"{word[:80]} is for a search; $lastn has max and what filters observations",
                expression=word,
            )
        else:
            query.append((name, value))
    words = [name.partition(":")[0].partition(".")[0] for name, _ in query]
    if not any(word in _SUBJECTS for word in words):
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "$lastn needs a subject: patient=... or subject=...",
            expression="patient",
        )
    if not any(word == "category" or "code" in word for word in words):
        raise FhirError(
            Kind.MISSING_PARAMETER,
            "$lastn needs category=... or code=..., or another parameter about the code",
            expression="category",
        )
    return most, query


def _from_body(call: OperationCall) -> Iterator[tuple[str, str]]:
    if call.document is None:
        return
    listed = call.document.tree.get("parameter", [])
    if call.document.tree["resourceType"] != "Parameters" or not isinstance(listed, list):
        raise FhirError(Kind.INVALID_REQUEST, "send the inputs of $lastn as Parameters")
    for part in listed:
        name = part.get("name") if isinstance(part, dict) else None
        values = [v for k, v in part.items() if k.startswith("value")] if name else []
        if not isinstance(name, str) or len(values) != 1:
            refuse(str(name)[:80], "has one value")
        value = values[0]
        if isinstance(value, dict) and isinstance(value.get("reference"), str):
            value = value["reference"]
        if not isinstance(value, str | int) or isinstance(value, bool):
            refuse(name[:80], "is a text as in a query")
        yield name, str(value)


def _matches(call: OperationCall, request: SearchRequest) -> Iterator[Version]:
    cursor: str | None = None
    count = 0
    while True:
        found = call.store.search(replace(request, cursor=cursor, count=_STEP, total="none"))
        count += len(found.matches)
        if count > MAX_LOOKED_AT:
            raise FhirError(
                Kind.TOO_COSTLY,
                f"more than {MAX_LOOKED_AT} observations would have to be looked at; "
                "narrow it down by code or date",
            )
        yield from found.matches
        cursor = found.next
        if cursor is None:
            return


# ---- kinds ---------------------------------------------------------------------------------------


def _groups(trees: Sequence[Any]) -> list[list[int]]:
    """Places of observations of one kind; kinds in the order in which they are met."""
    group_of: dict[tuple[str, str], int] = {}
    leader = list(range(len(trees)))

    def lead(n: int) -> int:
        while leader[n] != n:
            leader[n] = leader[leader[n]]
            n = leader[n]
        return n

    for n, tree in enumerate(trees):
        for code in _codes(tree):
            other = lead(group_of.setdefault(code, n))
            own = lead(n)
            leader[max(other, own)] = min(other, own)
    found: dict[int, list[int]] = {}
    for n in range(len(trees)):
        found.setdefault(lead(n), []).append(n)
    return list(found.values())


def _codes(tree: Any) -> list[tuple[str, str]]:
    """System and code of each coding; of a code in words the words."""
    concept = tree.get("code")
    concept = concept if isinstance(concept, dict) else {}
    listed = concept.get("coding")
    codings = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    found = [(str(one.get("system", "")), str(one["code"])) for one in codings if "code" in one]
    return found or [("\\0", str(concept.get("text", "")))]


def _latest(group: Iterable[tuple[int, Version]], most: int) -> list[Version]:
    """The last ones, the most recent first, with those that tie with the last of them."""
    ordered = sorted(group, key=lambda one: (-one[0], one[1].id))
    last = ordered[min(most, len(ordered)) - 1][0]
    return [version for when, version in ordered if when >= last]


def _when(tree: Any, call: OperationCall) -> int:
    """When it was observed: of a period its end, or its start where it has none."""
    for name, type_ in _TIMES.items():
        value = tree.get(name)
        if value is None:
            continue
        if type_ == "Period" and isinstance(value, dict):
            value, type_ = value.get("end") or value.get("start"), "dateTime"
        rows = [cells for _, cells in INDEX[type_](value, call.zone)]
        if rows:
            return max(low for _, low in rows)
    return EARLIEST

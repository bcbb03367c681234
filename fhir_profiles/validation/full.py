"""Validation of whole resources (https://hl7.org/fhir/R4/validation.html).

`structure`: names, JSON types, cardinality, values. `full`: also invariants, bindings, references,
extensions, the rules of Bundles and Questionnaires, and every profile that a resource declares and
that is known here. `profile`: also, each declared profile has to be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from fhir_profiles.json_text import Tree, places
from fhir_profiles.outcomes import Issue
from fhir_profiles.validation.places import Place, fhirpath, json_path, top
from fhir_profiles.validation.session import Catalogue, Fetch, Found, Session, Terms, shipped_terms
from fhir_profiles.validation.structure import MAX_ISSUES, problems
from fhir_profiles.validation.walk import Walk

Level = Literal["structure", "full", "profile"]
LEVELS: Final[tuple[Level, ...]] = ("structure", "full", "profile")
_ORDER: Final = {"fatal": 0, "error": 0, "warning": 1, "information": 2}


def validate(
    tree: Tree,
    *,
    body: bytes | None = None,
    profiles: Sequence[str] = (),
    terminology: Catalogue | None = None,
    level: Level = "full",
    fetch: Fetch | None = None,
    type_: str | None = None,
) -> list[Issue]:
    """All that is to be said of a resource, in the order of its places; errors are among it if it
    is not valid.

    With `body` (the JSON that `tree` was parsed from) issues have line and column. `profiles` are
    asked for beside those declared. `fetch` finds resources that are referred to, and
    Questionnaires. No resource, however bad, makes it raise.
    """
    wrong, more = problems(tree)
    found = [Found("error", *problem) for problem in wrong]
    name = tree.get("resourceType")
    place = top(name if isinstance(name, str) and name else "Resource")
    if type_ is not None and isinstance(name, str) and name != type_:
        found.append(Found("error", "invalid", f"expected a resource of type {type_}", place))
    if level != "structure":
        terms = shipped_terms() if terminology is None else Terms(terminology)
        session = Session(terms, fetch, level)
        Walk(session).resource(tree, place, profiles=tuple(profiles))
        found += session.found
        found += [_once(first, times) for first, times in session.hints.values()]
    return _issues(tree, _distinct(found), more, body)


def _once(first: Found, times: int) -> Found:
    if times == 1:
        return first
    return first._replace(said=f"{first.said} (and {times - 1} more such places)")


def _distinct(found: list[Found]) -> list[Found]:
    """The same thing about the same place only once, with the severest of its severities."""
    kept: dict[Any, Found] = {}
    for one in found:
        key = (one.said, json_path(one.place))
        if key not in kept or _ORDER[one.severity] < _ORDER[kept[key].severity]:
            kept[key] = one
    return list(kept.values())


def _issues(tree: Tree, found: list[Found], more: int, body: bytes | None) -> list[Issue]:
    kept = found
    if len(found) > MAX_ISSUES:
        kept = sorted(found, key=lambda one: _ORDER[one.severity])[:MAX_ISSUES]
    kept = sorted(kept, key=lambda one: _standing(tree, one.place))
    where: list[tuple[int, int]] | list[tuple[None, None]] = [(None, None)] * len(kept)
    if kept and body is not None:
        where = places(body, [json_path(one.place) for one in kept])
    issues = [
        Issue(one.severity, one.code, one.said, fhirpath(one.place), *position)
        for one, position in zip(kept, where, strict=True)
    ]
    if more or len(found) > len(kept):
        rest = sorted((one.severity for one in found), key=_ORDER.__getitem__)[len(kept) :]
        said = f"and {len(rest) + more} more issues; repair these first"
        issues.append(Issue("error" if more else rest[0], "incomplete", said))
    return issues


def _standing(tree: Any, place: Place) -> tuple[int, ...]:
    """Where in the text of the resource a place comes, as numbers to sort by."""
    steps: list[int] = []
    for step in json_path(place):
        if isinstance(tree, dict) and isinstance(step, str):
            names = list(tree)
            steps.append(names.index(step) + 1 if step in tree else 0)
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int):
            steps.append(step + 1)
            tree = tree[step] if step < len(tree) else None
        else:
            break
    return tuple(steps)

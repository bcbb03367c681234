"""Slices: which one a value belongs to, and what follows from it.

https://hl7.org/fhir/R4/profiling.html#slicing; discriminators of all five kinds (value, pattern,
type, profile, exists) with the paths that are allowed: names, `$this`, `resolve()`, `ofType(X)` and
`extension('url')`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, Protocol

from fhir_profiles.snapshots import NoProfile, ProfileTrouble
from fhir_profiles.validation.fhirpath.nodes import Node, child, raw
from fhir_profiles.validation.matching import covers, same
from fhir_profiles.validation.places import Place
from fhir_profiles.validation.profile_tree import Part
from fhir_profiles.validation.session import Scope, Session
from fhir_profiles.validation.values import Value, literal_type

_STEP: Final = re.compile(
    r"(?P<this>\$this)|(?P<call>resolve\(\)|(?:extension|ofType)\((?P<given>[^)]*)\))"
    r"|(?P<name>[A-Za-z]+(?:\[x\])?)"
)


_BY_URL: Final = {"discriminator": [{"type": "value", "path": "url"}]}
_USUAL: Final[dict[str, Any]] = {"extension": _BY_URL, "modifierExtension": _BY_URL}
"""Extensions are sliced by their url, said or not."""


class Checks(Protocol):
    """The check of one value against one profile, that slices are a part of."""

    scope: Scope
    session: Session

    def add(self, code: str, said: str, place: Place) -> None: ...

    def count(self, part: Part, values: list[Value], words: str, place: Place) -> None: ...

    def one(self, part: Part, value: Value) -> None: ...

    def conforms(self, node: Node, url: str) -> bool | None: ...


class Step(NamedTuple):
    kind: str  # "name", "resolve", "extension", "ofType"
    word: str


class NotTold(Exception):
    """A value cannot be put into a slice: a reference leads nowhere, a profile is not known."""


@cache
def steps_of(path: str) -> list[Step] | None:
    """None: a path that is not allowed in a discriminator."""
    found: list[Step] = []
    place = 0
    while place < len(path):
        one = _STEP.match(path, place)
        if one is None or (one.end() < len(path) and path[one.end()] != "."):
            return None
        if one["name"]:
            found.append(Step("name", one["name"].removesuffix("[x]")))
        elif one["call"]:
            kind = one["call"].partition("(")[0]
            found.append(Step(kind, (one["given"] or "").strip("'\"")))
        place = one.end() + 1
    return found


def check_slices(checks: Checks, part: Part, values: list[Value], place: Place) -> None:
    """Counts and contents of the slices of an element; what is in none, where that matters."""
    members: dict[int, list[Value]] = {index: [] for index in range(len(part.slices))}
    rest: list[int] = []
    order: list[int] = []
    unclear = False
    for number, value in enumerate(values):
        try:
            index = _slice_of(checks, part, value.node)
        except NotTold as err:
            unclear = True
            key = f"slices of {part.id}"
            checks.session.unchecked(
                key, f"slices of {part.name} are not all told: {err}", value.place
            )
            continue
        if index is None:
            rest.append(number)
        else:
            members[index].append(value)
            order.append(index)
    rules = part.slicing or {}
    kind = rules.get("rules", "open")
    if kind == "closed":
        for number in rest:
            known = ", ".join(one.slice_name for one in part.slices)
            said = f"belongs to none of the slices {known}, and no others are allowed"
            checks.add("structure", said, values[number].place)
    elif kind == "openAtEnd" and rest and rest[0] < len(values) - len(rest):
        said = "values outside of the slices stand at the end"
        checks.add("structure", said, values[rest[0]].place)
    if rules.get("ordered") and order != sorted(order):
        names = ", ".join(one.slice_name for one in part.slices)
        checks.add("structure", f"the slices of {part.name} stand in the order {names}", place)
    for index, one in enumerate(part.slices):
        words = f"{part.name}:{one.slice_name}"
        if not (unclear and len(members[index]) < one.min):
            checks.count(one, members[index], words, place)
        for value in members[index]:
            checks.one(one, value)
        if one.slices:
            check_slices(checks, one, members[index], place)


def _slice_of(checks: Checks, part: Part, node: Node) -> int | None:
    discriminators = (part.slicing or _USUAL.get(part.name, {})).get("discriminator", ())
    for index, one in enumerate(part.slices):
        if discriminators:
            if all(_fits(checks, one, d["type"], d["path"], node) for d in discriminators):
                return index
        elif _fits(checks, one, "value", "$this", node):
            return index
    return None


def _fits(checks: Checks, slice_: Part, kind: str, path: str, node: Node) -> bool:
    scope, way = checks.scope, steps_of(path)
    if way is None:
        raise NotTold(f"the discriminator path {path} is not understood here")
    if kind in ("value", "pattern"):
        return _by_value(scope, slice_, way, node)
    if kind == "exists":
        there = any(True for _ in _walk(scope, [node], way))
        asked = [p.min > 0 for p in _parts(scope, slice_, way) if p.max == 0 or p.min > 0]
        return bool(asked) and there is asked[0]
    return (_by_type if kind == "type" else _by_profile)(checks, slice_, way, node)


# ---- value and pattern ---------------------------------------------------------------------------


def _by_value(scope: Scope, slice_: Part, way: list[Step], node: Node) -> bool:
    told = False
    for part, length in _on_the_way(scope, slice_, way):
        rest = way[:length]
        if part.says("fixed") or part.says("pattern"):
            told = True
            fixed = part.says("fixed")
            wanted = part.fixed if fixed else part.pattern
            test = same if fixed else covers
            if any(test(wanted, raw(one)) for one in _walk(scope, [node], rest)):
                return True
        elif length == len(way) and part.binding is not None and part.binding.value_set:
            told = True
            for one in _walk(scope, [node], rest):
                answer = scope.session.coded(part.binding.value_set, one)
                if answer is None:
                    raise NotTold(f"{part.binding.value_set} cannot be listed here")
                if answer:
                    return True
    urls = [url for one in slice_.types for url in one.profiles if one.code == "Extension"]
    if not told and way and way[-1] == Step("name", "url") and urls:
        return any(raw(one) in urls for one in _walk(scope, [node], way))
    if not told:
        raise NotTold(f"the slice {slice_.slice_name} does not say how it is told from others")
    return False


def _on_the_way(scope: Scope, part: Part, way: list[Step]) -> Iterator[tuple[Part, int]]:
    """Parts from the slice to the end of the path, each with the number of steps to it."""
    here = [part]
    for length in range(len(way) + 1):
        for one in here:
            yield one, length
            for inner in one.slices:
                if inner.min > 0:
                    yield inner, length
        if length < len(way):
            here = [inner for one in here for inner in _next(scope, one, way[length])]


def _parts(scope: Scope, part: Part, way: list[Step]) -> Iterator[Part]:
    yield from (one for one, length in _on_the_way(scope, part, way) if length == len(way))


def _next(scope: Scope, part: Part, step: Step) -> list[Part]:
    if step.kind == "name":
        return part.inside(step.word)
    if step.kind == "ofType":
        named = [one for one in part.slices if any(t.code == step.word for t in one.types)]
        return named or [part]
    if step.kind == "extension":
        found = part.children.get("extension")
        slices = found.slices if found is not None else []
        return [
            one
            for one in slices
            if any(step.word in t.profiles for t in one.types) or one.slice_name == step.word
        ]
    roots = []
    for url in [target for one in part.types for target in one.targets]:
        try:
            roots.append(scope.session.library.tree(url))
        except (NoProfile, ProfileTrouble):
            continue
    return roots


def _walk(scope: Scope, nodes: list[Node], way: list[Step]) -> Iterator[Node]:
    if not way:
        yield from nodes
        return
    step, rest = way[0], way[1:]
    for node in nodes:
        if step.kind == "name":
            yield from _walk(scope, child(node, step.word), rest)
        elif step.kind == "ofType":
            yield from _walk(scope, [node] if node.type == step.word else [], rest)
        elif step.kind == "extension":
            found = [e for e in child(node, "extension") if _url(e) == step.word]
            yield from _walk(scope, found, rest)
        else:
            yield from _walk(scope, [_target(scope, node)], rest)


def _url(node: Node) -> object:
    return node.value.get("url") if isinstance(node.value, dict) else None


def _target(scope: Scope, node: Node) -> Node:
    text = node.value.get("reference") if isinstance(node.value, dict) else node.value
    target = scope.resolve(text) if isinstance(text, str) else None
    if target is None:
        raise NotTold("a reference leads out of what was given")
    return target


# ---- type and profile ----------------------------------------------------------------------------


def _by_type(checks: Checks, slice_: Part, way: list[Step], node: Node) -> bool:
    """The type of the value, or of what it refers to; that may be read from the reference alone."""
    scope = checks.scope
    if way and way[-1].kind == "resolve":
        type_of = scope.session.library.type_of
        wanted = {
            type_of(url) for part in _parts(scope, slice_, way[:-1]) for url in _targets(part)
        }
        for one in _walk(scope, [node], way[:-1]):
            told = literal_type(one.value, scope) if isinstance(one.value, dict) else None
            if told is None:
                raise NotTold("a reference does not say what it leads to")
            if told in wanted:
                return True
        return False
    codes = {one.code for part in _parts(scope, slice_, way) for one in part.types}
    return any(one.type in codes for one in _walk(scope, [node], way))


def _targets(part: Part) -> list[str]:
    return [url for one in part.types for url in one.targets]


def _by_profile(checks: Checks, slice_: Part, way: list[Step], node: Node) -> bool:
    scope = checks.scope
    if way and way[-1].kind == "resolve":
        urls = [url for part in _parts(scope, slice_, way[:-1]) for url in _targets(part)]
    else:
        urls = [u for part in _parts(scope, slice_, way) for t in part.types for u in t.profiles]
    found = _walk(scope, [node], way)
    answers = [checks.conforms(one, url) for one in found for url in urls]
    if True in answers:
        return True
    if None in answers or not urls:
        raise NotTold("a profile that tells the slices apart is not known here")
    return False

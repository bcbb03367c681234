"""Places in a resource, found by FHIRPath (https://hl7.org/fhir/R4/fhirpatch.html).

A path of a patch has to end at elements that can be changed, so its steps are walked here, one by
one, over the JSON itself: elements, `[0]`, `first() last() single() tail() skip() take()`,
`where(...)`, `ofType(...)`, `as(...)`, `extension('url')`. What stands inside `where(...)` is any
condition that looks at the element itself only, and ends in a bounded time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from fhir_profiles.definitions import tables
from fhir_profiles.json_text import Tree
from fhir_profiles.validation.fhirpath.compiler import compiled
from fhir_profiles.validation.fhirpath.functions import FhirPathTrouble, Run, truth
from fhir_profiles.validation.fhirpath.nodes import Env, Node, is_type, resource_node, steps
from fhir_server.patches.patch import Effort, measure

LONGEST: Final = 1000  # characters of a path
_DEEPEST: Final = 8  # brackets within brackets
_A_CONDITION: Final = 10  # times the work of looking at an element
_ROOTS: Final = ("%resource", "%context", "%rootResource", "$this")
_NAME = re.compile(r"\s*(?:`([^`]+)`|([%$]?[A-Za-z_][A-Za-z0-9_]*))\s*")
_INDEX = re.compile(r"\[\s*(\d{1,9})\s*\]\s*")
_PIECE = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`|[()]", re.DOTALL)
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|`[^`]*`", re.DOTALL)
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_CALLABLE: Final = frozenset(
    "where exists empty not all any first last single tail skip take count ofType is as extension "
    "hasValue startsWith endsWith contains indexOf length lower upper toString "
    # words that a bracket may follow
    "and or xor implies in div mod".split()
)


class PathTrouble(ValueError):
    """A path that is none of a patch, or fits no resource of this type."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a path: an element, or a function (`where`, `[]`) with its argument."""

    name: str
    argument: str | None = None

    @property
    def is_element(self) -> bool:
        return self.argument is None


@dataclass(frozen=True, slots=True)
class Spot:
    """A value in a resource: `holder[name]`, or one of the list there.

    `type` is its FHIR type, or the path of a backbone element (`Patient.contact`).
    """

    holder: Tree
    name: str
    index: int | None
    type: str
    above: Spot | None = field(default=None, repr=False)

    @property
    def value(self) -> Any:
        return self._of(self.name)

    @property
    def extra(self) -> Any:
        """Id and extensions of a primitive value."""
        return self._of(f"_{self.name}")

    def _of(self, name: str) -> Any:
        found = self.holder.get(name)
        if isinstance(found, list):
            place = self.index or 0
            return found[place] if place < len(found) else None
        return found

    @property
    def inside(self) -> str:
        """The structure whose elements stand inside."""
        value = self.value
        if isinstance(value, dict) and self.type in ("Resource", "DomainResource"):
            return str(value.get("resourceType"))
        return self.type


def root(tree: Tree) -> Spot:
    return Spot({"": tree}, "", None, str(tree.get("resourceType")))


# ---- reading a path ----------------------------------------------------------------------------


def read(path: str) -> list[Step]:
    """The steps of a path. PathTrouble: it is none, or one of another kind."""
    if len(path) > LONGEST:
        raise PathTrouble(f"the path has {len(path)} characters, {LONGEST} are possible")
    found: list[Step] = []
    at = 0
    while True:
        named = _NAME.match(path, at)
        if named is None:
            rest = path[at : at + 40]
            said = f"found {rest!r}" if rest else "it ends there"
            raise PathTrouble(f"an element is expected at character {at + 1} of the path, {said}")
        at = named.end()
        name = named[1] or named[2]
        if path[at : at + 1] == "(":
            end = _closing(path, at)
            found.append(Step(name, path[at + 1 : end - 1].strip()))
            at = end + len(path[end:]) - len(path[end:].lstrip())
        else:
            found.append(Step(name))
        while indexed := _INDEX.match(path, at):
            found.append(Step("[]", indexed[1]))
            at = indexed.end()
        if at == len(path):
            break
        if path[at] != ".":
            raise PathTrouble(
                f"a '.' is expected at character {at + 1} of the path, found {path[at : at + 40]!r}"
            )
        at += 1
    for step in found:
        if step.argument is not None:
            _require_function(step)
    return found


def _closing(path: str, start: int) -> int:
    """Where the bracket that opens here is closed."""
    depth = 0
    for piece in _PIECE.finditer(path, start):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if depth > _DEEPEST:
            raise PathTrouble(f"the path has more than {_DEEPEST} brackets within each other")
        if depth == 0:
            return piece.end()
    raise PathTrouble(f"the bracket at character {start + 1} of the path is not closed")


def _require_function(step: Step) -> None:
    known = (*_FUNCTIONS, "where", "ofType", "as", "extension", "[]")
    if step.name not in known:
        listed = ", ".join(name for name in known if name != "[]")
        raise PathTrouble(f"a path of a patch has no {step.name[:40]}(); possible are {listed}")
    argument = step.argument or ""
    if step.name in ("first", "last", "single", "tail") and argument:
        raise PathTrouble(f"{step.name}() has nothing in its brackets")
    if step.name in ("skip", "take") and not re.fullmatch(r"\d{1,9}", argument):
        raise PathTrouble(f"{step.name}() takes a number")
    if step.name == "extension" and not _TEXT.fullmatch(argument):
        raise PathTrouble("extension() takes a url in quotes")
    if step.name in ("ofType", "as") and not re.fullmatch(r"(?:FHIR\.|System\.)?\w+", argument):
        raise PathTrouble(f"{step.name}() takes the name of a type")
    if step.name == "where":
        _criterion(argument)


@lru_cache(maxsize=256)
def _criterion(text: str) -> Run:
    plain = _TEXT.sub("''", text)
    for sign, instead in (("%", "the element itself"), ("|", "or")):
        if sign in plain:
            raise PathTrouble(f"where() in a path of a patch has no {sign!r}; use {instead}")
    for called in _CALLED.findall(plain):
        if called not in _CALLABLE:
            raise PathTrouble(
                f"where() in a path of a patch has no {called[:40]}(); it may compare, "
                "use and, or, exists(), not(), startsWith() and the like"
            )
    try:
        # Not its own memory, which has no end: these texts come from outside.
        return compiled.__wrapped__(text)
    except FhirPathTrouble as err:
        raise PathTrouble(str(err)) from None


# ---- walking it --------------------------------------------------------------------------------


def find(tree: Tree, path: Sequence[Step], effort: Effort) -> list[Spot]:
    """All places that a path leads to.

    PathTrouble: there is no such element in FHIR; TooMuch: it takes too long.
    """
    spots = [root(tree)]
    for number, step in enumerate(path):
        if number == 0 and step.is_element and _is_root(spots[0], step.name):
            continue
        spots = _taken(tree, spots, step, effort)
    return spots


def _is_root(spot: Spot, name: str) -> bool:
    if name in _ROOTS or name in (spot.type, "Resource"):
        return True
    if name == "DomainResource" or name in tables.resource_types():
        raise PathTrouble(f"the path begins with {name}, the resource is a {spot.type}")
    return False


def _taken(tree: Tree, spots: list[Spot], step: Step, effort: Effort) -> list[Spot]:
    if step.argument is None:
        return [inner for spot in spots for inner in children(spot, step.name, effort)]
    argument = step.argument
    if step.name == "[]":
        return spots[int(argument) :][:1]
    if step.name == "extension":
        url = argument[1:-1]
        inner = [one for spot in spots for one in children(spot, "extension", effort)]
        return [one for one in inner if isinstance(one.value, dict) and one.value.get("url") == url]
    if step.name in ("ofType", "as"):
        return [spot for spot in spots if is_type(_node(spot), argument)]
    if step.name == "where":
        return list(_where(tree, spots, _criterion(argument), effort))
    return _FUNCTIONS[step.name](spots, argument)


def _single(spots: list[Spot], _: str) -> list[Spot]:
    if len(spots) > 1:
        raise PathTrouble(f"single() of {len(spots)} elements")
    return spots


_FUNCTIONS: Final[dict[str, Callable[[list[Spot], str], list[Spot]]]] = {
    "first": lambda spots, _: spots[:1],
    "last": lambda spots, _: spots[-1:],
    "single": _single,
    "tail": lambda spots, _: spots[1:],
    "skip": lambda spots, number: spots[int(number) :],
    "take": lambda spots, number: spots[: int(number)],
}


def _node(spot: Spot) -> Node:
    return Node(spot.value, spot.inside, spot.extra)


def _where(tree: Tree, spots: list[Spot], criterion: Run, effort: Effort) -> Iterator[Spot]:
    whole = resource_node(tree)
    env = Env(resource=whole, root=whole)
    for spot in spots:
        effort.spend(_A_CONDITION + measure(spot.value)[1])
        try:
            if truth(criterion(env, [_node(spot)])) is True:
                yield spot
        except FhirPathTrouble as err:
            raise PathTrouble(str(err)) from None
        except (TypeError, ValueError, ArithmeticError, LookupError):
            raise PathTrouble("the condition in where() makes no sense on this resource") from None


def children(spot: Spot, name: str, effort: Effort) -> list[Spot]:
    """The values of an element; its name as in FHIRPath (`value`) or in JSON (`valueQuantity`)."""
    value, inside = spot.value, spot.inside
    if not isinstance(value, dict):
        if inside in tables.primitive_types() and name in ("id", "extension"):
            value, inside = spot.extra, "Element"
            if not isinstance(value, dict):
                return []
        elif value is None:
            return []
        else:
            raise PathTrouble(f"{inside} has no element {name[:60]!r}")
    found: list[Spot] = []
    for json, type_ in ways(inside, name):
        held, extra = value.get(json), value.get(f"_{json}")
        if isinstance(held, list) or isinstance(extra, list):
            longest = max(len(one) for one in (held, extra) if isinstance(one, list))
            effort.spend(longest)
            found += [Spot(value, json, index, type_, spot) for index in range(longest)]
        elif held is not None or extra is not None:
            found.append(Spot(value, json, None, type_, spot))
    return found


def ways(inside: str, name: str) -> tuple[tuple[str, str], ...]:
    """The names that an element may have in JSON, each with its type.

    PathTrouble: there is no such element.
    """
    known = steps(inside)
    if name in known:
        return known[name]
    for listed in known.values():
        for way in listed:
            if way[0] == name:
                return (way,)
    raise PathTrouble(f"{inside} has no element {name[:60]!r}")

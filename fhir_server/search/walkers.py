"""Search expressions compiled to walks through a resource (https://hl7.org/fhir/R4/fhirpath.html).

`fhir_profiles.definitions.tables` fixes the few forms that occur. A walk is straight: JSON names
one after the other, arrays flattened on the way, here and there a filter. An expression over a
choice (`value`) or with several branches becomes several walks, so that each has one data type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from fhir_profiles.definitions.tables import DECEASED, Structure, structure

_STEP: Final = re.compile(
    r"\.where\(resolve\(\) is (?P<target>\w+)\)"
    r"|\.where\((?P<member>\w+)='(?P<word>[^']*)'\)"
    r"|\.ofType\((?P<type>\w+)\)"
    r"|\[(?P<first>0)\]"
    r"|\.(?P<name>\w+)"
)
DECEASED_TYPE: Final = "?deceased"  # not a data type: true unless it says boolean false


@dataclass(frozen=True, slots=True)
class Step:
    """Into a member; of its values only the first, or those with `member` equal to `word`."""

    name: str
    first: bool = False
    member: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """The way to values of one data type.

    `target` keeps references to that resource type only; `binding` is the value set of a code.
    """

    steps: tuple[Step, ...]
    type: str
    target: str = ""
    binding: str = ""

    def values(self, tree: Any) -> list[Any]:
        return reach(tree, self.steps)


def reach(node: Any, steps: tuple[Step, ...]) -> list[Any]:
    """What stands at the end of the steps. Wrong JSON types lead nowhere instead of failing."""
    nodes = [node]
    for step in steps:
        found: list[Any] = []
        for one in nodes:
            value = one.get(step.name) if isinstance(one, dict) else None
            if isinstance(value, list):
                found.extend(item for item in value if item is not None)
            elif value is not None:
                found.append(value)
        if step.member:
            found = [x for x in found if isinstance(x, dict) and x.get(step.member) == step.word]
        nodes = found[:1] if step.first else found
        if not nodes:
            break
    return nodes


@cache
def compiled(expression: str) -> tuple[Walk, ...]:
    """The walks of an expression. ValueError: a form that is not in the definitions' grammar."""
    if expression == DECEASED:
        return tuple(
            Walk(walk.steps, DECEASED_TYPE) for walk in _branch("Patient.deceased", expression)
        )
    branches = expression.split(" | ")
    return tuple(dict.fromkeys(walk for branch in branches for walk in _branch(branch, expression)))


class _Way(NamedTuple):
    """How far a branch has been followed, and the data type it has come to."""

    steps: tuple[Step, ...]
    type: str
    binding: str = ""


@cache
def within(type_: str, expression: str) -> tuple[Walk, ...]:
    """The walks from an element of this type, a data type or the inside of a backbone element."""
    branches = expression.split(" | ")
    return tuple(
        dict.fromkeys(
            walk for branch in branches for walk in _follow(type_, f".{branch}", 0, expression)
        )
    )


def _branch(branch: str, expression: str) -> Iterator[Walk]:
    start = re.match(r"\w+", branch)
    if start is None:
        raise ValueError(f"{expression!r}: no type at the beginning of {branch!r}")
    return _follow(start[0], branch, start.end(), expression)


def _follow(type_: str, branch: str, place: int, expression: str) -> Iterator[Walk]:
    """Follows one branch through the definitions; a choice splits the way."""
    target, choice = "", ""
    ways = [_Way((), type_)]
    while place < len(branch):
        step = _STEP.match(branch, place)
        if step is None:
            raise ValueError(f"{expression!r}: cannot read {branch[place:]!r}")
        place = step.end()
        if step["name"]:
            choice = step["name"]
            ways = [further for way in ways for further in _into(way, choice)]
        elif step["type"]:
            wanted = choice + step["type"][0].upper() + step["type"][1:]
            ways = [way for way in ways if way.steps[-1].name == wanted]
        elif step["target"]:
            target = step["target"]
        else:
            ways = [_filtered(way, step) for way in ways]
        if not ways:
            raise ValueError(f"{expression!r}: nothing there at {branch[:place]!r}")
    yield from (Walk(way.steps, way.type, target, way.binding) for way in ways)


def _into(way: _Way, name: str) -> Iterator[_Way]:
    inside = _structure(way.type)
    if inside is None:
        return
    for json_name in inside.choices.get(name, (name,)):
        element = inside.elements.get(json_name)
        if element is not None:
            for leaf in (element.content,) if element.content else element.types:
                yield _Way((*way.steps, Step(json_name)), leaf, element.binding or "")


def _structure(name: str) -> Structure | None:
    try:
        return structure("Patient" if name == "Resource" else name)
    except KeyError:
        return None


def _filtered(way: _Way, step: re.Match[str]) -> _Way:
    last = way.steps[-1]
    if step["first"]:
        kept = Step(last.name, first=True)
    else:
        kept = Step(last.name, member=step["member"], word=step["word"])
    return way._replace(steps=(*way.steps[:-1], kept))
